//! What must hold between any two events. Tests and simulations check it after every one; a violation is our own bug.

use hashbrown::HashMap;
use rask_types::{TaskId, WorkerId};

use crate::scheduler::Scheduler;
use crate::task::{KeySource, Task, TaskState};

impl Scheduler {
    /// Checks every invariant.
    ///
    /// # Panics
    /// If one is violated, with the task's story.
    pub fn check_invariants(&self) {
        let (mut values, mut errors, mut holds) = (0, 0, 0);
        for (id, task) in self.tasks.iter() {
            self.check_task(id, task);
            values += usize::from(matches!(task.state, TaskState::Memory { inline: Some(_) }));
            errors += u64::from(matches!(task.state, TaskState::Erred(_)));
            holds += u64::from(task.args.is_some());
        }
        assert_eq!(self.values.len(), values, "every kept value belongs to a task in memory");
        assert_eq!(self.errors.holds(), errors, "every carried error is counted");
        assert_eq!(self.args.holds(), holds, "every held argument is counted");
        self.check_back_references();
        self.check_workers();
        self.check_clients();
    }

    fn check_task(&self, id: TaskId, task: &Task) {
        let what =
            || format!("{} ({:?}, {}): {:?}", self.key(id), id, task.state.name(), self.tell(id, task));
        let waiting = |dep: &&TaskId| !matches!(self.tasks[**dep].state, TaskState::Memory { .. });
        match task.state {
            TaskState::Free => unreachable!("only tasks that exist are checked"),
            TaskState::Waiting { on } => {
                assert!(on > 0, "a waiting task waits for something: {}", what());
                assert_eq!(task.dependencies.iter().filter(waiting).count() as u32, on, "{}", what());
            }
            TaskState::Queued => {
                assert_eq!(task.dependencies.iter().filter(waiting).count(), 0, "{}", what());
            }
            TaskState::Processing { worker, .. } => {
                assert!(self.workers.get(worker.0).is_some(), "its worker exists: {}", what());
            }
            TaskState::Arriving { worker } => {
                assert!(self.workers.get(worker.0).is_some() && task.scattered, "{}", what());
            }
            TaskState::Memory { inline } => {
                assert!(inline.is_some() || !task.replicas.is_empty(), "its value is somewhere: {}", what());
            }
            TaskState::Released | TaskState::Erred(_) => {}
        }
        if !matches!(task.state, TaskState::Memory { .. }) {
            assert!(task.replicas.is_empty(), "only values in memory have replicas: {}", what());
        }
        let does_something = task.state.is_active() || matches!(task.state, TaskState::Memory { .. });
        assert!(!does_something || task.is_needed(), "what nobody needs is given up: {}", what());
        assert!(
            task.is_needed() || task.live_dependents > 0,
            "what nobody can ask for is forgotten: {}",
            what()
        );
        assert!(
            task.state != TaskState::Released || !task.is_needed(),
            "what is needed is under way: {}",
            what()
        );
        let in_index = match task.key_source {
            KeySource::Session => false,
            KeySource::Token | KeySource::Named => true,
        };
        if in_index {
            assert_eq!(self.by_key.get(&self.key(id).id()), Some(&id), "its key leads to it: {}", what());
        }
        assert_eq!(self.names.contains_key(&id), task.key_source == KeySource::Named, "{}", what());
    }

    fn tell(&self, id: TaskId, task: &Task) -> Vec<String> {
        let entries = self.story.of(id, task.birth, task.story);
        entries.iter().map(|entry| format!("{} because {:?}", entry.to, entry.cause)).collect()
    }

    /// Both directions of every link between tasks agree.
    fn check_back_references(&self) {
        let mut waiters: HashMap<TaskId, u32> = HashMap::new();
        let mut dependents: HashMap<TaskId, u32> = HashMap::new();
        for (id, task) in self.tasks.iter() {
            for &dependency in &task.dependencies {
                assert_ne!(
                    self.tasks[dependency].state,
                    TaskState::Free,
                    "{id:?} depends on a task that exists"
                );
                *dependents.entry(dependency).or_default() += 1;
                *waiters.entry(dependency).or_default() += u32::from(task.state.is_active());
            }
        }
        for (id, task) in self.tasks.iter() {
            assert_eq!(
                task.live_dependents,
                dependents.get(&id).copied().unwrap_or(0),
                "dependents of {id:?}"
            );
            assert_eq!(task.waiters, waiters.get(&id).copied().unwrap_or(0), "waiters of {id:?}");
            let listed =
                task.dependents.iter().filter(|&&entry| self.tasks.dependent(entry).is_some()).count();
            assert!(listed >= task.live_dependents as usize, "dependents of {id:?} are listed");
        }
    }

    fn check_workers(&self) {
        for (number, worker) in self.workers.iter() {
            let id = WorkerId(number);
            let here =
                |task: &Task| matches!(task.state, TaskState::Processing { worker: at, .. } if at == id);
            let processing = self.tasks.iter().filter(|(_, task)| here(task));
            let counted = processing
                .filter(|(_, task)| !matches!(task.state, TaskState::Processing { seceded: true, .. }))
                .count();
            assert!(worker.assigned as usize >= counted, "{id:?} counts what it was given");
            let kept = self.tasks.iter().filter(|(_, task)| task.replicas.contains(&id));
            let (replicas, nbytes) = kept.fold((0, 0), |(n, sum), (_, task)| (n + 1, sum + task.nbytes));
            assert_eq!((worker.replicas, worker.nbytes), (replicas, nbytes), "{id:?} counts what it keeps");
            assert!(
                worker.resources_used.iter().all(|&used| used > -1e-6),
                "{id:?} has no negative resources"
            );
        }
        for (id, task) in self.tasks.iter() {
            for worker in &task.replicas {
                assert!(self.workers.get(worker.0).is_some(), "{id:?} is kept by workers that exist");
            }
        }
    }

    fn check_clients(&self) {
        let queued = |client: u32| {
            self.tasks
                .iter()
                .filter(|(_, task)| task.owner.0 == client && task.state == TaskState::Queued)
                .count()
        };
        for (number, client) in self.clients.iter() {
            assert_eq!(client.queued as usize, queued(number), "client {number} counts its queued tasks");
            for (future, task) in client.futures.all() {
                assert_ne!(
                    self.tasks[task].state,
                    TaskState::Free,
                    "{future:?} of client {number} means a task"
                );
            }
        }
        for (id, task) in self.tasks.iter() {
            for want in &task.wants {
                let client = self.clients.get(want.client.0);
                let meant = client.and_then(|entry| entry.futures.get(want.future));
                assert_eq!(meant, Some(id), "the holder of {:?} knows it", want.future);
            }
        }
    }
}
