//! Workers: what they said of themselves, what they were given, and what is to be said to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use rask_types::msg::{Metrics, SchedulerToWorker, ThreadRun, WorkerDescription};
use rask_types::{
    ArgsColumn, ClassId, ComputeColumns, DepSource, FunctionId, Payload, RequestId, RunId, TaskId, Tick,
    TypeId, WorkerId,
};

use crate::event::NannyId;
use crate::known::Known;
use crate::lane::{LaneId, LocalQueues};
use crate::view::WorkerFacts;
use crate::watch::{Label, WorkerLog};

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

/// How an unanswered run weighs on its worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// It takes a thread, or will as soon as one is free.
    Pool,
    /// It left the thread pool.
    Away,
    /// It waits for others that the worker was given with it.
    Following,
}

impl Load {
    pub(crate) fn of(seceded: bool) -> Load {
        if seceded { Load::Away } else { Load::Pool }
    }
}

/// A run that nobody wants any more and that its worker has yet to answer for.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) load: Load,
    /// What it was, for those who look on.
    pub(crate) class: ClassId,
    pub(crate) label: Label,
}

/// What one of its threads has been executing for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongRun {
    pub(crate) run: RunId,
    pub(crate) thread: u16,
    /// Since when, as far as is known here.
    pub(crate) since: Tick,
}

/// One worker.
#[derive(Debug)]
pub(crate) struct WorkerEntry {
    pub(crate) description: WorkerDescription,
    pub(crate) status: WorkerStatus,
    pub(crate) nanny: Option<NannyId>,
    pub(crate) metrics: Metrics,
    pub(crate) last_seen: Tick,
    pub(crate) joined: Tick,
    /// What it said of itself, as those who look on see it; set when it registers.
    pub(crate) facts: Option<Arc<WorkerFacts>>,
    /// The page of the watch on which it changed last.
    pub(crate) page: u64,
    /// What it and its tasks said.
    pub(crate) log: WorkerLog,
    /// Runs it was given and has not answered, but for those counted next.
    pub(crate) assigned: u32,
    /// Runs it was given and has not answered, and that seceded.
    pub(crate) away: u32,
    /// Runs it was given and has not answered, and that wait for others of them.
    pub(crate) following: u32,
    /// What those that are still wanted are expected to take together, in nanoseconds.
    pub(crate) occupancy_ns: u64,
    /// Every run given to it, oldest first; those answered or given up are dropped when they reach the front, or when
    /// they are most.
    pub(crate) given: VecDeque<RunId>,
    /// When `given` is looked through next.
    pub(crate) given_tidy_at: usize,
    /// Runs it was given that nobody wants any more. With those that are processing here these are all that it has yet
    /// to answer, so that an answer to anything else counts for nothing.
    pub(crate) owed: HashMap<RunId, Box<Owed>>,
    /// What it has yet to do before it gets tasks.
    pub(crate) preparing: BTreeSet<RequestId>,
    /// What it said it has been executing for a while.
    pub(crate) executing: Vec<LongRun>,
    /// When it last said so, as `page`.
    pub(crate) executing_page: u64,
    /// When it last answered for a run, or was given one while it had none.
    pub(crate) last_answer: Tick,
    /// It was asked to give runs back, and has not answered for any since.
    pub(crate) retracting: bool,
    /// Ready tasks that should run here because their inputs are here.
    pub(crate) local: LocalQueues,
    /// The lanes it serves, as of `lanes_version`.
    pub(crate) lanes: Vec<LaneId>,
    pub(crate) lanes_version: u64,
    /// Abstract resources in use, parallel to `description.resources`.
    pub(crate) resources_used: Vec<f64>,
    /// Which of its unanswered runs occupy them.
    pub(crate) resources_held: BTreeMap<RunId, Vec<(usize, f64)>>,
    /// Values it keeps.
    pub(crate) replicas: u32,
    /// Bytes of those (modulo 2^64, should a worker claim so much).
    pub(crate) nbytes: u64,
    /// Retiring: values that nobody has been asked to take.
    pub(crate) unmoved: Vec<RunId>,
    /// Retiring: values that other workers were asked to take, and who.
    pub(crate) moving: BTreeMap<RunId, WorkerId>,
    /// Its type numbers, translated.
    pub(crate) types: HashMap<TypeId, TypeId>,
    pub(crate) known_classes: Known,
    pub(crate) known_functions: BTreeSet<FunctionId>,
    pub(crate) known_peers: Known,
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
            joined: now,
            facts: None,
            page: 0,
            log: WorkerLog::default(),
            assigned: 0,
            away: 0,
            following: 0,
            occupancy_ns: 0,
            given: VecDeque::new(),
            given_tidy_at: GIVEN_TIDY_MIN,
            owed: HashMap::new(),
            preparing: BTreeSet::new(),
            executing: Vec::new(),
            executing_page: 0,
            last_answer: now,
            retracting: false,
            local: LocalQueues::default(),
            lanes: Vec::new(),
            lanes_version: 0,
            resources_used: Vec::new(),
            resources_held: BTreeMap::new(),
            replicas: 0,
            nbytes: 0,
            unmoved: Vec::new(),
            moving: BTreeMap::new(),
            types: HashMap::new(),
            known_classes: Known::default(),
            known_functions: BTreeSet::new(),
            known_peers: Known::default(),
            outbox: WorkerOutbox::default(),
        }
    }

    /// It takes part: registered and not gone.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.status, WorkerStatus::Running | WorkerStatus::Retiring)
    }

    /// It said what it has been executing for a while. `page`: of those who look.
    pub(crate) fn note_executing(&mut self, runs: &[ThreadRun], now: Tick, page: u64) {
        let long = |said: &ThreadRun| {
            let began = now.minus_ms(u64::from(said.seen_for_ms) + EXECUTING_UNSEEN_MS);
            let since = self.executing_since(said.run).unwrap_or(began);
            LongRun { run: said.run, thread: said.thread, since }
        };
        self.executing = runs.iter().map(long).collect();
        self.executing_page = page;
    }

    /// Since when it has been executing a run, if it said that it is.
    pub(crate) fn executing_since(&self, run: RunId) -> Option<Tick> {
        self.executing.iter().find(|long| long.run == run).map(|long| long.since)
    }

    /// It takes work and has a thread without any.
    pub(crate) fn is_idle(&self) -> bool {
        self.status == WorkerStatus::Running && self.assigned < self.description.nthreads
    }

    /// Whether a restriction to `word` (an address, a name or a host) admits it.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        fn bare(address: &str) -> &str {
            address.split_once("://").map_or(address, |(_, rest)| rest)
        }
        let said = &self.description;
        word == said.address || word == said.name || word == said.host || bare(word) == bare(&said.address)
    }

    /// It has runs to answer for.
    pub(crate) fn is_loaded(&self) -> bool {
        self.assigned > 0 || self.away > 0 || self.following > 0
    }

    /// It has one run less to answer for.
    pub(crate) fn answered(&mut self, run: RunId, estimate_ns: u32, load: Load) {
        match load {
            Load::Pool => self.assigned -= 1,
            Load::Away => self.away -= 1,
            Load::Following => self.following -= 1,
        }
        if load != Load::Away {
            self.occupancy_ns -= u64::from(estimate_ns);
        }
        if let Some(occupied) = self.resources_held.remove(&run) {
            for (index, amount) in occupied {
                self.resources_used[index] -= amount;
            }
            if self.resources_held.is_empty() {
                // What is left is rounding.
                self.resources_used.fill(0.0);
            }
        }
    }
}

