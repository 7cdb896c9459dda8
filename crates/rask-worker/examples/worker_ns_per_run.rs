//! What a run that does nothing costs through the driver: a scheduler that only sends and counts, in another reactor of this
//! process, and a runner of one or two threads.
//!
//! `cargo run --release -p rask-worker --example worker_ns_per_run [memory|tcp|unix] [threads]`

use std::time::{Duration, Instant};

use bytes::Bytes;
use rask_comm::{
    Acceptance, Address, CloseReason, ClusterId, Credentials, Driver, Io, LinkId, PeerInfo, Reactor, Secret,
    Tick,
};
use rask_types::msg::{Message, SchedulerToWorker, WorkerToScheduler};
use rask_types::{
    ArgsColumn, ClassId, ComputeColumns, FunctionId, Language, Payload, RunId, TaskClass, WorkerId,
};
use rask_worker::{RunOutcome, WorkerConfig, WorkerThread, start};

/// Runs in a message, messages in all, and messages that are under way at once.
const RUNS: u32 = 1_000;
const MESSAGES: u32 = 2_000;
const WINDOW: u32 = 8;

struct Scheduler {
    sent: u32,
    answered: u32,
    messages_back: u32,
    started: Option<Instant>,
    took: Duration,
}

impl Scheduler {
    fn send_some(&mut self, link: LinkId, io: &mut Io) {
        while self.sent < MESSAGES && self.sent * RUNS < self.answered + WINDOW * RUNS {
            io.send(link, SchedulerToWorker::Compute(columns(self.sent)));
            self.sent += 1;
        }
    }
}

fn columns(message: u32) -> ComputeColumns {
    let first = message % (2 * WINDOW) * RUNS;
    ComputeColumns {
        runs: (first..first + RUNS).map(|slot| RunId::new(slot, message + 1)).collect(),
        classes: vec![(ClassId(0), RUNS)],
        orders: (0..u64::from(RUNS)).map(|i| u64::from(message * RUNS) + i).collect(),
        tokens: (0..u128::from(RUNS)).collect(),
        args: ArgsColumn {
            ends: (1..=RUNS).map(|i| i * 12).collect(),
            blob: Bytes::from(vec![0; RUNS as usize * 12]),
            buffers: vec![],
        },
        dep_ends: vec![0; RUNS as usize],
        ..ComputeColumns::default()
    }
}

impl Driver for Scheduler {
    fn on_open(&mut self, _link: LinkId, _peer: PeerInfo, _io: &mut Io) {}

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        match message {
            Message::WorkerToScheduler(WorkerToScheduler::Register(_)) => {
                io.send(
                    link,
                    SchedulerToWorker::Welcome {
                        worker: WorkerId(1),
                        epoch: 1,
                        data_secret: Bytes::from_static(b"d"),
                        heartbeat_ms: 1000,
                    },
                );
                let payload = Payload::from_head(&b"nothing"[..]);
                let id = FunctionId::of(&payload);
                io.send(link, SchedulerToWorker::DefineFunction { id, payload });
                let class = TaskClass::plain("nothing", id, Language::Rust);
                io.send(link, SchedulerToWorker::DefineClass { id: ClassId(0), class });
                self.started = Some(Instant::now());
                self.send_some(link, io);
            }
            Message::WorkerToScheduler(WorkerToScheduler::Finished(columns)) => {
                self.answered += columns.runs.len() as u32;
                self.messages_back += 1;
                if self.answered == RUNS * MESSAGES {
                    self.took = self.started.map_or(Duration::ZERO, |started| started.elapsed());
                    io.stop();
                }
                self.send_some(link, io);
            }
            _ => {}
        }
    }

    fn on_close(&mut self, _link: LinkId, _reason: CloseReason, _io: &mut Io) {}
    fn on_wake(&mut self, _io: &mut Io) {}
    fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
        None
    }
}

fn serve(thread: &WorkerThread) {
    let mut classes = thread.classes();
    while let Some(mut execution) = thread.next() {
        let mut before = rask_comm::now();
        loop {
            std::hint::black_box(classes.get(execution.class));
            let run = execution.run;
            drop(execution);
            let after = rask_comm::now();
            thread.finish(run, before.0, after.ns_since(before), RunOutcome::Inline(&[3, 84]));
            before = after;
            match thread.try_next() {
                Some(next) => execution = next,
                None => break,
            }
        }
    }
}

/// CPU that this process used, where the system tells.
fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split(' ').skip(12).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() * 1e7 // a tick is 10 ms
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let over = std::env::args().nth(1).unwrap_or_else(|| "tcp".to_owned());
    let nthreads: u32 = std::env::args().nth(2).map_or(Ok(1), |text| text.parse())?;
    let fresh = |name: &str| match over.as_str() {
        "memory" => Address::Memory(name.to_owned()),
        "unix" => Address::Unix(std::env::temp_dir().join(format!("rask-{name}-{}", std::process::id()))),
        _ => Address::tcp("127.0.0.1", 0),
    };
    let mut reactor = Reactor::new()?;
    let secret = || Secret::new(b"s".to_vec());
    let acceptance = Acceptance::of_scheduler(ClusterId([1; 16]), secret(), secret());
    let address = reactor.io().listen(&fresh("scheduler"), acceptance)?;
    let scheduler = Scheduler { sent: 0, answered: 0, messages_back: 0, started: None, took: Duration::ZERO };
    let scheduler = reactor.spawn("rask-scheduler", scheduler)?;
    let credentials = Credentials::secret(b"s".to_vec());
    let worker = start(WorkerConfig::new(address, credentials, fresh("worker"), nthreads))?;
    let threads: Vec<_> = (0..nthreads)
        .map(|_| {
            let worker = worker.clone();
            std::thread::spawn(move || serve(&worker.thread()))
        })
        .collect();
    let scheduler = scheduler.join().map_err(|_| "the scheduler panicked")?;
    let wakes = worker.wakes();
    worker.join();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    let runs = f64::from(RUNS * MESSAGES);
    println!(
        "{over}, {nthreads} threads: {:.0} ns per run, {:.0} ns of CPU with the scheduler's; {:.0} runs per message back, {:.0} per wake",
        scheduler.took.as_nanos() as f64 / runs,
        cpu_ns() / runs,
        runs / f64::from(scheduler.messages_back),
        runs / wakes as f64,
    );
    Ok(())
}
