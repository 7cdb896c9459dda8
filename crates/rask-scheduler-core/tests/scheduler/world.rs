//! Clients, workers and nannies for random tests: honest but unlucky. They remember what they were told, so that
//! contradictions show: a run given twice, an input said to be where it is not, a future that never comes to anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rask_scheduler_core::{Effect, Event, NannyId, Scheduler, SchedulerConfig};
use rask_types::columns::NumberedClass;
use rask_types::msg::{
    ClientToScheduler, KeyChoice, NannyToScheduler, ScatterItem, SchedulerToClient, SchedulerToNanny,
    SchedulerToWorker, WorkerDescription, WorkerExit, WorkerToScheduler,
};
use rask_types::{
    ClientId, DepSource, ErrorKind, FinishedColumns, FunctionId, FutureId, Language, RequestId, RunId,
    TaskClass, TaskError, Tick, TypeId, Wants, WorkerId,
};

use crate::stage::{Graph, LITERAL, columns, session, str_key};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Pending,
    Done,
    Erred,
}

#[derive(Default)]
pub struct Client {
    pub next: u64,
    pub held: BTreeMap<u64, Status>,
    /// Graphs of which not all chunks were sent, with the numbers that only their tasks have.
    pub open: BTreeMap<u32, Vec<u64>>,
    /// Numbers of scattered values, by question, until it is answered.
    pub scattered: VecDeque<Vec<u64>>,
    /// Scattered values still to be brought.
    pub to_bring: Vec<(RunId, WorkerId)>,
}

#[derive(Default)]
pub struct Worker {
    pub instance: Option<u64>,
    pub unanswered: Vec<RunId>,
    /// Those of them that wait for others of them, and for which.
    pub following: BTreeMap<RunId, BTreeSet<RunId>>,
    /// Those of them whose inputs will not come.
    pub broken: BTreeSet<RunId>,
    pub seceded: BTreeSet<RunId>,
    pub answered: Vec<RunId>,
    pub values: BTreeSet<RunId>,
    pub to_fetch: Vec<RunId>,
    pub ops: Vec<RequestId>,
    pub is_closing: bool,
}

impl Worker {
    fn take_in(&mut self, run: RunId, deps: &[DepSource]) {
        let is_new = !self.unanswered.contains(&run) && !self.answered.contains(&run);
        assert!(is_new, "{run:?} is given once");
        let leader = |source: &DepSource| match source {
            DepSource::Held { run, workers, .. } if workers.is_empty() => Some(*run),
            _ => None,
        };
        let leaders: BTreeSet<RunId> = deps.iter().filter_map(leader).collect();
        for leader in &leaders {
            let is_to_come = self.unanswered.contains(leader) && !self.broken.contains(leader);
            assert!(is_to_come, "{run:?} follows {leader:?}, which is made here");
        }
        self.unanswered.push(run);
        if !leaders.is_empty() {
            self.following.insert(run, leaders);
        }
    }

    /// Runs that could be executing.
    pub fn startable(&self) -> Vec<RunId> {
        let can_start = |run: &&RunId| !self.following.contains_key(run) && !self.broken.contains(run);
        self.unanswered.iter().filter(can_start).copied().collect()
    }

    pub fn pick_startable(&self, b: u16) -> Option<RunId> {
        let startable = self.startable();
        startable.get(b as usize % startable.len().max(1)).copied()
    }

    fn answer(&mut self, run: RunId) {
        self.unanswered.retain(|other| *other != run);
        self.following.remove(&run);
        self.broken.remove(&run);
        self.seceded.remove(&run);
        self.answered.push(run);
    }

    /// There will be no result of `run` here: what waited for it, and what waited for that, is to be given back.
    fn break_followers(&mut self, run: RunId) {
        let mut stack = vec![run];
        while let Some(leader) = stack.pop() {
            let broken: Vec<RunId> =
                self.following.iter().filter(|it| it.1.contains(&leader)).map(|it| *it.0).collect();
            for run in broken {
                self.following.remove(&run);
                self.broken.insert(run);
                stack.push(run);
            }
        }
    }
}

pub struct World {
    pub scheduler: Scheduler,
    pub now: Tick,
    pub clients: BTreeMap<u32, Client>,
    pub workers: BTreeMap<u32, Worker>,
    /// Reports of processes that ended, on their way.
    pub exits: Vec<WorkerExit>,
    pub next_client: u32,
    pub next_worker: u32,
    pub is_shut_down: bool,
    /// What was said, for whoever must find out why it went wrong.
    pub history: Vec<String>,
}

pub const NANNY: NannyId = NannyId(0);

