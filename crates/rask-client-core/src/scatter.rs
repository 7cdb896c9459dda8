//! Values of the client's own that become futures: the scheduler says where they go, they are brought there, and the
//! scheduler says when they are finished.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rask_types::msg::{ClientToScheduler, KeyChoice, ScatterItem, ScatterPlacement};
use rask_types::{FutureId, Key, KeyId, Payload, RequestId, RunId, WorkerId};

use crate::core::{ClientCore, Effect, Session};
use crate::requests::Asker;
use crate::slot::{NO_CLASS, State};
use crate::submit::SubmitError;

/// A value that could not be brought to its worker in so many attempts is given up.
const PUT_ATTEMPTS_MAX: u32 = 3;

/// A scatter, until `ClientCore::take_scatter`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ScatterId(pub u32);

/// A value with what the scheduler is told of it.
#[derive(Clone, PartialEq, Debug)]
pub struct ScatterValue {
    /// What the scheduler is told.
    pub item: ScatterItem,
    /// The value; not used if the item carries it inline.
    pub payload: Payload,
}

#[derive(Debug)]
struct Put {
    job: ScatterId,
    item: usize,
    worker: WorkerId,
    run: RunId,
    attempts: u32,
}

#[derive(Debug)]
struct Job {
    first: FutureId,
    values: Vec<ScatterValue>,
    request: RequestId,
    planned: bool,
    puts: usize,
    failed: Option<String>,
    /// `Effect::ScatterOver` was given out.
    told: bool,
}

