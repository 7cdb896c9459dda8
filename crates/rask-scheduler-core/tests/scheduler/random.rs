//! Random sequences of events by clients, workers and nannies that are honest but unlucky. After every event the
//! invariants hold; at the end, once everybody answers, every future that is held has come to something; and when the
//! clients have gone, nothing is left, neither here nor on the workers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use rask_scheduler_core::{Effect, Event, NannyId, Scheduler, SchedulerConfig};
use rask_types::columns::NumberedClass;
use rask_types::msg::{
    ClientToScheduler, KeyChoice, NannyToScheduler, Query, ScatterItem, SchedulerToClient, SchedulerToNanny,
    SchedulerToWorker, WorkerDescription, WorkerExit, WorkerOp, WorkerToScheduler,
};
use rask_types::{
    ClientId, DepSource, ErrorKind, FinishedColumns, FunctionId, FutureId, Language, Payload, RequestId,
    RunId, TaskClass, TaskError, Tick, TypeId, Wants, WorkerId,
};

use crate::stage::{Graph, LITERAL, columns, session, str_key};

/// One step: what, and numbers to choose with.
type Step = (u8, u16, u16);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Pending,
    Done,
    Erred,
}

#[derive(Default)]
struct Client {
    next: u64,
    held: BTreeMap<u64, Status>,
    /// Graphs of which not all chunks were sent, with the numbers that only their tasks have.
    open: BTreeMap<u32, Vec<u64>>,
    /// Numbers of scattered values, by question, until it is answered.
    scattered: VecDeque<Vec<u64>>,
    /// Scattered values still to be brought.
    to_bring: Vec<(RunId, WorkerId)>,
}

#[derive(Default)]
struct Worker {
    instance: Option<u64>,
    unanswered: Vec<RunId>,
    seceded: BTreeSet<RunId>,
    answered: Vec<RunId>,
    values: BTreeSet<RunId>,
    to_fetch: Vec<RunId>,
    ops: Vec<RequestId>,
    is_closing: bool,
}

struct World {
    scheduler: Scheduler,
    now: Tick,
    clients: BTreeMap<u32, Client>,
    workers: BTreeMap<u32, Worker>,
    /// Reports of processes that ended, on their way.
    exits: Vec<WorkerExit>,
    next_client: u32,
    next_worker: u32,
    is_shut_down: bool,
    /// What was said, for whoever must find out why it went wrong.
    history: Vec<String>,
}

const NANNY: NannyId = NannyId(0);

impl World {
    fn new() -> World {
        // Small bounds, so that they are met.
        let config = SchedulerConfig {
            values_bytes_max: 6_000,
            story_len: 64,
            horizon_ns: 3_000_000,
            allowed_failures: 2,
            ..SchedulerConfig::default()
        };
        let mut world = World {
            scheduler: Scheduler::new(config),
            now: Tick::from_ms(1),
            clients: BTreeMap::new(),
            workers: BTreeMap::new(),
            exits: Vec::new(),
            next_client: 0,
            next_worker: 0,
            is_shut_down: false,
            history: Vec::new(),
        };
        world.event(Event::NannyJoined(NANNY));
        world.join_client();
        world
    }

    fn event(&mut self, event: Event) {
        self.history.push(format!("{event:?}"));
        self.scheduler.handle(self.now, event);
        self.scheduler.check_invariants();
    }

    fn turn(&mut self) {
        while let Some(effect) = self.scheduler.poll_effect() {
            self.history.extend(crate::lines::of(&effect, false).map(|line| format!("    {line}")));
            match effect {
                Effect::ToClient(client, message) => self.hear_as_client(client.0, message),
                Effect::ToWorker(worker, message) => self.hear_as_worker(worker.0, message),
                Effect::ToNanny(_, SchedulerToNanny::Restart { instance }) => self.kill_instance(instance),
                Effect::ToNanny(..) => {}
                Effect::CloseClient(client) => {
                    self.clients.remove(&client.0);
                }
                Effect::CloseWorker(worker) => {
                    self.workers.remove(&worker.0);
                }
                Effect::Shutdown => self.is_shut_down = true,
            }
        }
        self.scheduler.check_invariants();
    }