/// A worker looks every 250 ms at what it executes: this long before, give or take as much, something began that it saw.
const EXECUTING_UNSEEN_MS: u64 = 125;

/// `WorkerEntry::given` is not looked through before it is this long.
pub(crate) const GIVEN_TIDY_MIN: usize = 256;

/// What is to be said to a worker, in order; neighbouring runs share columns.
#[derive(Debug, Default)]
pub(crate) struct WorkerOutbox {
    messages: Vec<SchedulerToWorker>,
    compute: ComputeColumns,
    blob: Vec<u8>,
    /// Small dependency values already in the open columns.
    value_index: HashMap<TaskId, u32>,
    /// Those values, one after the other, and where each ends.
    values: Vec<u8>,
    value_ends: Vec<u32>,
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

/// Columns are closed after this many runs, so that a worker begins with the first while it reads the next.
const RUNS_MAX: usize = 2_048;

/// Columns are closed beyond this many bytes of arguments and values, so that no message grows without bound.
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
        let full = self.compute.runs.len() == RUNS_MAX
            || self.blob.len() + self.values.len() + new.head.len() > BLOB_BYTES_MAX;
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
        let WorkerOutbox { values, value_ends, .. } = self;
        let index = *self.value_index.entry(dependency).or_insert_with(|| {
            values.extend_from_slice(value);
            value_ends.push(values.len() as u32);
            value_ends.len() as u32 - 1
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
            if !self.value_ends.is_empty() {
                compute.values = self.take_values();
            }
            self.messages.push(SchedulerToWorker::Compute(compute));
        }
    }

    /// The values that the open columns refer to: parts of one buffer.
    fn take_values(&mut self) -> Vec<Payload> {
        self.value_index.clear();
        let buffer = Bytes::from(std::mem::take(&mut self.values));
        let mut start = 0;
        let part = |end: u32| {
            let value = buffer.slice(start..end as usize);
            start = end as usize;
            Payload::from_head(value)
        };
        self.value_ends.drain(..).map(part).collect()
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
