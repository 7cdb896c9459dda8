//! Graphs come in: tasks are made or recognised, linked, and set on their way.

use bytes::Bytes;
use rask_types::{
    ClassId, ClientId, ErrorKind, FutureId, GraphChunk, Key, KeyId, KeyKind, Language, TaskError, TaskId,
    TaskRun, Wants,
};
use smallvec::SmallVec;

use crate::args::ChunkId;
use crate::client::OpenChunk;
use crate::errors::ErrorId;
use crate::scheduler::Scheduler;
use crate::session::NUMBER_IN_USE;
use crate::settle::Queue;
use crate::story::Cause;
use crate::task::{KeySource, Maker, TaskState, Token};
use crate::task_list::TaskList;
use crate::want::Want;

/// What all tasks of one run of a chunk share.
#[derive(Clone, Copy)]
struct RunContext {
    class: ClassId,
    prefix_hash: u128,
    literal: bool,
}

/// How one task's key came.
enum NewKey {
    Session(u128),
    Token(u128, KeyId),
    Named(Bytes, KeyId),
}

/// Goes through a chunk's positions and says of each whether the client wants it.
struct WantsWalk<'a> {
    wants: &'a Wants,
    rest: &'a [u32],
}

impl<'a> WantsWalk<'a> {
    fn new(wants: &'a Wants) -> WantsWalk<'a> {
        let rest = if let Wants::Some(positions) = wants { positions.as_slice() } else { &[] };
        WantsWalk { wants, rest }
    }

    /// `position` is one more than at the last call.
    #[inline]
    fn wants_next(&mut self, position: u32) -> bool {
        match self.wants {
            Wants::All => true,
            Wants::None => false,
            Wants::Some(_) => {
                let before = self.rest.len();
                while let Some((&first, rest)) = self.rest.split_first()
                    && first == position
                {
                    self.rest = rest;
                }
                self.rest.len() < before
            }
        }
    }
}

/// The chunk on its way in.
struct Intake {
    client: ClientId,
    session: u64,
    args: ChunkId,
    first: FutureId,
    /// The place of the task that submits it.
    order: Option<u64>,
    /// The task behind each position so far.
    made: Vec<TaskId>,
}

impl Scheduler {
    /// Takes in a piece of a graph.
    pub(crate) fn on_graph(&mut self, client: ClientId, mut chunk: GraphChunk) {
        let names = match self.look_over(client, &chunk) {
            Ok(names) => names,
            Err(defect) => {
                return self.refuse_client(client, &format!("a graph chunk is broken: {defect}"));
            }
        };
        let Some(contexts) = self.run_contexts(client, &chunk) else {
            return self.refuse_client(client, "a graph chunk names a class that was not defined");
        };
        let order = chunk.parent.and_then(|run| self.tasks.current(run)).map(|task| task.order);
        let made = Vec::with_capacity(chunk.len());
        let args = self.args.insert(std::mem::take(&mut chunk.args));
        let session = self.clients.get(client.0).expect("it speaks").session;
        let mut intake = Intake { client, session, args, first: chunk.first, order, made };
        self.take_in_all(&mut intake, &chunk, &contexts, names);
        self.args.seal(args);
        self.hold_futures_in_pickles(&intake, &chunk.holds);
        self.register_wants(intake, chunk.wants, chunk.graph, chunk.last);
        if chunk.last {
            self.close_graph(client, chunk.graph);
        }
    }

    /// Checks a chunk before anything is made of it; returns the keys that it names.
    fn look_over(&self, client: ClientId, chunk: &GraphChunk) -> Result<Vec<KeyId>, &'static str> {
        if let Some(defect) = chunk.defect() {
            return Err(defect);
        }
        if let Wants::Some(positions) = &chunk.wants
            && !positions.is_sorted()
        {
            return Err("wanted positions do not ascend");
        }
        if !chunk.args.buffers.is_sorted_by_key(|entry| entry.0) {
            return Err("the positions of buffers do not ascend");
        }
        if self.has_future_in(client, chunk.first, chunk.len() as u64) {
            return Err(NUMBER_IN_USE);
        }
        let id = |name: &Bytes| Key::from_canonical(name).map(|key| key.id());
        chunk.names.iter().map(id).collect::<Result<_, _>>().map_err(|_| "a key is not canonical")
    }

    fn run_contexts(&self, client: ClientId, chunk: &GraphChunk) -> Option<Vec<RunContext>> {
        let entry = self.clients.get(client.0)?;
        let context = |run: &TaskRun| {
            let class = *entry.classes.get(&run.class)?;
            let known = &self.classes[class];
            let literal = known.class.language == Language::Literal;
            Some(RunContext { class, prefix_hash: known.prefix_hash, literal })
        };
        chunk.runs.iter().map(context).collect()
    }

