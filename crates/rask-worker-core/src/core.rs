//! The machine: its state, and which handler takes which event.

use hashbrown::HashMap;
use rask_types::{ClassId, RunId, TaskError, Tick, WorkerId};
use std::sync::Arc;

use crate::effect::Effect;
use crate::event::Event;
use crate::outbox::Outbox;
use crate::peers::Peers;
use crate::run_table::RunTable;
use crate::task::DepValue;
use crate::waiting::Waiting;
use crate::wanted::{Value, name};

/// Bounds of what is asked of peers at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Values asked of one peer and not answered.
    pub flights_per_peer_max: usize,
    /// Their bytes, unless it is one value.
    pub flying_bytes_per_peer_max: u64,
    /// Bytes asked of all peers and not answered, unless it is one value.
    pub flying_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { flights_per_peer_max: 256, flying_bytes_per_peer_max: 64 << 20, flying_bytes_max: 256 << 20 }
    }
}

/// How much of what is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Runs that are owed an answer: waiting, queued, executing.
    pub unanswered: usize,
    /// Those of them that wait for dependencies.
    pub waiting: usize,
    /// Values that are kept.
    pub kept: usize,
    /// Their size in memory.
    pub kept_bytes: u64,
    /// Values that are being fetched, or wait for their turn.
    pub fetching: usize,
}

/// What the table says about each run that is owed an answer.
pub(crate) mod word {
    /// Always set.
    pub const HERE: u32 = 1;
    /// It waits; its index among the waiting is in the upper bits. Of others their place in the batch is there in which
    /// they went to the execution queue.
    pub const WAITING: u32 = 2;
    /// Its result is kept even if it is small.
    pub const KEEP_INLINE: u32 = 4;
    /// Its result is not wanted.
    pub const DISCARD: u32 = 8;
    /// Another run here waits for it.
    pub const WATCHED: u32 = 16;
    pub const INDEX_SHIFT: u32 = 5;
    pub const FLAGS: u32 = (1 << INDEX_SHIFT) - 1;
}

/// Whether the worker takes runs.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Open,
    /// It gives everything back.
    Closing {
        reason: String,
    },
    Left,
}

/// Why a value that runs wait for will not come.
#[derive(Clone, Debug)]
pub(crate) enum Doom {
    /// It may be had elsewhere: the scheduler decides again about those who wait.
    GiveBack,
    /// It cannot travel: those who wait fail with this.
    Fail(Arc<TaskError>),
}

/// A worker. `V` is what the driver keeps values as.
#[derive(Debug)]
pub struct WorkerCore<V> {
    pub(crate) me: WorkerId,
    pub(crate) now: Tick,
    pub(crate) limits: Limits,
    pub(crate) stage: Stage,
    /// Priorities of classes.
    pub(crate) classes: HashMap<ClassId, i32>,
    pub(crate) runs: RunTable,
    pub(crate) waiting: Waiting<V>,
    pub(crate) values: HashMap<u64, Value<V>>,
    pub(crate) kept: usize,
    pub(crate) kept_bytes: u64,
    pub(crate) peers: Peers,
    pub(crate) out: Outbox<V>,
    /// Values that will not come, whose waiters have not been told.
    pub(crate) doomed: Vec<(RunId, Doom)>,
    /// Runs given back by the event at hand.
    pub(crate) given_back: Vec<RunId>,
    /// Counts the batches of runs that went to the execution queue.
    pub(crate) batch: u64,
}

impl<V: Clone> WorkerCore<V> {
    /// A worker that has nothing.
    pub fn new(limits: Limits) -> WorkerCore<V> {
        WorkerCore {
            // No scheduler counts that far; so before the welcome nobody is taken for this worker itself.
            me: WorkerId(u32::MAX),
            now: Tick::ZERO,
            limits,
            stage: Stage::Open,
            classes: HashMap::new(),
            runs: RunTable::new(),
            waiting: Waiting::new(),
            values: HashMap::new(),
            kept: 0,
            kept_bytes: 0,
            peers: Peers::default(),
            out: Outbox::new(),
            doomed: Vec::new(),
            given_back: Vec::new(),
            batch: 0,
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, now: Tick, event: Event<V>) {
        self.now = now;
        match event {
            Event::Welcomed { me } => self.me = me,
            Event::ClassDefined { class, priority } => {
                self.classes.insert(class, priority);
            }
            Event::PeerDefined { worker } => self.peers.define(worker),
            Event::Compute(columns) => self.on_compute(columns),
            Event::Retract { runs, discard } => self.on_retract(runs, discard),
            Event::Free { values } => self.on_free(&values),
            Event::Replicate { sources } => self.on_replicate(&sources),
            Event::Close { reason } => self.on_close(reason),
            Event::TakenBack { runs } => self.on_taken_back(&runs),
            Event::Drained { runs } => self.on_drained(&runs),
            Event::Finished(completions) => self.on_finished(completions),
            Event::Failed(failure) => self.on_failed(failure),
            Event::Rescheduled { run } => self.on_rescheduled(run),
            Event::Fetched { worker, request, value, result } => {
                self.on_fetched(worker, request, value, result);
            }
            Event::PeerLost { worker } => self.on_peer_lost(worker),
            Event::Brought { value, kept, nbytes, type_name } => {
                self.on_brought(value, kept, nbytes, &type_name);
            }
            Event::TimedOut => self.peers.plan_is_due = true,
        }
        self.tell_the_doomed();
        let given_back = std::mem::take(&mut self.given_back);
        self.out.retracted(given_back);
    }

    /// The next thing to do. Fetches are planned and completions become a message when nothing else is left, so drain to
    /// the end, once for as many events as come together.
    pub fn poll_effect(&mut self) -> Option<Effect<V>> {
        if let Some(effect) = self.out.pop() {
            return Some(effect);
        }
        self.plan_fetches();
        self.out.close_finished();
        self.out.pop()
    }

    /// When to say [`Event::TimedOut`] at the latest.
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.peers.unblocks_at()
    }

    /// A value that is here.
    pub fn kept(&self, value: RunId) -> Option<&DepValue<V>> {
        match self.values.get(&name(value)) {
            Some(Value::Kept { value, .. }) => Some(value),
            _ => None,
        }
    }

    /// How much of what is here.
    pub fn counts(&self) -> Counts {
        let waiting = self.waiting.runs.len();
        Counts {
            unanswered: self.runs.len(),
            waiting,
            kept: self.kept,
            kept_bytes: self.kept_bytes,
            fetching: self.peers.known.values().map(|peer| peer.flights.len() + peer.queue.len()).sum(),
        }
    }

    /// True once all is said.
    pub fn has_left(&self) -> bool {
        self.stage == Stage::Left
    }
}
