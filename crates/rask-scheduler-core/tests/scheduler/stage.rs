//! A small test language: a scheduler with clients, workers and nannies around it, who speak in one line each. What the
//! scheduler says comes back as lines, too, and the invariants are checked after every event.
//!
//! ```text
//! w0 run t0#1 t1#1(t0#1@w0 `ab`)     a run and its inputs: kept on w0, and by value
//! w0 free t0#1                       c0 done 1=`ab` 2@w0
//! w0 retract t0#1                    c0 erred 1 2: boom of f-1
//! w0 discard t0#1                    c0 cancelled 1: why            c0 lost 1: why            c0 pending 1
//! ```
//!
//! Introductions (welcomes, classes, functions, peers, types, numbers of workers) are left out unless asked for.

use bytes::Bytes;
use rask_scheduler_core::{Effect, Event, NannyId, Scheduler, SchedulerConfig};
use rask_types::columns::{HeldByWorker, NumberedClass};
use rask_types::msg::{
    ClientToScheduler, KeyChoice, NannyToScheduler, Query, ScatterItem, ThreadRun, WorkerDescription,
    WorkerExit, WorkerToScheduler,
};
use rask_types::value::Value;
use rask_types::{
    ArgsColumn, ClientId, ErrorKind, FinishedColumns, FunctionId, FutureId, GraphChunk, Key, KeyKind,
    Language, Payload, RequestId, RunId, TaskClass, TaskError, TaskRun, Tick, TypeId, Wants, WorkerId,
};

use crate::lines;

/// The class number of literal tasks, for every client.
pub const LITERAL: u32 = 9;

/// A scheduler and those around it.
pub struct Stage {
    pub scheduler: Scheduler,
    pub now: Tick,
    /// Introductions are said, too.
    pub introductions: bool,
    /// Invariants are checked after every event: not where there are so many tasks that it would take minutes.
    pub checks: bool,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(|_| ())
    }

    pub fn with(configure: impl FnOnce(&mut SchedulerConfig)) -> Stage {
        let mut config = SchedulerConfig { address: "tcp://s:8786".into(), ..SchedulerConfig::default() };
        configure(&mut config);
        Stage { scheduler: Scheduler::new(config), now: Tick::from_ms(1), introductions: false, checks: true }
    }

    /// With client 0, and workers of as many threads each.
    pub fn with_workers(workers: u32, nthreads: u32) -> Stage {
        let mut stage = Stage::new();
        stage.client(0);
        (0..workers).for_each(|number| drop(stage.worker(number, nthreads)));
        stage
    }

    /// One event, and all that follows from it.
    pub fn tell(&mut self, event: Event) -> Vec<String> {
        self.tell_without_turn(event);
        self.turn()
    }

    /// One event of several in a turn.
    pub fn tell_without_turn(&mut self, event: Event) {
        self.scheduler.handle(self.now, event);
        self.check();
    }

    /// The end of a turn.
    pub fn turn(&mut self) -> Vec<String> {
        self.effects().iter().filter_map(|effect| lines::of(effect, self.introductions)).collect()
    }

    pub fn effects(&mut self) -> Vec<Effect> {
        let effects = std::iter::from_fn(|| self.scheduler.poll_effect()).collect();
        self.check();
        effects
    }

    fn check(&self) {
        if self.checks {
            self.scheduler.check_invariants();
        }
    }

    pub fn pass_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    /// Time passes to when the scheduler wants to be woken, and wakes it.
    pub fn wait_for_timeout(&mut self) -> Vec<String> {
        self.now = self.now.max(self.scheduler.poll_timeout().expect("it wants to be woken"));
        self.tell(Event::Tick)
    }
}

/// Clients.
impl Stage {
    /// A client with class 0, a Python function `f`, and `LITERAL`.
    pub fn client(&mut self, number: u32) -> Vec<String> {
        let mut said = self.tell(Event::ClientJoined(ClientId(number)));
        let register = ClientToScheduler::Register {
            name: format!("client {number}"),
            session: session(number),
            runtime: "python 3.11.7".into(),
            version: "1".into(),
            epoch: None,
        };
        said.extend(self.ask(number, register));
        said.extend(self.define(number, 0, |_| ()));
        said.extend(self.define(number, LITERAL, |class| {
            *class = TaskClass::plain("literal", FunctionId::LITERAL, Language::Literal);
        }));
        said
    }

