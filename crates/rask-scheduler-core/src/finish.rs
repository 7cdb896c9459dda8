//! Answers of workers: results, failures, runs given back; and what follows for dependents and clients.

use std::sync::Arc;

use rask_types::columns::ascending_to;
use rask_types::msg::SchedulerToClient;
use rask_types::{ClassId, ErrorKind, FinishedColumns, RunId, TaskError, TaskId, TypeId, WorkerId};

use crate::errors::ErrorId;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{TaskState, Want};

/// What a worker says of one result.
#[derive(Clone, Copy)]
struct Outcome<'a> {
    /// The value, if it came along.
    inline: Option<&'a [u8]>,
    /// Size and type, if the worker keeps it.
    held: Option<(u64, TypeId)>,
}

/// Durations of neighbouring runs of one class, learned together.
#[derive(Default)]
struct Lesson {
    class: Option<ClassId>,
    runs: u64,
    total_ns: u64,
}

impl Scheduler {
    /// A worker finished runs.
    pub(crate) fn on_finished(&mut self, worker: WorkerId, columns: &FinishedColumns) {
        let n = columns.runs.len();
        let sound = columns.duration_ns.len() == n
            && columns.value_ends.len() == n
            && ascending_to(&columns.value_ends, columns.blob.len())
            && columns.held.iter().all(|held| (held.position as usize) < n);
        if !sound {
            return self.refuse_worker(worker, "its columns of results are broken");
        }
        let mut held = columns.held.iter().peekable();
        let mut lesson = Lesson::default();
        let mut start = 0;
        for (i, &run) in columns.runs.iter().enumerate() {
            let end = columns.value_ends[i] as usize;
            let kept =
                held.next_if(|kept| kept.position as usize == i).map(|kept| (kept.nbytes, kept.type_id));
            let inline = (end > start).then(|| &columns.blob[start..end]);
            start = end;
            let class = self.finish_run(worker, run, Outcome { inline, held: kept });
            if lesson.class != class {
                self.learn(std::mem::take(&mut lesson));
                lesson.class = class;
            }
            lesson.runs += 1;
            lesson.total_ns += columns.duration_ns[i];
        }
        self.learn(lesson);
        self.heard_answers(worker);
    }

    fn learn(&mut self, lesson: Lesson) {
        if let Some(class) = lesson.class {
            self.classes[class].learn(lesson.runs, lesson.total_ns);
        }
    }

    /// The worker answered: tidies the list of what it was given.
    fn heard_answers(&mut self, worker: WorkerId) {
        let now = self.now;
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.last_answer = now;
        while let Some(&run) = entry.given.front() {
            let current = self.tasks.current(run);
            let processing = |task: &crate::task::Task| matches!(task.state, TaskState::Processing { worker: at, .. } if at == worker);
            if current.is_some_and(processing) {
                break;
            }
            entry.given.pop_front();
        }
    }

    /// The run is the current one of a task that this worker is to run.
    fn is_expected(&self, worker: WorkerId, run: RunId) -> bool {
        let expected = |state| matches!(state, TaskState::Processing { worker: at, .. } if at == worker);
        self.tasks.current(run).is_some_and(|task| expected(task.state))
    }

    /// One result. Returns the task's class if the run was expected.
    fn finish_run(&mut self, worker: WorkerId, run: RunId, outcome: Outcome<'_>) -> Option<ClassId> {
        let expected = self.is_expected(worker, run);
        self.close_account(worker, run);
        if !expected {
            if outcome.held.is_some() {
                self.tell_to_free(worker, run);
            }
            return None;
        }
        let id = run.task;
        let inline = outcome.inline.map(|bytes| self.values.insert(bytes));
        if let Some((nbytes, type_id)) = outcome.held {
            let type_id = self.translate_type(worker, type_id);
            let task = &mut self.tasks[id];
            task.nbytes = nbytes;
            task.type_id = type_id;
            task.replicas.push(worker);
            let entry = self.workers.get_mut(worker.0).expect("it speaks");
            entry.replicas += 1;
            entry.nbytes += nbytes;
        } else {
            self.tasks[id].nbytes = outcome.inline.map_or(0, |bytes| bytes.len() as u64);
        }
        let class = self.tasks[id].class;
        if self.tasks[id].deaths > 0 {
            self.tasks[id].deaths = 0;
            self.deaths.remove(&id);
        }
        self.set_state(id, TaskState::Memory { inline }, Cause::Finished(worker));
        self.after_memory(id);
        Some(class)
    }

