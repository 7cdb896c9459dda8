//! Graphs come in: tasks are made or recognised, linked, and set on their way.

use rask_types::{ClientId, FutureId, GraphChunk, Key, KeyId, KeyKind, Language, TaskError, TaskId, Wants};
use smallvec::SmallVec;

use crate::args::ChunkId;
use crate::client::OpenTask;
use crate::errors::ErrorId;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{KeySource, TaskState, Want};

/// What all tasks of one run of a chunk share.
#[derive(Clone, Copy)]
struct RunContext {
    class: rask_types::ClassId,
    prefix_hash: u128,
    literal: bool,
}

/// How one task's key came.
enum NewKey {
    Session(u128),
    Token(u128, KeyId),
    Named(bytes::Bytes, KeyId),
}

/// The chunk on its way in.
struct Intake {
    client: ClientId,
    args: ChunkId,
    first: FutureId,
    order: Option<u64>,
    /// The task behind each position so far.
    made: Vec<TaskId>,
}

impl Scheduler {
    /// Takes in a piece of a graph.
    pub(crate) fn on_graph(&mut self, client: ClientId, mut chunk: GraphChunk) {
        if let Some(defect) = chunk.defect() {
            return self.refuse_client(client, &format!("a graph chunk is broken: {defect}"));
        }
        let Some(contexts) = self.run_contexts(client, &chunk) else {
            return self.refuse_client(client, "a graph chunk names a class that was not defined");
        };
        let order = chunk.parent.and_then(|run| self.tasks.current(run)).map(|task| task.order);
        let n = chunk.len();
        let column = std::mem::take(&mut chunk.args);
        let args = self.args.insert(column);
        let mut intake = Intake { client, args, first: chunk.first, order, made: Vec::with_capacity(n) };
        let mut tokens = chunk.tokens.iter();
        let mut names = chunk.names.iter();
        let mut position = 0;
        for (run, context) in chunk.runs.iter().zip(&contexts) {
            for _ in 0..run.count {
                let key = match run.keys {
                    KeyKind::Session => {
                        let session = self.clients.get(client.0).expect("it speaks").session;
                        let number = chunk.first.0 + position as u64;
                        NewKey::Session(u128::from(session) << 64 | u128::from(number))
                    }
                    KeyKind::Token => {
                        let token = *tokens.next().expect("counted");
                        NewKey::Token(token, KeyId(token ^ context.prefix_hash))
                    }
                    KeyKind::Named => {
                        let name = names.next().expect("counted").clone();
                        let Ok(key) = Key::from_canonical(&name) else {
                            self.args.seal(args);
                            return self.refuse_client(client, "a key is not canonical");
                        };
                        NewKey::Named(name, key.id())
                    }
                };
                let start = if position == 0 { 0 } else { chunk.dep_ends[position - 1] as usize };
                let deps = &chunk.deps[start..chunk.dep_ends[position] as usize];
                let task = self.take_in(&intake, *context, key, position as u32, deps);
                intake.made.push(task);
                position += 1;
            }
        }
        self.args.seal(args);
        self.hold_futures_in_pickles(&intake, &chunk.holds);
        self.register_wants(&intake, &chunk.wants, chunk.graph, chunk.last);
        if chunk.last {
            self.close_graph(client, chunk.graph);
        }
    }

    fn run_contexts(&self, client: ClientId, chunk: &GraphChunk) -> Option<Vec<RunContext>> {
        let entry = self.clients.get(client.0)?;
        let context = |run: &rask_types::TaskRun| {
            let class = *entry.classes.get(&run.class)?;
            let known = &self.classes[class];
            let literal = known.class.language == Language::Literal;
            Some(RunContext { class, prefix_hash: known.prefix_hash, literal })
        };
        chunk.runs.iter().map(context).collect()
    }

    /// Makes or recognises one task. It is held by its open graph until `register_wants` and `close_graph`.
    fn take_in(
        &mut self,
        intake: &Intake,
        context: RunContext,
        key: NewKey,
        position: u32,
        deps: &[FutureId],
    ) -> TaskId {
        let (token, source, key_id, name) = match key {
            NewKey::Session(token) => (token, KeySource::Session, None, None),
            NewKey::Token(token, id) => (token, KeySource::Token, Some(id), None),
            NewKey::Named(name, id) => (0, KeySource::Named, Some(id), Some(name)),
        };
        if let Some(&known) = key_id.and_then(|id| self.by_key.get(&id)) {
            self.recognise(known);
            return known;
        }
        let id = self.tasks.create();
        if let Some(key_id) = key_id {
            self.by_key.insert(key_id, id);
        }
        if let Some(name) = name {
            self.names.insert(id, name);
        }
        let order = intake.order.unwrap_or(self.next_order);
        self.next_order += 1;
        let args = self.args.hold(intake.args, position);
        let task = &mut self.tasks[id];
        task.token = token;
        task.order = order;
        task.args = Some(args);
        task.class = context.class;
        task.owner = intake.client;
        task.key_source = source;
        task.holders = 1;
        match self.resolve(intake, deps) {
            Ok(dependencies) => {
                for &dependency in &dependencies {
                    self.tasks.link(dependency, id);
                }
                self.tasks[id].dependencies = dependencies;
                if context.literal && self.settle_literal(id) {
                    return id;
                }
                self.activate(id, Cause::Submitted);
            }
            Err(text) => {
                let key = self.key(id).to_string();
                let error = TaskError::new(rask_types::ErrorKind::Refused, key, text);
                let error = self.errors.insert(error.into());
                self.fail(id, error, Cause::DependencyErred);
            }
        }
        id
    }

