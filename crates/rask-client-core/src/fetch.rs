//! Bringing values here: inline ones at once, others from the workers that keep them.
//!
//! A fetch groups its values by worker and asks each worker for as much at a time as both can well hold. What a worker does not have, or what was lost with the
//! connection to it, is located anew through the scheduler and asked for again, a bounded number of times and ever more
//! slowly. A value that is being made again is waited for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use rask_types::msg::{ClientToScheduler, FetchFailure, FromData, Whereabouts};
use rask_types::{FutureId, Payload, RequestId, RunId, TaskError, Tick, WorkerId};
use smallvec::{SmallVec, smallvec};

use crate::core::{ClientCore, Effect, Session};
use crate::requests::Asker;
use crate::slot::{Held, State, watch};

/// One question to a worker names at most this many values,
const ASK_VALUES_MAX: usize = 10_000;
/// of together about this many bytes at most, unless one alone is larger. The next is asked when it is answered.
const ASK_BYTES_MAX: u64 = 64 << 20;
/// After so many failures a value counts as unreachable; with the pauses below that takes about 4 s.
const ATTEMPTS_MAX: u32 = 10;
const PAUSE_FIRST_MS: u64 = 25;
const PAUSE_MAX_MS: u64 = 1_000;

/// A fetch, until `ClientCore::take_fetch` or `ClientCore::end_fetch`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FetchId(pub u32);

/// How a fetch begins.
#[derive(Clone, PartialEq, Debug)]
pub enum Fetch {
    /// It is over at once.
    Over(Vec<Result<Payload, FetchError>>),
    /// [`Effect::FetchOver`] will say when it is over.
    Going(FetchId),
}

/// Why a value is not there.
#[derive(Clone, PartialEq, Debug)]
pub enum FetchError {
    /// Its task failed.
    Erred(Arc<TaskError>),
    /// It was given up.
    Cancelled {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// It will never exist.
    Lost {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// It exists on its worker but cannot be encoded to travel.
    Unserializable(Arc<TaskError>),
    /// It should exist, but no worker named could be reached or had it.
    Unreachable {
        /// What was tried last, in words.
        reason: Arc<str>,
    },
    /// The session ended first.
    Closed {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// No future of that number is held.
    Unknown,
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FetchError::Erred(error) | FetchError::Unserializable(error) => error.fmt(f),
            FetchError::Cancelled { reason } => write!(f, "cancelled: {reason}"),
            FetchError::Lost { reason } => write!(f, "lost: {reason}"),
            FetchError::Unreachable { reason } => write!(f, "the value could not be fetched: {reason}"),
            FetchError::Closed { reason } => write!(f, "the client is closed: {reason}"),
            FetchError::Unknown => f.write_str("the future is not held by this client"),
        }
    }
}

impl std::error::Error for FetchError {}

type Positions = SmallVec<[u32; 1]>;
/// Values of one worker, with where they are wanted.
type Values = BTreeMap<RunId, Positions>;

#[derive(Debug, Default)]
struct Failures {
    attempts: u32,
    workers: SmallVec<[WorkerId; 2]>,
    last: Arc<str>,
}

#[derive(Debug)]
struct Job {
    futures: Box<[FutureId]>,
    results: Vec<Option<Result<Payload, FetchError>>>,
    /// Positions without a result.
    unsettled: usize,
    /// Positions whose future is pending.
    waiting: Vec<u32>,
    /// Positions to be located, with the time from when; `None` until the pause has been set.
    troubled: Vec<(u32, Option<Tick>)>,
    failures: BTreeMap<u32, Failures>,
    /// `Effect::FetchOver` was given out.
    told: bool,
}

/// One question to one worker.
#[derive(Debug)]
struct Group {
    job: FetchId,
    worker: WorkerId,
    values: Values,
    /// What to ask for when this is answered.
    later: VecDeque<Values>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    next: u32,
    jobs: BTreeMap<FetchId, Job>,
    asked: BTreeMap<RequestId, Group>,
    locating: BTreeMap<RequestId, (FetchId, Vec<u32>)>,
}

/// What is wanted of one worker, in parts of bounded size.
#[derive(Default)]
struct Wanted {
    parts: VecDeque<Values>,
    /// In which part each value is.
    part_of: BTreeMap<RunId, usize>,
    /// Size of the last part.
    bytes: u64,
}

impl Wanted {
    fn add(&mut self, held: &Held, position: u32) {
        if let Some(&part) = self.part_of.get(&held.run) {
            // The same value again: it is not sent twice.
            self.parts[part].entry(held.run).or_default().push(position);
            return;
        }
        self.bytes += held.nbytes;
        match self.parts.back_mut() {
            Some(part) if part.len() < ASK_VALUES_MAX && self.bytes <= ASK_BYTES_MAX => {
                part.insert(held.run, smallvec![position]);
            }
            _ => {
                self.bytes = held.nbytes;
                self.parts.push_back(BTreeMap::from([(held.run, smallvec![position])]));
            }
        }
        self.part_of.insert(held.run, self.parts.len() - 1);
    }
}

impl Job {
    fn settle(&mut self, position: u32, result: Result<Payload, FetchError>) {
        if let Some(place @ None) = self.results.get_mut(position as usize) {
            *place = Some(result);
            self.unsettled -= 1;
        }
    }

