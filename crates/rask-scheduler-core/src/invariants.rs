//! What must hold between any two events. Tests and simulations check it after every one; a violation is our own bug.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use rask_types::{ErrorKind, RunId, TaskId, WorkerId};

use crate::lane::{Entry, LaneId};
use crate::scheduler::Scheduler;
use crate::story::Station;
use crate::task::{KeySource, Maker, Task, TaskState};
use crate::worker::{Load, WorkerStatus};

/// What tasks say of each worker.
#[derive(Default)]
struct Tally {
    processing: u32,
    away: u32,
    following: u32,
    occupancy_ns: u64,
    replicas: u32,
    nbytes: u64,
}

impl Scheduler {
    /// Checks every invariant.
    ///
    /// # Panics
    /// If one is violated, with the task's story.
    pub fn check_invariants(&self) {
        for (id, task) in self.tasks.iter() {
            self.check_task(id, task);
            self.check_key(id, task);
        }
        self.check_stores();
        self.check_links();
        self.check_holders();
        self.check_queues();
        self.check_workers();
        self.check_clients();
        self.check_tallies();
    }

    /// What is counted as things happen is what counting gives.
    fn check_tallies(&self) {
        let tallies = &self.watch.tallies;
        let mut counted = vec![[0; Station::COUNT]; tallies.counts().len()];
        let mut in_vain = vec![0; counted.len()];
        for (_, task) in self.tasks.iter() {
            counted[task.class.0 as usize][task.state.station() as usize] += 1;
            in_vain[task.class.0 as usize] += u64::from(task.state == TaskState::Released { in_vain: true });
        }
        assert_eq!(tallies.counts(), counted, "tasks by class and state");
        for (class, (in_vain, (gone, given_up))) in
            in_vain.into_iter().zip(tallies.gone_and_given_up()).enumerate()
        {
            let range = in_vain..=in_vain + gone;
            assert!(
                range.contains(&given_up),
                "of class {class} {given_up} tasks were given up, not {range:?}"
            );
        }
    }

    /// Checks that nothing is left of any task, as when all clients have gone.
    ///
    /// # Panics
    /// If something is.
    pub fn check_empty(&self) {
        self.check_invariants();
        let left: Vec<String> = self
            .tasks
            .iter()
            .take(10)
            .map(|(id, task)| format!("{}: {:?} {:?}", self.key(id), task, self.tell(id, task)))
            .collect();
        assert!(left.is_empty(), "tasks are left: {left:#?}");
        assert_eq!(self.args.nbytes(), 0, "arguments are left");
        for (number, worker) in self.workers.iter() {
            assert_eq!((worker.replicas, worker.nbytes), (0, 0), "values are left on worker {number}");
            assert!(worker.moving.is_empty(), "values are on their way from worker {number}");
        }
    }