    /// A task's value exists: tells dependents and clients, and gives up what only this task needed.
    pub(crate) fn after_memory(&mut self, id: TaskId) {
        self.tasks[id].fire_and_forget = false;
        self.wake_dependents(id);
        self.report_to_all(id);
        self.let_go_of_dependencies(id);
        if !self.tasks[id].is_needed() {
            self.settle(id, Cause::NotNeeded);
        }
    }

    fn wake_dependents(&mut self, id: TaskId) {
        let mut i = 0;
        while let Some(&entry) = self.tasks[id].dependents.get(i) {
            i += 1;
            let Some(dependent) = self.tasks.dependent(entry) else { continue };
            if let TaskState::Waiting { on } = &mut self.tasks[dependent].state {
                *on -= 1;
                if *on == 0 {
                    self.make_ready(dependent, Cause::DependenciesReady);
                }
            }
        }
    }

    /// A task is active no longer: its dependencies have one waiter less.
    pub(crate) fn let_go_of_dependencies(&mut self, id: TaskId) {
        for i in 0..self.tasks[id].dependencies.len() {
            let dependency = self.tasks[id].dependencies[i];
            let task = &mut self.tasks[dependency];
            task.waiters -= 1;
            if !task.is_needed() {
                self.settle(dependency, Cause::NotNeeded);
            }
        }
    }

