//! Workers and values that are gone: what is computed again, what is nobody's fault, and what is lost for good.

use std::sync::Arc;

use rask_types::msg::WorkerExit;
use rask_types::{ErrorKind, RunId, TaskError, TaskId, WorkerId};

use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::TaskState;
use crate::worker::WorkerStatus;

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
        self.requeue_local(worker);
        let Some(entry) = self.workers.remove(worker.0) else { return };
        let address = entry.description.address.clone();
        let is_here = |run: &&RunId| {
            let processing =
                |state| matches!(state, TaskState::Processing { worker: at, .. } if at == worker);
            self.tasks.current(**run).is_some_and(|task| processing(task.state))
        };
        let unfinished: Vec<RunId> = entry.given.iter().filter(is_here).copied().collect();
        let blamed: Vec<RunId> = match departure {
            Departure::Orderly => Vec::new(),
            Departure::Death(Some(exit)) => exit.executing.clone(),
            Departure::Death(None) if !entry.executing.is_empty() => entry.executing.clone(),
            Departure::Death(None) => {
                unfinished.iter().take(entry.description.nthreads as usize).copied().collect()
            }
        };
        // Nothing is queued yet: a task's inputs may be among what was lost.
        for run in &unfinished {
            self.set_state(run.task, TaskState::Waiting { on: 0 }, Cause::WorkerLost(worker));
        }
        for run in &unfinished {
            let in_memory = |dep: &TaskId| matches!(self.tasks[*dep].state, TaskState::Memory { .. });
            let on = self.tasks[run.task].dependencies.iter().filter(|dep| !in_memory(dep)).count() as u32;
            self.tasks[run.task].state = TaskState::Waiting { on };
        }
        self.lose_replicas(worker);
        let status = match departure {
            Departure::Death(Some(exit)) => exit.status.as_str(),
            _ => reason,
        };
        for run in unfinished {
            let blame = blamed.contains(&run).then(|| format!("{address}: {status}"));
            self.after_worker_loss(run.task, worker, &address, blame);
        }
        self.fail_ops_of(worker, reason);
        self.workers_changed();
    }

    /// A task whose worker is gone runs again, unless it has been on too many that died.
    fn after_worker_loss(&mut self, id: TaskId, worker: WorkerId, address: &str, blame: Option<String>) {
        let TaskState::Waiting { on } = self.tasks[id].state else { return };
        if let Some(death) = blame {
            self.tasks[id].deaths += 1;
            self.deaths.entry(id).or_default().push(death);
            if self.tasks[id].deaths > self.config.allowed_failures {
                let deaths = self.deaths.remove(&id).unwrap_or_default();
                let error = self.killed_worker_error(id, address, deaths);
                let error = self.errors.insert(Arc::new(error));
                return self.fail(id, error, Cause::WorkerLost(worker));
            }
        }
        if on == 0 {
            self.make_ready(id, Cause::WorkerLost(worker));
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
    fn lose_replicas(&mut self, worker: WorkerId) {
        let arriving = |state| matches!(state, TaskState::Arriving { worker: at } if at == worker);
        let touched: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.replicas.contains(&worker) || arriving(task.state))
            .map(|(id, _)| id)
            .collect();
        for id in touched {
            self.lose_replica(id, worker);
        }
    }

    /// One value is not on a worker any more.
    pub(crate) fn lose_replica(&mut self, id: TaskId, worker: WorkerId) {
        let task = &mut self.tasks[id];
        if task.state == (TaskState::Arriving { worker }) {
            return self.lose_forever(id);
        }
        let Some(position) = task.replicas.iter().position(|&at| at == worker) else { return };
        task.replicas.remove(position);
        let nbytes = task.nbytes;
        if let Some(entry) = self.workers.get_mut(worker.0) {
            entry.replicas -= 1;
            entry.nbytes -= nbytes;
        }
        let task = &self.tasks[id];
        if task.replicas.is_empty() && task.state == (TaskState::Memory { inline: None }) {
            self.lose_value(id, worker);
        }
    }

    /// A value is nowhere any more: whoever waits for it waits again, and it is made anew if it can be.
    fn lose_value(&mut self, id: TaskId, worker: WorkerId) {
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        self.set_state(id, TaskState::Released, Cause::WorkerLost(worker));
        for i in 0..self.tasks[id].dependents.len() {
            let entry = self.tasks[id].dependents[i];
            let Some(dependent) = self.tasks.dependent(entry) else { continue };
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
        if !self.tasks[id].scattered {
            for i in 0..self.tasks[id].wants.len() {
                let want = self.tasks[id].wants[i];
                if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_pending(want.future);
                }
            }
        }
        if self.tasks[id].is_needed() {
            self.activate(id, Cause::NeededAgain);
        } else {
            self.settle(id, Cause::NotNeeded);
        }
    }

    /// A scattered value is gone and nobody can make it again.
    pub(crate) fn lose_forever(&mut self, id: TaskId) {
        let key = self.key(id).to_string();
        let text = format!("the scattered value {key:?} was lost with its worker: scatter it again");
        let error = self.errors.insert(Arc::new(TaskError::new(ErrorKind::Refused, key, text)));
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        self.fail(id, error, Cause::DependencyLost);
    }

    /// A worker could not get a value from those who should have it.
    pub(crate) fn on_missing(&mut self, value: RunId, holders: &[WorkerId]) {
        let in_memory = |state| matches!(state, TaskState::Memory { .. });
        if !self.tasks.current(value).is_some_and(|task| in_memory(task.state)) {
            return;
        }
        for &worker in holders {
            if self.tasks.current(value).is_some() {
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
