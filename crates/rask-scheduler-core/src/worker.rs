//! Workers: what they said of themselves, what they were given, and what is to be said to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use hashbrown::HashMap;
use rask_types::msg::{Metrics, SchedulerToWorker, WorkerDescription};
use rask_types::{
    ArgsColumn, ClassId, ComputeColumns, DepSource, FunctionId, Payload, RunId, TaskId, Tick, TypeId,
    WorkerId,
};

use crate::event::NannyId;
use crate::lane::ReadyQueue;

/// A worker's standing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WorkerStatus {
    /// Connected, has not registered.
    Joining,
    /// Takes work.
    Running,
    /// Takes no more work; leaves when what it holds has moved.
    Retiring,
    /// Its connection ended; the nanny has yet to say what it was executing.
    AwaitingExitReport {
        /// When to go on without the report.
        until: Tick,
    },
}

impl WorkerStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            WorkerStatus::Joining => "init",
            WorkerStatus::Running => "running",
            WorkerStatus::Retiring => "closing_gracefully",
            WorkerStatus::AwaitingExitReport { .. } => "closed",
        }
    }
}

/// One worker.
#[derive(Debug)]
pub(crate) struct WorkerEntry {
    pub(crate) description: WorkerDescription,
    pub(crate) status: WorkerStatus,
    pub(crate) nanny: Option<NannyId>,
    pub(crate) metrics: Metrics,
    pub(crate) last_seen: Tick,
    /// Runs it was given and has not answered, but for those that seceded.
    pub(crate) assigned: u32,
    /// What those that are still wanted are expected to take together, in nanoseconds.
    pub(crate) occupancy_ns: u64,
    /// Every run given to it, oldest first; those answered or given up are dropped when they reach the front.
    pub(crate) given: VecDeque<RunId>,
    /// What it said it has been executing for a while.
    pub(crate) executing: Vec<RunId>,
    /// When it last answered for a run, or was given one while it had none.
    pub(crate) last_answer: Tick,
    /// Runs it was asked to give back.
    pub(crate) retracting: bool,
    /// Ready tasks that should run here because their inputs are here.
    pub(crate) local: ReadyQueue,
    /// Abstract resources in use, parallel to `description.resources`.
    pub(crate) resources_used: Vec<f64>,
    /// Which of its unanswered runs occupy them.
    pub(crate) resources_held: BTreeMap<RunId, Vec<(usize, f64)>>,
    /// Values it keeps.
    pub(crate) replicas: u32,
    /// Bytes of those.
    pub(crate) nbytes: u64,
    /// Its type numbers, translated.
    pub(crate) types: HashMap<TypeId, TypeId>,
    pub(crate) known_classes: BTreeSet<ClassId>,
    pub(crate) known_functions: BTreeSet<FunctionId>,
    pub(crate) known_peers: BTreeSet<WorkerId>,
    pub(crate) outbox: WorkerOutbox,
}

impl WorkerEntry {
    pub(crate) fn joining(now: Tick) -> WorkerEntry {
        WorkerEntry {
            description: WorkerDescription::default(),
            status: WorkerStatus::Joining,
            nanny: None,
            metrics: Metrics::default(),
            last_seen: now,
            assigned: 0,
            occupancy_ns: 0,
            given: VecDeque::new(),
            executing: Vec::new(),
            last_answer: now,
            retracting: false,
            local: ReadyQueue::default(),
            resources_used: Vec::new(),
            resources_held: BTreeMap::new(),
            replicas: 0,
            nbytes: 0,
            types: HashMap::new(),
            known_classes: BTreeSet::new(),
            known_functions: BTreeSet::new(),
            known_peers: BTreeSet::new(),
            outbox: WorkerOutbox::default(),
        }
    }

    /// It takes part: registered and not gone.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.status, WorkerStatus::Running | WorkerStatus::Retiring)
    }

    /// Whether a restriction to `word` (an address, a name or a host) admits it.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        let bare = |address: &str| address.split_once("://").map_or(address, |(_, rest)| rest).to_owned();
        word == self.description.address
            || word == self.description.name
            || word == self.description.host
            || bare(word) == bare(&self.description.address)
    }
}