    /// Notes a failure; the position is to be located again, or is given up.
    fn fail(&mut self, position: u32, worker: Option<WorkerId>, why: &Arc<str>) {
        let failures = self.failures.entry(position).or_default();
        failures.attempts += 1;
        failures.last = why.clone();
        if let Some(worker) = worker
            && !failures.workers.contains(&worker)
        {
            failures.workers.push(worker);
        }
        if failures.attempts >= ATTEMPTS_MAX {
            self.settle(position, Err(FetchError::Unreachable { reason: why.clone() }));
        } else {
            self.troubled.push((position, None));
        }
    }

    /// The first failure is answered at once, the next ones ever later.
    fn pause_ms(&self, position: u32) -> u64 {
        let attempts = self.failures.get(&position).map_or(0, |failures| failures.attempts);
        match attempts {
            0 | 1 => 0,
            n => (PAUSE_FIRST_MS << (n - 2).min(16)).min(PAUSE_MAX_MS),
        }
    }

    /// A worker that did not fail this value yet; if all did, each gets another chance in turn.
    fn choose(&mut self, position: u32, workers: &[WorkerId]) -> Option<WorkerId> {
        let failures = self.failures.entry(position).or_default();
        let fresh = workers.iter().find(|worker| !failures.workers.contains(worker));
        fresh.or_else(|| workers.get(failures.attempts as usize % workers.len().max(1))).copied()
    }
}

impl ClientCore {
    /// Begins to fetch the values of `futures`, which had best be finished. The caller keeps holding them.
    pub fn begin_fetch(&mut self, futures: &[FutureId]) -> Fetch {
        let (results, rest) = self.take_inline(futures);
        if let Session::Closed { reason } = &self.session {
            let closed = || Err(FetchError::Closed { reason: reason.clone() });
            return Fetch::Over(results.into_iter().map(|r| r.unwrap_or_else(closed)).collect());
        }
        if rest.is_empty() {
            return Fetch::Over(results.into_iter().flatten().collect());
        }
        let id = FetchId(self.fetches.next);
        self.fetches.next = id.0.wrapping_add(1);
        let job = Job {
            futures: futures.into(),
            results,
            unsettled: rest.len(),
            waiting: Vec::new(),
            troubled: Vec::new(),
            failures: BTreeMap::new(),
            told: false,
        };
        self.fetches.jobs.insert(id, job);
        self.route(id, rest);
        Fetch::Going(id)
    }

