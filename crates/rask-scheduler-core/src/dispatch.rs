//! A worker has room: which task does it get?
//!
//! One rule for all tasks: a worker always gets enough to fill its threads, and beyond that only work whose duration
//! is known and that amounts to no more than a horizon of some milliseconds. Everything else stays in the scheduler's
//! queues, where it can still go to whoever is free first, be cancelled for nothing, or make way for something urgent.

use rask_types::{TaskId, WorkerId};

use crate::lane::{Head, Restriction};
use crate::ready::UNKNOWN_DURATION_NS;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{KeySource, TaskState};
use crate::worker::{NewRun, WorkerEntry, WorkerStatus};

/// A worker is not woken for less than this much work, in nanoseconds, if another is awake that could do it.
const SHARE_NS_MIN: u64 = 200_000;

/// What a run costs a worker beside the user's function, in nanoseconds.
const RUN_OVERHEAD_NS: f64 = 500.0;

/// Where a worker's next task waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Lane(usize),
    Local(WorkerId),
}

impl Scheduler {
    /// Hands out what the queues hold, as far as workers have room.
    pub(crate) fn dispatch(&mut self) {
        let mut order: Vec<(u64, u64, u64, WorkerId)> = Vec::new();
        for (number, worker) in self.workers.iter() {
            if worker.status == WorkerStatus::Running {
                let threads = u64::from(worker.description.nthreads.max(1));
                let load = u64::from(worker.assigned) * 1_000 / threads;
                order.push((load, worker.occupancy_ns / threads, worker.nbytes, WorkerId(number)));
            }
        }
        if order.is_empty() || self.queued_entries() == 0 {
            return;
        }
        order.sort_unstable();
        loop {
            let share = self.queued_entries().div_ceil(order.len());
            let mut given = 0;
            for &(.., worker) in &order {
                given += self.fill(worker, share);
            }
            if given == 0 || self.queued_entries() == 0 {
                break;
            }
        }
    }

    /// Entries in all queues, stale ones included.
    pub(crate) fn queued_entries(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(|lane| lane.queue.entries()).sum();
        lanes + self.workers.iter().map(|(_, worker)| worker.local.entries()).sum::<usize>()
    }

    /// Gives a worker tasks while it has room: `share` of them, or more if they are short.
    fn fill(&mut self, worker: WorkerId, share: usize) -> usize {
        let mut given = 0;
        let mut given_ns = 0;
        let lanes = self.lanes_open_to(worker);
        while given < share || given_ns < SHARE_NS_MIN {
            let Some((head, source)) = self.best_for(worker, &lanes) else { break };
            let class = &self.classes[self.tasks[head.entry.task].class];
            let estimate_ns = class.mean_ns.map(|mean| (mean + RUN_OVERHEAD_NS) as u64);
            let entry = self.workers.get(worker.0).expect("a running worker");
            if !has_room(entry, estimate_ns, self.config.horizon_ns) {
                break;
            }
            if let Source::Lane(lane) = source
                && !self.resources_are_free(entry, &self.lanes[lane].restriction)
            {
                break;
            }
            match source {
                Source::Lane(lane) => self.lanes[lane].queue.pop(head),
                Source::Local(owner) => {
                    self.workers.get_mut(owner.0).expect("it has the task").local.pop(head)
                }
            }
            let estimate_ns = estimate_ns.unwrap_or(UNKNOWN_DURATION_NS);
            self.assign(worker, head, estimate_ns);
            given += 1;
            given_ns += estimate_ns;
        }
        given
    }

    fn lanes_open_to(&self, worker: WorkerId) -> Vec<usize> {
        let entry = self.workers.get(worker.0).expect("a running worker");
        let admits = |&lane: &usize| lane == 0 || self.admits(&self.lanes[lane], entry);
        (0..self.lanes.len()).filter(admits).collect()
    }

    /// The task this worker should run next: the best of its own queue and of the lanes it serves; if both are empty,
    /// the best that waits for another worker's sake and that this one may run.
    fn best_for(&mut self, worker: WorkerId, lanes: &[usize]) -> Option<(Head, Source)> {
        let mut best = self.peek(Source::Local(worker)).map(|head| (head, Source::Local(worker)));
        for &lane in lanes {
            if self.lanes[lane].queue.entries() == 0 {
                continue;
            }
            if lane != 0 {
                let entry = self.workers.get(worker.0).expect("a running worker");
                if !self.resources_are_free(entry, &self.lanes[lane].restriction) {
                    continue;
                }
            }
            if let Some(head) = self.peek(Source::Lane(lane))
                && best.is_none_or(|(known, _)| head < known)
            {
                best = Some((head, Source::Lane(lane)));
            }
        }
        best.or_else(|| self.best_elsewhere(worker))
    }

