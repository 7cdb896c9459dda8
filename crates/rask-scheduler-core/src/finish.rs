//! Answers of workers: results, failures, runs given back; and what follows for dependents and clients.

use std::sync::Arc;

use rask_types::columns::ascending_to;
use rask_types::msg::SchedulerToClient;
use rask_types::{ClassId, ErrorKind, FinishedColumns, RunId, TaskError, TaskId, TypeId, WorkerId};
use smallvec::smallvec;

use crate::errors::ErrorId;
use crate::scheduler::Scheduler;
use crate::settle::Queue;
use crate::story::Cause;
use crate::task::{Kept, TaskState};
use crate::values::ValueStore;
use crate::want::Want;
use crate::watch::{Passage, Stamp};
use crate::worker::{GIVEN_TIDY_MIN, Load, Owed, WorkerEntry};

/// What a worker says of one result.
#[derive(Clone, Copy)]
struct Outcome<'a> {
    /// The value, if it came along.
    inline: Option<&'a [u8]>,
    /// Size and type, if the worker keeps it.
    held: Option<(u64, TypeId)>,
    /// When it was made.
    stamp: Stamp,
}

/// What a run was that a worker answered for.
pub(crate) enum Account {
    /// The current run of a task, which must leave its state now.
    Wanted,
    /// Nobody waits for it any more.
    GivenUp(Box<Owed>),
    /// Nothing that this worker has to answer for.
    None,
}

