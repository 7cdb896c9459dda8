//! A worker has room: which task does it get?
//!
//! One rule for all tasks: a worker always gets enough to fill its threads, and beyond that only work whose duration
//! is known and that amounts to no more than a horizon of some milliseconds. Everything else stays in the scheduler's
//! queues, where it can still go to whoever is free first, be cancelled for nothing, or make way for something urgent.

use rask_types::{TaskId, Tick, WorkerId};
use smallvec::SmallVec;

use crate::lane::{Head, LaneId, OPEN_LANE, ReadyQueue, Restriction};
use crate::ready::UNKNOWN_DURATION_NS;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{KeySource, TaskState};
use crate::worker::{NewRun, WorkerEntry, WorkerStatus};

/// A worker is not woken for less than this much work, in nanoseconds, if another is awake that could do it.
const SHARE_NS_MIN: u64 = 200_000;

/// What a run costs a worker beside the user's function, in nanoseconds.
const RUN_OVERHEAD_NS: f64 = 500.0;

/// A worker that has not answered for this long while its threads are busy is given nothing beyond them: what is
/// known of durations does not hold for what it runs now.
pub(crate) const SLOW_NS: u64 = 20_000_000;

/// Where a worker's next task waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Lane(LaneId),
    Local(WorkerId, LaneId),
    /// It follows what the worker was given in this turn.
    Following,
}

/// A worker that has room, and what may follow what it was given in this turn.
struct Taker {
    worker: WorkerId,
    followers: ReadyQueue,
}

impl Scheduler {
    /// Hands out what the queues hold, as far as workers have room.
    pub(crate) fn dispatch(&mut self) {
        if self.queued == 0 {
            return;
        }
        let mut order: Vec<(u64, u64, u64, WorkerId)> = Vec::new();
        for (number, worker) in self.workers.iter() {
            if worker.status == WorkerStatus::Running
                && worker.preparing.is_empty()
                && self.has_room(worker, Some(0))
            {
                let threads = u64::from(worker.description.nthreads);
                let load = u64::from(worker.assigned) * 1_000 / threads;
                order.push((load, worker.occupancy_ns / threads, worker.nbytes, WorkerId(number)));
            }
        }
        order.sort_unstable();
        let takers = order.into_iter().map(|(.., worker)| Taker { worker, followers: ReadyQueue::default() });
        let mut takers: Vec<Taker> = takers.collect();
        while self.queued > 0 && !takers.is_empty() {
            let share = self.queued.div_ceil(takers.len());
            let mut given = 0;
            for taker in &mut takers {
                given += self.fill(taker, share);
            }
            if given == 0 {
                break;
            }
        }
        for taker in &mut takers {
            while let Some((head, estimate_ns)) = self.next_follower(taker) {
                self.give(taker, head, Source::Following, estimate_ns);
            }
        }
    }

    /// Gives a worker tasks while it has room: `share` of them, or more if they are short.
    fn fill(&mut self, taker: &mut Taker, share: usize) -> usize {
        let worker = taker.worker;
        let mut given = 0;
        let mut given_ns: u64 = 0;
        let lanes = self.lanes_open_to(worker);
        while given < share || given_ns < SHARE_NS_MIN {
            let follower = self.next_follower(taker);
            let queued = self.best_for(worker, &lanes);
            let (head, source, estimate_ns) = match (follower, queued) {
                (Some((own, estimate_ns)), other) if other.is_none_or(|(head, _)| own < head) => {
                    (own, Source::Following, estimate_ns)
                }
                (_, Some((head, source))) => {
                    let estimate_ns = self.estimate_ns(head.entry.task);
                    let entry = self.workers.get(worker.0).expect("a running worker");
                    if !self.has_room(entry, estimate_ns) {
                        break;
                    }
                    (head, source, estimate_ns.unwrap_or(UNKNOWN_DURATION_NS))
                }
                (_, None) => break,
            };
            self.give(taker, head, source, estimate_ns);
            given += 1;
            given_ns = given_ns.saturating_add(estimate_ns);
        }
        self.workers.get_mut(worker.0).expect("a running worker").lanes = lanes;
        given
    }