    /// Tells one holder of a future what there is to tell.
    pub(crate) fn report(&mut self, id: TaskId, want: Want) {
        let task = &self.tasks[id];
        match task.state {
            TaskState::Memory { inline: Some(value) } => {
                let Some(client) = self.clients.get_mut(want.client.0) else { return };
                client.outbox.push_inline(want.future, self.values.get(value));
            }
            TaskState::Memory { inline: None } => {
                let (nbytes, type_id, run) = (task.nbytes, task.type_id, self.tasks.run(id));
                let worker = task.replicas[0];
                self.introduce(want.client, type_id, worker);
                if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_held(want.future, nbytes, type_id, run, worker);
                }
            }
            TaskState::Erred(error) => {
                let error = self.errors.get(error).clone();
                let futures = vec![want.future];
                let message = if error.kind == ErrorKind::Refused {
                    SchedulerToClient::Cancelled { futures, lost: true, reason: error.text.clone() }
                } else {
                    SchedulerToClient::Erred { futures, error }
                };
                self.tell_client(want.client, message);
            }
            _ => {}
        }
    }

    pub(crate) fn report_to_all(&mut self, id: TaskId) {
        for i in 0..self.tasks[id].wants.len() {
            let want = self.tasks[id].wants[i];
            self.report(id, want);
        }
    }

    /// Tells a client the name of a type and the address of a worker, once.
    fn introduce(&mut self, client: rask_types::ClientId, type_id: TypeId, worker: WorkerId) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        if entry.known_types.insert(type_id) {
            let name = self.type_names[type_id.0 as usize].clone();
            entry.outbox.push(SchedulerToClient::DefineType { id: type_id, name });
        }
        self.introduce_peer(client, worker);
    }

    /// Tells a client where a worker listens, once.
    pub(crate) fn introduce_peer(&mut self, client: rask_types::ClientId, worker: WorkerId) {
        let Some(address) = self.workers.get(worker.0).map(|entry| entry.description.address.clone()) else {
            return;
        };
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        if entry.known_peers.insert(worker) {
            entry.outbox.push(SchedulerToClient::DefinePeer { worker, address });
        }
    }

    pub(crate) fn translate_type(&mut self, worker: WorkerId, type_id: TypeId) -> TypeId {
        let known = self.workers.get(worker.0).and_then(|entry| entry.types.get(&type_id).copied());
        known.unwrap_or_else(|| self.intern_type("object"))
    }

    /// The worker answered for a run: it has one less on its hands.
    pub(crate) fn close_account(&mut self, worker: WorkerId, run: RunId) {
        let mut estimate = 0;
        let mut seceded = false;
        if self.is_expected(worker, run)
            && let TaskState::Processing { estimate_ns, seceded: away, .. } = self.tasks[run.task].state
        {
            (estimate, seceded) = (u64::from(estimate_ns), away);
        }
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        if !seceded {
            entry.assigned = entry.assigned.saturating_sub(1);
            entry.occupancy_ns = entry.occupancy_ns.saturating_sub(estimate);
        }
        if !entry.resources_held.is_empty() {
            for (index, amount) in entry.resources_held.remove(&run).unwrap_or_default() {
                entry.resources_used[index] -= amount;
            }
        }
    }

    /// A run failed.
    pub(crate) fn on_erred(&mut self, worker: WorkerId, run: RunId, mut error: Arc<TaskError>) {
        let expected = self.is_expected(worker, run);
        self.close_account(worker, run);
        self.heard_answers(worker);
        if !expected {
            return;
        }
        let id = run.task;
        let retries = self.classes[self.tasks[id].class].class.retries;
        if error.kind == ErrorKind::Exception && self.tasks[id].retries_used < retries {
            self.tasks[id].retries_used += 1;
            self.run_again(id, Cause::Raised(worker));
            return;
        }
        if error.key.is_empty() || error.worker.is_empty() {
            let named = Arc::make_mut(&mut error);
            if named.key.is_empty() {
                named.key = self.key(id).to_string();
            }
            if named.worker.is_empty() {
                named.worker =
                    self.workers.get(worker.0).map_or_else(String::new, |w| w.description.address.clone());
            }
        }
        let error = self.errors.insert(error);
        self.fail(id, error, Cause::Raised(worker));
    }

    /// A task that was processing goes back among those that wait.
    pub(crate) fn run_again(&mut self, id: TaskId, cause: Cause) {
        let in_memory = |dep: &TaskId| matches!(self.tasks[*dep].state, TaskState::Memory { .. });
        let on = self.tasks[id].dependencies.iter().filter(|dep| !in_memory(dep)).count() as u32;
        if on == 0 {
            self.make_ready(id, cause);
        } else {
            self.set_state(id, TaskState::Waiting { on }, cause);
        }
    }

    /// Runs given back unstarted.
    pub(crate) fn on_retracted(&mut self, worker: WorkerId, runs: &[RunId]) {
        for &run in runs {
            let expected = self.is_expected(worker, run);
            self.close_account(worker, run);
            if expected {
                self.run_again(run.task, Cause::GivenBack(worker));
            }
        }
        if let Some(entry) = self.workers.get_mut(worker.0) {
            entry.retracting = false;
        }
        self.heard_answers(worker);
    }

    /// A task asked to run elsewhere.
    pub(crate) fn on_reschedule(&mut self, worker: WorkerId, run: RunId) {
        let expected = self.is_expected(worker, run);
        self.close_account(worker, run);
        if expected {
            self.run_again(run.task, Cause::Rescheduled(worker));
        }
    }

    /// A run left the thread pool: it no longer counts against what its worker may be given.
    pub(crate) fn on_seceded(&mut self, worker: WorkerId, run: RunId, away: bool) {
        if !self.is_expected(worker, run) {
            return;
        }
        let TaskState::Processing { estimate_ns, seceded, .. } = &mut self.tasks[run.task].state else {
            return;
        };
        if *seceded == away {
            return;
        }
        *seceded = away;
        let estimate = u64::from(*estimate_ns);
        let entry = self.workers.get_mut(worker.0).expect("it speaks");
        if away {
            entry.assigned = entry.assigned.saturating_sub(1);
            entry.occupancy_ns = entry.occupancy_ns.saturating_sub(estimate);
        } else {
            entry.assigned += 1;
            entry.occupancy_ns += estimate;
        }
    }

    /// A task fails, and with it every task that waits for it, however many levels up.
    pub(crate) fn fail(&mut self, id: TaskId, error: ErrorId, cause: Cause) {
        // Held once more until all is said, so that a cascade of releases cannot drop it.
        self.errors.hold(error);
        let mut stack = vec![(id, cause)];
        let mut let_go = Vec::new();
        while let Some((id, cause)) = stack.pop() {
            let state = self.tasks[id].state;
            if matches!(state, TaskState::Erred(_) | TaskState::Free) {
                continue;
            }
            if state.is_active() {
                let_go.push((id, self.tasks[id].birth));
            }
            if state == TaskState::Queued {
                self.leave_queue(id);
            }
            self.errors.hold(error);
            self.tasks[id].fire_and_forget = false;
            self.set_state(id, TaskState::Erred(error), cause);
            self.report_to_all(id);
            for i in 0..self.tasks[id].dependents.len() {
                let entry = self.tasks[id].dependents[i];
                if let Some(dependent) = self.tasks.dependent(entry)
                    && matches!(self.tasks[dependent].state, TaskState::Waiting { .. })
                {
                    stack.push((dependent, Cause::DependencyErred));
                }
            }
        }
        for (id, birth) in let_go {
            if self.tasks[id].birth == birth && matches!(self.tasks[id].state, TaskState::Erred(_)) {
                self.let_go_of_dependencies(id);
                self.settle_if_unneeded(id, birth);
            }
        }
        self.errors.release(error);
    }

    fn settle_if_unneeded(&mut self, id: TaskId, birth: u32) {
        let task = &self.tasks[id];
        if task.birth == birth && task.state != TaskState::Free && !task.is_needed() {
            self.settle(id, Cause::NotNeeded);
        }
    }
}
