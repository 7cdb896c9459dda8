//! All that happens to a worker.

use std::sync::Arc;

use bytes::Bytes;
use rask_types::{ClassId, ComputeColumns, RequestId, RunId, TaskError, WorkerId, msg::FetchFailure};

use crate::task::DepValue;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event<V> {
    /// The scheduler accepted this worker under this number.
    Welcomed {
        /// This worker.
        me: WorkerId,
    },
    /// The scheduler defined a class; the core needs its priority only.
    ClassDefined {
        /// The number.
        class: ClassId,
        /// Higher runs sooner.
        priority: i32,
    },
    /// The scheduler said where a peer listens.
    PeerDefined {
        /// The peer.
        worker: WorkerId,
    },
    /// The scheduler assigned runs.
    Compute(ComputeColumns),
    /// The scheduler wants runs back.
    Retract {
        /// Which.
        runs: Vec<RunId>,
        /// Drop the results of those that are executing.
        discard: bool,
    },
    /// The scheduler says values are no longer needed.
    Free {
        /// Which.
        values: Vec<RunId>,
    },
    /// The scheduler wants copies here.
    Replicate {
        /// Values with those who have them.
        sources: Vec<(RunId, Vec<WorkerId>)>,
    },
    /// The scheduler, or this process, ends the worker.
    Close {
        /// Why.
        reason: String,
    },
    /// Answer to [`Effect::TakeBack`](crate::Effect::TakeBack): these were still queued and will never execute.
    TakenBack {
        /// Which.
        runs: Vec<RunId>,
    },
    /// Answer to [`Effect::TakeBackAll`](crate::Effect::TakeBackAll), exactly one: the queue's whole content.
    Drained {
        /// Which.
        runs: Vec<RunId>,
    },
    /// Threads finished runs.
    Finished(Completions<V>),
    /// A run failed.
    Failed(Failure),
    /// A run asks to execute elsewhere.
    Rescheduled {
        /// Which.
        run: RunId,
    },
    /// A peer answered for one value of an [`Effect::Fetch`](crate::Effect::Fetch).
    Fetched {
        /// The peer.
        worker: WorkerId,
        /// The question.
        request: RequestId,
        /// Which value.
        value: RunId,
        /// It with its size in memory, or why not.
        result: Result<(DepValue<V>, u64), FetchFailure>,
    },
    /// The link to a peer broke, or could not be made; nothing more will come for what was asked of it.
    PeerLost {
        /// The peer.
        worker: WorkerId,
    },
    /// Somebody brought a value.
    Brought {
        /// Its identity.
        value: RunId,
        /// It.
        kept: DepValue<V>,
        /// Its size in memory.
        nbytes: u64,
        /// Its type's name.
        type_name: Arc<str>,
    },
    /// The time that [`poll_timeout`](crate::WorkerCore::poll_timeout) named has come.
    TimedOut,
}

/// Runs that one thread finished, in the order in which they ended.
#[derive(Clone, Debug)]
pub struct Completions<V> {
    /// The thread.
    pub thread: u16,
    /// The runs.
    pub runs: Vec<Completion>,
    /// Inline values, one after the other.
    pub blob: Bytes,
    /// Products that are too large to be inline: `(position in runs, product)`, ascending.
    pub kept: Vec<(u32, Product<V>)>,
}

/// One finished run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// Which.
    pub run: RunId,
    /// Unix time.
    pub started_ns: u64,
    /// How long the user's function took.
    pub duration_ns: u64,
    /// Where its inline value ends in the blob; where it begins, if its product is kept.
    pub value_end: u32,
}

/// A run that failed.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// On which thread.
    pub thread: u16,
    /// Which.
    pub run: RunId,
    /// Unix time.
    pub started_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
    /// Why.
    pub error: Arc<TaskError>,
}

/// A result that stays on the worker.
#[derive(Clone, PartialEq, Debug)]
pub struct Product<V> {
    /// It.
    pub value: V,
    /// Its size in memory.
    pub nbytes: u64,
    /// Its type's name.
    pub type_name: Arc<str>,
}

impl<V> Completions<V> {
    /// Completions of `thread`, so far none.
    pub fn new(thread: u16) -> Completions<V> {
        Completions { thread, runs: Vec::new(), blob: Bytes::new(), kept: Vec::new() }
    }
}