    /// Defines a class like 0, but for what is changed.
    pub fn define(&mut self, client: u32, number: u32, change: impl FnOnce(&mut TaskClass)) -> Vec<String> {
        let id = FunctionId(1);
        self.ask(client, ClientToScheduler::DefineFunction { id, payload: Payload::from_head("code of f") });
        let mut class = TaskClass::plain("f", id, Language::Python);
        change(&mut class);
        self.ask(client, ClientToScheduler::DefineClass(NumberedClass { number, class }))
    }

    pub fn ask(&mut self, client: u32, message: ClientToScheduler) -> Vec<String> {
        self.tell(Event::Client(ClientId(client), message))
    }

    pub fn submit(&mut self, client: u32, graph: Graph) -> Vec<String> {
        self.ask(client, ClientToScheduler::Graph(graph.build()))
    }

    pub fn release(&mut self, client: u32, futures: &[u64]) -> Vec<String> {
        self.ask(client, ClientToScheduler::Release(numbers(futures)))
    }

    pub fn cancel(&mut self, client: u32, futures: &[u64], force: bool) -> Vec<String> {
        let reason = "no more".into();
        self.ask(client, ClientToScheduler::Cancel { futures: numbers(futures), force, reason })
    }

    pub fn retry(&mut self, client: u32, futures: &[u64]) -> Vec<String> {
        self.ask(client, ClientToScheduler::Retry { futures: numbers(futures) })
    }

    pub fn want(&mut self, client: u32, future: u64, key: &Key) -> Vec<String> {
        let key = key.to_canonical().into();
        self.ask(client, ClientToScheduler::Want { future: FutureId(future), key })
    }

    pub fn scatter(
        &mut self,
        client: u32,
        first: u64,
        items: Vec<ScatterItem>,
        workers: &[&str],
        broadcast: bool,
    ) -> Vec<String> {
        let workers = workers.iter().map(|word| (*word).to_owned()).collect();
        let (request, first) = (RequestId(1), FutureId(first));
        self.ask(client, ClientToScheduler::Scatter { request, first, items, workers, broadcast })
    }

    pub fn leave(&mut self, client: u32) -> Vec<String> {
        self.tell(Event::ClientGone(ClientId(client)))
    }

    /// The answer to a question about the cluster.
    pub fn query(&mut self, client: u32, query: Query) -> Result<Value, String> {
        let message = ClientToScheduler::Query { request: RequestId(7), query };
        self.scheduler.handle(self.now, Event::Client(ClientId(client), message));
        for effect in self.effects() {
            if let Effect::ToClient(to, rask_types::msg::SchedulerToClient::Reply { request, result }) =
                effect
            {
                assert_eq!((to, request), (ClientId(client), RequestId(7)));
                return result.map(|bytes| Value::from_bytes(&bytes).expect("an answer is a value"));
            }
        }
        panic!("no answer");
    }