/// What is to be said to a worker, in order; neighbouring runs share columns.
#[derive(Debug, Default)]
pub(crate) struct WorkerOutbox {
    messages: Vec<SchedulerToWorker>,
    compute: ComputeColumns,
    blob: Vec<u8>,
    /// Small dependency values already in the open columns.
    value_index: HashMap<TaskId, u32>,
}

/// One run to append to a worker's columns.
pub(crate) struct NewRun<'a> {
    pub(crate) run: RunId,
    pub(crate) class: ClassId,
    pub(crate) order: u64,
    pub(crate) token: u128,
    pub(crate) name: Option<&'a Bytes>,
    pub(crate) head: &'a [u8],
    pub(crate) buffers: &'a [Bytes],
    pub(crate) keep_inline: bool,
}

/// Columns are closed beyond this many bytes of arguments, so that no message grows without bound.
const BLOB_BYTES_MAX: usize = 4 << 20;

impl WorkerOutbox {
    /// Says anything but runs.
    pub(crate) fn push(&mut self, message: SchedulerToWorker) {
        self.close_columns();
        self.messages.push(message);
    }

    /// Values to drop: appends to the last message if it is of that kind.
    pub(crate) fn push_free(&mut self, value: RunId) {
        self.close_columns();
        if let Some(SchedulerToWorker::Free { values }) = self.messages.last_mut() {
            values.push(value);
        } else {
            self.messages.push(SchedulerToWorker::Free { values: vec![value] });
        }
    }

    /// Runs to take back: appends to the last message if it is of that kind.
    pub(crate) fn push_retract(&mut self, run: RunId, discard: bool) {
        self.close_columns();
        match self.messages.last_mut() {
            Some(SchedulerToWorker::Retract { runs, discard: last }) if *last == discard => runs.push(run),
            _ => self.messages.push(SchedulerToWorker::Retract { runs: vec![run], discard }),
        }
    }

    /// Begins a run in the columns; its dependencies follow by `push_dep_…`, then `end_run`.
    pub(crate) fn begin_run(&mut self, new: &NewRun<'_>) {
        let full = self.blob.len() + new.head.len() > BLOB_BYTES_MAX;
        if !self.compute.is_empty() && (full || self.compute.keep_inline != new.keep_inline) {
            self.close_columns();
        }
        let columns = &mut self.compute;
        columns.keep_inline = new.keep_inline;
        let position = columns.runs.len() as u32;
        columns.runs.push(new.run);
        match columns.classes.last_mut() {
            Some((class, count)) if *class == new.class => *count += 1,
            _ => columns.classes.push((new.class, 1)),
        }
        columns.orders.push(new.order);
        columns.tokens.push(new.token);
        if let Some(name) = new.name {
            columns.names.push((position, name.clone()));
        }
        self.blob.extend_from_slice(new.head);
        columns.args.ends.push(self.blob.len() as u32);
        if !new.buffers.is_empty() {
            columns.args.buffers.push((position, new.buffers.to_vec()));
        }
    }

    /// A dependency of the run begun last, by value.
    pub(crate) fn push_dep_inline(&mut self, dependency: TaskId, value: &[u8]) {
        let values = &mut self.compute.values;
        let index = *self.value_index.entry(dependency).or_insert_with(|| {
            values.push(Payload::from_head(Bytes::copy_from_slice(value)));
            values.len() as u32 - 1
        });
        self.compute.deps.push(DepSource::Inline(index));
    }

    /// A dependency of the run begun last, by whereabouts.
    pub(crate) fn push_dep_held(&mut self, run: RunId, nbytes: u64, workers: Vec<WorkerId>) {
        self.compute.deps.push(DepSource::Held { run, nbytes, workers });
    }

    /// The run begun last is complete.
    pub(crate) fn end_run(&mut self) {
        self.compute.dep_ends.push(self.compute.deps.len() as u32);
    }

    fn close_columns(&mut self) {
        if !self.compute.is_empty() {
            let mut compute = std::mem::take(&mut self.compute);
            compute.args = ArgsColumn { blob: std::mem::take(&mut self.blob).into(), ..compute.args };
            self.value_index.clear();
            self.messages.push(SchedulerToWorker::Compute(compute));
        }
    }

    /// Everything said since the last call.
    pub(crate) fn take(&mut self) -> Vec<SchedulerToWorker> {
        self.close_columns();
        std::mem::take(&mut self.messages)
    }

    /// Nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.compute.is_empty()
    }
}
