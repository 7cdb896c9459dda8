//! All that a worker's core wants done.

use rask_types::msg::WorkerToScheduler;
use rask_types::{RequestId, RunId, WorkerId};

use crate::task::ReadyRun;

/// Something to do, in the order given.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect<V> {
    /// Put these into the execution queue.
    Ready(Vec<ReadyRun<V>>),
    /// Take those of these that no thread has begun out of the execution queue; answer with
    /// [`Event::TakenBack`](crate::Event::TakenBack).
    TakeBack {
        /// Which.
        runs: Vec<RunId>,
    },
    /// Take everything out of the execution queue; answer with [`Event::Drained`](crate::Event::Drained).
    TakeBackAll,
    /// Tell the scheduler.
    Send(WorkerToScheduler),
    /// Ask a peer for values. Each is answered by one [`Event::Fetched`](crate::Event::Fetched), or all that are
    /// unanswered by one [`Event::PeerLost`](crate::Event::PeerLost).
    Fetch {
        /// The peer.
        worker: WorkerId,
        /// The question.
        request: RequestId,
        /// Which values.
        values: Vec<RunId>,
    },
    /// The scheduler broke the protocol: its message was dropped, the connection should be.
    Violation {
        /// How.
        text: String,
    },
    /// All is said: flush, and leave.
    Leave {
        /// Why.
        reason: String,
    },
}
