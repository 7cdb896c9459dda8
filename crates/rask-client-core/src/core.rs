//! The machine's parts, how it is made, and what it hands to its driver.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use rask_types::msg::{ClientToScheduler, WorkerSummary};
use rask_types::{ClientId, FutureId, Key, KeyId, Payload, RequestId, RunId, TaskClass, TypeId, WorkerId};

use crate::classes::Classes;
use crate::fetch::{FetchId, Fetches};
use crate::keys::KeyIndex;
use crate::requests::{Answer, Requests};
use crate::scatter::{ScatterId, Scatters};
use crate::slot::{KeyForm, NO_CLASS, Outcome, Slot, State, Status, session_token};
use crate::submit::OpenChunk;
use crate::subscribe::{Completion, Subscriptions};
use crate::table::FutureTable;
use crate::wait::{WaiterId, Waiters};

/// A `Release` message names at most this many futures.
const RELEASE_FUTURES_MAX: usize = 100_000;

/// What the scheduler said when it accepted the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// Its number of this session.
    pub client: ClientId,
    /// A random number of its life.
    pub epoch: u64,
    /// Its name, as in `Scheduler-<uuid>`.
    pub scheduler_name: String,
    /// Secret of data connections.
    pub data_secret: Bytes,
    /// Link to the dashboard; empty if there is none.
    pub dashboard_link: String,
}

/// How the session with the scheduler stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Session {
    /// Not accepted yet. What is submitted is kept until it is.
    Joining,
    /// Accepted.
    Open(Welcome),
    // A session that survives its scheduler's death gets its own state here: it keeps what was submitted and not
    // finished, and names the old epoch when it registers again.
    /// Over; nothing is submitted or asked any more.
    Closed {
        /// Why, in words.
        reason: Arc<str>,
    },
}

/// What the driver must do.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// The session was accepted or ended; `ClientCore::session` says which.
    SessionChanged,
    /// What this waiter waited for is there.
    WaitOver(WaiterId),
    /// A question is answered, or never will be.
    Answered(RequestId, Answer),
    /// All values of this fetch are there, or will never be.
    FetchOver(FetchId),
    /// All values of this scatter are placed, or will never be.
    ScatterOver(ScatterId),
    /// Ask a worker for values on a data connection, opened if there is none. What comes of it is told by
    /// `ClientCore::on_data` or `ClientCore::on_data_link_lost`.
    FetchFrom {
        /// The worker.
        worker: WorkerId,
        /// Names the question.
        request: RequestId,
        /// The values.
        values: Vec<RunId>,
    },
    /// Bring a value to a worker on a data connection, as above.
    PutTo {
        /// The worker.
        worker: WorkerId,
        /// Names the question.
        request: RequestId,
        /// The value's identity.
        value: RunId,
        /// The value.
        payload: Payload,
        /// Its type's name.
        type_name: String,
    },
    /// Workers came or went; see `ClientCore::workers`.
    WorkersChanged,
    /// A message for the user's eyes.
    Notice {
        /// `print`, `warn` or `log`.
        topic: String,
        /// The text.
        text: String,
    },
}

/// See the crate.
#[derive(Debug)]
pub struct ClientCore {
    pub(crate) session: Session,
    /// The high half of the tokens of impure tasks.
    token_half: u64,
    next_future: u64,
    next_graph: u32,
    pub(crate) table: FutureTable,
    pub(crate) keys: KeyIndex,
    /// Held futures that are erred, cancelled or lost.
    pub(crate) failed: usize,
    /// Canonical keys of the futures whose form is `Named`.
    pub(crate) names: HashMap<FutureId, Bytes>,
    pub(crate) classes: Classes,
    /// Single tasks that go together in one chunk as long as nothing else is said.
    pub(crate) open: Option<OpenChunk>,
    out: VecDeque<ClientToScheduler>,
    /// Given up since the last `take_messages`. Such a release may go later than what was said after it, never sooner; where
    /// that would be wrong (see `forget` and `say_releases`) it is said in order.
    releases: Vec<FutureId>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) completions: Vec<Completion>,
    /// Which kinds of watchers (`watch`) were met by futures that stopped being pending in this event.
    pub(crate) stirred: u8,
    pub(crate) waiters: Waiters,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) requests: Requests,
    pub(crate) fetches: Fetches,
    pub(crate) scatters: Scatters,
    pub(crate) types: BTreeMap<TypeId, Arc<str>>,
    pub(crate) peers: BTreeMap<WorkerId, Arc<str>>,
    pub(crate) workers: WorkerSummary,
}