    fn take_in_all(
        &mut self,
        intake: &mut Intake,
        chunk: &GraphChunk,
        contexts: &[RunContext],
        names: Vec<KeyId>,
    ) {
        let mut tokens = chunk.tokens.iter();
        let mut names = chunk.names.iter().zip(names);
        let mut deps_start = 0;
        self.tasks.reserve(chunk.dep_ends.len());
        for (run, context) in chunk.runs.iter().zip(contexts) {
            for _ in 0..run.count {
                let position = intake.made.len();
                let key = match run.keys {
                    KeyKind::Session => {
                        let number = intake.first.0 + position as u64;
                        NewKey::Session(u128::from(intake.session) << 64 | u128::from(number))
                    }
                    KeyKind::Token => {
                        let token = *tokens.next().expect("counted");
                        NewKey::Token(token, KeyId(token ^ context.prefix_hash))
                    }
                    KeyKind::Named => {
                        let (name, id) = names.next().expect("counted");
                        NewKey::Named(name.clone(), id)
                    }
                };
                let deps_end = chunk.dep_ends[position] as usize;
                let task = self.take_in(intake, *context, key, &chunk.deps[deps_start..deps_end]);
                deps_start = deps_end;
                intake.made.push(task);
            }
        }
    }

    /// Makes or recognises one task. It is held by its open graph until `register_wants` and `close_graph`.
    fn take_in(&mut self, intake: &Intake, context: RunContext, key: NewKey, deps: &[FutureId]) -> TaskId {
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
        if let Some(name) = name {
            self.names.insert(id, name);
        }
        let rank = self.next_order as u32;
        let order = intake.order.unwrap_or(self.next_order);
        self.next_order += 1;
        let args = self.args.hold(intake.args, intake.made.len() as u32);
        let task = &mut self.tasks[id];
        task.token = Token::new(token);
        task.order = order;
        task.rank = rank;
        task.args = Some(args);
        task.class = context.class;
        task.owner = intake.client;
        task.key_source = source;
        task.holders = 1;
        self.watch.created(context.class, self.now);
        let Some(dependencies) = self.resolve(intake, deps) else {
            self.refuse_task(id);
            return id;
        };
        if let Some(key_id) = key_id {
            self.by_key.insert(key_id, id);
        }
        for &dependency in &dependencies {
            self.watch.tallies.needs(context.class, self.tasks[dependency].class);
            self.tasks.link(dependency, id);
        }
        self.tasks[id].dependencies = dependencies;
        if context.literal && self.settle_literal(id) {
            return id;
        }
        match deps {
            [] => self.make_ready(id, Cause::Submitted),
            _ => self.activate(id, Cause::Submitted),
        }
        id
    }

    /// A task depends on what is not known: it fails at once, and its key goes on meaning nothing.
    fn refuse_task(&mut self, id: TaskId) {
        self.tasks[id].maker = Maker::Nobody;
        let key = self.key(id).to_string();
        let error = TaskError::new(ErrorKind::Refused, key, "lost dependencies");
        let error = self.errors.insert(error.into());
        self.fail(id, error, Cause::DependencyErred);
    }

    /// A client submits a task that exists. One that erred and that nobody holds a future for runs again.
    fn recognise(&mut self, known: TaskId) {
        self.tasks[known].holders += 1;
        match self.tasks[known].state {
            TaskState::Erred(_) if self.tasks[known].wants.is_empty() => self.retry_tasks(&[known]),
            TaskState::Released { .. } => self.activate(known, Cause::NeededAgain),
            _ => {}
        }
    }

    /// The tasks behind the numbers a task depends on; `None` if one means nothing.
    fn resolve(&self, intake: &Intake, deps: &[FutureId]) -> Option<TaskList> {
        if deps.is_empty() {
            return Some(TaskList::default());
        }
        let client = self.clients.get(intake.client.0).expect("it speaks");
        let find = |&dep: &FutureId| {
            let position = dep.0.checked_sub(intake.first.0).and_then(|at| usize::try_from(at).ok());
            let in_chunk = position.and_then(|position| intake.made.get(position).copied());
            in_chunk.or_else(|| client.futures.get(dep))
        };
        // Two numbers of one client may name one task, an equal pure call submitted twice. It then stands here twice, since
        // `Dep(i)` in the arguments counts positions, and is linked and counted twice everywhere.
        TaskList::find_all(deps, find)
    }

    /// A small literal's argument is its value: it needs no worker.
    fn settle_literal(&mut self, id: TaskId) -> bool {
        let task = &self.tasks[id];
        let Some(args) = task.args else { return false };
        let head = self.args.head(args);
        let fits = self.args.buffers(args).is_empty()
            && head.len() <= rask_types::INLINE_BYTES_MAX
            && self.values.has_room_for(1)
            && task.dependencies.is_empty();
        if fits {
            let value = self.values.insert(head);
            self.set_state(id, TaskState::Memory { inline: Some(value) }, Cause::Submitted);
        }
        fits
    }

