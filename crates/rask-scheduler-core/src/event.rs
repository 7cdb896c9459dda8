//! What happens to the scheduler.

use rask_types::msg::{ClientToScheduler, NannyToScheduler, WorkerToScheduler};
use rask_types::{ClientId, WorkerId};

/// A nanny's connection, numbered by the driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NannyId(pub u32);

/// One thing that happened. Connections are numbered by the driver, which never uses a number twice.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client connected; its first message is `Register`.
    ClientJoined(ClientId),
    /// A client said something.
    Client(ClientId, ClientToScheduler),
    /// A client's connection ended.
    ClientGone(ClientId),
    /// A worker connected; its first message is `Register`.
    WorkerJoined(WorkerId),
    /// A worker said something.
    Worker(WorkerId, WorkerToScheduler),
    /// A worker's connection ended.
    WorkerGone(WorkerId, String),
    /// A nanny connected; its first message is `Register`.
    NannyJoined(NannyId),
    /// A nanny said something.
    Nanny(NannyId, NannyToScheduler),
    /// A nanny's connection ended.
    NannyGone(NannyId),
    /// Somebody is about to look.
    Look,
    /// The same, to be told what is new: what changes from now on is news to whoever is told next.
    TurnPage,
    /// The time that `poll_timeout` named has come.
    Tick,
}