    fn check_task(&self, id: TaskId, task: &Task) {
        let what = || self.describe(id, task);
        let missing = self.missing_dependencies(id);
        match task.state {
            TaskState::Free => unreachable!("only tasks that exist are checked"),
            TaskState::Waiting { on } => {
                assert!(on > 0, "a waiting task waits for something: {}", what());
                assert_eq!(missing, on, "it waits for what is missing: {}", what());
                let erred = |dep: &TaskId| matches!(self.tasks[*dep].state, TaskState::Erred(_));
                let waits_in_vain = task.dependencies.iter().any(erred);
                assert!(!waits_in_vain, "it waits for what can still come: {}", what());
            }
            TaskState::Queued => assert_eq!(missing, 0, "a queued task could run: {}", what()),
            TaskState::Processing { worker, .. } => {
                assert!(self.workers.get(worker.0).is_some(), "its worker exists: {}", what());
            }
            TaskState::Following { worker, on, .. } => {
                assert!(self.workers.get(worker.0).is_some(), "its worker exists: {}", what());
                assert!(on > 0, "a follower follows something: {}", what());
                assert_eq!(missing, u32::from(on), "it follows what is missing: {}", what());
                let comes = |dep: &TaskId| {
                    self.tasks[*dep].is_in_memory() || self.tasks[*dep].is_processing_on(worker)
                };
                assert!(task.dependencies.iter().all(comes), "its worker makes what is missing: {}", what());
            }
            TaskState::Arriving { worker } => {
                let exists = self.workers.get(worker.0).is_some_and(|entry| entry.is_here());
                assert!(exists && task.maker == Maker::Client, "{}", what());
            }
            TaskState::Memory { inline } => {
                let is_kept = !task.replicas().is_empty();
                assert!(inline.is_some() || is_kept, "its value is somewhere: {}", what());
            }
            TaskState::Erred(error) => {
                let is_refused = self.errors.get(error).kind == ErrorKind::Refused;
                assert!(!is_refused || task.wants.is_empty(), "nobody holds what is refused: {}", what());
            }
            TaskState::Released { .. } => {}
        }
        if !task.is_in_memory() {
            assert!(task.replicas().is_empty(), "only values in memory have replicas: {}", what());
        }
        let does_something = task.state.is_active() || task.is_in_memory();
        assert!(!does_something || task.is_needed(), "what nobody needs is given up: {}", what());
        let is_reachable = task.is_needed() || task.live_dependents > 0;
        assert!(is_reachable, "what nobody can ask for is forgotten: {}", what());
        let is_idle = task.state.is_released();
        assert!(!is_idle || !task.is_needed(), "what is needed is under way: {}", what());
        assert_eq!(task.troubled, self.troubles.contains_key(&id), "{}", what());
    }

    fn describe(&self, id: TaskId, task: &Task) -> String {
        format!("{} ({id:?}): {task:?} {:?}", self.key(id), self.tell(id, task))
    }

    fn tell(&self, id: TaskId, task: &Task) -> Vec<String> {
        let entries = self.story.of(id, task.birth, task.story);
        entries.iter().map(|entry| format!("{} because {:?}", entry.to.name(), entry.cause)).collect()
    }

    fn check_key(&self, id: TaskId, task: &Task) {
        let is_indexed = task.key_source != KeySource::Session && task.maker != Maker::Nobody;
        if is_indexed {
            let found = self.by_key.get(&self.key(id).id());
            assert_eq!(found, Some(&id), "its key leads to it: {}", self.describe(id, task));
        }
        let is_named = task.key_source == KeySource::Named;
        assert_eq!(self.names.contains_key(&id), is_named, "{}", self.describe(id, task));
    }

    /// Everything that is kept for tasks belongs to one.
    fn check_stores(&self) {
        let count = |is: &dyn Fn(&Task) -> bool| self.tasks.iter().filter(|(_, task)| is(task)).count();
        let inline = count(&|task| matches!(task.state, TaskState::Memory { inline: Some(_) }));
        assert_eq!(self.values.len(), inline, "every kept value belongs to a task in memory");
        let erred = count(&|task| matches!(task.state, TaskState::Erred(_)));
        assert_eq!(self.errors.holds(), erred as u64, "every carried error is counted");
        let called = count(&|task| task.args.is_some());
        assert_eq!(self.args.holds(), called as u64, "every held argument is counted");
        let named = count(&|task| task.key_source == KeySource::Named);
        assert_eq!(self.names.len(), named, "every name belongs to a task");
        assert_eq!(self.troubles.len(), count(&|task| task.troubled), "every trouble belongs to a task");
        let indexed = count(&|task| task.key_source != KeySource::Session && task.maker != Maker::Nobody);
        assert_eq!(self.by_key.len(), indexed, "every key belongs to a task");
    }