    fn hold_futures_in_pickles(&mut self, intake: &Intake, holds: &[(u32, FutureId)]) {
        for &(position, future) in holds {
            let holder = intake.made[position as usize];
            // A task that was there before has its own. And a task may hold only what came before it, or it could come
            // to hold itself, by way of others.
            let is_new = self.tasks[holder].args.is_some_and(|args| args.is_at(intake.args, position));
            let at_or_after = |first: FutureId| future.0 >= first.0 + u64::from(position);
            let in_chunk = future.0.wrapping_sub(intake.first.0) < intake.made.len() as u64;
            if !is_new || (in_chunk && at_or_after(intake.first)) {
                continue;
            }
            let Some(held) = self.resolve(intake, &[future]) else { continue };
            self.tasks[held[0]].holders += 1;
            self.holds.entry(holder).or_default().push(held[0]);
            // It travels by its key, which must lead to it also when its session has let go of it.
            self.index_session_key(held[0]);
            self.activate(held[0], Cause::NeededAgain);
        }
    }

    /// Gives the client its futures, and reports those that are finished already.
    fn register_wants(&mut self, intake: Intake, wants: Wants, graph: u32, last: bool) {
        let Intake { client, first, made, .. } = intake;
        let mut walk = WantsWalk::new(&wants);
        for (position, &task) in made.iter().enumerate() {
            let future = FutureId(first.0 + position as u64);
            if walk.wants_next(position as u32) {
                self.add_want(client, future, task);
            } else if !last && let Some(entry) = self.clients.get_mut(client.0) {
                entry.futures.insert(future, task);
            }
        }
        if last {
            // From here on only the client's wants and other tasks hold these; a cascade of releases may begin.
            self.let_go(&made);
        } else if let Some(entry) = self.clients.get_mut(client.0) {
            entry.open_graphs.entry(graph).or_default().push(OpenChunk { first, tasks: made, wants });
        }
    }

    /// Tasks are held once less.
    fn let_go(&mut self, held: &[TaskId]) {
        let mut unneeded = Queue::new();
        for &id in held {
            let task = &mut self.tasks[id];
            task.holders -= 1;
            if !task.is_needed() {
                unneeded.push(id);
            }
        }
        self.settle_all(unneeded, Cause::NotNeeded);
    }

    /// A client holds a future for a task from now on; tells it what there is to tell.
    pub(crate) fn add_want(&mut self, client: ClientId, future: FutureId, task: TaskId) {
        let want = Want { client, future };
        self.tasks[task].wants.insert(want);
        if let Some(entry) = self.clients.get_mut(client.0) {
            entry.futures.insert(future, task);
        }
        self.report(task, want);
    }

    /// The client's graph is complete: its tasks stand on their own.
    pub(crate) fn close_graph(&mut self, client: ClientId, graph: u32) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        for chunk in entry.open_graphs.remove(&graph).unwrap_or_default() {
            let mut walk = WantsWalk::new(&chunk.wants);
            let entry = self.clients.get_mut(client.0).expect("it has a graph");
            for position in 0..chunk.tasks.len() as u32 {
                if !walk.wants_next(position) {
                    entry.futures.remove(FutureId(chunk.first.0 + u64::from(position)));
                }
            }
            self.let_go(&chunk.tasks);
        }
    }

    /// The client gives up a graph of which not all chunks came: its numbers mean nothing any more.
    pub(crate) fn abort_graph(&mut self, client: ClientId, graph: u32) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        for chunk in entry.open_graphs.remove(&graph).unwrap_or_default() {
            for position in 0..chunk.tasks.len() as u64 {
                let future = FutureId(chunk.first.0 + position);
                let entry = self.clients.get_mut(client.0).expect("it has a graph");
                if let Some(task) = entry.futures.remove(future) {
                    self.tasks[task].wants.remove(Want { client, future });
                }
            }
            self.let_go(&chunk.tasks);
        }
    }

    /// Sets a released task, and all released tasks it depends on, on their way to a value.
    pub(crate) fn activate(&mut self, id: TaskId, cause: Cause) {
        let mut stack: SmallVec<[TaskId; 8]> = SmallVec::new();
        stack.push(id);
        while let Some(id) = stack.pop() {
            if !self.tasks[id].state.is_released() || !self.tasks[id].is_needed() {
                continue;
            }
            self.take_up(id);
            if self.tasks[id].maker != Maker::Worker {
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
                    TaskState::Released { .. } => {
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