impl World {
    pub fn new() -> World {
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

    pub fn event(&mut self, event: Event) {
        self.history.push(format!("{event:?}"));
        self.scheduler.handle(self.now, event);
        self.scheduler.check_invariants();
    }

    pub fn turn(&mut self) {
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

    pub fn kill_instance(&mut self, instance: u64) {
        self.workers.retain(|_, worker| worker.instance != Some(instance));
    }

    pub fn hear_as_client(&mut self, client: u32, message: SchedulerToClient) {
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

    pub fn hear_as_worker(&mut self, worker: u32, message: SchedulerToWorker) {
        match message {
            SchedulerToWorker::Compute(columns) => {
                for source in &columns.deps {
                    let DepSource::Held { run, workers, .. } = source else { continue };
                    for holder in workers {
                        let model = self.workers.get(&holder.0).expect("a holder is here");
                        assert!(model.values.contains(run), "{holder:?} has {run:?}");
                    }
                }
                let model = self.workers.get_mut(&worker).expect("a worker that is spoken to is here");
                let mut deps_start = 0;
                for (run, deps_end) in columns.runs.into_iter().zip(columns.dep_ends) {
                    let deps = &columns.deps[deps_start..deps_end as usize];
                    deps_start = deps_end as usize;
                    model.take_in(run, deps);
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

    pub fn ask(&mut self, client: u32, message: ClientToScheduler) {
        self.event(Event::Client(ClientId(client), message));
    }

    pub fn say(&mut self, worker: u32, message: WorkerToScheduler) {
        self.event(Event::Worker(WorkerId(worker), message));
    }

    pub fn pick_client(&self, a: u16) -> Option<u32> {
        let n = self.clients.len();
        (n > 0).then(|| *self.clients.keys().nth(a as usize % n).expect("within"))
    }

    pub fn pick_worker(&self, a: u16) -> Option<u32> {
        let n = self.workers.len();
        (n > 0).then(|| *self.workers.keys().nth(a as usize % n).expect("within"))
    }

    pub fn pick_held(&self, client: u32, b: u16) -> Option<u64> {
        let held = &self.clients[&client].held;
        (!held.is_empty()).then(|| *held.keys().nth(b as usize % held.len()).expect("within"))
    }
}

/// Clients.
impl World {
    pub fn join_client(&mut self) {
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

    pub fn submit(&mut self, client: u32, a: u16, b: u16) {
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
        let mut graph = random_tasks(first, n, &known, &mut roll);
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

    pub fn scatter(&mut self, client: u32, a: u16, b: u16) {
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

    pub fn leave(&mut self, client: u32) {
        self.clients.remove(&client);
        self.event(Event::ClientGone(ClientId(client)));
    }

    pub fn bring(&mut self, client: u32) {
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
    pub fn join_worker(&mut self, a: u16) {
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

    /// A run that could be executing, now answered with a result.
    pub fn take_made(&mut self, worker: u32, b: u16) -> Option<RunId> {
        let model = self.workers.get_mut(&worker)?;
        let run = model.pick_startable(b)?;
        model.answer(run);
        for leaders in model.following.values_mut() {
            leaders.remove(&run);
        }
        model.following.retain(|_, leaders| !leaders.is_empty());
        Some(run)
    }

    /// A run that follows others, and those, all made already; it is heard of first.
    pub fn take_early(&mut self, worker: u32, b: u16) -> Vec<RunId> {
        let Some(model) = self.workers.get_mut(&worker) else { return vec![] };
        let startable = model.startable();
        let mut early = model.following.iter().filter(|it| it.1.iter().all(|run| startable.contains(run)));
        let Some((&follower, leaders)) = early.nth(b as usize % 3) else { return vec![] };
        let runs: Vec<RunId> = std::iter::once(follower).chain(leaders.iter().copied()).collect();
        for &run in &runs {
            model.answer(run);
        }
        for leaders in model.following.values_mut() {
            leaders.retain(|run| !runs.contains(run));
        }
        model.following.retain(|_, leaders| !leaders.is_empty());
        runs
    }

    /// A run that could be executing, now answered without a result.
    pub fn take_failed(&mut self, worker: u32, b: u16) -> Option<RunId> {
        let model = self.workers.get_mut(&worker)?;
        let run = model.pick_startable(b)?;
        model.answer(run);
        model.break_followers(run);
        Some(run)
    }

    /// Any run, now given back.
    pub fn take_unstarted(&mut self, worker: u32, b: u16) -> Option<RunId> {
        let model = self.workers.get_mut(&worker)?;
        let run = *model.unanswered.get(b as usize % model.unanswered.len().max(1))?;
        model.answer(run);
        model.break_followers(run);
        Some(run)
    }

    pub fn finish(&mut self, worker: u32, run: RunId, b: u16) {
        let model = self.workers.get_mut(&worker).expect("picked");
        let is_held = !b.is_multiple_of(3);
        let is_inline = b % 3 != 1;
        if is_held {
            model.values.insert(run);
        }
        let mut result: FinishedColumns = columns(vec![run], u64::from(b % 7) * 300_000);
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

    pub fn fail(&mut self, worker: u32, run: RunId) {
        let error = TaskError::new(ErrorKind::Exception, "", "boom").into();
        self.say(worker, WorkerToScheduler::Erred { run, started_ns: 0, duration_ns: 0, thread: 0, error });
    }

    pub fn die(&mut self, worker: u32, b: u16) {
        let Some(model) = self.workers.remove(&worker) else { return };
        let exit = model.instance.map(|instance| WorkerExit {
            instance,
            executing: model.startable().into_iter().take(b as usize % 3).collect(),
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
    pub fn miss(&mut self, worker: u32, a: u16, b: u16) {
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

    pub fn fetch(&mut self, worker: u32) {
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
    pub fn repeat(&mut self, worker: u32, a: u16, b: u16) {
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

/// `n` calls of random kinds that depend on each other and on `known` numbers, and now and then on one that means nothing.
fn random_tasks(first: u64, n: u64, known: &[u64], roll: &mut impl FnMut(u64) -> u64) -> Graph {
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
    graph
}
