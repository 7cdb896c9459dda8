//! What nobody needs is given up: tasks on their way are taken back, values dropped, and tasks forgotten that no other
//! task could ever ask for again.

use hashbrown::HashSet;
use rask_types::{ClientId, FutureId, RunId, TaskId, WorkerId};
use smallvec::{SmallVec, smallvec};

use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{Maker, TaskState};
use crate::want::Want;
use crate::worker::{Load, Owed};

/// Tasks to look at, mostly few.
pub(crate) type Queue = SmallVec<[TaskId; 8]>;

/// What has been looked at is dropped from a queue when it is at least so many, and most of it.
const TIDY_AT: usize = 65_536;

impl Scheduler {
    /// Gives up a task that is not needed, and whatever is not needed in consequence. Needed tasks are left alone.
    #[inline]
    pub(crate) fn settle(&mut self, start: TaskId, cause: Cause) {
        if !self.tasks[start].is_needed() {
            self.settle_all(smallvec![start], cause);
        }
    }

    /// As `settle`, for several. First come, first looked at: neighbours lie side by side in memory, generations do not.
    pub(crate) fn settle_all(&mut self, mut queue: Queue, cause: Cause) {
        let mut next = 0;
        while let Some(&id) = queue.get(next) {
            next += 1;
            if next >= TIDY_AT && 2 * next >= queue.len() {
                queue.drain(..next);
                next = 0;
            }
            if self.tasks[id].state == TaskState::Free || self.tasks[id].is_needed() {
                continue;
            }
            self.give_up_value_or_run(id, cause, &mut queue);
            if self.tasks[id].live_dependents > 0 {
                continue;
            }
            if let TaskState::Erred(error) = self.tasks[id].state {
                self.errors.release(error);
                self.watch.tallies.given_up(self.tasks[id].class);
            }
            if !self.holds.is_empty() {
                for held in self.holds.remove(&id).unwrap_or_default() {
                    self.tasks[held].holders -= 1;
                    queue.push(held);
                }
            }
            for &dependency in &self.remove_task(id) {
                self.tasks.unlink(dependency);
                queue.push(dependency);
            }
        }
    }

    /// Takes an active task back, or drops a value; the task is then released (or still erred).
    fn give_up_value_or_run(&mut self, id: TaskId, cause: Cause, queue: &mut Queue) {
        match self.tasks[id].state {
            TaskState::Memory { .. } => self.drop_value(id, cause),
            TaskState::Arriving { .. } => {
                self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
                self.give_up(id, cause);
            }
            state if state.is_active() => {
                match state {
                    TaskState::Queued => self.leave_queue(id),
                    _ => self.take_back(id),
                }
                self.give_up(id, cause);
                for i in 0..self.tasks[id].dependencies.len() {
                    let dependency = self.tasks[id].dependencies[i];
                    self.tasks[dependency].waiters -= 1;
                    queue.push(dependency);
                }
            }
            _ => {}
        }
    }

    /// A task on its way to a value is released without one.
    fn give_up(&mut self, id: TaskId, cause: Cause) {
        self.watch.tallies.given_up(self.tasks[id].class);
        self.set_state(id, TaskState::Released { in_vain: true }, cause);
    }

    /// A released task is to have a value after all, whether or not it was given up before.
    #[inline]
    pub(crate) fn take_up(&mut self, id: TaskId) {
        let task = &self.tasks[id];
        if matches!(task.state, TaskState::Released { in_vain: true }) {
            self.watch.tallies.taken_up(task.class);
        }
    }

    /// If a task is with a worker, that need not run it any more. It will still answer for it, and counts as busy until then.
    pub(crate) fn take_back(&mut self, id: TaskId) {
        let (worker, estimate_ns, load) = match self.tasks[id].state {
            TaskState::Processing { worker, estimate_ns, seceded } => {
                (worker, estimate_ns, Load::of(seceded))
            }
            TaskState::Following { worker, estimate_ns, .. } => (worker, estimate_ns, Load::Following),
            _ => return,
        };
        let run = self.tasks.run(id);
        let owed = Owed { load, class: self.tasks[id].class, label: self.label(id) };
        let page = self.watch.tallies.page();
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        if entry.executing_since(run).is_some() {
            // It goes on, and those who look on are told that it does so in vain.
            entry.executing_page = page;
        }
        if load != Load::Away {
            entry.occupancy_ns -= u64::from(estimate_ns);
        }
        entry.owed.insert(run, Box::new(owed));
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
        if let Some(kept) = self.tasks[id].kept.take() {
            for &worker in &kept.replicas {
                self.count_replica_off(worker, run, kept.nbytes);
                self.tell_to_free(worker, run);
            }
        }
        // The next run is another value: whoever still names the old one must not be served the new.
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        self.set_state(id, TaskState::RELEASED, cause);
    }

