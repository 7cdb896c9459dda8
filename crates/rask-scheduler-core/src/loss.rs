//! Workers and values that are gone: what is computed again, what is nobody's fault, and what is lost for good.

use std::sync::Arc;

use rask_types::msg::WorkerExit;
use rask_types::{ErrorKind, RunId, TaskError, TaskId, WorkerId};

use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{Maker, TaskState};
use crate::worker::{WorkerEntry, WorkerStatus};

/// How a worker came to be gone.
pub(crate) enum Departure<'a> {
    /// It said good-bye, or was told to close: nobody is to blame for what it leaves undone.
    Orderly,
    /// It died. What its nanny knows, if it has one that spoke.
    Death(Option<&'a WorkerExit>),
}

impl Scheduler {
    /// A worker is gone for good: its runs go elsewhere, its values are made again if needed.
    pub(crate) fn remove_worker(&mut self, worker: WorkerId, departure: &Departure<'_>, reason: &str) {
        let Some(entry) = self.workers.remove(worker.0) else { return };
        self.note_worker_gone(&entry, departure, reason);
        if entry.is_here() {
            // Others may serve lanes from now on that only served as a second choice.
            self.workers_changed();
        }
        let is_here = |run: &&RunId| self.tasks.current(**run).is_some_and(|t| t.is_processing_on(worker));
        let unfinished: Vec<RunId> = entry.given.iter().filter(is_here).copied().collect();
        let is_follower = |run: &RunId| matches!(self.tasks[run.task].state, TaskState::Following { .. });
        let startable: Vec<RunId> = unfinished.iter().filter(|run| !is_follower(run)).copied().collect();
        let blamed = blamed(&entry, departure, &unfinished, &startable);
        // Nothing is queued yet: a task's inputs may be among what was lost.
        for run in &unfinished {
            let on = self.missing_dependencies(run.task);
            self.set_state(run.task, TaskState::Waiting { on }, Cause::WorkerLost(worker));
        }
        self.lose_replicas(worker);
        self.requeue(&entry.local);
        let address = &entry.description.address;
        let status = match departure {
            Departure::Death(Some(exit)) => exit.status.as_str(),
            _ => reason,
        };
        for run in unfinished {
            let blame = blamed.contains(&run).then(|| format!("{address}: {status}"));
            self.after_worker_loss(run.task, worker, address, blame);
        }
        self.fail_ops_of(worker, reason);
        self.retirements_lose(worker);
    }

    /// A task whose worker is gone runs again, unless it has been on too many that died.
    fn after_worker_loss(&mut self, id: TaskId, worker: WorkerId, address: &str, blame: Option<String>) {
        // It may have failed meanwhile, with an input that was lost for good.
        let TaskState::Waiting { on } = self.tasks[id].state else { return };
        if let Some(death) = blame {
            let allowed_failures = self.config.allowed_failures as usize;
            let trouble = self.trouble(id);
            trouble.deaths.push(death);
            if trouble.deaths.len() > allowed_failures {
                let deaths = self.forget_troubles(id).deaths;
                let error = self.killed_worker_error(id, address, deaths);
                self.note_killer(id, &error);
                let error = self.errors.insert(Arc::new(error));
                return self.fail(id, error, Cause::WorkerLost(worker));
            }
        }
        match on {
            0 => self.make_ready(id, Cause::WorkerLost(worker)),
            _ => self.fail_with_dependency(id),
        }
    }

    fn killed_worker_error(&self, id: TaskId, address: &str, deaths: Vec<String>) -> TaskError {
        let key = self.key(id).to_string();
        let allowed_failures = self.config.allowed_failures;
        let text = format!(
            "task {key:?} was running on {} workers when they died; the last was {address}. How they ended: {}. \
             The task itself is the likely cause: too much memory, a crash in native code, or a call that exits the process.",
            deaths.len(),
            deaths.join("; "),
        );
        let kind = ErrorKind::KilledWorker { last_worker: address.to_owned(), allowed_failures, deaths };
        TaskError { worker: address.to_owned(), ..TaskError::new(kind, key, text) }
    }

