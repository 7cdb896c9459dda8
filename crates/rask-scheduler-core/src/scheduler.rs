//! The state, the one way in, the one way out.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hashbrown::HashMap;
use rask_types::msg::{SchedulerToClient, WorkerOp};
use rask_types::{ClientId, Key, KeyId, RequestId, TaskId, Tick, TypeId, WorkerId};

use crate::args::ArgsStore;
use crate::class::Classes;
use crate::client::ClientEntry;
use crate::effect::Effect;
use crate::errors::Errors;
use crate::event::{Event, NannyId};
use crate::lane::{ReadyQueue, Restriction};
use crate::nanny::NannyEntry;
use crate::ops::PendingOp;
use crate::retire::Retirement;
use crate::roster::Roster;
use crate::story::{Cause, Story};
use crate::task::{KeySource, Maker, TaskState, Tasks};
use crate::task_list::TaskList;
use crate::values::ValueStore;
use crate::watch::{Label, Watch};
use crate::worker::WorkerEntry;

/// What a scheduler is told at its start.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// A random number of this process's life.
    pub epoch: u64,
    /// Such as `Scheduler-<uuid>`.
    pub name: String,
    /// Where it listens, for `scheduler_info`.
    pub address: String,
    /// Start of the process, in seconds of Unix time.
    pub started_unix_s: f64,
    /// Unix time, in seconds, at which `Tick` is zero.
    pub tick_zero_unix_s: f64,
    /// Secret of data connections.
    pub data_secret: Bytes,
    /// Link to the dashboard; empty if there is none.
    pub dashboard_link: String,
    /// Port of the dashboard; 0 if there is none.
    pub dashboard_port: u16,
    /// Deaths of workers that a task may be on: one more fails it.
    pub allowed_failures: u32,
    /// How often workers send heartbeats.
    pub heartbeat_ms: u32,
    /// A worker unheard of for this long is given up.
    pub worker_ttl_ms: u64,
    /// How long to wait for a nanny's word on a worker that is gone.
    pub exit_report_grace_ms: u64,
    /// Bound of the small results kept here, in bytes.
    pub values_bytes_max: u64,
    /// Transitions remembered.
    pub story_len: usize,
    /// Queued work is handed out until a worker has this much per thread, in nanoseconds.
    pub horizon_ns: u64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig {
            epoch: 0,
            name: "Scheduler".to_owned(),
            address: String::new(),
            started_unix_s: 0.0,
            tick_zero_unix_s: 0.0,
            data_secret: Bytes::new(),
            dashboard_link: String::new(),
            dashboard_port: 0,
            allowed_failures: 3,
            heartbeat_ms: 500,
            worker_ttl_ms: 300_000,
            exit_report_grace_ms: 2_000,
            values_bytes_max: 64 << 20,
            story_len: 100_000,
            horizon_ns: 10_000_000,
        }
    }
}

/// A queue with those who may run its tasks.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) restriction: Restriction,
    pub(crate) queue: ReadyQueue,
}

/// What went wrong with a task so far.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// How often an exception was answered by another run.
    pub(crate) retries_used: u32,
    /// How the workers ended that died while running it, one line each.
    pub(crate) deaths: Vec<String>,
}

/// The scheduler.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) config: SchedulerConfig,
    pub(crate) now: Tick,
    pub(crate) tasks: Tasks,
    /// Tasks whose keys others can name: content tokens and users' keys.
    pub(crate) by_key: HashMap<KeyId, TaskId>,
    /// Canonical bytes of users' keys.
    pub(crate) names: HashMap<TaskId, Bytes>,
    /// Tasks for which futures lie in a task's pickled arguments.
    pub(crate) holds: HashMap<TaskId, Vec<TaskId>>,
    /// What went wrong with tasks that are still tried.
    pub(crate) troubles: HashMap<TaskId, Trouble>,
    pub(crate) args: ArgsStore,
    pub(crate) values: ValueStore,
    pub(crate) errors: Errors,
    pub(crate) classes: Classes,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) clients: Roster<ClientEntry>,
    pub(crate) workers: Roster<WorkerEntry>,
    pub(crate) nannies: BTreeMap<NannyId, NannyEntry>,
    pub(crate) type_names: Vec<String>,
    pub(crate) type_index: BTreeMap<String, TypeId>,
    pub(crate) story: Story,
    pub(crate) watch: Watch,
    pub(crate) next_order: u64,
    /// Tasks in queues.
    pub(crate) queued: usize,
    /// How much work the client served last has had: where a client begins that had nothing queued.
    pub(crate) served_now_ns: u64,
    /// What `ClientEntry::served_ns` is, for the tasks of all clients together that are gone.
    pub(crate) served_absent_ns: u64,
    /// Counts changes of workers and lanes: who serves what is known for one count.
    pub(crate) lanes_version: u64,
    pub(crate) ops: BTreeMap<RequestId, PendingOp>,
    pub(crate) next_op: u32,
    /// Questions about workers that have not all left.
    pub(crate) retirements: Vec<Retirement>,
    /// Done on every worker that joins.
    pub(crate) standing_ops: Vec<WorkerOp>,
    pub(crate) shutting_down: bool,
    /// Something happened since work was handed out last.
    stale: bool,
    effects: VecDeque<Effect>,
    /// Effects that outboxes do not carry, in order, said after them.
    pub(crate) late_effects: Vec<Effect>,
}

