//! What nobody needs is given up: tasks on their way are taken back, values dropped, and tasks forgotten that no other
//! task could ever ask for again.

use rask_types::msg::SchedulerToClient;
use rask_types::{ClientId, FutureId, RunId, TaskId, WorkerId};

use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{TaskState, Want};

impl Scheduler {
    /// Gives up a task that is not needed, and whatever is not needed in consequence. Needed tasks are left alone.
    pub(crate) fn settle(&mut self, start: TaskId, cause: Cause) {
        let mut stack = vec![start];
        while let Some(id) = stack.pop() {
            if self.tasks[id].state == TaskState::Free || self.tasks[id].is_needed() {
                continue;
            }
            self.give_up_value_or_run(id, cause, &mut stack);
            if self.tasks[id].live_dependents > 0 {
                continue;
            }
            if let TaskState::Erred(error) = self.tasks[id].state {
                self.errors.release(error);
            }
            for held in self.holds.remove(&id).unwrap_or_default() {
                self.tasks[held].holders -= 1;
                stack.push(held);
            }
            for dependency in self.remove_task(id) {
                self.tasks.unlink(dependency);
                stack.push(dependency);
            }
        }
    }

    /// Takes an active task back, or drops a value; the task is then released (or still erred).
    fn give_up_value_or_run(&mut self, id: TaskId, cause: Cause, stack: &mut Vec<TaskId>) {
        match self.tasks[id].state {
            TaskState::Memory { .. } => self.drop_value(id, cause),
            TaskState::Arriving { .. } => {
                self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
                self.set_state(id, TaskState::Released, cause);
            }
            state if state.is_active() => {
                match state {
                    TaskState::Queued => self.leave_queue(id),
                    TaskState::Processing { worker, estimate_ns, seceded } => {
                        self.take_back(worker, self.tasks.run(id), if seceded { 0 } else { estimate_ns });
                    }
                    _ => {}
                }
                self.set_state(id, TaskState::Released, cause);
                for i in 0..self.tasks[id].dependencies.len() {
                    let dependency = self.tasks[id].dependencies[i];
                    self.tasks[dependency].waiters -= 1;
                    stack.push(dependency);
                }
            }
            _ => {}
        }
    }

    /// A worker need not run this any more. It will still answer for it, and counts as busy until then.
    fn take_back(&mut self, worker: WorkerId, run: RunId, estimate_ns: u32) {
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.occupancy_ns = entry.occupancy_ns.saturating_sub(u64::from(estimate_ns));
        if entry.is_here() {
            entry.outbox.push_retract(run, true);
        }
    }

    /// Drops a value wherever it is; the task is then released.
    pub(crate) fn drop_value(&mut self, id: TaskId, cause: Cause) {
        let TaskState::Memory { inline } = self.tasks[id].state else { return };
        if let Some(value) = inline {
            self.values.remove(value);
        }
        let run = self.tasks.run(id);
        let nbytes = self.tasks[id].nbytes;
        for worker in std::mem::take(&mut self.tasks[id].replicas) {
            let Some(entry) = self.workers.get_mut(worker.0) else { continue };
            entry.replicas -= 1;
            entry.nbytes -= nbytes;
            self.tell_to_free(worker, run);
        }
        // The next run is another value: whoever still names the old one must not be served the new.
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        self.set_state(id, TaskState::Released, cause);
    }

    /// Tells a worker to drop a value.
    pub(crate) fn tell_to_free(&mut self, worker: WorkerId, run: RunId) {
        if let Some(entry) = self.workers.get_mut(worker.0).filter(|entry| entry.is_here()) {
            entry.outbox.push_free(run);
        }
    }

    /// A client let go of futures.
    pub(crate) fn on_release(&mut self, client: ClientId, futures: &[FutureId]) {
        for &future in futures {
            let Some(entry) = self.clients.get_mut(client.0) else { return };
            if let Some(task) = entry.futures.remove(future) {
                self.drop_want(task, Want { client, future });
            }
        }
    }

    /// A future is gone, its page entry already removed.
    pub(crate) fn drop_want(&mut self, id: TaskId, want: Want) {
        let wants = &mut self.tasks[id].wants;
        if let Some(position) = wants.iter().position(|known| *known == want) {
            wants.swap_remove(position);
        }
        if !self.tasks[id].is_needed() {
            self.settle(id, Cause::NotNeeded);
        }
    }

    /// A client gives tasks up, and with them the tasks of its own that wait for them.
    pub(crate) fn on_cancel(&mut self, client: ClientId, futures: &[FutureId], force: bool, reason: &str) {
        let Some(entry) = self.clients.get(client.0) else { return };
        let mut stack: Vec<TaskId> = futures.iter().filter_map(|&future| entry.futures.get(future)).collect();
        let mut cancelled = Vec::new();
        while let Some(id) = stack.pop() {
            if cancelled.contains(&id) {
                continue;
            }
            cancelled.push(id);
            for i in 0..self.tasks[id].dependents.len() {
                let entry = self.tasks[id].dependents[i];
                if let Some(dependent) = self.tasks.dependent(entry)
                    && self.tasks[dependent].state.is_active()
                {
                    stack.push(dependent);
                }
            }
        }
        // Dependents were found after what they depend on; give those up first that nothing else waits for.
        for &id in cancelled.iter().rev() {
            self.cancel_one(id, client, force, reason);
        }
    }

    fn cancel_one(&mut self, id: TaskId, client: ClientId, force: bool, reason: &str) {
        if self.tasks[id].state == TaskState::Free {
            return;
        }
        self.tasks[id].fire_and_forget = false;
        let wants = self.tasks[id].wants.clone();
        for want in wants.iter().filter(|want| force || want.client == client) {
            self.cancel_want(id, *want, false, reason);
        }
        if self.tasks[id].state != TaskState::Free && !self.tasks[id].is_needed() {
            self.settle(id, Cause::Cancelled);
        }
    }

    /// A future is to come to nothing: the client is told, and holds nothing here any more.
    pub(crate) fn cancel_want(&mut self, id: TaskId, want: Want, lost: bool, reason: &str) {
        if let Some(entry) = self.clients.get_mut(want.client.0) {
            entry.futures.remove(want.future);
            let futures = vec![want.future];
            entry.outbox.push(SchedulerToClient::Cancelled { futures, lost, reason: reason.to_owned() });
        }
        let wants = &mut self.tasks[id].wants;
        if let Some(position) = wants.iter().position(|known| *known == want) {
            wants.swap_remove(position);
        }
    }

    /// Erred tasks are to run again, and the erred tasks below them that are to blame.
    pub(crate) fn retry_tasks(&mut self, tasks: &[TaskId]) {
        let mut stack = tasks.to_vec();
        let mut again = Vec::new();
        while let Some(id) = stack.pop() {
            let TaskState::Erred(error) = self.tasks[id].state else { continue };
            self.errors.release(error);
            self.tasks[id].retries_used = 0;
            self.tasks[id].deaths = 0;
            self.deaths.remove(&id);
            self.set_state(id, TaskState::Released, Cause::Retried);
            for i in 0..self.tasks[id].wants.len() {
                let want = self.tasks[id].wants[i];
                if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_pending(want.future);
                }
            }
            again.push(id);
            stack.extend(self.tasks[id].dependencies.iter().copied());
        }
        for id in again {
            if self.tasks[id].state == TaskState::Released && self.tasks[id].is_needed() {
                self.activate(id, Cause::Retried);
            }
        }
    }
}