    /// A worker has one value less.
    pub(crate) fn count_replica_off(&mut self, worker: WorkerId, run: RunId, nbytes: u64) {
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.replicas -= 1;
        entry.nbytes = entry.nbytes.wrapping_sub(nbytes);
        if !entry.moving.is_empty() {
            entry.moving.remove(&run);
        }
    }

    /// Tells a worker to drop a value.
    pub(crate) fn tell_to_free(&mut self, worker: WorkerId, run: RunId) {
        if let Some(entry) = self.workers.get_mut(worker.0).filter(|entry| entry.is_here()) {
            entry.outbox.push_free(run);
        }
    }

    /// A client let go of futures.
    pub(crate) fn on_release(&mut self, client: ClientId, futures: &[FutureId]) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        let mut unneeded = Queue::new();
        for &future in futures {
            if let Some(id) = entry.futures.remove(future) {
                let task = &mut self.tasks[id];
                task.wants.remove(Want { client, future });
                if !task.is_needed() {
                    unneeded.push(id);
                }
            }
        }
        self.settle_all(unneeded, Cause::NotNeeded);
    }

    /// A future is gone, its page entry already removed.
    pub(crate) fn drop_want(&mut self, id: TaskId, want: Want) {
        let task = &mut self.tasks[id];
        task.wants.remove(want);
        if !task.is_needed() {
            self.settle(id, Cause::NotNeeded);
        }
    }

    /// A client gives tasks up, and with them the tasks of its own that wait for them.
    pub(crate) fn on_cancel(&mut self, client: ClientId, futures: &[FutureId], force: bool, reason: &str) {
        let Some(entry) = self.clients.get(client.0) else { return };
        let mut stack: Vec<TaskId> = futures.iter().filter_map(|&future| entry.futures.get(future)).collect();
        // In the order in which they were named.
        stack.reverse();
        let mut seen: HashSet<TaskId> = HashSet::new();
        let mut cancelled = Vec::new();
        while let Some(id) = stack.pop() {
            if !seen.insert(id) {
                continue;
            }
            cancelled.push(id);
            let is_active = |&dependent: &TaskId| self.tasks[dependent].state.is_active();
            stack.extend(self.tasks.dependents(id).filter(is_active));
        }
        for &id in &cancelled {
            self.cancel_one(id, client, force, reason);
        }
        self.settle_all(cancelled.into(), Cause::Cancelled);
    }

    fn cancel_one(&mut self, id: TaskId, client: ClientId, force: bool, reason: &str) {
        let task = &mut self.tasks[id];
        if force || task.owner == client {
            task.fire_and_forget = false;
        }
        for want in task.wants.all() {
            if force || want.client == client {
                self.cancel_want(id, want, false, reason);
            }
        }
    }

    /// A future is to come to nothing: the client is told, and holds nothing here any more.
    pub(crate) fn cancel_want(&mut self, id: TaskId, want: Want, lost: bool, reason: &str) {
        if let Some(entry) = self.clients.get_mut(want.client.0) {
            entry.futures.remove(want.future);
            entry.outbox.push_cancelled(want.future, lost, reason);
        }
        self.tasks[id].wants.remove(want);
    }

    /// Erred tasks are to run again, and the erred tasks below them that are to blame.
    pub(crate) fn retry_tasks(&mut self, tasks: &[TaskId]) {
        let mut stack = tasks.to_vec();
        let mut again = Vec::new();
        while let Some(id) = stack.pop() {
            let TaskState::Erred(error) = self.tasks[id].state else { continue };
            if self.tasks[id].maker != Maker::Worker {
                continue;
            }
            self.errors.release(error);
            self.forget_troubles(id);
            self.set_state(id, TaskState::RELEASED, Cause::Retried);
            for want in self.tasks[id].wants.all() {
                if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_pending(want.future);
                }
            }
            again.push(id);
            stack.extend(self.tasks[id].dependencies.iter().copied());
        }
        for &id in &again {
            self.activate(id, Cause::Retried);
        }
        self.settle_all(again.into(), Cause::NotNeeded);
    }
}