    /// The results that are here already, their values side by side in one allocation; and the positions of the rest.
    fn take_inline(&self, futures: &[FutureId]) -> (Vec<Option<Result<Payload, FetchError>>>, Vec<u32>) {
        let state = |future: &FutureId| self.table.get(*future).map(|slot| &slot.state);
        let mut blob = Vec::new();
        let values = futures.iter().filter_map(|future| state(future)?.inline_value());
        blob.reserve_exact(values.clone().map(<[u8]>::len).sum());
        values.for_each(|value| blob.extend_from_slice(value));
        let blob = Bytes::from(blob);
        let (mut rest, mut begin) = (Vec::new(), 0);
        let results = futures.iter().zip(0..).map(|(future, position)| match state(future) {
            Some(State::Pending | State::Held(_)) => {
                rest.push(position);
                None
            }
            Some(state) => Some(match state.inline_value() {
                Some(value) => {
                    let end = begin + value.len();
                    let head = blob.slice(begin..end);
                    begin = end;
                    Ok(Payload { head, buffers: Vec::new(), local: None })
                }
                None => Err(failure_of(state)),
            }),
            None => Some(Err(FetchError::Unknown)),
        });
        (results.collect(), rest)
    }

    /// Sends each of these positions on its way by what its future's state is now.
    fn route(&mut self, id: FetchId, positions: impl IntoIterator<Item = u32>) {
        let mut by_worker: BTreeMap<WorkerId, Wanted> = BTreeMap::new();
        let Some(job) = self.fetches.jobs.get_mut(&id) else { return };
        for position in positions {
            let slot = self.table.get_mut(job.futures[position as usize]);
            let Some(slot) = slot else {
                job.settle(position, Err(FetchError::Unknown));
                continue;
            };
            match &slot.state {
                State::Pending => {
                    slot.watch |= watch::FETCH;
                    job.waiting.push(position);
                }
                State::Held(held) => {
                    by_worker.entry(held.worker).or_default().add(held, position);
                }
                state => {
                    let value = state.inline_value().map(|v| Payload::from_head(Bytes::copy_from_slice(v)));
                    job.settle(position, value.ok_or_else(|| failure_of(state)));
                }
            }
        }
        for (worker, wanted) in by_worker {
            self.ask_worker(id, worker, wanted.parts);
        }
        self.finish_fetch_if_over(id);
    }

    fn ask_worker(&mut self, id: FetchId, worker: WorkerId, mut parts: VecDeque<Values>) {
        if !self.peers.contains_key(&worker) {
            let why = Arc::from(format!("worker {worker:?} has no known address"));
            if let Some(job) = self.fetches.jobs.get_mut(&id) {
                let positions = parts.into_iter().flat_map(BTreeMap::into_values).flatten();
                positions.for_each(|position| job.fail(position, Some(worker), &why));
            }
            return;
        }
        let Some(values) = parts.pop_front() else { return };
        let request = self.requests.number();
        let runs = values.keys().copied().collect();
        self.effects.push(Effect::FetchFrom { worker, request, values: runs });
        self.fetches.asked.insert(request, Group { job: id, worker, values, later: parts });
    }

    /// A worker said something on a data connection.
    pub fn on_data(&mut self, worker: WorkerId, message: FromData) {
        match message {
            FromData::Stored { request } => self.on_stored(worker, request),
            FromData::Value { request, value, result } => {
                let Some(group) = self.fetches.asked.get_mut(&request) else { return };
                if group.worker != worker {
                    return;
                }
                let Some(positions) = group.values.remove(&value) else { return };
                let id = group.job;
                if group.values.is_empty()
                    && let Some(group) = self.fetches.asked.remove(&request)
                {
                    self.ask_worker(id, worker, group.later);
                }
                self.on_value(id, worker, &positions, result);
            }
        }
    }

    fn on_value(
        &mut self,
        id: FetchId,
        worker: WorkerId,
        positions: &[u32],
        result: Result<Payload, FetchFailure>,
    ) {
        let address = self.peers.get(&worker).cloned().unwrap_or_default();
        let Some(job) = self.fetches.jobs.get_mut(&id) else { return };
        for &position in positions {
            match &result {
                Ok(payload) => job.settle(position, Ok(payload.clone())),
                Err(FetchFailure::Unserializable(error)) => {
                    job.settle(position, Err(FetchError::Unserializable(error.clone())));
                }
                Err(FetchFailure::Missing) => {
                    let why = Arc::from(format!("worker {address} does not have it any more"));
                    job.fail(position, Some(worker), &why);
                }
            }
        }
        self.finish_fetch_if_over(id);
    }

