//! Workers that are to leave: they get no more work, what only they keep moves to others, then they close.

use std::collections::BTreeMap;

use rask_types::msg::{SchedulerToClient, SchedulerToNanny, SchedulerToWorker};
use rask_types::value::Value;
use rask_types::{ClientId, RequestId, RunId, TaskId, WorkerId};

use crate::effect::Effect;
use crate::loss::Departure;
use crate::scheduler::Scheduler;
use crate::task::{Task, TaskState};
use crate::worker::WorkerStatus;

/// A client's wish that workers leave; answered when all have.
#[derive(Debug)]
pub(crate) struct Retirement {
    client: ClientId,
    request: RequestId,
    waiting_for: Vec<WorkerId>,
    addresses: Vec<String>,
}

impl Scheduler {
    /// Workers are to leave.
    pub(crate) fn on_retire(&mut self, client: ClientId, request: RequestId, words: &[String]) {
        let mut retirement = Retirement { client, request, waiting_for: Vec::new(), addresses: Vec::new() };
        for (number, entry) in self.workers.iter().filter(|(_, entry)| entry.is_here()) {
            if words.iter().any(|word| entry.is_called(word)) {
                retirement.waiting_for.push(WorkerId(number));
                retirement.addresses.push(entry.description.address.clone());
            }
        }
        for &worker in &retirement.waiting_for {
            self.begin_to_retire(worker);
        }
        match retirement.waiting_for.is_empty() {
            true => self.answer_retirement(retirement),
            false => self.retirements.push(retirement),
        }
    }

    fn begin_to_retire(&mut self, worker: WorkerId) {
        let kept = |(_, task): &(TaskId, &Task)| task.replicas().contains(&worker);
        let values = self.tasks.iter().filter(kept).map(|(id, _)| self.tasks.run(id)).collect();
        let entry = self.workers.get_mut(worker.0).expect("just listed");
        if entry.status == WorkerStatus::Retiring {
            return;
        }
        entry.status = WorkerStatus::Retiring;
        entry.page = self.watch.tallies.page();
        entry.unmoved = values;
        let local = std::mem::take(&mut entry.local);
        self.requeue(&local);
        self.take_back_unstarted(worker);
        // What was to move here must go elsewhere.
        self.retirements_redirect(worker);
    }

    /// Asks for what is still to be moved, and closes workers that are done.
    pub(crate) fn advance_retirements(&mut self) {
        let retiring: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(_, entry)| entry.status == WorkerStatus::Retiring)
            .map(|(number, _)| WorkerId(number))
            .collect();
        for worker in retiring {
            self.evacuate(worker);
            let entry = self.workers.get(worker.0).expect("just listed");
            if !entry.is_loaded() && entry.moving.is_empty() {
                self.close_retired(worker);
            }
        }
    }

    /// Asks other workers to fetch what only retiring workers keep. Where there are none, it is lost.
    fn evacuate(&mut self, worker: WorkerId) {
        let entry = self.workers.get_mut(worker.0).expect("a retiring worker");
        let unmoved = std::mem::take(&mut entry.unmoved);
        if unmoved.is_empty() {
            return;
        }
        let mut running: Vec<(u64, WorkerId)> = self
            .workers
            .iter()
            .filter(|(_, entry)| entry.status == WorkerStatus::Running)
            .map(|(number, entry)| (entry.nbytes, WorkerId(number)))
            .collect();
        if running.is_empty() {
            self.workers.get_mut(worker.0).expect("a retiring worker").unmoved = unmoved;
            return;
        }
        running.sort_unstable();
        let alone: Vec<RunId> = unmoved.into_iter().filter(|&run| self.is_to_move(worker, run)).collect();
        let mut sources: BTreeMap<WorkerId, Vec<(RunId, Vec<WorkerId>)>> = BTreeMap::new();
        for (i, run) in alone.into_iter().enumerate() {
            let (_, to) = running[i % running.len()];
            sources.entry(to).or_default().push((run, vec![worker]));
            self.workers.get_mut(worker.0).expect("a retiring worker").moving.insert(run, to);
        }
        for (to, sources) in sources {
            self.define_peer(to, worker);
            let entry = self.workers.get_mut(to.0).expect("just listed");
            entry.outbox.push(SchedulerToWorker::Replicate { sources });
        }
    }

    /// A value that this worker keeps is kept by no worker that stays, nor here.
    fn is_to_move(&self, worker: WorkerId, run: RunId) -> bool {
        let stays =
            |at: &WorkerId| self.workers.get(at.0).is_some_and(|entry| entry.status == WorkerStatus::Running);
        self.tasks.current(run).is_some_and(|task| {
            task.state == TaskState::Memory { inline: None }
                && task.replicas().contains(&worker)
                && !task.replicas().iter().any(stays)
        })
    }

    fn close_retired(&mut self, worker: WorkerId) {
        let entry = self.workers.get(worker.0).expect("a retiring worker");
        if let (Some(nanny), Some(instance)) = (entry.nanny, entry.description.nanny_instance) {
            self.late_effects.push(Effect::ToNanny(nanny, SchedulerToNanny::Retire { instance }));
        }
        let reason = "the worker was retired".to_owned();
        self.late_effects.push(Effect::ToWorker(worker, SchedulerToWorker::Close { reason }));
        self.late_effects.push(Effect::CloseWorker(worker));
        self.remove_worker(worker, &Departure::Orderly, "the worker was retired");
    }

    /// A worker is gone: who waited for that is answered, and what was to move there must go elsewhere.
    pub(crate) fn retirements_lose(&mut self, worker: WorkerId) {
        for retirement in &mut self.retirements {
            retirement.waiting_for.retain(|&other| other != worker);
        }
        let answered: Vec<Retirement> =
            self.retirements.extract_if(.., |retirement| retirement.waiting_for.is_empty()).collect();
        for retirement in answered {
            self.answer_retirement(retirement);
        }
        self.retirements_redirect(worker);
    }

    fn retirements_redirect(&mut self, target: WorkerId) {
        for (_, entry) in self.workers.iter_mut().filter(|(_, entry)| !entry.moving.is_empty()) {
            let unmoved = &mut entry.unmoved;
            entry.moving.retain(|&run, to| {
                if *to == target {
                    unmoved.push(run);
                }
                *to != target
            });
        }
    }

    fn answer_retirement(&mut self, retirement: Retirement) {
        let addresses = retirement.addresses.iter().map(Value::str).collect();
        let result = Ok(Value::List(addresses).to_bytes().into());
        let request = retirement.request;
        self.tell_client(retirement.client, SchedulerToClient::Reply { request, result });
    }
}