    /// Both directions of every link between tasks agree.
    fn check_links(&self) {
        let listed: usize = self.tasks.iter().map(|(_, task)| task.dependents.len()).sum();
        assert_eq!(listed, self.tasks.links_in_use(), "every link is in one task's list");
        let mut waiters: HashMap<TaskId, u32> = HashMap::new();
        let mut dependents: HashMap<TaskId, u32> = HashMap::new();
        for (id, task) in self.tasks.iter() {
            for &dependency in &task.dependencies {
                let exists = self.tasks[dependency].state != TaskState::Free;
                assert!(exists, "{id:?} depends on a task that exists");
                *dependents.entry(dependency).or_default() += 1;
                *waiters.entry(dependency).or_default() += u32::from(task.state.is_active());
            }
        }
        for (id, task) in self.tasks.iter() {
            let counted = |counts: &HashMap<TaskId, u32>| counts.get(&id).copied().unwrap_or(0);
            assert_eq!(task.live_dependents, counted(&dependents), "dependents of {id:?}");
            assert_eq!(task.waiters, counted(&waiters), "waiters of {}", self.describe(id, task));
            let listed = self.tasks.dependents(id).count();
            assert_eq!(listed, task.live_dependents as usize, "dependents of {id:?} are listed");
        }
    }

    /// Open graphs and futures in pickles are all that hold tasks.
    fn check_holders(&self) {
        let mut holders: HashMap<TaskId, u32> = HashMap::new();
        for (_, client) in self.clients.iter() {
            for &task in client.open_graphs.values().flatten().flat_map(|chunk| &chunk.tasks) {
                *holders.entry(task).or_default() += 1;
            }
        }
        for (holder, held) in &self.holds {
            assert_ne!(self.tasks[*holder].state, TaskState::Free, "{holder:?} holds others and exists");
            for &task in held {
                *holders.entry(task).or_default() += 1;
            }
        }
        for (id, task) in self.tasks.iter() {
            let counted = holders.get(&id).copied().unwrap_or(0);
            assert_eq!(task.holders, counted, "holders of {}", self.describe(id, task));
        }
    }

    /// Every queued task stands in one queue, where it will be found.
    fn check_queues(&self) {
        let mut places: HashMap<TaskId, u32> = HashMap::new();
        let mut place = |lane: LaneId, entry: Entry| {
            let task = &self.tasks[entry.task];
            if task.is_queued_as(entry) {
                *places.entry(entry.task).or_default() += 1;
                assert_eq!(self.classes[task.class].lane, lane, "{:?} is in its lane", entry.task);
                assert_eq!((task.order, task.rank), (entry.order, entry.rank));
            }
        };
        for (index, lane) in self.lanes.iter().enumerate() {
            let entries = lane.queue.all();
            assert_eq!(entries.len(), lane.queue.entries(), "lane {index} counts its entries");
            entries.into_iter().for_each(|entry| place(LaneId(index as u32), entry));
        }
        for (number, worker) in self.workers.iter() {
            let local = worker.local.all();
            let takes_work = worker.status == WorkerStatus::Running;
            assert!(local.is_empty() || takes_work, "worker {number} takes no work, and nobody waits for it");
            local.into_iter().for_each(|(lane, entry)| place(lane, entry));
        }
        let mut queued = 0;
        for (id, task) in self.tasks.iter().filter(|(_, task)| task.state == TaskState::Queued) {
            assert_eq!(places.get(&id), Some(&1), "in one queue: {}", self.describe(id, task));
            queued += 1;
        }
        assert_eq!(self.queued, queued, "queued tasks are counted");
    }