    pub fn explain(&mut self, client: u32, key: &Key) -> String {
        match self.query(client, Query::Explain(key.to_canonical().into())) {
            Ok(Value::Tuple(mut answer)) if answer.len() == 2 => match answer.pop() {
                Some(Value::Str(text)) => text,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

/// Workers and nannies.
impl Stage {
    /// A worker `w<number>` on a host of its own.
    pub fn worker(&mut self, number: u32, threads: u32) -> Vec<String> {
        self.worker_with(number, threads, |_| ())
    }

    pub fn worker_with(
        &mut self,
        number: u32,
        threads: u32,
        change: impl FnOnce(&mut WorkerDescription),
    ) -> Vec<String> {
        let mut description = WorkerDescription {
            name: format!("w{number}"),
            address: format!("tcp://h{number}:1"),
            host: format!("h{number}"),
            nthreads: threads,
            ..WorkerDescription::default()
        };
        change(&mut description);
        let mut said = self.tell(Event::WorkerJoined(WorkerId(number)));
        said.extend(self.say(number, WorkerToScheduler::Register(description)));
        said
    }

    pub fn say(&mut self, worker: u32, message: WorkerToScheduler) -> Vec<String> {
        self.tell(Event::Worker(WorkerId(worker), message))
    }

    /// Runs finished, 1 ms each, their values inside: from now on their class is known to be short.
    pub fn finish_fast(&mut self, worker: u32, results: &[(&str, &str)]) -> Vec<String> {
        self.say(worker, WorkerToScheduler::Finished(inline(results, 1_000_000)))
    }

    /// Runs finished, 50 ms each (too long for a second run to go along), their values inside.
    pub fn finish(&mut self, worker: u32, results: &[(&str, &str)]) -> Vec<String> {
        self.say(worker, WorkerToScheduler::Finished(inline(results, 50_000_000)))
    }

    /// Runs finished, 50 ms each, their values kept on the worker: sizes in bytes.
    pub fn hold(&mut self, worker: u32, results: &[(&str, u64)]) -> Vec<String> {
        self.say(worker, WorkerToScheduler::Finished(held(results)))
    }

    pub fn err(&mut self, worker: u32, run_text: &str, text: &str) -> Vec<String> {
        self.say(worker, raised(run_text, text))
    }

    pub fn give_back(&mut self, worker: u32, runs: &[&str]) -> Vec<String> {
        self.say(worker, WorkerToScheduler::Retracted { runs: runs.iter().map(|text| run(text)).collect() })
    }

    pub fn stored(&mut self, worker: u32, value: &str, nbytes: u64) -> Vec<String> {
        self.say(worker, WorkerToScheduler::Stored { value: run(value), nbytes, type_id: TypeId(0) })
    }

    pub fn missing(&mut self, worker: u32, value: &str, workers: &[u32]) -> Vec<String> {
        let workers = workers.iter().map(|&number| WorkerId(number)).collect();
        self.say(worker, WorkerToScheduler::Missing { value: run(value), workers })
    }

    pub fn die(&mut self, worker: u32) -> Vec<String> {
        self.tell(Event::WorkerGone(WorkerId(worker), "connection reset".into()))
    }

    /// A nanny that started a process.
    pub fn nanny(&mut self, number: u32, instance: u64) -> Vec<String> {
        let mut said = self.tell(Event::NannyJoined(NannyId(number)));
        let register = NannyToScheduler::Register { host: "h".into(), pid: 1 };
        said.extend(self.tell(Event::Nanny(NannyId(number), register)));
        said.extend(self.starts(number, instance));
        said
    }

    pub fn starts(&mut self, nanny: u32, instance: u64) -> Vec<String> {
        self.tell(Event::Nanny(NannyId(nanny), NannyToScheduler::Started { instance }))
    }

    pub fn exited(&mut self, nanny: u32, instance: u64, executing: &[&str]) -> Vec<String> {
        let exit = WorkerExit {
            instance,
            executing: executing.iter().map(|text| run(text)).collect(),
            status: "killed by signal 9 (SIGKILL)".into(),
            restarts: true,
        };
        self.tell(Event::Nanny(NannyId(nanny), NannyToScheduler::Exited(exit)))
    }
}

/// The high half of the tokens of a client's impure tasks.
pub fn session(client: u32) -> u64 {
    0xC0 + u64::from(client)
}

/// The key of a client's impure task of class 0.
pub fn key_of(client: u32, future: u64) -> Key {
    Key::generated("f", u128::from(session(client)) << 64 | u128::from(future))
}

pub fn str_key(text: &str) -> Key {
    Key::Str(text.into())
}

pub fn numbers(futures: &[u64]) -> Vec<FutureId> {
    futures.iter().map(|&number| FutureId(number)).collect()
}

/// `t3#1`: the first run in slot 3.
pub fn run(text: &str) -> RunId {
    let (task, attempt) = text.strip_prefix('t').and_then(|rest| rest.split_once('#')).expect("t3#1");
    RunId::new(task.parse().expect("a slot"), attempt.parse().expect("an attempt"))
}

/// A worker's threads, from 0 on, have been executing these runs for 250 ms that it saw.
pub fn executing(runs: impl IntoIterator<Item = RunId>) -> WorkerToScheduler {
    let said = |(thread, run)| ThreadRun { thread, run, seen_for_ms: 250 };
    WorkerToScheduler::Executing { runs: (0..).zip(runs).map(said).collect() }
}

pub fn inline(results: &[(&str, &str)], duration_ns: u64) -> FinishedColumns {
    let mut columns = columns(results.iter().map(|(text, _)| run(text)).collect(), duration_ns);
    let mut blob = Vec::new();
    for (_, value) in results {
        blob.extend_from_slice(value.as_bytes());
        columns.value_ends.push(blob.len() as u32);
    }
    columns.blob = blob.into();
    columns
}

pub fn held(results: &[(&str, u64)]) -> FinishedColumns {
    let mut columns = columns(results.iter().map(|(text, _)| run(text)).collect(), 50_000_000);
    columns.value_ends = vec![0; results.len()];
    let held = |(position, (_, nbytes)): (usize, &(&str, u64))| HeldByWorker {
        position: position as u32,
        nbytes: *nbytes,
        type_id: TypeId(0),
    };
    columns.held = results.iter().enumerate().map(held).collect();
    columns
}

pub fn columns(runs: Vec<RunId>, duration_ns: u64) -> FinishedColumns {
    let n = runs.len();
    FinishedColumns {
        runs,
        started_ns: vec![0; n],
        duration_ns: vec![duration_ns; n],
        threads: vec![0; n],
        ..FinishedColumns::default()
    }
}

pub fn raised(run_text: &str, text: &str) -> WorkerToScheduler {
    let error = TaskError::new(ErrorKind::Exception, "", text).into();
    WorkerToScheduler::Erred { run: run(run_text), started_ns: 0, duration_ns: 0, thread: 0, error }
}

pub fn item(name: &str, nbytes: u64, value: Option<&str>) -> ScatterItem {
    ScatterItem {
        key: KeyChoice::Named(str_key(name).to_canonical().into()),
        nbytes,
        type_name: "array".into(),
        inline: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    }
}

/// A chunk in the making: all tasks wanted, the last of its graph.
pub struct Graph {
    pub chunk: GraphChunk,
    blob: Vec<u8>,
    class: u32,
}

impl Graph {
    /// The chunk's first task is the client's number `first`.
    pub fn at(first: u64) -> Graph {
        let chunk = GraphChunk {
            graph: 0,
            first: FutureId(first),
            runs: vec![],
            tokens: vec![],
            names: vec![],
            args: ArgsColumn::default(),
            dep_ends: vec![],
            deps: vec![],
            holds: vec![],
            wants: Wants::All,
            last: true,
            parent: None,
        };
        Graph { chunk, blob: Vec::new(), class: 0 }
    }

    fn task(mut self, keys: KeyKind, args: &str, deps: &[u64]) -> Graph {
        let class = self.class;
        match self.chunk.runs.last_mut() {
            Some(run) if run.class == class && run.keys == keys => run.count += 1,
            _ => self.chunk.runs.push(TaskRun { class, count: 1, keys }),
        }
        self.blob.extend_from_slice(args.as_bytes());
        self.chunk.args.ends.push(self.blob.len() as u32);
        self.chunk.deps.extend(numbers(deps));
        self.chunk.dep_ends.push(self.chunk.deps.len() as u32);
        self
    }

    /// An impure call.
    pub fn call(self, deps: &[u64]) -> Graph {
        self.task(KeyKind::Session, "args", deps)
    }

    /// `n` impure calls without inputs.
    pub fn calls(self, n: usize) -> Graph {
        (0..n).fold(self, |graph, _| graph.call(&[]))
    }

    /// A pure call.
    pub fn pure(mut self, token: u128, deps: &[u64]) -> Graph {
        self.chunk.tokens.push(token);
        self.task(KeyKind::Token, "args", deps)
    }

    /// A call whose key the user gave.
    pub fn named(self, name: &str, deps: &[u64]) -> Graph {
        self.keyed(&str_key(name), deps)
    }

    /// The same with a key of any kind.
    pub fn keyed(mut self, key: &Key, deps: &[u64]) -> Graph {
        self.chunk.names.push(key.to_canonical().into());
        self.task(KeyKind::Named, "args", deps)
    }

    /// A literal value.
    pub fn literal(self, value: &str) -> Graph {
        let class = self.class;
        let graph = self.class(LITERAL).task(KeyKind::Session, value, &[]);
        graph.class(class)
    }

    /// What follows is of this class.
    pub fn class(mut self, number: u32) -> Graph {
        self.class = number;
        self
    }

    /// Only these positions are wanted.
    pub fn want(mut self, positions: &[u32]) -> Graph {
        self.chunk.wants = Wants::Some(positions.to_vec());
        self
    }

    /// More of this graph will follow.
    pub fn part_of(mut self, graph: u32) -> Graph {
        self.chunk.graph = graph;
        self.chunk.last = false;
        self
    }

    /// The end of this graph.
    pub fn end_of(mut self, graph: u32) -> Graph {
        self.chunk.graph = graph;
        self
    }

    /// A future lies in the arguments of the task at `position`.
    pub fn holding(mut self, position: u32, future: u64) -> Graph {
        self.chunk.holds.push((position, FutureId(future)));
        self
    }

    /// It is submitted by this run.
    pub fn by(mut self, parent: &str) -> Graph {
        self.chunk.parent = Some(run(parent));
        self
    }

    pub fn build(mut self) -> GraphChunk {
        self.chunk.args.blob = self.blob.into();
        self.chunk
    }
}