impl Scheduler {
    /// A scheduler that knows nobody.
    pub fn new(config: SchedulerConfig) -> Scheduler {
        Scheduler {
            now: Tick::ZERO,
            tasks: Tasks::default(),
            by_key: HashMap::new(),
            names: HashMap::new(),
            holds: HashMap::new(),
            troubles: HashMap::new(),
            args: ArgsStore::default(),
            values: ValueStore::new(config.values_bytes_max),
            errors: Errors::default(),
            classes: Classes::default(),
            lanes: vec![Lane { restriction: Restriction::default(), queue: ReadyQueue::default() }],
            clients: Roster::default(),
            workers: Roster::default(),
            nannies: BTreeMap::new(),
            type_names: Vec::new(),
            type_index: BTreeMap::new(),
            story: Story::new(config.story_len),
            watch: Watch::default(),
            next_order: 0,
            queued: 0,
            served_now_ns: 0,
            served_absent_ns: 0,
            lanes_version: 1,
            retirements: Vec::new(),
            ops: BTreeMap::new(),
            next_op: 0,
            standing_ops: Vec::new(),
            shutting_down: false,
            stale: false,
            effects: VecDeque::new(),
            late_effects: Vec::new(),
            config,
        }
    }

    /// Takes in one event. `now` never falls.
    pub fn handle(&mut self, now: Tick, event: Event) {
        self.now = self.now.max(now);
        self.stale = true;
        match event {
            Event::ClientJoined(client) => self.clients.insert(client.0, ClientEntry::default()),
            Event::Client(client, message) => self.on_client(client, message),
            Event::ClientGone(client) => self.on_client_gone(client),
            Event::WorkerJoined(worker) => self.workers.insert(worker.0, WorkerEntry::joining(self.now)),
            Event::Worker(worker, message) => self.on_worker(worker, message),
            Event::WorkerGone(worker, reason) => self.on_worker_gone(worker, &reason),
            Event::NannyJoined(nanny) => {
                self.nannies.insert(nanny, NannyEntry::default());
            }
            Event::Nanny(nanny, message) => self.on_nanny(nanny, message),
            Event::NannyGone(nanny) => {
                self.nannies.remove(&nanny);
            }
            Event::Look => {}
            Event::TurnPage => self.watch.turn_page(),
            Event::Tick => self.on_tick(),
        }
    }

