//! Every message of every connection, as closed enums.
//!
//! | connection | opened by | messages |
//! |---|---|---|
//! | client – scheduler | client | [`ClientToScheduler`], [`SchedulerToClient`] |
//! | worker – scheduler | worker | [`WorkerToScheduler`], [`SchedulerToWorker`] |
//! | nanny – scheduler | nanny | [`NannyToScheduler`], [`SchedulerToNanny`] |
//! | data | whoever wants or brings a value | [`ToData`], [`FromData`] |
//!
//! Order within a connection is part of the protocol: a class is defined before it is used, a value freed before its
//! slot is used again.

#![allow(clippy::large_enum_variant)] // messages are few and long; boxing their columns would buy nothing

mod client;
mod data;
mod nanny;
mod worker;

pub use client::{
    ClientToScheduler, KeyChoice, Query, ScatterItem, ScatterPlacement, SchedulerToClient, Whereabouts,
    WorkerSummary,
};
pub use data::{FetchFailure, FromData, ToData};
pub use nanny::{NannyToScheduler, SchedulerToNanny, WorkerExit};
pub use worker::{
    Metrics, SchedulerToWorker, ThreadRun, Transfer, WorkerDescription, WorkerOp, WorkerToScheduler,
};

/// Who speaks on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Role {
    /// A user's session; holds the client secret.
    Client = 1,
    /// A worker process; holds the worker secret.
    Worker = 2,
    /// Whoever starts and restarts worker processes; holds the worker secret.
    Nanny = 3,
    /// Whoever fetches from or brings values to a worker; holds the data secret that the scheduler gives to clients and workers.
    Data = 4,
    /// A client inside a task; holds the worker secret.
    TaskClient = 5,
}

/// Any message: what links carry.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// Client → scheduler.
    ClientToScheduler(ClientToScheduler),
    /// Scheduler → client.
    SchedulerToClient(SchedulerToClient),
    /// Worker → scheduler.
    WorkerToScheduler(WorkerToScheduler),
    /// Scheduler → worker.
    SchedulerToWorker(SchedulerToWorker),
    /// Nanny → scheduler.
    NannyToScheduler(NannyToScheduler),
    /// Scheduler → nanny.
    SchedulerToNanny(SchedulerToNanny),
    /// To the worker that keeps values.
    ToData(ToData),
    /// From the worker that keeps values.
    FromData(FromData),
}

macro_rules! into_message {
    ($($name:ident),*) => {$(
        impl From<$name> for Message {
            fn from(message: $name) -> Message {
                Message::$name(message)
            }
        }
    )*};
}
into_message!(
    ClientToScheduler,
    SchedulerToClient,
    WorkerToScheduler,
    SchedulerToWorker,
    NannyToScheduler,
    SchedulerToNanny,
    ToData,
    FromData
);