    fn check_workers(&self) {
        let mut tallies: BTreeMap<WorkerId, Tally> = BTreeMap::new();
        let workers = self.workers.iter();
        let given: HashSet<(u32, RunId)> =
            workers.flat_map(|(number, worker)| worker.given.iter().map(move |&run| (number, run))).collect();
        for (id, task) in self.tasks.iter() {
            if let TaskState::Processing { worker, estimate_ns, seceded } = task.state {
                let tally = tallies.entry(worker).or_default();
                tally.processing += u32::from(!seceded);
                tally.away += u32::from(seceded);
                tally.occupancy_ns += if seceded { 0 } else { u64::from(estimate_ns) };
                assert!(given.contains(&(worker.0, self.tasks.run(id))), "{id:?} was given to {worker:?}");
            }
            if let TaskState::Following { worker, estimate_ns, .. } = task.state {
                let tally = tallies.entry(worker).or_default();
                tally.following += 1;
                tally.occupancy_ns += u64::from(estimate_ns);
                assert!(given.contains(&(worker.0, self.tasks.run(id))), "{id:?} was given to {worker:?}");
            }
            for &worker in task.replicas() {
                let here = self.workers.get(worker.0).is_some_and(|entry| entry.is_here());
                assert!(here, "{id:?} is kept by workers that are here");
                let tally = tallies.entry(worker).or_default();
                tally.replicas += 1;
                tally.nbytes = tally.nbytes.wrapping_add(self.nbytes_of(id));
            }
        }
        for (number, worker) in self.workers.iter() {
            let tally = tallies.remove(&WorkerId(number)).unwrap_or_default();
            let owed = |load: Load| worker.owed.values().filter(|owed| owed.load == load).count() as u32;
            let in_pool = tally.processing + owed(Load::Pool);
            assert_eq!(worker.assigned, in_pool, "worker {number} counts its runs");
            assert_eq!(worker.away, tally.away + owed(Load::Away), "worker {number} counts its seceded runs");
            let following = tally.following + owed(Load::Following);
            assert_eq!(worker.following, following, "worker {number} counts those that follow others");
            assert_eq!(worker.occupancy_ns, tally.occupancy_ns, "worker {number} adds up its work");
            assert_eq!(
                (worker.replicas, worker.nbytes),
                (tally.replicas, tally.nbytes),
                "worker {number} counts what it keeps"
            );
            self.check_resources(number);
        }
    }

    fn check_resources(&self, number: u32) {
        let worker = self.workers.get(number).expect("listed");
        let mut used = vec![0.0; worker.resources_used.len()];
        for (run, occupied) in &worker.resources_held {
            let is_current =
                self.tasks.current(*run).is_some_and(|task| task.is_processing_on(WorkerId(number)));
            assert!(is_current || worker.owed.contains_key(run), "{run:?} occupies what it has");
            occupied.iter().for_each(|&(index, amount)| used[index] += amount);
        }
        for (i, (name, total)) in worker.description.resources.iter().enumerate() {
            let difference: f64 = used[i] - worker.resources_used[i];
            assert!(difference.abs() < 1e-6, "worker {number} adds up its {name}");
            assert!(worker.resources_used[i] <= total + 1e-6, "worker {number} has enough {name}");
        }
    }

    fn check_clients(&self) {
        let mut queued: HashMap<u32, u32> = HashMap::new();
        for (_, task) in self.tasks.iter().filter(|(_, task)| task.state == TaskState::Queued) {
            *queued.entry(task.owner.0).or_default() += 1;
        }
        let mut wants = 0;
        for (id, task) in self.tasks.iter() {
            for want in task.wants.all() {
                let client = self.clients.get(want.client.0);
                let meant = client.and_then(|entry| entry.futures.get(want.future));
                assert_eq!(meant, Some(id), "the holder of {:?} knows it", want.future);
                wants += 1;
            }
        }
        let mut numbers = 0;
        for (number, client) in self.clients.iter() {
            let own = queued.get(&number).copied().unwrap_or(0);
            assert_eq!(client.queued, own, "client {number} counts its queued tasks");
            let all = client.futures.all();
            assert_eq!(all.len(), client.futures.len(), "client {number} counts its futures");
            for (future, task) in all {
                let exists = self.tasks[task].state != TaskState::Free;
                assert!(exists, "{future:?} of client {number} means a task");
                let is_open = client.open_graphs.values().flatten().any(|chunk| chunk.tasks.contains(&task));
                numbers += u32::from(!is_open);
            }
        }
        let has_open = self.clients.iter().any(|(_, client)| !client.open_graphs.is_empty());
        assert!(has_open || numbers == wants, "every number is a want: {numbers}, {wants}");
    }
}