impl ClientCore {
    /// A machine without futures. `session`: 64 random bits.
    pub fn new(session: u64) -> ClientCore {
        ClientCore {
            session: Session::Joining,
            token_half: session,
            next_future: 1,
            next_graph: 0,
            table: FutureTable::default(),
            keys: KeyIndex::default(),
            failed: 0,
            names: HashMap::new(),
            classes: Classes::default(),
            open: None,
            out: VecDeque::new(),
            releases: Vec::new(),
            effects: Vec::new(),
            completions: Vec::new(),
            stirred: 0,
            waiters: Waiters::default(),
            subscriptions: Subscriptions::default(),
            requests: Requests::default(),
            fetches: Fetches::default(),
            scatters: Scatters::default(),
            types: BTreeMap::new(),
            peers: BTreeMap::new(),
            workers: WorkerSummary::default(),
        }
    }

    /// How the session stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The 64 bits in the tokens of impure tasks.
    pub fn session_bits(&self) -> u64 {
        self.token_half
    }

    /// The cluster's workers as last heard.
    pub fn workers(&self) -> &WorkerSummary {
        &self.workers
    }

    /// Where a worker listens for data connections.
    pub fn peer(&self, worker: WorkerId) -> Option<&Arc<str>> {
        self.peers.get(&worker)
    }

    /// The name behind a type's number.
    pub fn type_name(&self, id: TypeId) -> Option<Arc<str>> {
        self.types.get(&id).cloned()
    }

    /// Futures held.
    pub fn futures_held(&self) -> usize {
        self.table.len()
    }

    /// Bytes that the tables of futures and keys occupy (values beyond 30 bytes and named keys not counted).
    pub fn table_bytes(&self) -> usize {
        self.table.bytes() + self.keys.bytes()
    }

    /// Takes `n` consecutive numbers and gives back the first.
    #[inline]
    pub fn allocate(&mut self, n: u64) -> FutureId {
        let first = FutureId(self.next_future);
        self.next_future += n;
        first
    }

    /// The number that will be taken next.
    #[inline]
    pub(crate) fn allocated_end(&self) -> u64 {
        self.next_future
    }

    /// Takes a number for a graph.
    pub fn new_graph(&mut self) -> u32 {
        let graph = self.next_graph;
        self.next_graph = graph.wrapping_add(1);
        graph
    }

    /// A future's state; `None` if no future of that number is held.
    #[inline]
    pub fn status(&self, future: FutureId) -> Option<Status> {
        self.table.get(future).map(|slot| slot.state.status())
    }

    /// What became of a future.
    pub fn outcome(&self, future: FutureId) -> Outcome {
        self.table.get(future).map_or(Outcome::Unknown, |slot| slot.state.outcome())
    }

    /// The key of a held future.
    pub fn key(&self, future: FutureId) -> Option<Key> {
        let slot = self.table.get(future)?;
        let prefix = || self.classes.get(slot.class).map(|class| class.prefix.as_str());
        match slot.form {
            KeyForm::Session => Some(Key::generated(prefix()?, session_token(self.token_half, future))),
            KeyForm::Token => {
                let token = slot.key_id().0 ^ self.classes.prefix_id(slot.class)?;
                Some(Key::generated(prefix()?, token))
            }
            KeyForm::Named => Key::from_canonical(self.names.get(&future)?).ok(),
        }
    }

    /// The class of a held future's task; `None` also for futures wanted by key or scattered.
    pub fn class_of(&self, future: FutureId) -> Option<&TaskClass> {
        self.classes.get(self.table.get(future)?.class)
    }

    /// The future held on the pure or named key `key`. The caller gets a hold on it.
    #[inline]
    pub fn lookup(&mut self, key: KeyId) -> Option<FutureId> {
        let id = self.keys.get(key, &self.table)?;
        self.retain(id);
        Some(id)
    }