    /// The next thing to do; `None` when all is said. Between two calls of `handle` it is to be asked until then.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        if self.stale {
            self.stale = false;
            self.advance_retirements();
            self.dispatch();
            self.empty_outboxes();
        }
        self.effects.pop_front()
    }

    /// When to send `Event::Tick` at the latest.
    pub fn poll_timeout(&self) -> Option<Tick> {
        let mut next: Option<Tick> = None;
        let mut at = |tick: Tick| next = Some(next.map_or(tick, |known: Tick| known.min(tick)));
        for (_, worker) in self.workers.iter() {
            if let crate::worker::WorkerStatus::AwaitingExitReport { until } = worker.status {
                at(until);
            } else {
                at(worker.last_seen.plus_ms(self.config.worker_ttl_ms));
            }
        }
        if let Some(tick) = self.balance_timeout() {
            at(tick);
        }
        next
    }

    fn on_tick(&mut self) {
        self.give_up_silent_workers();
        self.take_back_from_slow_workers();
    }

    fn empty_outboxes(&mut self) {
        for (number, worker) in self.workers.iter_mut() {
            if !worker.outbox.is_empty() {
                let messages = worker.outbox.take().into_iter();
                self.effects.extend(messages.map(|message| Effect::ToWorker(WorkerId(number), message)));
            }
        }
        for (number, client) in self.clients.iter_mut() {
            if !client.outbox.is_empty() {
                let messages = client.outbox.take().into_iter();
                self.effects.extend(messages.map(|message| Effect::ToClient(ClientId(number), message)));
            }
        }
        self.effects.extend(self.late_effects.drain(..));
    }

    /// Moves a task to a state and writes it in the story.
    #[inline(always)] // Called a few times a task; a call costs a fifth of what is in it.
    pub(crate) fn set_state(&mut self, id: TaskId, state: TaskState, cause: Cause) {
        let task = &mut self.tasks[id];
        let (from, to) = (task.state.station(), state.station());
        self.watch.tallies.moved(task.class, from, to);
        task.state = state;
        task.story = self.story.record(self.now, (id, task.birth), task.story, to, cause);
    }

    /// Unix time, in seconds.
    pub(crate) fn unix_s(&self, at: Tick) -> f64 {
        self.config.tick_zero_unix_s + at.0 as f64 / 1e9
    }

    /// The key of a task, to be rendered by whoever shows it.
    pub(crate) fn label(&self, id: TaskId) -> Label {
        let task = &self.tasks[id];
        match task.key_source {
            KeySource::Named => Label::Named(self.names[&id].clone()),
            KeySource::Session | KeySource::Token => {
                Label::Generated(self.watch.tallies.prefix_of(task.class).clone(), task.token.get())
            }
        }
    }

    /// The key as users read it.
    pub(crate) fn key(&self, id: TaskId) -> Key {
        let task = &self.tasks[id];
        match task.key_source {
            KeySource::Named => Key::from_canonical(&self.names[&id]).expect("checked when it came"),
            KeySource::Session | KeySource::Token => {
                Key::generated(&self.classes[task.class].class.prefix, task.token.get())
            }
        }
    }

    /// The task behind a key that somebody named before.
    pub(crate) fn find(&self, key: &Key) -> Option<TaskId> {
        if let Some(&task) = self.by_key.get(&key.id()) {
            return Some(task);
        }
        // Impure tasks are not in the index: their tokens say whose they are, and which.
        let (prefix, token) = key.parse_generated()?;
        let session = (token >> 64) as u64;
        let mut sessions =
            self.clients.iter().filter(|(_, client)| client.registered && client.session == session);
        sessions.find_map(|(_, client)| {
            let id = client.futures.get(rask_types::FutureId(token as u64))?;
            let task = &self.tasks[id];
            let is_meant = task.key_source == KeySource::Session
                && task.token.get() == token
                && self.classes[task.class].class.prefix == prefix;
            is_meant.then_some(id)
        })
    }

    /// Forgets a task that nothing refers to; returns its dependencies.
    pub(crate) fn remove_task(&mut self, id: TaskId) -> TaskList {
        self.forget_troubles(id);
        let task = &mut self.tasks[id];
        self.watch.tallies.forgotten(task.class, task.state.station(), self.now);
        let dependencies = std::mem::take(&mut task.dependencies);
        if let Some(args) = task.args.take() {
            self.args.release(args);
        }
        let is_indexed = task.maker != Maker::Nobody;
        match task.key_source {
            KeySource::Session => {}
            KeySource::Token if is_indexed => {
                let key = KeyId(task.token.get() ^ self.classes[task.class].prefix_hash);
                self.by_key.remove(&key);
            }
            KeySource::Token => {}
            KeySource::Named => {
                let name = self.names.remove(&id).expect("a named task has a name");
                if is_indexed {
                    self.by_key.remove(&Key::from_canonical(&name).expect("checked when it came").id());
                }
            }
        }
        self.tasks.free(id);
        dependencies
    }

    /// What went wrong with a task so far, to be added to.
    pub(crate) fn trouble(&mut self, id: TaskId) -> &mut Trouble {
        self.tasks[id].troubled = true;
        self.troubles.entry(id).or_default()
    }

    /// What went wrong with a task counts no more.
    pub(crate) fn forget_troubles(&mut self, id: TaskId) -> Trouble {
        match std::mem::take(&mut self.tasks[id].troubled) {
            true => self.troubles.remove(&id).unwrap_or_default(),
            false => Trouble::default(),
        }
    }

    /// Size of a task's value in bytes, as far as it is known.
    pub(crate) fn nbytes_of(&self, id: TaskId) -> u64 {
        match (&self.tasks[id].kept, self.tasks[id].state) {
            (Some(kept), _) => kept.nbytes,
            (None, TaskState::Memory { inline: Some(value) }) => self.values.get(value).len() as u64,
            (None, _) => 0,
        }
    }

    /// Says something to a client, if it is still there.
    pub(crate) fn tell_client(&mut self, client: ClientId, message: SchedulerToClient) {
        if let Some(entry) = self.clients.get_mut(client.0) {
            entry.outbox.push(message);
        }
    }

    /// The scheduler's number of a type.
    pub(crate) fn intern_type(&mut self, name: &str) -> TypeId {
        if let Some(&id) = self.type_index.get(name) {
            return id;
        }
        let id = TypeId(self.type_names.len() as u32);
        self.type_names.push(name.to_owned());
        self.type_index.insert(name.to_owned(), id);
        id
    }

    /// Tasks that exist, for logs and benchmarks.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// Clients that are here.
    pub(crate) fn client_count(&self) -> u32 {
        self.clients.iter().filter(|(_, client)| client.registered).count() as u32
    }

    /// Workers that are here.
    pub fn worker_count(&self) -> usize {
        self.workers.iter().filter(|(_, worker)| worker.is_here()).count()
    }
}