#[cold]
fn close_given_up(entry: &mut WorkerEntry, run: RunId) -> Account {
    match entry.owed.remove(&run) {
        Some(owed) => {
            entry.answered(run, 0, owed.load);
            Account::GivenUp(owed)
        }
        None => Account::None,
    }
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
        if !is_sound(columns) {
            return self.refuse_worker(worker, "its columns of results are broken");
        }
        let mut held = columns.held.iter().peekable();
        let mut lesson = Lesson::default();
        let mut passage = None;
        let mut start = 0;
        for (i, &run) in columns.runs.iter().enumerate() {
            let end = columns.value_ends[i] as usize;
            let kept =
                held.next_if(|kept| kept.position as usize == i).map(|kept| (kept.nbytes, kept.type_id));
            let inline = (end > start).then(|| &columns.blob[start..end]);
            start = end;
            let (started_ns, duration_ns) = (columns.started_ns[i], columns.duration_ns[i]);
            let stamp = Stamp { thread: columns.threads[i], started_ns, duration_ns };
            let class = self.finish_run(worker, run, Outcome { inline, held: kept, stamp }, &mut passage);
            if lesson.class != class {
                self.learn(std::mem::take(&mut lesson));
                lesson.class = class;
            }
            lesson.runs += 1;
            lesson.total_ns = lesson.total_ns.saturating_add(duration_ns);
        }
        self.learn(lesson);
        self.draw(worker, passage);
        self.heard_answers(worker, true);
    }

    fn learn(&mut self, lesson: Lesson) {
        if let Some(class) = lesson.class {
            self.classes[class].learn(lesson.runs, lesson.total_ns);
            self.watch.learned(class, lesson.runs, lesson.total_ns, self.classes[class].mean_ns);
        }
    }

    /// Adds executions to the task stream.
    fn draw(&mut self, worker: WorkerId, passage: Option<Passage>) {
        if let Some(passage) = passage {
            let tally = self.watch.tallies.number_of(passage.class);
            self.watch.stream.add(worker, tally, passage);
        }
    }

    /// The worker answered: tidies the list of what it was given. Progress is anything but giving back unstarted.
    fn heard_answers(&mut self, worker: WorkerId, is_progress: bool) {
        let Scheduler { workers, tasks, now, .. } = self;
        let Some(entry) = workers.get_mut(worker.0) else { return };
        if is_progress {
            entry.last_answer = *now;
            entry.retracting = false;
        }
        let is_here = |run: &RunId| tasks.current(*run).is_some_and(|task| task.is_processing_on(worker));
        while entry.given.front().is_some_and(|run| !is_here(run)) {
            entry.given.pop_front();
        }
        if entry.given.len() >= entry.given_tidy_at {
            entry.given.retain(is_here);
            entry.given_tidy_at = (2 * entry.given.len()).max(GIVEN_TIDY_MIN);
        }
    }

    /// One result. Returns the task's class if the run was expected. Neighbours are drawn together in `passage`.
    fn finish_run(
        &mut self,
        worker: WorkerId,
        run: RunId,
        outcome: Outcome<'_>,
        passage: &mut Option<Passage>,
    ) -> Option<ClassId> {
        let id = run.task;
        match self.close_account(worker, run) {
            Account::Wanted => {}
            unwanted => {
                self.finish_unwanted(worker, run, &outcome, unwanted);
                return None;
            }
        }
        // What its worker keeps as well is kept here only while there is room.
        let stays_here = |store: &ValueStore| outcome.held.is_none() || store.has_room_for(1);
        let inline = outcome.inline.filter(|_| stays_here(&self.values));
        let inline = inline.map(|bytes| self.values.insert(bytes));
        if let Some((nbytes, type_id)) = outcome.held {
            let type_id = self.translate_type(worker, type_id);
            self.tasks[id].kept = Some(Box::new(Kept { nbytes, type_id, replicas: smallvec![] }));
            self.add_replica(id, worker);
        }
        if self.tasks[id].troubled {
            self.trouble(id).deaths.clear();
        }
        let class = self.tasks[id].class;
        if !passage.as_mut().is_some_and(|passage| passage.extend(class, outcome.stamp)) {
            let ended = passage.replace(Passage::new(class, outcome.stamp, self.label(id)));
            self.draw(worker, ended);
        }
        self.set_state(id, TaskState::Memory { inline }, Cause::Finished(worker));
        self.story.note_duration(self.tasks[id].story, outcome.stamp.duration_ns);
        self.after_memory(id);
        Some(class)
    }

    /// A result that no task waits for. It took its time all the same.
    #[cold]
    fn finish_unwanted(&mut self, worker: WorkerId, run: RunId, outcome: &Outcome<'_>, account: Account) {
        if let Account::GivenUp(owed) = account {
            self.draw(worker, Some(Passage::new(owed.class, outcome.stamp, owed.label)));
        }
        let is_counted = self.tasks.current(run).is_some_and(|task| task.replicas().contains(&worker));
        if outcome.held.is_some() && !is_counted {
            self.tell_to_free(worker, run);
        }
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
        let mut cursor = self.tasks[id].dependents.begin();
        while let Some((dependent, next)) = self.tasks.next_dependent(cursor) {
            cursor = next;
            match &mut self.tasks[dependent].state {
                TaskState::Waiting { on } => {
                    *on -= 1;
                    if *on == 0 {
                        self.make_ready(dependent, Cause::DependenciesReady);
                    }
                }
                TaskState::Following { .. } => self.follow_one_less(dependent),
                _ => {}
            }
        }
    }

    /// A task is active no longer: its dependencies have one waiter less.
    fn let_go_of_dependencies(&mut self, id: TaskId) {
        for i in 0..self.tasks[id].dependencies.len() {
            let dependency = self.tasks[id].dependencies[i];
            let task = &mut self.tasks[dependency];
            task.waiters -= 1;
            if !task.is_needed() {
                self.settle(dependency, Cause::NotNeeded);
            }
        }
    }

    /// Tells one holder of a future what there is to tell. One whose task was refused holds nothing afterwards.
    pub(crate) fn report(&mut self, id: TaskId, want: Want) {
        let task = &self.tasks[id];
        match task.state {
            TaskState::Memory { inline: Some(value) } => {
                let Some(client) = self.clients.get_mut(want.client.0) else { return };
                client.outbox.push_inline(want.future, self.values.get(value));
            }
            TaskState::Memory { inline: None } => {
                let Some((kept, &worker)) =
                    task.kept.as_ref().and_then(|kept| Some((kept, kept.replicas.first()?)))
                else {
                    return;
                };
                let (nbytes, type_id, run) = (kept.nbytes, kept.type_id, self.tasks.run(id));
                self.introduce(want.client, type_id, worker);
                if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_held(want.future, (nbytes, type_id), run, worker);
                }
            }
            TaskState::Erred(error) => {
                let error = self.errors.get(error).clone();
                if error.kind == ErrorKind::Refused {
                    self.cancel_want(id, want, true, &error.text);
                } else if let Some(client) = self.clients.get_mut(want.client.0) {
                    client.outbox.push_erred(want.future, &error);
                }
            }
            _ => {}
        }
    }

    fn report_to_all(&mut self, id: TaskId) {
        for want in self.tasks[id].wants.all() {
            self.report(id, want);
        }
    }

    /// Tells a client the name of a type and the address of a worker, once.
    fn introduce(&mut self, client: rask_types::ClientId, type_id: TypeId, worker: WorkerId) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        if entry.known_types.insert(type_id.0) {
            let name = self.type_names[type_id.0 as usize].clone();
            entry.outbox.push(SchedulerToClient::DefineType { id: type_id, name });
        }
        self.introduce_peer(client, worker);
    }

    /// Tells a client where a worker listens, once.
    pub(crate) fn introduce_peer(&mut self, client: rask_types::ClientId, worker: WorkerId) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        if entry.known_peers.insert(worker.0)
            && let Some(address) = self.workers.get(worker.0).map(|entry| entry.description.address.clone())
        {
            entry.outbox.push(SchedulerToClient::DefinePeer { worker, address });
        }
    }

    pub(crate) fn translate_type(&mut self, worker: WorkerId, type_id: TypeId) -> TypeId {
        let known = self.workers.get(worker.0).and_then(|entry| entry.types.get(&type_id).copied());
        known.unwrap_or_else(|| self.intern_type("object"))
    }

    /// The worker answered for a run: it has one less on its hands.
    #[inline]
    pub(crate) fn close_account(&mut self, worker: WorkerId, run: RunId) -> Account {
        let state = self.tasks.current(run).map(|task| task.state);
        let Some(entry) = self.workers.get_mut(worker.0) else { return Account::None };
        match state {
            Some(TaskState::Processing { worker: at, estimate_ns, seceded }) if at == worker => {
                entry.answered(run, estimate_ns, Load::of(seceded));
                return Account::Wanted;
            }
            Some(TaskState::Following { worker: at, estimate_ns, .. }) if at == worker => {
                entry.answered(run, estimate_ns, Load::Following);
                return Account::Wanted;
            }
            _ => {}
        }
        close_given_up(entry, run)
    }

    /// A run failed.
    pub(crate) fn on_erred(&mut self, worker: WorkerId, run: RunId, stamp: Stamp, mut error: Arc<TaskError>) {
        let account = self.close_account(worker, run);
        if let Account::GivenUp(owed) = account {
            self.draw(worker, Some(Passage::erred(owed.class, stamp, owed.label)));
        } else if let Account::Wanted = account {
            let id = run.task;
            let class = self.tasks[id].class;
            self.draw(worker, Some(Passage::erred(class, stamp, self.label(id))));
            let retries = self.classes[class].class.retries;
            let is_retried =
                error.kind == ErrorKind::Exception && retries > 0 && self.trouble(id).retries_used < retries;
            self.note_error(worker, id, &error, is_retried);
            if is_retried {
                self.trouble(id).retries_used += 1;
                self.run_again(id, Cause::Raised(worker));
            } else {
                self.sign(&mut error, id, worker);
                let error = self.errors.insert(error);
                self.fail(id, error, Cause::Raised(worker));
            }
            // What it came to by this is its last entry, unless it is forgotten already.
            if let Some(task) = self.tasks.get(id) {
                self.story.note_duration(task.story, stamp.duration_ns);
            }
        }
        self.heard_answers(worker, true);
    }

    /// Says in an error whose it is, unless it does already. What a worker calls refused is its own matter: only what is
    /// refused here means that a future is lost.
    fn sign(&self, error: &mut Arc<TaskError>, id: TaskId, worker: WorkerId) {
        if !error.key.is_empty() && !error.worker.is_empty() && error.kind != ErrorKind::Refused {
            return;
        }
        let named = Arc::make_mut(error);
        if named.key.is_empty() {
            named.key = self.key(id).to_string();
        }
        if named.worker.is_empty()
            && let Some(entry) = self.workers.get(worker.0)
        {
            named.worker.clone_from(&entry.description.address);
        }
        if named.kind == ErrorKind::Refused {
            named.kind = ErrorKind::Undecodable;
        }
    }

    /// How many of a task's dependencies are not in memory.
    pub(crate) fn missing_dependencies(&self, id: TaskId) -> u32 {
        self.tasks[id].dependencies.iter().filter(|dep| !self.tasks[**dep].is_in_memory()).count() as u32
    }

    /// A task that was processing goes back among those that wait.
    fn run_again(&mut self, id: TaskId, cause: Cause) {
        self.call_followers_back(id);
        match self.missing_dependencies(id) {
            0 => self.make_ready(id, cause),
            on => {
                self.set_state(id, TaskState::Waiting { on }, cause);
                self.fail_with_dependency(id);
            }
        }
    }

    /// A task waits again. While it ran, an input may have been lost, made again, and failed: then it fails, too.
    pub(crate) fn fail_with_dependency(&mut self, id: TaskId) {
        let erred = self.tasks[id].dependencies.iter().find_map(|dep| match self.tasks[*dep].state {
            TaskState::Erred(error) => Some(error),
            _ => None,
        });
        if let Some(error) = erred {
            self.fail(id, error, Cause::DependencyErred);
        }
    }

    /// Runs given back unstarted.
    pub(crate) fn on_retracted(&mut self, worker: WorkerId, runs: &[RunId]) {
        // Mostly what follows comes after what it follows, and need not be called back when that is given back.
        for &run in runs.iter().rev() {
            if let Account::Wanted = self.close_account(worker, run) {
                self.run_again(run.task, Cause::GivenBack(worker));
            }
        }
        self.heard_answers(worker, false);
    }

    /// A task asked to run elsewhere.
    pub(crate) fn on_reschedule(&mut self, worker: WorkerId, run: RunId) {
        if let Account::Wanted = self.close_account(worker, run) {
            self.run_again(run.task, Cause::Rescheduled(worker));
        }
        self.heard_answers(worker, true);
    }

    /// A run left the thread pool, or came back: away, it does not count against what its worker may be given.
    pub(crate) fn on_seceded(&mut self, worker: WorkerId, run: RunId, away: bool) {
        let is_here = self.tasks.current(run).is_some_and(|task| task.is_processing_on(worker));
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        let estimate_ns = match is_here {
            true => match &mut self.tasks[run.task].state {
                TaskState::Processing { estimate_ns, seceded, .. } if *seceded != away => {
                    *seceded = away;
                    u64::from(*estimate_ns)
                }
                _ => return,
            },
            false => match entry.owed.get_mut(&run) {
                Some(owed) if owed.load == Load::of(!away) => {
                    owed.load = Load::of(away);
                    0
                }
                _ => return,
            },
        };
        if away {
            entry.assigned -= 1;
            entry.away += 1;
            entry.occupancy_ns -= estimate_ns;
        } else {
            entry.assigned += 1;
            entry.away -= 1;
            entry.occupancy_ns += estimate_ns;
        }
    }

    /// A task fails, and with it every task that waits for it, however many levels up.
    pub(crate) fn fail(&mut self, id: TaskId, error: ErrorId, cause: Cause) {
        // Held once more until all is said, so that a cascade of releases cannot drop it.
        self.errors.hold(error);
        let mut stack = vec![(id, cause)];
        let mut failed = Vec::new();
        while let Some((id, cause)) = stack.pop() {
            let state = self.tasks[id].state;
            if matches!(state, TaskState::Erred(_) | TaskState::Free) {
                continue;
            }
            match state {
                TaskState::Queued => self.leave_queue(id),
                // Only who runs a task can say that it failed; that run has been answered.
                TaskState::Following { .. } if cause == Cause::DependencyErred => self.take_back(id),
                _ => {}
            }
            failed.push((id, state.is_active()));
            self.errors.hold(error);
            self.tasks[id].fire_and_forget = false;
            self.set_state(id, TaskState::Erred(error), cause);
            self.report_to_all(id);
            let waits = |&dependent: &TaskId| {
                matches!(self.tasks[dependent].state, TaskState::Waiting { .. } | TaskState::Following { .. })
            };
            let dependents = self.tasks.dependents(id).filter(waits);
            stack.extend(dependents.map(|dependent| (dependent, Cause::DependencyErred)));
        }
        // First all let go, then what is not needed is given up: a task must not be forgotten while it still counts as
        // waiting for others.
        let mut released = Queue::new();
        for &(id, was_active) in &failed {
            released.push(id);
            if was_active {
                for i in 0..self.tasks[id].dependencies.len() {
                    let dependency = self.tasks[id].dependencies[i];
                    self.tasks[dependency].waiters -= 1;
                    released.push(dependency);
                }
            }
        }
        self.settle_all(released, Cause::NotNeeded);
        self.errors.release(error);
    }
}

/// The columns say of each run what became of it.
fn is_sound(columns: &FinishedColumns) -> bool {
    let n = columns.runs.len();
    if columns.started_ns.len() != n
        || columns.duration_ns.len() != n
        || columns.threads.len() != n
        || columns.value_ends.len() != n
        || !ascending_to(&columns.value_ends, columns.blob.len())
        || !columns.held.is_sorted_by(|a, b| a.position < b.position)
        || columns.held.last().is_some_and(|held| held.position as usize >= n)
    {
        return false;
    }
    let mut held = columns.held.iter().peekable();
    let mut start = 0;
    columns.value_ends.iter().enumerate().all(|(i, &end)| {
        let is_held = held.next_if(|held| held.position as usize == i).is_some();
        let is_inline = end > start;
        start = end;
        is_held || is_inline
    })
}