    /// What a run of this task is reckoned to take, if its class is known.
    fn estimate_ns(&self, id: TaskId) -> Option<u64> {
        self.classes[self.tasks[id].class].mean_ns.map(|mean| (mean + RUN_OVERHEAD_NS) as u64)
    }

    /// The best of what may follow, if there is room for it: the worker will be through with all it has, one after the
    /// other, within the horizon.
    #[inline]
    fn next_follower(&self, taker: &mut Taker) -> Option<(Head, u64)> {
        if taker.followers.entries() == 0 {
            return None;
        }
        let head = self.best_follower(&mut taker.followers)?;
        let estimate_ns = self.estimate_ns(head.entry.task)?;
        let entry = self.workers.get(taker.worker.0).expect("a running worker");
        let has_room = is_brisk(entry, self.now)
            && entry.occupancy_ns.saturating_add(estimate_ns) <= self.config.horizon_ns;
        has_room.then_some((head, estimate_ns))
    }

    /// Takes a task from where it waits and assigns it.
    #[inline]
    fn give(&mut self, taker: &mut Taker, head: Head, source: Source, estimate_ns: u64) {
        let id = head.entry.task;
        match source {
            Source::Lane(lane) => self.lanes[lane.0 as usize].queue.pop(head),
            Source::Local(owner, lane) => {
                self.workers.get_mut(owner.0).expect("it has the task").local.of(lane).pop(head);
            }
            Source::Following => taker.followers.pop(head),
        }
        self.assign(taker.worker, id, estimate_ns);
        if self.tasks[id].waiters > 0 {
            self.find_follower(id, taker.worker, &mut taker.followers);
        }
    }

    /// The lanes a worker serves; the caller puts them back.
    fn lanes_open_to(&mut self, worker: WorkerId) -> Vec<LaneId> {
        let version = self.lanes_version;
        let entry = self.workers.get_mut(worker.0).expect("a running worker");
        if std::mem::replace(&mut entry.lanes_version, version) == version {
            return std::mem::take(&mut entry.lanes);
        }
        let entry = self.workers.get(worker.0).expect("a running worker");
        let admits = |&lane: &LaneId| lane == OPEN_LANE || self.admits(&self.lanes[lane.0 as usize], entry);
        (0..self.lanes.len() as u32).map(LaneId).filter(admits).collect()
    }

    /// The task this worker should run next: the best of its own queues and of the lanes it serves; if all are empty,
    /// the best that waits for another worker's sake and that this one may run.
    fn best_for(&mut self, worker: WorkerId, lanes: &[LaneId]) -> Option<(Head, Source)> {
        let mut best = self.best_local(worker, worker);
        for &lane in lanes {
            if self.lanes[lane.0 as usize].queue.entries() > 0
                && self.has_resources_for(worker, lane)
                && let Some(head) = self.peek(Source::Lane(lane))
                && best.is_none_or(|(known, _)| head < known)
            {
                best = Some((head, Source::Lane(lane)));
            }
        }
        best.or_else(|| self.best_elsewhere(worker))
    }

    /// The best of `owner`'s own queues that `worker` may run now.
    fn best_local(&mut self, owner: WorkerId, worker: WorkerId) -> Option<(Head, Source)> {
        let local = &self.workers.get(owner.0)?.local;
        if local.entries() == 0 {
            return None;
        }
        let lanes: SmallVec<[LaneId; 4]> = local.in_use().collect();
        let mut best: Option<(Head, Source)> = None;
        for lane in lanes {
            let may_run = |entry: &WorkerEntry| {
                lane == OPEN_LANE || owner == worker || self.admits(&self.lanes[lane.0 as usize], entry)
            };
            if self.workers.get(worker.0).is_some_and(may_run)
                && self.has_resources_for(worker, lane)
                && let Some(head) = self.peek(Source::Local(owner, lane))
                && best.is_none_or(|(known, _)| head < known)
            {
                best = Some((head, Source::Local(owner, lane)));
            }
        }
        best
    }