impl Job {
    fn is_over(&self) -> bool {
        self.planned && self.puts == 0
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Scatters {
    next: u32,
    jobs: BTreeMap<ScatterId, Job>,
    puts: BTreeMap<RequestId, Put>,
}

impl ClientCore {
    /// Begins to make futures of values: consecutive ones, the first of which is given back. The caller gets a hold on
    /// each. `workers`: addresses, names or hosts they may go to (empty: any). [`Effect::ScatterOver`] follows.
    ///
    /// # Errors
    /// If a key is not canonical, or the session is over.
    pub fn begin_scatter(
        &mut self,
        values: Vec<ScatterValue>,
        workers: Vec<String>,
        broadcast: bool,
    ) -> Result<(ScatterId, FutureId), SubmitError> {
        if let Session::Closed { reason } = &self.session {
            return Err(SubmitError::Closed { reason: reason.clone() });
        }
        let first = FutureId(self.allocated_end());
        let keys: Vec<(KeyId, Bytes)> = values
            .iter()
            .map(|value| key_of(&value.item.key).ok_or(SubmitError::BadKey(first)))
            .collect::<Result<_, _>>()?;
        self.allocate(values.len() as u64);
        for (i, (key, canonical)) in keys.into_iter().enumerate() {
            self.hold_named(FutureId(first.0 + i as u64), NO_CLASS, key, canonical);
        }
        let id = ScatterId(self.scatters.next);
        self.scatters.next = id.0.wrapping_add(1);
        let request = self.requests.ask(Asker::Scatter(id));
        let items = values.iter().map(|value| value.item.clone()).collect();
        self.say(ClientToScheduler::Scatter { request, first, items, workers, broadcast });
        let job = Job { first, values, request, planned: false, puts: 0, failed: None, told: false };
        self.scatters.jobs.insert(id, job);
        Ok((id, first))
    }

    pub(crate) fn on_scatter_plan(
        &mut self,
        request: RequestId,
        placements: Result<Vec<ScatterPlacement>, String>,
    ) {
        let Some(&Asker::Scatter(id)) = self.requests.open.get(&request) else { return };
        self.requests.open.remove(&request);
        let Some(job) = self.scatters.jobs.get_mut(&id) else { return };
        job.planned = true;
        let placements = match placements {
            Ok(placements) if placements.len() == job.values.len() => placements,
            Ok(_) => return self.fail_scatter(id, "the scheduler's plan does not match the values"),
            Err(why) => return self.fail_scatter(id, &why),
        };
        for (item, placement) in placements.into_iter().enumerate() {
            for worker in placement.workers {
                self.put(Put { job: id, item, worker, run: placement.run, attempts: 0 });
            }
        }
        self.finish_scatter_if_over(id);
    }

    fn put(&mut self, put: Put) {
        let Some(job) = self.scatters.jobs.get_mut(&put.job) else { return };
        let value = &job.values[put.item];
        if !self.peers.contains_key(&put.worker) {
            job.failed.get_or_insert_with(|| format!("worker {:?} has no known address", put.worker));
            return;
        }
        job.puts += 1;
        let request = self.requests.number();
        self.effects.push(Effect::PutTo {
            worker: put.worker,
            request,
            value: put.run,
            payload: value.payload.clone(),
            type_name: value.item.type_name.clone(),
        });
        self.scatters.puts.insert(request, put);
    }

    pub(crate) fn on_stored(&mut self, worker: WorkerId, request: RequestId) {
        if self.scatters.puts.get(&request).is_none_or(|put| put.worker != worker) {
            return;
        }
        if let Some(put) = self.scatters.puts.remove(&request)
            && let Some(job) = self.scatters.jobs.get_mut(&put.job)
        {
            job.puts -= 1;
            self.finish_scatter_if_over(put.job);
        }
    }

    pub(crate) fn retry_puts(&mut self, worker: WorkerId, why: &Arc<str>) {
        let lost: Vec<RequestId> =
            self.scatters.puts.iter().filter(|(_, put)| put.worker == worker).map(|(&r, _)| r).collect();
        for request in lost {
            let Some(put) = self.scatters.puts.remove(&request) else { continue };
            let Some(job) = self.scatters.jobs.get_mut(&put.job) else { continue };
            job.puts -= 1;
            let id = put.job;
            if put.attempts + 1 < PUT_ATTEMPTS_MAX {
                self.put(Put { attempts: put.attempts + 1, ..put });
            } else {
                job.failed.get_or_insert_with(|| why.to_string());
            }
            self.finish_scatter_if_over(id);
        }
    }

    /// None of the values will be placed.
    fn fail_scatter(&mut self, id: ScatterId, why: &str) {
        let Some(job) = self.scatters.jobs.get_mut(&id) else { return };
        job.failed.get_or_insert_with(|| why.to_owned());
        let reason: Arc<str> = Arc::from(why);
        for future in job.first.0..job.first.0 + job.values.len() as u64 {
            self.set(FutureId(future), State::Lost(reason.clone()));
        }
        self.settle();
        self.finish_scatter_if_over(id);
    }

    fn finish_scatter_if_over(&mut self, id: ScatterId) {
        if let Some(job) = self.scatters.jobs.get_mut(&id).filter(|job| job.is_over() && !job.told) {
            job.told = true;
            self.effects.push(Effect::ScatterOver(id));
        }
    }

    /// What became of a scatter that is over: all values were brought, or why not. `None` while it is going.
    pub fn take_scatter(&mut self, id: ScatterId) -> Option<Result<(), String>> {
        if !self.scatters.jobs.get(&id)?.is_over() {
            return None;
        }
        let job = self.scatters.jobs.remove(&id)?;
        Some(job.failed.map_or(Ok(()), Err))
    }

    /// The caller no longer waits for a scatter; values not placed yet stay behind.
    pub fn end_scatter(&mut self, id: ScatterId) {
        if let Some(job) = self.scatters.jobs.remove(&id) {
            self.requests.open.remove(&job.request);
            self.scatters.puts.retain(|_, put| put.job != id);
        }
    }

    pub(crate) fn fail_scatters(&mut self, reason: &Arc<str>) {
        self.scatters.puts.clear();
        let ids: Vec<ScatterId> = self.scatters.jobs.keys().copied().collect();
        for id in ids {
            if let Some(job) = self.scatters.jobs.get_mut(&id).filter(|job| !job.is_over()) {
                (job.planned, job.puts) = (true, 0);
                job.failed.get_or_insert_with(|| reason.to_string());
                self.finish_scatter_if_over(id);
            }
        }
    }

    /// Panics if a scatter would never be over.
    pub(crate) fn check_scatters(&self) {
        for (id, job) in &self.scatters.jobs {
            let puts = self.scatters.puts.values().filter(|put| put.job == *id).count();
            assert_eq!(puts, job.puts, "the job counts its puts");
            let asked = self.requests.open.get(&job.request) == Some(&Asker::Scatter(*id));
            assert_eq!(asked, !job.planned, "until it is planned, its question is open");
        }
        let is_alive = |put: &Put| self.scatters.jobs.contains_key(&put.job);
        assert!(self.scatters.puts.values().all(is_alive), "no put without its scatter");
    }
}

fn key_of(choice: &KeyChoice) -> Option<(KeyId, Bytes)> {
    match choice {
        KeyChoice::Generated { prefix, token } => {
            let canonical = Key::generated(prefix, *token).to_canonical();
            Some((KeyId::of_generated(prefix, *token), canonical.into()))
        }
        KeyChoice::Named(canonical) => Some((Key::from_canonical(canonical).ok()?.id(), canonical.clone())),
    }
}