    /// A client submits a task that exists. One that erred and that nobody holds a future for runs again.
    fn recognise(&mut self, known: TaskId) {
        self.tasks[known].holders += 1;
        match self.tasks[known].state {
            TaskState::Erred(_) if self.tasks[known].wants.is_empty() => self.retry_tasks(&[known]),
            TaskState::Released => self.activate(known, Cause::NeededAgain),
            _ => {}
        }
    }

    /// The tasks behind the numbers a task depends on.
    fn resolve(&self, intake: &Intake, deps: &[FutureId]) -> Result<SmallVec<[TaskId; 4]>, String> {
        let client = self.clients.get(intake.client.0).expect("it speaks");
        let find = |&dep: &FutureId| {
            let task = match dep.0.checked_sub(intake.first.0) {
                Some(position) => intake.made.get(position as usize).copied(),
                None => client.futures.get(dep),
            };
            task.ok_or_else(|| "lost dependencies".to_owned())
        };
        // Two numbers of one client may name one task, an equal pure call submitted twice. It then stands here twice, since
        // `Dep(i)` in the arguments counts positions, and is linked and counted twice everywhere.
        deps.iter().map(find).collect()
    }

    /// A small literal's argument is its value: it needs no worker.
    fn settle_literal(&mut self, id: TaskId) -> bool {
        let task = &self.tasks[id];
        let Some(args) = task.args else { return false };
        let fits = self.args.buffers(args).is_empty()
            && self.args.head(args).len() <= rask_types::INLINE_BYTES_MAX
            && self.values.has_room_for(1)
            && task.dependencies.is_empty();
        if fits {
            let value = self.values.insert(self.args.head(args));
            self.tasks[id].nbytes = self.args.head(args).len() as u64;
            self.set_state(id, TaskState::Memory { inline: Some(value) }, Cause::Submitted);
        }
        fits
    }

    fn hold_futures_in_pickles(&mut self, intake: &Intake, holds: &[(u32, FutureId)]) {
        for &(position, future) in holds {
            let holder = intake.made[position as usize];
            if let Ok(held) = self.resolve(intake, &[future]) {
                self.tasks[held[0]].holders += 1;
                self.holds.entry(holder).or_default().push(held[0]);
            }
        }
    }

    /// Gives the client its futures, and reports those that are finished already.
    fn register_wants(&mut self, intake: &Intake, wants: &Wants, graph: u32, last: bool) {
        let wanted = |position: usize| match wants {
            Wants::All => true,
            Wants::None => false,
            Wants::Some(positions) => positions.binary_search(&(position as u32)).is_ok(),
        };
        for (position, &task) in intake.made.iter().enumerate() {
            let future = FutureId(intake.first.0 + position as u64);
            let is_wanted = wanted(position);
            if is_wanted {
                self.add_want(intake.client, future, task);
            }
            let entry = self.clients.get_mut(intake.client.0).expect("it speaks");
            if !last {
                if !is_wanted {
                    entry.futures.insert(future, task);
                }
                let open = OpenTask { future, task, wanted: is_wanted };
                entry.open_graphs.entry(graph).or_default().push(open);
            }
        }
        if last {
            // From here on only the client's wants and other tasks hold these; a cascade of releases may begin.
            for &task in &intake.made {
                self.tasks[task].holders -= 1;
            }
            for &task in &intake.made {
                if self.tasks[task].state != TaskState::Free && !self.tasks[task].is_needed() {
                    self.settle(task, Cause::NotNeeded);
                }
            }
        }
    }

    /// A client holds a future for a task from now on; tells it what there is to tell.
    pub(crate) fn add_want(&mut self, client: ClientId, future: FutureId, task: TaskId) {
        self.tasks[task].wants.push(Want { client, future });
        if let Some(entry) = self.clients.get_mut(client.0) {
            entry.futures.insert(future, task);
        }
        self.report(task, Want { client, future });
    }

    /// The client's graph is complete: its tasks stand on their own.
    pub(crate) fn close_graph(&mut self, client: ClientId, graph: u32) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        let Some(open) = entry.open_graphs.remove(&graph) else { return };
        for task in open.iter().filter(|task| !task.wanted) {
            entry.futures.remove(task.future);
        }
        for entry in &open {
            self.tasks[entry.task].holders -= 1;
        }
        for entry in &open {
            if self.tasks[entry.task].state != TaskState::Free && !self.tasks[entry.task].is_needed() {
                self.settle(entry.task, Cause::NotNeeded);
            }
        }
    }

    /// Sets a released task, and all released tasks it depends on, on their way to a value.
    pub(crate) fn activate(&mut self, id: TaskId, cause: Cause) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if self.tasks[id].state != TaskState::Released || !self.tasks[id].is_needed() {
                continue;
            }
            if self.tasks[id].scattered {
                self.lose_forever(id);
                continue;
            }
            let mut on = 0;
            let mut failed: Option<ErrorId> = None;
            let dependencies = std::mem::take(&mut self.tasks[id].dependencies);
            for &dependency in &dependencies {
                let task = &mut self.tasks[dependency];
                task.waiters += 1;
                match task.state {
                    TaskState::Memory { .. } => {}
                    TaskState::Erred(error) => failed = Some(error),
                    TaskState::Released => {
                        on += 1;
                        stack.push(dependency);
                    }
                    _ => on += 1,
                }
            }
            self.tasks[id].dependencies = dependencies;
            if on == 0 && failed.is_none() {
                self.make_ready(id, cause);
            } else {
                self.set_state(id, TaskState::Waiting { on }, cause);
            }
            if let Some(error) = failed {
                self.fail(id, error, Cause::DependencyErred);
            }
        }
    }
}