    /// A task that waits for a busier worker because its inputs are there: moving them beats waiting.
    fn best_elsewhere(&mut self, worker: WorkerId) -> Option<(Head, Source)> {
        if !self.workers.get(worker.0)?.is_idle() {
            return None;
        }
        let waiting = |&(number, entry): &(u32, &WorkerEntry)| {
            number != worker.0 && entry.local.entries() > 0 && !entry.is_idle()
        };
        let mut busy: Vec<(u64, WorkerId)> = self
            .workers
            .iter()
            .filter(waiting)
            .map(|(number, entry)| (entry.occupancy_ns, WorkerId(number)))
            .collect();
        busy.sort_unstable_by(|a, b| b.cmp(a));
        busy.into_iter().find_map(|(_, owner)| self.best_local(owner, worker))
    }

    fn peek(&mut self, source: Source) -> Option<Head> {
        let Scheduler { tasks, clients, lanes, workers, served_absent_ns, .. } = self;
        let queue = match source {
            Source::Lane(lane) => &mut lanes[lane.0 as usize].queue,
            Source::Local(worker, lane) => workers.get_mut(worker.0)?.local.of(lane),
            Source::Following => return None,
        };
        queue.peek(
            |client| clients.get(client.0).map_or(*served_absent_ns, |entry| entry.served_ns),
            |entry| tasks[entry.task].is_queued_as(entry),
        )
    }

    fn has_resources_for(&self, worker: WorkerId, lane: LaneId) -> bool {
        let entry = || self.workers.get(worker.0).expect("a running worker");
        lane == OPEN_LANE || self.resources_are_free(entry(), &self.lanes[lane.0 as usize].restriction)
    }

    fn has_room(&self, worker: &WorkerEntry, estimate_ns: Option<u64>) -> bool {
        has_room(worker, estimate_ns, self.config.horizon_ns, self.now)
    }

    /// A worker has a lane's resources free.
    fn resources_are_free(&self, worker: &WorkerEntry, restriction: &Restriction) -> bool {
        restriction.resources.iter().all(|(name, amount)| {
            let offered = worker.description.resources.iter().position(|(offered, _)| offered == name);
            // A hair of tolerance: amounts such as 0.1 are added and subtracted.
            offered.is_some_and(|i| {
                worker.description.resources[i].1 - worker.resources_used[i] >= amount - 1e-9
            })
        })
    }

    /// Assigns a task to a worker: a new run of it. It is queued, or waits for what the worker was given already.
    fn assign(&mut self, worker: WorkerId, id: TaskId, estimate_ns: u64) {
        let estimate = u32::try_from(estimate_ns).unwrap_or(u32::MAX);
        let state = match self.tasks[id].state {
            TaskState::Waiting { on } => {
                self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
                TaskState::Following { worker, estimate_ns: estimate, on: on as u16 }
            }
            _ => {
                self.leave_queue(id);
                TaskState::Processing { worker, estimate_ns: estimate, seceded: false }
            }
        };
        let served_ns = match self.clients.get_mut(self.tasks[id].owner.0) {
            Some(client) => &mut client.served_ns,
            None => &mut self.served_absent_ns,
        };
        *served_ns = served_ns.saturating_add(estimate_ns);
        self.served_now_ns = *served_ns;
        self.set_state(id, state, Cause::Assigned(worker));
        let run = self.tasks.run(id);
        self.occupy_resources(worker, id, run);
        let entry = self.workers.get_mut(worker.0).expect("a running worker");
        if entry.assigned == 0 {
            entry.last_answer = self.now;
        }
        match state {
            TaskState::Following { .. } => entry.following += 1,
            _ => entry.assigned += 1,
        }
        entry.occupancy_ns += u64::from(estimate);
        entry.page = self.watch.tallies.page();
        entry.given.push_back(run);
        self.send_run(worker, id);
    }

