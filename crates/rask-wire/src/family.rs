//! Which messages may come over a connection.

use rask_types::msg::{Message, Role};

/// The messages of one direction of one kind of connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Family {
    /// [`Message::ClientToScheduler`].
    ClientToScheduler = 0,
    /// [`Message::SchedulerToClient`].
    SchedulerToClient = 1,
    /// [`Message::WorkerToScheduler`].
    WorkerToScheduler = 2,
    /// [`Message::SchedulerToWorker`].
    SchedulerToWorker = 3,
    /// [`Message::NannyToScheduler`].
    NannyToScheduler = 4,
    /// [`Message::SchedulerToNanny`].
    SchedulerToNanny = 5,
    /// [`Message::ToData`].
    ToData = 6,
    /// [`Message::FromData`].
    FromData = 7,
}

impl Family {
    /// What one who `initiated` a connection as `role` (or did not, and has such a peer) receives over it.
    pub fn received(role: Role, initiated: bool) -> Family {
        match (role, initiated) {
            (Role::Client | Role::TaskClient, false) => Family::ClientToScheduler,
            (Role::Client | Role::TaskClient, true) => Family::SchedulerToClient,
            (Role::Worker, false) => Family::WorkerToScheduler,
            (Role::Worker, true) => Family::SchedulerToWorker,
            (Role::Nanny, false) => Family::NannyToScheduler,
            (Role::Nanny, true) => Family::SchedulerToNanny,
            (Role::Data, false) => Family::ToData,
            (Role::Data, true) => Family::FromData,
        }
    }

    /// The family of a message.
    pub fn of(message: &Message) -> Family {
        match message {
            Message::ClientToScheduler(_) => Family::ClientToScheduler,
            Message::SchedulerToClient(_) => Family::SchedulerToClient,
            Message::WorkerToScheduler(_) => Family::WorkerToScheduler,
            Message::SchedulerToWorker(_) => Family::SchedulerToWorker,
            Message::NannyToScheduler(_) => Family::NannyToScheduler,
            Message::SchedulerToNanny(_) => Family::SchedulerToNanny,
            Message::ToData(_) => Family::ToData,
            Message::FromData(_) => Family::FromData,
        }
    }
}
