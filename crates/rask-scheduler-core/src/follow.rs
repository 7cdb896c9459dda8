//! A task may be assigned before its inputs exist, if the worker that gets it is the one that makes them: it *follows*
//! them. So the links of a chain and the upper nodes of a tree cost no trip to the scheduler and back.
//!
//! Each has its own run and is answered for alone. A follower takes no thread of its worker until its last input is in
//! memory. When one of its inputs is not to be made there after all, it is called back, and those that follow it.
//! Followers are looked for when a task is assigned, among its dependents, and only one for each, so that what could run
//! side by side is not tied to one worker; and they must be known to be so short that the worker will be through with
//! all it has within the horizon.

use rask_types::{TaskId, WorkerId};
use smallvec::{SmallVec, smallvec};

use crate::lane::{Entry, Head, OPEN_LANE, ReadyQueue};
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{Task, TaskState};

/// How many of a task's dependents are looked at.
const LOOKED_AT_MAX: usize = 4;

/// A task with more dependencies than this is looked at once, when the last of them is assigned.
const NARROW_MAX: usize = 8;

impl Scheduler {
    /// Puts the first task that may follow `id`, which this worker was just given, among its followers.
    pub(crate) fn find_follower(&self, id: TaskId, worker: WorkerId, followers: &mut ReadyQueue) {
        let mut dependents = self.tasks.dependents(id).take(LOOKED_AT_MAX);
        let Some(follower) = dependents.find(|&dependent| self.may_follow(dependent, id, worker)) else {
            return;
        };
        let task = &self.tasks[follower];
        let entry = Entry { order: task.order, rank: task.rank, task: follower, attempt: task.attempt };
        followers.push(self.classes[task.class].class.priority, task.owner, entry);
    }

    /// All that the task waits for is with this worker, `last` since just now, and the rest of what it takes is in memory
    /// here or there.
    fn may_follow(&self, id: TaskId, last: TaskId, worker: WorkerId) -> bool {
        let task = &self.tasks[id];
        let TaskState::Waiting { on } = task.state else { return false };
        if u16::try_from(on).is_err()
            || (task.dependencies.len() > NARROW_MAX && task.dependencies.last() != Some(&last))
        {
            return false;
        }
        let class = &self.classes[task.class];
        if class.mean_ns.is_none() || !class.class.resources.is_empty() {
            return false;
        }
        let is_at_hand = |task: &Task| match task.state {
            TaskState::Memory { inline } => inline.is_some() || task.replicas().contains(&worker),
            TaskState::Processing { worker: at, seceded, .. } => at == worker && !seceded,
            TaskState::Following { worker: at, .. } => at == worker,
            _ => false,
        };
        // What was assigned last is last, mostly: whether the others are elsewhere shows soonest from there.
        task.dependencies.iter().rev().all(|&dependency| is_at_hand(&self.tasks[dependency]))
            && (class.lane == OPEN_LANE
                || self
                    .workers
                    .get(worker.0)
                    .is_some_and(|entry| self.admits(&self.lanes[class.lane.0 as usize], entry)))
    }

    /// The follower that comes first.
    pub(crate) fn best_follower(&self, followers: &mut ReadyQueue) -> Option<Head> {
        followers.peek(
            |client| self.clients.get(client.0).map_or(self.served_absent_ns, |entry| entry.served_ns),
            |entry| {
                let task = &self.tasks[entry.task];
                matches!(task.state, TaskState::Waiting { .. }) && task.attempt == entry.attempt
            },
        )
    }

    /// One of a follower's inputs is in memory. With the last it becomes a run like others.
    pub(crate) fn follow_one_less(&mut self, id: TaskId) {
        let state = &mut self.tasks[id].state;
        let TaskState::Following { worker, estimate_ns, on } = *state else { return };
        if on > 1 {
            *state = TaskState::Following { worker, estimate_ns, on: on - 1 };
            return;
        }
        *state = TaskState::Processing { worker, estimate_ns, seceded: false };
        let entry = self.workers.get_mut(worker.0).expect("a follower's worker");
        entry.following -= 1;
        entry.assigned += 1;
    }

    /// A task's value is not, or no longer, where its followers would take it from: they wait again, and theirs.
    pub(crate) fn call_followers_back(&mut self, id: TaskId) {
        let mut stack: SmallVec<[TaskId; 8]> = smallvec![id];
        while let Some(id) = stack.pop() {
            let mut cursor = self.tasks[id].dependents.begin();
            while let Some((dependent, next)) = self.tasks.next_dependent(cursor) {
                cursor = next;
                let TaskState::Following { worker, .. } = self.tasks[dependent].state else { continue };
                self.take_back(dependent);
                let on = self.missing_dependencies(dependent);
                self.set_state(dependent, TaskState::Waiting { on }, Cause::CalledBack(worker));
                stack.push(dependent);
            }
        }
    }
}