    fn occupy_resources(&mut self, worker: WorkerId, id: TaskId, run: rask_types::RunId) {
        let resources = &self.classes[self.tasks[id].class].class.resources;
        if resources.is_empty() {
            return;
        }
        let entry = self.workers.get_mut(worker.0).expect("a running worker");
        let offered = |name: &String| entry.description.resources.iter().position(|(known, _)| known == name);
        let occupied: Vec<(usize, f64)> =
            resources.iter().filter_map(|(name, amount)| Some((offered(name)?, *amount))).collect();
        for &(index, amount) in &occupied {
            entry.resources_used[index] += amount;
        }
        entry.resources_held.insert(run, occupied);
    }

    /// Says the run to the worker, and before it whatever it refers to that the worker does not know.
    fn send_run(&mut self, worker: WorkerId, id: TaskId) {
        self.define_for(worker, id);
        let Scheduler { tasks, args, values, workers, names, .. } = self;
        let task = &tasks[id];
        let entry = workers.get_mut(worker.0).expect("a running worker");
        let in_flight = u64::from(entry.assigned) + u64::from(entry.following);
        let new = NewRun {
            run: tasks.run(id),
            class: task.class,
            order: task.order,
            token: task.token.get(),
            name: if task.key_source == KeySource::Named { names.get(&id) } else { None },
            head: task.args.map_or(&[][..], |held| args.head(held)),
            buffers: task.args.map_or(&[][..], |held| args.buffers(held)),
            keep_inline: !values.has_room_for(in_flight),
        };
        entry.outbox.begin_run(&new);
        for &dependency in &task.dependencies {
            let dep = &tasks[dependency];
            match dep.state {
                TaskState::Memory { inline: Some(value) } => {
                    entry.outbox.push_dep_inline(dependency, values.get(value));
                }
                _ => {
                    let nbytes = dep.kept.as_ref().map_or(0, |kept| kept.nbytes);
                    entry.outbox.push_dep_held(tasks.run(dependency), nbytes, dep.replicas().to_vec());
                }
            }
        }
        entry.outbox.end_run();
    }

    /// Class, function and peers that the task names, for a worker that may not know them.
    fn define_for(&mut self, worker: WorkerId, id: TaskId) {
        use rask_types::msg::SchedulerToWorker as Say;
        let class_id = self.tasks[id].class;
        let entry = self.workers.get_mut(worker.0).expect("a running worker");
        if entry.known_classes.insert(class_id.0) {
            let class = self.classes[class_id].class.clone();
            if entry.known_functions.insert(class.function)
                && let Some(payload) = self.classes.function(class.function)
            {
                entry.outbox.push(Say::DefineFunction { id: class.function, payload: payload.clone() });
            }
            entry.outbox.push(Say::DefineClass { id: class_id, class });
        }
        for i in 0..self.tasks[id].dependencies.len() {
            let dep = &self.tasks[self.tasks[id].dependencies[i]];
            if dep.state == (TaskState::Memory { inline: None }) {
                for peer in SmallVec::<[WorkerId; 4]>::from_slice(dep.replicas()) {
                    if peer != worker {
                        self.define_peer(worker, peer);
                    }
                }
            }
        }
    }

    /// Tells a worker where another listens, once.
    pub(crate) fn define_peer(&mut self, worker: WorkerId, peer: WorkerId) {
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        if !entry.known_peers.insert(peer.0) {
            return;
        }
        let Some(address) = self.workers.get(peer.0).map(|entry| entry.description.address.clone()) else {
            return;
        };
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.outbox.push(rask_types::msg::SchedulerToWorker::DefinePeer { worker: peer, address });
    }
}

/// A worker may be given a run of this estimate.
fn has_room(worker: &WorkerEntry, estimate_ns: Option<u64>, horizon_ns: u64, now: Tick) -> bool {
    let threads = worker.description.nthreads;
    if worker.assigned < threads {
        return true;
    }
    let Some(estimate_ns) = estimate_ns else { return false };
    is_brisk(worker, now)
        && worker.occupancy_ns.saturating_add(estimate_ns) <= horizon_ns.saturating_mul(u64::from(threads))
}

/// What is known of durations seems to hold for what the worker runs now.
fn is_brisk(worker: &WorkerEntry, now: Tick) -> bool {
    worker.last_answer.plus_ns(SLOW_NS) > now
}