    /// A task that waits for a busier worker because its inputs are there: moving them beats waiting.
    fn best_elsewhere(&mut self, worker: WorkerId) -> Option<(Head, Source)> {
        let idle = |entry: &WorkerEntry| entry.assigned < entry.description.nthreads;
        if !idle(self.workers.get(worker.0)?) {
            return None;
        }
        let waiting =
            self.workers.iter().filter(|&(number, entry)| number != worker.0 && entry.local.entries() > 0);
        let mut busy: Vec<(u64, WorkerId)> = waiting
            .filter(|(_, entry)| !idle(entry))
            .map(|(number, entry)| (entry.occupancy_ns, WorkerId(number)))
            .collect();
        busy.sort_unstable_by(|a, b| b.cmp(a));
        for (_, owner) in busy {
            let Some(head) = self.peek(Source::Local(owner)) else { continue };
            let lane = &self.lanes[self.classes[self.tasks[head.entry.task].class].lane.0 as usize];
            let entry = self.workers.get(worker.0)?;
            if self.admits(lane, entry) && self.resources_are_free(entry, &lane.restriction) {
                return Some((head, Source::Local(owner)));
            }
        }
        None
    }

    fn peek(&mut self, source: Source) -> Option<Head> {
        let Scheduler { tasks, clients, lanes, workers, .. } = self;
        let queue = match source {
            Source::Lane(lane) => &mut lanes[lane].queue,
            Source::Local(worker) => &mut workers.get_mut(worker.0)?.local,
        };
        queue.peek(
            |client| clients.get(client.0).map_or(u64::MAX, |entry| entry.served_ns),
            |entry| {
                let task = &tasks[entry.task];
                task.state == TaskState::Queued && task.attempt == entry.attempt
            },
        )
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

    /// Assigns a task to a worker: a new run of it.
    fn assign(&mut self, worker: WorkerId, head: Head, estimate_ns: u64) {
        let id = head.entry.task;
        self.leave_queue(id);
        if let Some(client) = self.clients.get_mut(self.tasks[id].owner.0) {
            client.served_ns += estimate_ns;
            self.served_now_ns = client.served_ns;
        }
        let estimate = u32::try_from(estimate_ns).unwrap_or(u32::MAX);
        let state = TaskState::Processing { worker, estimate_ns: estimate, seceded: false };
        self.set_state(id, state, Cause::Assigned(worker));
        let run = self.tasks.run(id);
        self.occupy_resources(worker, id, run);
        let entry = self.workers.get_mut(worker.0).expect("a running worker");
        if entry.assigned == 0 {
            entry.last_answer = self.now;
        }
        entry.assigned += 1;
        entry.occupancy_ns += u64::from(estimate);
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
        let in_flight = u64::from(entry.assigned);
        let new = NewRun {
            run: tasks.run(id),
            class: task.class,
            order: task.order,
            token: task.token,
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
                _ => entry.outbox.push_dep_held(tasks.run(dependency), dep.nbytes, dep.replicas.to_vec()),
            }
        }
        entry.outbox.end_run();
    }

    /// Class, function and peers that the task names, for a worker that may not know them.
    fn define_for(&mut self, worker: WorkerId, id: TaskId) {
        use rask_types::msg::SchedulerToWorker as Say;
        let class_id = self.tasks[id].class;
        let entry = self.workers.get_mut(worker.0).expect("a running worker");
        if entry.known_classes.insert(class_id) {
            let class = self.classes[class_id].class.clone();
            if entry.known_functions.insert(class.function)
                && let Some(payload) = self.classes.function(class.function)
            {
                entry.outbox.push(Say::DefineFunction { id: class.function, payload: payload.clone() });
            }
            entry.outbox.push(Say::DefineClass { id: class_id, class });
        }
        if self.tasks[id].dependencies.is_empty() {
            return;
        }
        let mut peers: Vec<WorkerId> = Vec::new();
        for &dependency in &self.tasks[id].dependencies {
            let dep = &self.tasks[dependency];
            if matches!(dep.state, TaskState::Memory { inline: None }) {
                peers.extend(dep.replicas.iter().filter(|&&peer| peer != worker));
            }
        }
        for peer in peers {
            self.define_peer(worker, peer);
        }
    }

    /// Tells a worker where another listens, once.
    pub(crate) fn define_peer(&mut self, worker: WorkerId, peer: WorkerId) {
        let Some(address) = self.workers.get(peer.0).map(|entry| entry.description.address.clone()) else {
            return;
        };
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        if entry.known_peers.insert(peer) {
            entry.outbox.push(rask_types::msg::SchedulerToWorker::DefinePeer { worker: peer, address });
        }
    }
}

/// A worker may be given a run of this estimate.
fn has_room(worker: &WorkerEntry, estimate_ns: Option<u64>, horizon_ns: u64) -> bool {
    let threads = worker.description.nthreads.max(1);
    if worker.assigned < threads {
        return true;
    }
    estimate_ns.is_some_and(|estimate| worker.occupancy_ns + estimate <= horizon_ns * u64::from(threads))
}
