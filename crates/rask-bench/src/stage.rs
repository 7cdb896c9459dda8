//! A scheduler's core with a client and two workers around it, which answer at once. Only calls into the core are
//! measured.

use bytes::Bytes;
use rask_scheduler_core::{Effect, Event, Scheduler, SchedulerConfig};
use rask_types::columns::NumberedClass;
use rask_types::msg::{
    ClientToScheduler, SchedulerToClient, SchedulerToWorker, WorkerDescription, WorkerToScheduler,
};
use rask_types::{
    ClientId, ComputeColumns, FinishedColumns, FunctionId, FutureId, Language, RunId, TaskClass, Tick,
    WorkerId,
};

use crate::allocated;
use crate::graph::{CHUNK_TASKS, Shape};
use crate::meter::{Meter, Phase};

const CLIENT: ClientId = ClientId(0);
const WORKERS: u32 = 2;

/// How much time passes between two messages, in nanoseconds.
const STEP_NS: u64 = 1_000;

/// Each result: an integer in the value codec.
const VALUE: [u8; 9] = [6; 9];

/// What a graph's tasks occupied, in bytes, arguments included.
#[derive(Clone, Copy, Default, Debug)]
pub struct Occupied {
    /// When all were submitted and none was finished.
    pub submitted: usize,
    /// When all were finished, and a future held each.
    pub finished: usize,
}

/// What is said around a scheduler while a graph is computed.
#[derive(Default, Debug)]
pub struct Conversation {
    /// By the scheduler to a worker, turn by turn.
    pub computes: Vec<Vec<ComputeColumns>>,
    /// By workers.
    pub finished: Vec<FinishedColumns>,
    /// By the scheduler to the client.
    pub to_client: Vec<SchedulerToClient>,
}

/// The scheduler and those around it.
pub struct Stage {
    scheduler: Scheduler,
    now: Tick,
    runs: Vec<Vec<RunId>>,
    record: Option<Conversation>,
}

/// The class of all tasks, number 0.
pub fn class() -> TaskClass {
    TaskClass::plain("work", FunctionId(1), Language::Rust)
}

impl Stage {
    /// A client and two workers have registered.
    pub fn new() -> Stage {
        let mut scheduler = Scheduler::new(SchedulerConfig::default());
        let register = ClientToScheduler::Register {
            name: "bench".into(),
            session: 1,
            runtime: String::new(),
            version: String::new(),
            epoch: None,
        };
        let define = ClientToScheduler::DefineClass(NumberedClass { number: 0, class: class() });
        scheduler.handle(Tick::ZERO, Event::ClientJoined(CLIENT));
        scheduler.handle(Tick::ZERO, Event::Client(CLIENT, register));
        scheduler.handle(Tick::ZERO, Event::Client(CLIENT, define));
        for worker in 0..WORKERS {
            let description = WorkerDescription {
                name: format!("w{worker}"),
                address: format!("tcp://127.0.0.1:{worker}"),
                nthreads: 1,
                ..WorkerDescription::default()
            };
            let register = WorkerToScheduler::Register(description);
            scheduler.handle(Tick::ZERO, Event::WorkerJoined(WorkerId(worker)));
            scheduler.handle(Tick::ZERO, Event::Worker(WorkerId(worker), register));
        }
        while scheduler.poll_effect().is_some() {}
        Stage { scheduler, now: Tick::ZERO, runs: vec![Vec::new(); WORKERS as usize], record: None }
    }

    fn hear(&mut self, meter: &mut impl Meter, phase: Phase, event: Event) {
        self.now = self.now.plus_ns(STEP_NS);
        meter.measure(phase, || self.scheduler.handle(self.now, event));
    }

    /// One turn of the driver's loop: collects the runs that workers are given.
    fn drain(&mut self, meter: &mut impl Meter) {
        let Stage { scheduler, runs, record, .. } = self;
        if let Some(record) = record {
            record.computes.push(Vec::new());
        }
        meter.measure(Phase::Dispatch, || {
            while let Some(effect) = scheduler.poll_effect() {
                match (effect, &mut *record) {
                    (Effect::ToWorker(worker, SchedulerToWorker::Compute(compute)), record) => {
                        runs[worker.0 as usize].extend_from_slice(&compute.runs);
                        if let Some(turn) = record.as_mut().and_then(|record| record.computes.last_mut()) {
                            turn.push(compute);
                        }
                    }
                    (Effect::ToClient(_, message), Some(record)) => record.to_client.push(message),
                    _ => {}
                }
            }
        });
    }

    /// Takes a graph in.
    pub fn submit(&mut self, meter: &mut impl Meter, shape: Shape, n: usize) {
        for chunk in shape.chunks(n) {
            self.hear(meter, Phase::Ingest, Event::Client(CLIENT, ClientToScheduler::Graph(chunk)));
        }
    }

    /// Has the workers answer until there is nothing to run.
    pub fn run(&mut self, meter: &mut impl Meter) {
        loop {
            self.drain(meter);
            if self.runs.iter().all(Vec::is_empty) {
                return;
            }
            for worker in 0..WORKERS {
                let columns = finished(std::mem::take(&mut self.runs[worker as usize]));
                if let Some(record) = &mut self.record {
                    record.finished.push(columns.clone());
                }
                let said = WorkerToScheduler::Finished(columns);
                self.hear(meter, Phase::Finish, Event::Worker(WorkerId(worker), said));
            }
        }
    }

    /// Lets go of all futures.
    ///
    /// # Panics
    /// If the scheduler keeps a task all the same.
    pub fn release(&mut self, meter: &mut impl Meter, tasks: usize) {
        for start in (0..tasks).step_by(CHUNK_TASKS) {
            let futures = (start..tasks.min(start + CHUNK_TASKS)).map(|i| FutureId(i as u64)).collect();
            let said = ClientToScheduler::Release(futures);
            self.hear(meter, Phase::Release, Event::Client(CLIENT, said));
        }
        self.drain(meter);
        assert_eq!(self.scheduler.task_count(), 0, "everything is let go");
    }
}

impl Default for Stage {
    fn default() -> Self {
        Stage::new()
    }
}

/// A graph's whole life in a fresh scheduler.
pub fn compute(meter: &mut impl Meter, shape: Shape, n: usize) -> Occupied {
    let mut stage = Stage::new();
    let before = allocated::bytes();
    stage.submit(meter, shape, n);
    let submitted = allocated::bytes() - before;
    stage.run(meter);
    let finished = allocated::bytes() - before;
    stage.release(meter, shape.tasks(n));
    Occupied { submitted, finished }
}

/// What is said while a graph is computed.
pub fn overhear(shape: Shape, n: usize) -> Conversation {
    let mut stage = Stage { record: Some(Conversation::default()), ..Stage::new() };
    let mut meter = crate::meter::Clock::default();
    stage.submit(&mut meter, shape, n);
    stage.run(&mut meter);
    stage.record.take().expect("it is recorded")
}

/// The answer to these runs.
pub fn finished(runs: Vec<RunId>) -> FinishedColumns {
    let n = runs.len();
    FinishedColumns {
        started_ns: (0..n as u64).map(|i| 1_800_000_000_000_000_000 + 1_000 * i).collect(),
        duration_ns: vec![500; n],
        threads: vec![0; n],
        value_ends: (1..=n).map(|i| (i * VALUE.len()) as u32).collect(),
        blob: Bytes::from(VALUE.repeat(n)),
        held: vec![],
        runs,
    }
}