    fn kill_instance(&mut self, instance: u64) {
        self.workers.retain(|_, worker| worker.instance != Some(instance));
    }

    fn hear_as_client(&mut self, client: u32, message: SchedulerToClient) {
        let Some(model) = self.clients.get_mut(&client) else { return };
        let mut set = |futures: &[FutureId], status: Status| {
            for future in futures {
                // What was let go of meanwhile may still be talked about.
                if let Some(known) = model.held.get_mut(&future.0) {
                    *known = status;
                }
            }
        };
        match message {
            SchedulerToClient::Done(done) => set(&done.futures, Status::Done),
            SchedulerToClient::Erred { futures, .. } => set(&futures, Status::Erred),
            SchedulerToClient::Pending { futures } => set(&futures, Status::Pending),
            SchedulerToClient::Cancelled { futures, .. } => {
                model.held.retain(|future, _| !futures.contains(&FutureId(*future)));
            }
            SchedulerToClient::ScatterPlan { placements, .. } => {
                let numbers = model.scattered.pop_front().expect("a question");
                match placements {
                    Ok(placements) => {
                        for place in placements {
                            model.to_bring.extend(place.workers.iter().map(|&worker| (place.run, worker)));
                        }
                    }
                    Err(_) => model.held.retain(|future, _| !numbers.contains(future)),
                }
            }
            SchedulerToClient::Closing { reason } => panic!("an honest client is sent away: {reason}"),
            _ => {}
        }
    }