    /// The data connection to a worker ended, or could not be opened: nothing that was sent on it will be answered.
    pub fn on_data_link_lost(&mut self, worker: WorkerId, reason: &str) {
        let address = self.peers.get(&worker).cloned().unwrap_or_default();
        let why: Arc<str> = Arc::from(format!("the connection to worker {address} failed: {reason}"));
        let lost: Vec<RequestId> =
            self.fetches.asked.iter().filter(|(_, group)| group.worker == worker).map(|(&r, _)| r).collect();
        for request in lost {
            let Some(group) = self.fetches.asked.remove(&request) else { continue };
            let Some(job) = self.fetches.jobs.get_mut(&group.job) else { continue };
            let parts = std::iter::once(group.values).chain(group.later);
            let mut positions: Vec<u32> = parts.flat_map(BTreeMap::into_values).flatten().collect();
            positions.sort_unstable();
            positions.iter().for_each(|&position| job.fail(position, Some(worker), &why));
            self.finish_fetch_if_over(group.job);
        }
        self.retry_puts(worker, &why);
    }

    /// Locates what is to be located by now; gives the time when to be called again.
    pub fn advance(&mut self, now: Tick) -> Option<Tick> {
        let mut next: Option<Tick> = None;
        let ids: Vec<FetchId> =
            self.fetches.jobs.iter().filter(|(_, job)| !job.troubled.is_empty()).map(|(&id, _)| id).collect();
        for id in ids {
            let Some(job) = self.fetches.jobs.get_mut(&id) else { continue };
            let mut due = Vec::new();
            let mut later = Vec::new();
            for (position, when) in std::mem::take(&mut job.troubled) {
                let when = when.unwrap_or_else(|| now.plus_ms(job.pause_ms(position)));
                if when <= now {
                    due.push(position);
                } else {
                    later.push((position, Some(when)));
                    next = Some(next.map_or(when, |next| next.min(when)));
                }
            }
            job.troubled = later;
            self.locate(id, due);
        }
        next
    }

    /// True if `advance` has something to do that has no time yet.
    pub fn must_advance(&self) -> bool {
        self.fetches.jobs.values().any(|job| job.troubled.iter().any(|entry| entry.1.is_none()))
    }

    fn locate(&mut self, id: FetchId, positions: Vec<u32>) {
        let Some(job) = self.fetches.jobs.get(&id) else { return };
        if positions.is_empty() {
            return;
        }
        let futures = positions.iter().map(|&position| job.futures[position as usize]).collect();
        let request = self.requests.ask(Asker::Fetch(id));
        self.fetches.locating.insert(request, (id, positions));
        self.say(ClientToScheduler::Locate { request, futures });
    }

    pub(crate) fn on_located(&mut self, request: RequestId, items: Vec<Option<Whereabouts>>) {
        let Some((id, positions)) = self.fetches.locating.remove(&request) else { return };
        self.requests.open.remove(&request);
        let mut items = items.into_iter().chain(std::iter::repeat_with(|| None));
        let mut ready = Vec::new();
        for (position, item) in positions.into_iter().zip(&mut items) {
            let Some(job) = self.fetches.jobs.get_mut(&id) else { return };
            let slot = self.table.get_mut(job.futures[position as usize]).map(|slot| &mut slot.state);
            match (item, slot) {
                (Some(Whereabouts { inline: Some(value), .. }), _) => {
                    job.settle(position, Ok(Payload::from_head(value)));
                }
                (Some(at), Some(State::Held(held))) => match job.choose(position, &at.workers) {
                    Some(worker) => {
                        (held.run, held.worker) = (at.run, worker);
                        ready.push(position);
                    }
                    None => job.fail(position, None, &Arc::from("no worker has it at present")),
                },
                (None, Some(State::Held(_))) => {
                    job.fail(position, None, &Arc::from("the scheduler does not know where it is"));
                }
                _ => ready.push(position),
            }
        }
        self.route(id, ready);
    }

