//! A task could run: which queue does it wait in?

use rask_types::{TaskClass, TaskId, WorkerId};

use crate::lane::{Entry, LaneId, OPEN_LANE, ReadyQueue, Restriction};
use crate::scheduler::{Lane, Scheduler};
use crate::story::Cause;
use crate::task::{Task, TaskState};
use crate::worker::{WorkerEntry, WorkerStatus};

/// What moving a byte between workers is reckoned to cost, in nanoseconds: 500 MB/s.
const NS_PER_BYTE: f64 = 2.0;

/// What a run is reckoned to take while nothing is known of its class, in nanoseconds, as in Dask.
pub(crate) const UNKNOWN_DURATION_NS: u64 = 500_000_000;

impl Scheduler {
    /// The lane for tasks of a class.
    pub(crate) fn lane_for(lanes: &mut Vec<Lane>, class: &TaskClass) -> LaneId {
        let restriction = Restriction::of(class);
        if restriction.is_open() {
            return OPEN_LANE;
        }
        let known = lanes.iter().position(|lane| lane.restriction == restriction);
        let index = known.unwrap_or_else(|| {
            lanes.push(Lane { restriction, queue: ReadyQueue::default() });
            lanes.len() - 1
        });
        LaneId(index as u32)
    }

    /// Queues a task whose dependencies are all in memory.
    pub(crate) fn make_ready(&mut self, id: TaskId, cause: Cause) {
        let near = self.nearest_worker(id);
        self.set_state(id, TaskState::Queued, cause);
        let task = &self.tasks[id];
        let class = &self.classes[task.class];
        let (priority, owner) = (class.class.priority, task.owner);
        let entry = Entry { order: task.order, task: id, attempt: task.attempt };
        match near.and_then(|worker| self.workers.get_mut(worker.0)) {
            Some(worker) => worker.local.push(priority, owner, entry),
            None => self.lanes[class.lane.0 as usize].queue.push(priority, owner, entry),
        }
        if let Some(client) = self.clients.get_mut(owner.0) {
            if client.queued == 0 {
                client.served_ns = client.served_ns.max(self.served_now_ns);
            }
            client.queued += 1;
        }
    }

    /// A queued task leaves its queue, by `attempt`: the entry there is stale from now on.
    pub(crate) fn leave_queue(&mut self, id: TaskId) {
        let task = &mut self.tasks[id];
        debug_assert_eq!(task.state, TaskState::Queued);
        task.attempt = task.attempt.wrapping_add(1);
        if let Some(client) = self.clients.get_mut(task.owner.0) {
            client.queued -= 1;
        }
    }

    /// The worker among those that keep a dependency's value where the task would be done soonest; `None` if no
    /// dependency's value is on workers alone, or none of those may run it.
    fn nearest_worker(&self, id: TaskId) -> Option<WorkerId> {
        let task = &self.tasks[id];
        let on_workers_alone = |task: &Task| matches!(task.state, TaskState::Memory { inline: None });
        let dependencies =
            || task.dependencies.iter().map(|&dep| &self.tasks[dep]).filter(|dep| on_workers_alone(dep));
        let mut candidates: Vec<WorkerId> =
            dependencies().flat_map(|dep| dep.replicas.iter().copied()).collect();
        if candidates.is_empty() {
            return None;
        }
        candidates.sort_unstable();
        candidates.dedup();
        let lane = &self.lanes[self.classes[task.class].lane.0 as usize];
        let cost = |worker: &WorkerId| {
            let entry = self.workers.get(worker.0)?;
            if entry.status != WorkerStatus::Running || !self.admits(lane, entry) {
                return None;
            }
            let missing: u64 =
                dependencies().filter(|dep| !dep.replicas.contains(worker)).map(|dep| dep.nbytes).sum();
            let busy_ns = entry.occupancy_ns as f64 / f64::from(entry.description.nthreads.max(1));
            Some((busy_ns + missing as f64 * NS_PER_BYTE, entry.nbytes, *worker))
        };
        let soonest =
            candidates.iter().filter_map(cost).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        soonest.map(|(_, _, worker)| worker)
    }

    /// A worker may run a lane's tasks, whether or not it has the resources free now.
    pub(crate) fn admits(&self, lane: &Lane, worker: &WorkerEntry) -> bool {
        let Restriction { workers, allow_other_workers, resources } = &lane.restriction;
        let named = |entry: &WorkerEntry| workers.iter().any(|word| entry.is_called(word));
        let has_resources = resources.iter().all(|(name, amount)| {
            worker.description.resources.iter().any(|(offered, total)| offered == name && total >= amount)
        });
        if !has_resources {
            return false;
        }
        if workers.is_empty() || named(worker) {
            return true;
        }
        *allow_other_workers && !self.workers.iter().any(|(_, entry)| entry.is_here() && named(entry))
    }

    /// Some worker that is here may run a lane's tasks.
    pub(crate) fn is_served(&self, lane: LaneId) -> bool {
        let lane = &self.lanes[lane.0 as usize];
        self.workers
            .iter()
            .any(|(_, worker)| worker.status == WorkerStatus::Running && self.admits(lane, worker))
    }

    /// The state's name as users see it: a queued task that no worker here may run is in `no-worker`.
    pub(crate) fn state_name(&self, id: TaskId) -> &'static str {
        let task = &self.tasks[id];
        if task.state == TaskState::Queued && !self.is_served(self.classes[task.class].lane) {
            return "no-worker";
        }
        task.state.name()
    }

    /// Puts the tasks that waited for a worker which is gone, or no longer takes work, into the common queues.
    pub(crate) fn requeue_local(&mut self, worker: WorkerId) {
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        for entry in entry.local.drain() {
            let task = &self.tasks[entry.task];
            if task.state == TaskState::Queued && task.attempt == entry.attempt {
                self.leave_queue(entry.task);
                self.make_ready(entry.task, Cause::WorkersChanged);
            }
        }
    }
}