    /// As [`ClientCore::lookup`], for the generated key of a class's prefix and `token`.
    #[inline]
    pub fn lookup_token(&mut self, class: u32, token: u128) -> Option<FutureId> {
        let prefix = self.classes.prefix_id(class)?;
        self.lookup(KeyId(token ^ prefix))
    }

    /// As [`ClientCore::lookup`], for any key, those of this session's impure tasks included.
    pub fn lookup_key(&mut self, key: &Key) -> Option<FutureId> {
        if let Some(found) = self.lookup(key.id()) {
            return Some(found);
        }
        let (prefix, token) = key.parse_generated()?;
        let id = FutureId(token as u64);
        let slot = self.table.get(id)?;
        let is_ours = (token >> 64) as u64 == self.token_half && slot.form == KeyForm::Session;
        if !is_ours || self.classes.get(slot.class)?.prefix != prefix || !is_reusable(&slot.state) {
            return None;
        }
        self.retain(id);
        Some(id)
    }

    /// One holder more. False if the future is not held.
    #[inline]
    pub fn retain(&mut self, future: FutureId) -> bool {
        match self.table.get_mut(future) {
            Some(slot) => {
                slot.refs += 1;
                true
            }
            None => false,
        }
    }

    /// One holder less; with the last, the future is forgotten and the scheduler told.
    #[inline]
    pub fn release(&mut self, future: FutureId) {
        let Some(slot) = self.table.get_mut(future) else { return };
        if slot.refs > 1 {
            slot.refs -= 1;
            return;
        }
        self.forget(future);
        self.settle();
    }

    /// As [`ClientCore::release`], for many.
    pub fn release_all(&mut self, futures: impl IntoIterator<Item = FutureId>) {
        for future in futures {
            match self.table.get_mut(future) {
                Some(slot) if slot.refs > 1 => slot.refs -= 1,
                Some(_) => self.forget(future),
                None => {}
            }
        }
        self.settle();
    }

    #[inline]
    fn forget(&mut self, future: FutureId) {
        let Some(slot) = self.table.remove(future) else { return };
        if slot.indexed {
            self.keys.remove(slot.key_id(), future);
        }
        let named = slot.form == KeyForm::Named;
        if named {
            self.names.remove(&future);
        }
        let failed = slot.state.is_failed();
        self.failed -= usize::from(failed);
        if slot.watch != 0 {
            self.stirred |= slot.watch;
            self.subscriptions.forget(future);
        }
        if !self.is_open() {
            return;
        }
        if named || failed {
            // What is submitted next may bear the same key and is to be another task, or to run again.
            self.flush_open();
            match self.out.back_mut() {
                Some(ClientToScheduler::Release(futures)) => futures.push(future),
                _ => self.out.push_back(ClientToScheduler::Release(vec![future])),
            }
        } else {
            self.releases.push(future);
        }
    }

    /// Futures are held whose release must not come after what is submitted next: those that failed, and those whose keys
    /// the user gave.
    pub fn releases_matter(&self) -> bool {
        self.failed > 0 || !self.names.is_empty()
    }

    /// Fills the slot of a future that is about to be named to the scheduler.
    #[inline]
    pub(crate) fn hold(&mut self, future: FutureId, class: u32, form: KeyForm, key: KeyId) {
        let indexed = form != KeyForm::Session && self.keys.insert(key, future, &self.table);
        let mut slot = Slot::new(class, form, key);
        slot.indexed = indexed;
        self.table.insert(future, slot);
    }

    /// As [`ClientCore::hold`], for a key given in canonical bytes.
    pub(crate) fn hold_named(&mut self, future: FutureId, class: u32, key: KeyId, canonical: Bytes) {
        self.names.insert(future, canonical);
        self.hold(future, class, KeyForm::Named, key);
    }

    /// A future of a task that someone named before, by its key: the one held already, or a new one. The caller gets
    /// a hold on it.
    pub fn want(&mut self, key: &Key) -> FutureId {
        if let Some(found) = self.lookup_key(key) {
            return found;
        }
        let future = self.allocate(1);
        let canonical = Bytes::from(key.to_canonical());
        self.hold_named(future, NO_CLASS, key.id(), canonical.clone());
        if let Session::Closed { reason } = &self.session {
            let reason = reason.clone();
            self.set(future, State::Cancelled(reason));
        } else {
            self.say(ClientToScheduler::Want { future, key: canonical });
        }
        future
    }