    /// Futures that fetches waited for are not pending any more.
    #[cold]
    pub(crate) fn resume_fetches(&mut self) {
        let ids: Vec<FetchId> = self.fetches.jobs.keys().copied().collect();
        for id in ids {
            let waiting = self.fetches.jobs.get_mut(&id).map(|job| std::mem::take(&mut job.waiting));
            self.route(id, waiting.unwrap_or_default());
        }
    }

    fn finish_fetch_if_over(&mut self, id: FetchId) {
        if let Some(job) = self.fetches.jobs.get_mut(&id).filter(|job| job.unsettled == 0 && !job.told) {
            job.told = true;
            self.effects.push(Effect::FetchOver(id));
        }
    }

    /// The results of a fetch that is over.
    pub fn take_fetch(&mut self, id: FetchId) -> Option<Vec<Result<Payload, FetchError>>> {
        if self.fetches.jobs.get(&id)?.unsettled > 0 {
            return None;
        }
        let job = self.fetches.jobs.remove(&id)?;
        Some(job.results.into_iter().flatten().collect())
    }

    /// Forgets a fetch that nobody waits for any more; late values are dropped.
    pub fn end_fetch(&mut self, id: FetchId) {
        self.fetches.jobs.remove(&id);
        self.fetches.asked.retain(|_, group| group.job != id);
        self.fetches.locating.retain(|_, entry| entry.0 != id);
        self.requests.open.retain(|_, asker| *asker != Asker::Fetch(id));
    }

    pub(crate) fn fail_fetches(&mut self, reason: &Arc<str>) {
        self.fetches.asked.clear();
        self.fetches.locating.clear();
        let ids: Vec<FetchId> = self.fetches.jobs.keys().copied().collect();
        for id in ids {
            let Some(job) = self.fetches.jobs.get_mut(&id) else { continue };
            for position in 0..job.futures.len() as u32 {
                job.settle(position, Err(FetchError::Closed { reason: reason.clone() }));
            }
            job.waiting.clear();
            job.troubled.clear();
            self.finish_fetch_if_over(id);
        }
    }

    /// Panics if a position is nowhere, or in two places.
    pub(crate) fn check_fetches(&self) {
        for (&id, job) in &self.fetches.jobs {
            let mut places: Vec<u32> = job.waiting.clone();
            places.extend(job.troubled.iter().map(|entry| entry.0));
            let asked = self.fetches.asked.values().filter(|group| group.job == id);
            let parts = asked.flat_map(|group| std::iter::once(&group.values).chain(&group.later));
            places.extend(parts.flat_map(BTreeMap::values).flatten());
            let locating = self.fetches.locating.values().filter(|entry| entry.0 == id);
            places.extend(locating.flat_map(|entry| &entry.1));
            places.sort_unstable();
            let unsettled: Vec<u32> =
                job.results.iter().zip(0..).filter(|(result, _)| result.is_none()).map(|(_, i)| i).collect();
            assert_eq!(places, unsettled, "each unsettled position is in one place");
            assert_eq!(unsettled.len(), job.unsettled, "the job counts what is unsettled");
            for &position in &job.waiting {
                let slot =
                    self.table.get(job.futures[position as usize]).expect("a future waited for is held");
                assert!(slot.state.is_pending() && slot.watch & watch::FETCH != 0, "it will be told of");
            }
        }
        for (request, (id, _)) in &self.fetches.locating {
            assert_eq!(self.requests.open.get(request), Some(&Asker::Fetch(*id)));
        }
    }
}

/// Why a future that is neither pending nor finished has no value.
fn failure_of(state: &State) -> FetchError {
    match state {
        State::Erred(error) => FetchError::Erred(error.clone()),
        State::Cancelled(reason) => FetchError::Cancelled { reason: reason.clone() },
        State::Lost(reason) => FetchError::Lost { reason: reason.clone() },
        State::Pending | State::Small { .. } | State::Large(_) | State::Held(_) => FetchError::Unknown,
    }
}
