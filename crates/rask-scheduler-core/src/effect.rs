//! What the scheduler wants done.

use rask_types::msg::{SchedulerToClient, SchedulerToNanny, SchedulerToWorker};
use rask_types::{ClientId, WorkerId};

use crate::event::NannyId;

/// One thing to do. Effects for one connection are to be carried out in their order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Say this to a client.
    ToClient(ClientId, SchedulerToClient),
    /// Say this to a worker.
    ToWorker(WorkerId, SchedulerToWorker),
    /// Say this to a nanny.
    ToNanny(NannyId, SchedulerToNanny),
    /// End a client's connection after what was said to it has gone out.
    CloseClient(ClientId),
    /// End a worker's connection after what was said to it has gone out.
    CloseWorker(WorkerId),
    /// The cluster is to end.
    Shutdown,
}