    /// Gives futures up: they are cancelled at once, whatever the scheduler still says of them.
    pub fn cancel(&mut self, futures: &[FutureId], force: bool, reason: &str) {
        let shared: Arc<str> = Arc::from(reason);
        for &future in futures {
            self.set(future, State::Cancelled(shared.clone()));
        }
        if self.is_open() {
            let futures = futures.to_vec();
            self.say(ClientToScheduler::Cancel { futures, force, reason: reason.to_owned() });
        }
        self.settle();
    }

    /// Runs erred tasks again: those among `futures` are pending from now on.
    pub fn retry(&mut self, futures: &[FutureId]) {
        if !self.is_open() {
            return;
        }
        for &future in futures {
            if self.status(future) == Some(Status::Error) {
                self.set(future, State::Pending);
            }
        }
        self.say(ClientToScheduler::Retry { futures: futures.to_vec() });
        self.settle();
    }

    /// Keeps tasks wanted until they finish, whoever leaves.
    pub fn fire_and_forget(&mut self, futures: &[FutureId]) {
        if self.is_open() {
            self.say(ClientToScheduler::FireAndForget { futures: futures.to_vec() });
        }
    }

    /// Closes the whole cluster.
    pub fn shutdown(&mut self) {
        if self.is_open() {
            self.say(ClientToScheduler::Shutdown);
        }
    }

    /// True until the session is closed.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.session, Session::Closed { .. })
    }

    /// Queues a message behind everything said before.
    pub(crate) fn say(&mut self, message: ClientToScheduler) {
        self.flush_open();
        self.out.push_back(message);
    }

    /// Queues the single tasks collected so far.
    pub(crate) fn flush_open(&mut self) {
        if let Some(open) = self.open.take() {
            let graph = self.new_graph();
            self.out.push_back(ClientToScheduler::Graph(open.finish(graph)));
        }
    }

    /// True if `take_messages` has something to give.
    pub fn has_messages(&self) -> bool {
        self.open.is_some() || !self.out.is_empty() || !self.releases.is_empty()
    }

    /// What to tell the scheduler, in order.
    pub fn take_messages(&mut self, into: &mut Vec<ClientToScheduler>) {
        self.say_releases();
        into.extend(self.out.drain(..));
    }

    /// Queues what was given up so far, so that nothing that is said from now on can find it.
    pub fn say_releases(&mut self) {
        self.flush_open();
        let mut releases = std::mem::take(&mut self.releases);
        releases.sort_unstable();
        let parts = releases.chunks(RELEASE_FUTURES_MAX);
        self.out.extend(parts.map(|part| ClientToScheduler::Release(part.to_vec())));
    }

    /// What to do, in order.
    pub fn take_effects(&mut self, into: &mut Vec<Effect>) {
        into.append(&mut self.effects);
    }

    /// Which subscribed futures stopped being pending.
    pub fn take_completions(&mut self, into: &mut Vec<Completion>) {
        into.append(&mut self.completions);
    }

    /// Ends the session: whatever is pending will never finish, and no question will be answered. With
    /// `cancel_finished`, finished futures count as cancelled as well, as in a client that the user closed.
    pub fn disconnect(&mut self, reason: &str, cancel_finished: bool) {
        if !self.is_open() {
            return;
        }
        let reason: Arc<str> = Arc::from(reason);
        self.session = Session::Closed { reason: reason.clone() };
        self.effects.push(Effect::SessionChanged);
        let over =
            |state: &State| state.is_pending() || (cancel_finished && state.status() == Status::Finished);
        let ended: Vec<FutureId> =
            self.table.iter().filter(|(_, slot)| over(&slot.state)).map(|(id, _)| id).collect();
        for future in ended {
            self.set(future, State::Cancelled(reason.clone()));
        }
        self.settle();
        self.fail_requests(&reason);
        self.fail_scatters(&reason);
        self.fail_fetches(&reason);
        self.open = None;
        self.out.clear();
        self.releases.clear();
    }
}

/// True if another call with the same key may share the future: not if it would have to run again.
pub(crate) const fn is_reusable(state: &State) -> bool {
    matches!(state.status(), Status::Pending | Status::Finished)
}