    /// Everything that was kept on a worker is there no more.
    pub(crate) fn lose_replicas(&mut self, worker: WorkerId) {
        let arriving = |state| matches!(state, TaskState::Arriving { worker: at } if at == worker);
        let touched: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.replicas().contains(&worker) || arriving(task.state))
            .map(|(id, _)| id)
            .collect();
        for id in touched {
            self.lose_replica(id, worker);
        }
    }

    /// One value is not on a worker any more.
    fn lose_replica(&mut self, id: TaskId, worker: WorkerId) {
        let run = self.tasks.run(id);
        let task = &mut self.tasks[id];
        if task.state == (TaskState::Arriving { worker }) {
            return self.lose_forever(id);
        }
        let Some(kept) = &mut task.kept else { return };
        let Some(position) = kept.replicas.iter().position(|&at| at == worker) else { return };
        kept.replicas.remove(position);
        let (nbytes, is_last) = (kept.nbytes, kept.replicas.is_empty());
        self.count_replica_off(worker, run, nbytes);
        if is_last && self.tasks[id].state == (TaskState::Memory { inline: None }) {
            self.lose_value(id, worker);
        }
    }

    /// A value is nowhere any more: whoever waits for it waits again, and it is made anew if it can be.
    fn lose_value(&mut self, id: TaskId, worker: WorkerId) {
        self.call_followers_back(id);
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        self.tasks[id].kept = None;
        self.set_state(id, TaskState::RELEASED, Cause::WorkerLost(worker));
        self.note_recomputed(id);
        let mut cursor = self.tasks[id].dependents.begin();
        while let Some((dependent, next)) = self.tasks.next_dependent(cursor) {
            cursor = next;
            match self.tasks[dependent].state {
                TaskState::Waiting { on } => self.tasks[dependent].state = TaskState::Waiting { on: on + 1 },
                TaskState::Queued => {
                    self.leave_queue(dependent);
                    self.set_state(dependent, TaskState::Waiting { on: 1 }, Cause::DependencyLost);
                }
                // A run under way may have the value already; if not, its worker says so.
                _ => {}
            }
        }
        if self.tasks[id].maker == Maker::Worker {
            for want in self.tasks[id].wants.all() {
                if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_pending(want.future);
                }
            }
        }
        self.activate(id, Cause::NeededAgain);
        self.settle(id, Cause::NotNeeded);
    }

    /// A scattered value is gone and nobody can make it again.
    pub(crate) fn lose_forever(&mut self, id: TaskId) {
        let key = self.key(id).to_string();
        let text = format!(
            "the scattered value {key:?} was lost before it arrived, or with its worker: scatter it again"
        );
        let error = self.errors.insert(Arc::new(TaskError::new(ErrorKind::Refused, key, text)));
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        self.tasks[id].kept = None;
        self.fail(id, error, Cause::DependencyLost);
    }

    /// A worker could not get a value from those who should have it. Whatever they have of it is no use to anyone.
    pub(crate) fn on_missing(&mut self, value: RunId, holders: &[WorkerId]) {
        for &worker in holders {
            let Some(task) = self.tasks.current(value) else { return };
            if task.is_in_memory() && task.replicas().contains(&worker) {
                self.tell_to_free(worker, value);
                self.lose_replica(value.task, worker);
            }
        }
    }

    /// Workers that were silent for too long, and those whose nanny has not spoken in time, are given up.
    pub(crate) fn give_up_silent_workers(&mut self) {
        let ttl_ms = self.config.worker_ttl_ms;
        let (mut silent, mut unexplained) = (Vec::new(), Vec::new());
        for (number, entry) in self.workers.iter() {
            match entry.status {
                WorkerStatus::AwaitingExitReport { until } if until <= self.now => {
                    unexplained.push(WorkerId(number))
                }
                WorkerStatus::AwaitingExitReport { .. } => {}
                _ if entry.last_seen.plus_ms(ttl_ms) <= self.now => silent.push(WorkerId(number)),
                _ => {}
            }
        }
        for worker in unexplained {
            self.remove_worker(worker, &Departure::Death(None), "its connection ended");
        }
        for worker in silent {
            let reason = format!("no heartbeat for {} s", ttl_ms / 1_000);
            self.late_effects.push(crate::effect::Effect::CloseWorker(worker));
            self.remove_worker(worker, &Departure::Death(None), &reason);
        }
    }
}

/// Which of a worker's unfinished runs may have been its death: those that its nanny saw executing, else those that it
/// said it was executing, else as many of the oldest that could be as it has threads.
fn blamed(
    entry: &WorkerEntry,
    departure: &Departure<'_>,
    unfinished: &[RunId],
    startable: &[RunId],
) -> Vec<RunId> {
    match departure {
        Departure::Orderly => return Vec::new(),
        Departure::Death(Some(exit)) => return exit.executing.clone(),
        Departure::Death(None) => {}
    }
    let was_said = |run: &&RunId| entry.executing_since(**run).is_some();
    let said: Vec<RunId> = unfinished.iter().filter(was_said).copied().collect();
    match said.is_empty() {
        true => startable.iter().take(entry.description.nthreads as usize).copied().collect(),
        false => said,
    }
}
