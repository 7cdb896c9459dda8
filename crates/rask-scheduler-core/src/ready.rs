//! A task could run: which queue does it wait in?

use rask_types::{ClassId, TaskClass, TaskId, WorkerId};
use smallvec::SmallVec;

use crate::lane::{Entry, LaneId, LocalQueues, OPEN_LANE, ReadyQueue, Restriction};
use crate::scheduler::{Lane, Scheduler};
use crate::story::Cause;
use crate::task::TaskState;
use crate::worker::{WorkerEntry, WorkerStatus};

/// What moving a byte between workers is reckoned to cost, in nanoseconds: 500 MB/s.
const NS_PER_BYTE: f64 = 2.0;

/// What a run is reckoned to take while nothing is known of its class, in nanoseconds, as in Dask.
pub(crate) const UNKNOWN_DURATION_NS: u64 = 500_000_000;

impl Scheduler {
    /// The number of a class, a new one unless an equal class is known.
    pub(crate) fn intern_class(&mut self, class: TaskClass) -> ClassId {
        let (lanes, version, tallies) = (&mut self.lanes, &mut self.lanes_version, &mut self.watch.tallies);
        self.classes.intern(class, |id, class| {
            tallies.add_class(id, &class.prefix);
            let restriction = Restriction::of(class);
            if restriction.is_open() {
                return OPEN_LANE;
            }
            let known = lanes.iter().position(|lane| lane.restriction == restriction);
            let index = known.unwrap_or_else(|| {
                lanes.push(Lane { restriction, queue: ReadyQueue::default() });
                *version += 1;
                lanes.len() - 1
            });
            LaneId(index as u32)
        })
    }

    /// Queues a task whose dependencies are all in memory.
    pub(crate) fn make_ready(&mut self, id: TaskId, cause: Cause) {
        let near = self.nearest_worker(id);
        self.set_state(id, TaskState::Queued, cause);
        let Scheduler { tasks, classes, lanes, workers, clients, .. } = self;
        let task = &tasks[id];
        let class = &classes[task.class];
        let entry = Entry { order: task.order, rank: task.rank, task: id, attempt: task.attempt };
        let queue = match near.and_then(|worker| workers.get_mut(worker.0)) {
            Some(worker) => worker.local.of(class.lane),
            None => &mut lanes[class.lane.0 as usize].queue,
        };
        queue.push(class.class.priority, task.owner, entry);
        queue.tidy_if_due(|entry| tasks[entry.task].is_queued_as(entry));
        self.queued += 1;
        if let Some(client) = clients.get_mut(task.owner.0) {
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
        self.queued -= 1;
        if let Some(client) = self.clients.get_mut(task.owner.0) {
            client.queued -= 1;
        }
    }

    /// The worker among those that keep a dependency's value where the task would be done soonest; `None` if no
    /// dependency's value is on workers alone, or none of those may run it.
    fn nearest_worker(&self, id: TaskId) -> Option<WorkerId> {
        let task = &self.tasks[id];
        // Bytes of dependencies, in all and by worker.
        let mut total: u64 = 0;
        let mut holdings: SmallVec<[(WorkerId, u64); 8]> = SmallVec::new();
        for &dependency in &task.dependencies {
            let dep = &self.tasks[dependency];
            if dep.state != (TaskState::Memory { inline: None }) {
                continue;
            }
            let nbytes = dep.kept.as_ref().map_or(0, |kept| kept.nbytes);
            total = total.saturating_add(nbytes);
            holdings.extend(dep.replicas().iter().map(|&worker| (worker, nbytes)));
        }
        if holdings.is_empty() {
            return None;
        }
        holdings.sort_unstable();
        let lane_id = self.classes[task.class].lane;
        let lane = &self.lanes[lane_id.0 as usize];
        let mut best: Option<(f64, u64, WorkerId)> = None;
        for group in holdings.chunk_by(|a, b| a.0 == b.0) {
            let worker = group[0].0;
            let Some(entry) = self.workers.get(worker.0) else { continue };
            if entry.status != WorkerStatus::Running || (lane_id != OPEN_LANE && !self.admits(lane, entry)) {
                continue;
            }
            let here = group.iter().fold(0, |sum: u64, (_, nbytes)| sum.saturating_add(*nbytes));
            let missing = total.saturating_sub(here);
            let busy_ns = entry.occupancy_ns as f64 / f64::from(entry.description.nthreads.max(1));
            let cost = (busy_ns + missing as f64 * NS_PER_BYTE, entry.nbytes, worker);
            let is_better = best.is_none_or(|known| {
                cost.0.total_cmp(&known.0).then(cost.1.cmp(&known.1)).then(cost.2.cmp(&known.2)).is_lt()
            });
            if is_better {
                best = Some(cost);
            }
        }
        best.map(|(_, _, worker)| worker)
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
            return crate::view::NO_WORKER;
        }
        task.state.name()
    }

    /// Puts the tasks that waited for a worker which is gone, or no longer takes work, into other queues.
    pub(crate) fn requeue(&mut self, local: &LocalQueues) {
        for (_, entry) in local.all() {
            if self.tasks[entry.task].is_queued_as(entry) {
                self.leave_queue(entry.task);
                self.make_ready(entry.task, Cause::WorkersChanged);
            }
        }
    }
}