    fn hear_as_worker(&mut self, worker: u32, message: SchedulerToWorker) {
        match message {
            SchedulerToWorker::Compute(columns) => {
                for source in &columns.deps {
                    let DepSource::Held { run, workers, .. } = source else { continue };
                    assert!(!workers.is_empty(), "an input is somewhere");
                    for holder in workers {
                        let model = self.workers.get(&holder.0).expect("a holder is here");
                        assert!(model.values.contains(run), "{holder:?} has {run:?}");
                    }
                }
                let model = self.workers.get_mut(&worker).expect("a worker that is spoken to is here");
                for run in columns.runs {
                    let is_new = !model.unanswered.contains(&run) && !model.answered.contains(&run);
                    assert!(is_new, "{run:?} is given once");
                    model.unanswered.push(run);
                }
            }
            SchedulerToWorker::Free { values } => {
                if let Some(model) = self.workers.get_mut(&worker) {
                    model.values.retain(|value| !values.contains(value));
                }
            }
            SchedulerToWorker::Replicate { sources } => {
                let model = self.workers.get_mut(&worker).expect("a worker that is spoken to is here");
                model.to_fetch.extend(sources.iter().map(|(run, _)| *run));
            }
            SchedulerToWorker::Do { request, .. } => {
                let model = self.workers.get_mut(&worker).expect("a worker that is spoken to is here");
                model.ops.push(request);
            }
            SchedulerToWorker::Refused { reason } => panic!("an honest worker is sent away: {reason}"),
            SchedulerToWorker::Close { .. } => {
                if let Some(model) = self.workers.get_mut(&worker) {
                    model.is_closing = true;
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, client: u32, message: ClientToScheduler) {
        self.event(Event::Client(ClientId(client), message));
    }

    fn say(&mut self, worker: u32, message: WorkerToScheduler) {
        self.event(Event::Worker(WorkerId(worker), message));
    }

    fn pick_client(&self, a: u16) -> Option<u32> {
        let n = self.clients.len();
        (n > 0).then(|| *self.clients.keys().nth(a as usize % n).expect("within"))
    }

    fn pick_worker(&self, a: u16) -> Option<u32> {
        let n = self.workers.len();
        (n > 0).then(|| *self.workers.keys().nth(a as usize % n).expect("within"))
    }

    fn pick_held(&self, client: u32, b: u16) -> Option<u64> {
        let held = &self.clients[&client].held;
        (!held.is_empty()).then(|| *held.keys().nth(b as usize % held.len()).expect("within"))
    }
}

/// Clients.
impl World {
    fn join_client(&mut self) {
        let number = self.next_client;
        self.next_client += 1;
        self.event(Event::ClientJoined(ClientId(number)));
        let register = ClientToScheduler::Register {
            name: String::new(),
            session: session(number),
            runtime: String::new(),
            version: String::new(),
            epoch: None,
        };
        self.ask(number, register);
        let plain = || TaskClass::plain("f", FunctionId(1), Language::Python);
        let classes = [
            (0, plain()),
            (1, TaskClass { retries: 1, priority: 5, ..plain() }),
            (2, TaskClass { workers: vec!["h1".into()], allow_other_workers: true, ..plain() }),
            (3, TaskClass { resources: vec![("GPU".into(), 1.0)], ..plain() }),
            (4, TaskClass { workers: vec!["h2".into(), "h0".into()], ..plain() }),
            (LITERAL, TaskClass::plain("literal", FunctionId::LITERAL, Language::Literal)),
        ];
        for (number_of_class, class) in classes {
            self.ask(
                number,
                ClientToScheduler::DefineClass(NumberedClass { number: number_of_class, class }),
            );
        }
        self.clients.insert(number, Client { next: 1, ..Client::default() });
    }

    fn submit(&mut self, client: u32, a: u16, b: u16) {
        let model = self.clients.get_mut(&client).expect("picked");
        let first = model.next;
        let n = 1 + u64::from(a % 5);
        model.next += n;
        let mut dice = u64::from(a) << 16 | u64::from(b);
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let known: Vec<u64> = model.held.keys().chain(model.open.values().flatten()).copied().collect();
        let mut graph = Graph::at(first);
        for i in 0..n {
            let mut deps = Vec::new();
            for _ in 0..roll(4) {
                let dep = match roll(12) {
                    0 => first + 50,
                    1..=5 if !known.is_empty() => known[roll(known.len() as u64) as usize],
                    _ if i > 0 => first + roll(i),
                    _ => continue,
                };
                if !deps.contains(&dep) {
                    deps.push(dep);
                }
            }
            graph = graph.class(roll(9).saturating_sub(4) as u32);
            graph = match roll(6) {
                0 => graph.pure(u128::from(roll(6)), &deps),
                1 => graph.named(["a", "b", "c", "d"][roll(4) as usize], &deps),
                2 => graph.literal("literal"),
                _ => graph.call(&deps),
            };
            if roll(8) == 0 && !known.is_empty() {
                graph = graph.holding(i as u32, known[roll(known.len() as u64) as usize]);
            }
        }
        graph.chunk.wants = match roll(3) {
            0 => Wants::All,
            1 => Wants::None,
            _ => Wants::Some((0..n as u32).filter(|_| roll(2) == 0).collect()),
        };
        if roll(6) == 0 {
            graph.chunk.parent = Some(RunId::new(roll(8) as u32, roll(4) as u32));
        }
        let number = roll(3) as u32;
        graph = if roll(4) == 0 { graph.part_of(number) } else { graph.end_of(number) };
        let is_wanted = |position: u64| match &graph.chunk.wants {
            Wants::All => true,
            Wants::None => false,
            Wants::Some(positions) => positions.contains(&(position as u32)),
        };
        for position in 0..n {
            if is_wanted(position) {
                model.held.insert(first + position, Status::Pending);
            } else if !graph.chunk.last {
                model.open.entry(number).or_default().push(first + position);
            }
        }
        if graph.chunk.last {
            model.open.remove(&number);
        }
        self.ask(client, ClientToScheduler::Graph(graph.build()));
    }

    fn scatter(&mut self, client: u32, a: u16, b: u16) {
        let model = self.clients.get_mut(&client).expect("picked");
        let first = model.next;
        let n = 1 + u64::from(a % 2);
        model.next += n;
        let item = |i: u64| ScatterItem {
            key: match b % 3 {
                0 => KeyChoice::Named(str_key(["a", "s"][i as usize]).to_canonical().into()),
                _ => KeyChoice::Generated { prefix: "int".into(), token: u128::from(b % 5) + u128::from(i) },
            },
            nbytes: 5_000,
            type_name: "array".into(),
            inline: (b.is_multiple_of(4)).then(|| "small".into()),
        };
        let items: Vec<ScatterItem> = (0..n).map(item).collect();
        model.held.extend((first..first + n).map(|future| (future, Status::Pending)));
        model.scattered.push_back((first..first + n).collect());
        let (request, first) = (RequestId(1), FutureId(first));
        let broadcast = a.is_multiple_of(3);
        let scatter = ClientToScheduler::Scatter { request, first, items, workers: vec![], broadcast };
        self.ask(client, scatter);
    }

    fn leave(&mut self, client: u32) {
        self.clients.remove(&client);
        self.event(Event::ClientGone(ClientId(client)));
    }

    fn bring(&mut self, client: u32) {
        let Some((run, to)) = self.clients.get_mut(&client).and_then(|model| model.to_bring.pop()) else {
            return;
        };
        if let Some(worker) = self.workers.get_mut(&to.0) {
            worker.values.insert(run);
            self.say(to.0, WorkerToScheduler::Stored { value: run, nbytes: 5_000, type_id: TypeId(0) });
        }
    }
}

/// Workers and nannies.
impl World {
    fn join_worker(&mut self, a: u16) {
        let number = self.next_worker;
        self.next_worker += 1;
        let instance = (!a.is_multiple_of(3)).then_some(1_000 + u64::from(number));
        if let Some(instance) = instance {
            self.event(Event::Nanny(NANNY, NannyToScheduler::Started { instance }));
        }
        self.event(Event::WorkerJoined(WorkerId(number)));
        let resources = if a.is_multiple_of(2) { vec![("GPU".into(), 2.0)] } else { vec![] };
        let description = WorkerDescription {
            name: format!("w{number}"),
            address: format!("tcp://x:{number}"),
            host: format!("h{}", number % 3),
            nthreads: 1 + u32::from(a % 3),
            resources,
            nanny_instance: instance,
            ..WorkerDescription::default()
        };
        self.workers.insert(number, Worker { instance, ..Worker::default() });
        self.say(number, WorkerToScheduler::Register(description));
    }

    fn take_unanswered(&mut self, worker: u32, b: u16) -> Option<RunId> {
        let model = self.workers.get_mut(&worker)?;
        if model.unanswered.is_empty() {
            return None;
        }
        let run = model.unanswered.remove(b as usize % model.unanswered.len());
        model.seceded.remove(&run);
        model.answered.push(run);
        Some(run)
    }

    fn finish(&mut self, worker: u32, run: RunId, b: u16) {
        let model = self.workers.get_mut(&worker).expect("picked");
        let is_held = !b.is_multiple_of(3);
        let is_inline = b % 3 != 1;
        if is_held {
            model.values.insert(run);
        }
        let mut result: FinishedColumns = columns(vec![run], u64::from(b % 7) * 1_000_000);
        result.value_ends = vec![0];
        if is_inline {
            result.value_ends = vec![3];
            result.blob = "val".into();
        }
        if is_held {
            let nbytes = 100 + u64::from(b % 1_000);
            result.held = vec![rask_types::columns::HeldByWorker { position: 0, nbytes, type_id: TypeId(0) }];
        }
        self.say(worker, WorkerToScheduler::Finished(result));
    }

    fn fail(&mut self, worker: u32, run: RunId) {
        let error = TaskError::new(ErrorKind::Exception, "", "boom").into();
        self.say(worker, WorkerToScheduler::Erred { run, started_ns: 0, duration_ns: 0, error });
    }

    fn die(&mut self, worker: u32, b: u16) {
        let Some(model) = self.workers.remove(&worker) else { return };
        let exit = model.instance.map(|instance| WorkerExit {
            instance,
            executing: model.unanswered.iter().take(b as usize % 3).copied().collect(),
            status: "killed by signal 9 (SIGKILL)".into(),
            restarts: true,
        });
        // The nanny's word comes first, or later, or never.
        match (exit, b % 4) {
            (Some(exit), 0) => self.event(Event::Nanny(NANNY, NannyToScheduler::Exited(exit))),
            (Some(exit), 1 | 2) => self.exits.push(exit),
            _ => {}
        }
        self.event(Event::WorkerGone(WorkerId(worker), "reset".into()));
    }

    /// A worker cannot get a value from another that should have it: it is gone there.
    fn miss(&mut self, worker: u32, a: u16, b: u16) {
        let Some(holder) = self.pick_worker(b) else { return };
        let model = self.workers.get_mut(&holder).expect("picked");
        let n = model.values.len();
        if n == 0 || holder == worker {
            return;
        }
        let value = *model.values.iter().nth(a as usize % n).expect("within");
        model.values.remove(&value);
        self.say(worker, WorkerToScheduler::Missing { value, workers: vec![WorkerId(holder)] });
    }

    fn fetch(&mut self, worker: u32) {
        let Some(value) = self.workers.get_mut(&worker).and_then(|model| model.to_fetch.pop()) else {
            return;
        };
        let holders: Vec<u32> = self
            .workers
            .iter()
            .filter(|(number, model)| **number != worker && model.values.contains(&value))
            .map(|(&number, _)| number)
            .collect();
        if holders.is_empty() {
            let all = (0..self.next_worker).filter(|&number| number != worker).map(WorkerId).collect();
            self.say(worker, WorkerToScheduler::Missing { value, workers: all });
        } else {
            self.workers.get_mut(&worker).expect("it fetches").values.insert(value);
            self.say(worker, WorkerToScheduler::Stored { value, nbytes: 100, type_id: TypeId(0) });
        }
    }

    /// An answer that was given already, or was never called for, once more.
    fn repeat(&mut self, worker: u32, a: u16, b: u16) {
        let model = &self.workers[&worker];
        let n = model.answered.len();
        let run = match n {
            0 => RunId::new(u32::from(a % 9), 0),
            n => model.answered[a as usize % n],
        };
        match b % 5 {
            0 => self.fail(worker, run),
            1 => self.say(worker, WorkerToScheduler::Retracted { runs: vec![run] }),
            2 => self.say(worker, WorkerToScheduler::Reschedule { run }),
            3 => self.say(worker, WorkerToScheduler::Seceded { run }),
            _ => {
                // With a value that it then keeps, unless it has it anyway.
                self.finish(worker, run, 0);
            }
        }
    }
}

/// What may happen, and the end.
impl World {
    fn step(&mut self, (what, a, b): Step) {
        match what % 40 {
            0 => self.join_worker(b),
            1 if self.clients.len() < 4 => self.join_client(),
            2 => {
                self.now = self.now.plus_ms([1, 25, 3_000][a as usize % 3]);
                self.event(Event::Tick);
            }
            3 if !self.exits.is_empty() => {
                let exit = self.exits.swap_remove(a as usize % self.exits.len());
                self.event(Event::Nanny(NANNY, NannyToScheduler::Exited(exit)));
            }
            4..=19 => {
                if let Some(client) = self.pick_client(a) {
                    self.step_of_client(client, what % 40 - 4, a, b);
                }
            }
            20..=39 => {
                if let Some(worker) = self.pick_worker(a) {
                    self.step_of_worker(worker, what % 40 - 20, a, b);
                }
            }
            _ => {}
        }
        // Several events may share a turn.
        if !b.is_multiple_of(3) {
            self.turn();
        }
    }

    fn step_of_client(&mut self, client: u32, what: u8, a: u16, b: u16) {
        let held = self.pick_held(client, b);
        let futures: Vec<FutureId> = held.iter().map(|&future| FutureId(future)).collect();
        match what {
            0..=5 => self.submit(client, a, b),
            6 | 7 => {
                // What cancellations took is not held any more, though it may not have been heard yet.
                if let Some(future) = held {
                    self.clients.get_mut(&client).expect("picked").held.remove(&future);
                }
                self.ask(client, ClientToScheduler::Release(futures));
            }
            8 => {
                let reason = "no more".into();
                self.ask(client, ClientToScheduler::Cancel { futures, force: a.is_multiple_of(3), reason });
            }
            9 => self.ask(client, ClientToScheduler::Retry { futures }),
            10 => self.scatter(client, a, b),
            11 => self.bring(client),
            12 => {
                let model = self.clients.get_mut(&client).expect("picked");
                let future = model.next;
                model.next += 1;
                model.held.insert(future, Status::Pending);
                let key = str_key(["a", "b", "c", "s"][a as usize % 4]).to_canonical().into();
                self.ask(client, ClientToScheduler::Want { future: FutureId(future), key });
            }
            13 => self.ask(client, ClientToScheduler::FireAndForget { futures }),
            14 => {
                self.ask(client, ClientToScheduler::Locate { request: RequestId(1), futures });
                self.ask(
                    client,
                    ClientToScheduler::Query { request: RequestId(2), query: Query::TaskCounts },
                );
                let query = Query::Explain(str_key("a").to_canonical().into());
                self.ask(client, ClientToScheduler::Query { request: RequestId(2), query });
                let query = Query::Story(vec![str_key("b").to_canonical().into()]);
                self.ask(client, ClientToScheduler::Query { request: RequestId(2), query });
                self.ask(
                    client,
                    ClientToScheduler::Broadcast {
                        request: RequestId(3),
                        workers: None,
                        and_future_workers: false,
                        op: WorkerOp::Call(Payload::default()),
                    },
                );
            }
            _ => self.rare_step_of_client(client, a, b),
        }
    }

    fn rare_step_of_client(&mut self, client: u32, a: u16, b: u16) {
        match b % 6 {
            0 => self.leave(client),
            1 => self.ask(client, ClientToScheduler::Restart { request: RequestId(4) }),
            2 | 3 => {
                let graph = u32::from(a % 3);
                let model = self.clients.get_mut(&client).expect("picked");
                if model.open.contains_key(&graph) || a.is_multiple_of(2) {
                    // Which futures were of this graph is not known here: all are let go.
                    model.open.remove(&graph);
                    let all = std::mem::take(&mut model.held).into_keys().map(FutureId).collect();
                    self.ask(client, ClientToScheduler::AbortGraph { graph });
                    self.ask(client, ClientToScheduler::Release(all));
                }
            }
            _ => {
                let words = vec![format!("w{}", a % 8)];
                self.ask(client, ClientToScheduler::RetireWorkers { request: RequestId(5), workers: words });
            }
        }
    }

    fn step_of_worker(&mut self, worker: u32, what: u8, a: u16, b: u16) {
        match what {
            0..=6 => {
                if let Some(run) = self.take_unanswered(worker, b) {
                    self.finish(worker, run, b);
                }
            }
            7 => {
                if let Some(run) = self.take_unanswered(worker, b) {
                    self.fail(worker, run);
                }
            }
            8 => {
                if let Some(run) = self.take_unanswered(worker, b) {
                    self.say(worker, WorkerToScheduler::Retracted { runs: vec![run] });
                }
            }
            9 => {
                if let Some(run) = self.take_unanswered(worker, b) {
                    self.say(worker, WorkerToScheduler::Reschedule { run });
                }
            }
            10 | 11 => {
                let model = self.workers.get_mut(&worker).expect("picked");
                let n = model.unanswered.len();
                if n > 0 {
                    let run = model.unanswered[b as usize % n];
                    let says = match model.seceded.remove(&run) {
                        true => WorkerToScheduler::Rejoined { run },
                        false => {
                            model.seceded.insert(run);
                            WorkerToScheduler::Seceded { run }
                        }
                    };
                    self.say(worker, says);
                }
            }
            12 | 13 => self.die(worker, b),
            14 => self.miss(worker, a, b),
            15 | 16 => self.fetch(worker),
            17 => self.repeat(worker, a, b),
            18 => {
                // A copy of somebody's value, as a run's input.
                let Some(holder) = self.pick_worker(b) else { return };
                let value = self.workers[&holder].values.iter().next().copied();
                self.workers.get_mut(&worker).expect("picked").to_fetch.extend(value);
                self.fetch(worker);
            }
            _ if b.is_multiple_of(3) => {
                self.workers.remove(&worker);
                self.say(worker, WorkerToScheduler::Goodbye { reason: "done".into() });
            }
            _ => {
                let runs = self.workers[&worker].unanswered.clone();
                self.say(worker, WorkerToScheduler::Executing { runs });
            }
        }
    }

    /// From now on everybody answers.
    fn heal(&mut self) {
        self.turn();
        for exit in std::mem::take(&mut self.exits) {
            self.event(Event::Nanny(NANNY, NannyToScheduler::Exited(exit)));
        }
        // Workers of every kind, so that nothing waits for one.
        (0..6).for_each(|a| self.join_worker(a * 2));
        self.now = self.now.plus_ms(10_000);
        self.event(Event::Tick);
        self.turn();
        let clients: Vec<u32> = self.clients.keys().copied().collect();
        for &client in &clients {
            for graph in self.clients[&client].open.clone().into_keys() {
                let next = self.clients[&client].next;
                self.ask(client, ClientToScheduler::Graph(Graph::at(next).end_of(graph).build()));
            }
            self.clients.get_mut(&client).expect("listed").open.clear();
        }
        for round in 0..1_000 {
            self.turn();
            let mut is_quiet = true;
            for &client in &clients {
                while self.clients.get(&client).is_some_and(|model| !model.to_bring.is_empty()) {
                    is_quiet = false;
                    self.bring(client);
                }
            }
            for worker in self.workers.keys().copied().collect::<Vec<_>>() {
                while let Some(run) = self.take_unanswered(worker, 0) {
                    is_quiet = false;
                    self.finish(worker, run, round % 3);
                }
                while self.workers.get(&worker).is_some_and(|model| !model.to_fetch.is_empty()) {
                    is_quiet = false;
                    self.fetch(worker);
                }
                for request in std::mem::take(&mut self.workers.get_mut(&worker).expect("listed").ops) {
                    self.say(worker, WorkerToScheduler::Reply { request, result: Ok(Payload::default()) });
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn check_end(mut self) {
        self.heal();
        for (number, client) in &self.clients {
            for (future, status) in &client.held {
                let history = || self.history.join("\n");
                let is_pending = *status == Status::Pending;
                assert!(!is_pending, "future {future} of client {number} hangs:\n{}", history());
            }
        }
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            self.leave(client);
        }
        self.turn();
        self.scheduler.check_empty();
        for (number, worker) in &self.workers {
            let (values, history) = (&worker.values, || self.history.join("\n"));
            assert!(values.is_empty(), "worker {number} keeps {values:?}:\n{}", history());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_comes_to_a_good_end(
        steps in proptest::collection::vec((any::<u8>(), any::<u16>(), any::<u16>()), 1..200)
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.check_end();
    }
}
