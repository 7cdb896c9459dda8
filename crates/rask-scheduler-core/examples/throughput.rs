//! What the scheduler core costs per task, on one thread and without sockets: graphs come in, two workers answer at
//! once, the client lets go of its futures.
//!
//! ```text
//! cargo run --release -p rask-scheduler-core --example throughput [tasks]
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rask_scheduler_core::{Effect, Event, Scheduler, SchedulerConfig};
use rask_types::columns::NumberedClass;
use rask_types::msg::{ClientToScheduler, SchedulerToWorker, WorkerDescription, WorkerToScheduler};
use rask_types::{
    ArgsColumn, ClientId, FinishedColumns, FunctionId, FutureId, GraphChunk, KeyKind, Language, RunId,
    TaskClass, TaskRun, Tick, Wants, WorkerId,
};

/// Counts the bytes that are allocated, so that the cost of a live task can be told.
struct Counting;

static ALLOCATED_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATED_BYTES.fetch_add(new_size, Ordering::Relaxed);
        ALLOCATED_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CLIENT: ClientId = ClientId(0);
const CHUNK_TASKS: usize = 4096;
const ARGS: [u8; 12] = [7; 12];
const WORKERS: u32 = 2;

/// Each graph is run so often; the fastest time of each phase counts, because other processes only ever slow one down.
const ROUNDS: usize = 5;

/// Where the time and the memory of one run went.
#[derive(Default)]
struct Spent {
    ingest: Duration,
    dispatch: Duration,
    finish: Duration,
    release: Duration,
    live_bytes: usize,
    held_bytes: usize,
}

impl Spent {
    fn total(&self) -> Duration {
        self.ingest + self.dispatch + self.finish + self.release
    }

    fn fastest(self, other: Spent) -> Spent {
        Spent {
            ingest: self.ingest.min(other.ingest),
            dispatch: self.dispatch.min(other.dispatch),
            finish: self.finish.min(other.finish),
            release: self.release.min(other.release),
            ..self
        }
    }
}

fn cluster() -> Scheduler {
    let mut scheduler = Scheduler::new(SchedulerConfig::default());
    scheduler.handle(Tick::ZERO, Event::ClientJoined(CLIENT));
    let register = ClientToScheduler::Register {
        name: "throughput".into(),
        session: 1,
        runtime: String::new(),
        version: String::new(),
        epoch: None,
    };
    scheduler.handle(Tick::ZERO, Event::Client(CLIENT, register));
    let class = TaskClass::plain("work", FunctionId(1), Language::Rust);
    scheduler.handle(
        Tick::ZERO,
        Event::Client(CLIENT, ClientToScheduler::DefineClass(NumberedClass { number: 0, class })),
    );
    for worker in 0..WORKERS {
        let description = WorkerDescription {
            name: format!("w{worker}"),
            address: format!("tcp://127.0.0.1:{worker}"),
            nthreads: 1,
            ..WorkerDescription::default()
        };
        scheduler.handle(Tick::ZERO, Event::WorkerJoined(WorkerId(worker)));
        scheduler
            .handle(Tick::ZERO, Event::Worker(WorkerId(worker), WorkerToScheduler::Register(description)));
    }
    while scheduler.poll_effect().is_some() {}
    scheduler
}

/// Chunks of a graph whose task `i` depends on `deps(i)`; all are wanted or only the last.
fn chunks(n: usize, deps: impl Fn(usize) -> Vec<usize>, want_all: bool) -> Vec<GraphChunk> {
    let mut chunks = Vec::new();
    for start in (0..n).step_by(CHUNK_TASKS) {
        let len = CHUNK_TASKS.min(n - start);
        let mut chunk = GraphChunk {
            graph: 0,
            first: FutureId(start as u64),
            runs: vec![TaskRun { class: 0, count: len as u32, keys: KeyKind::Session }],
            tokens: vec![],
            names: vec![],
            args: ArgsColumn::default(),
            dep_ends: Vec::with_capacity(len),
            deps: vec![],
            holds: vec![],
            wants: if want_all { Wants::All } else { Wants::None },
            last: start + len == n,
            parent: None,
        };
        let mut blob = Vec::with_capacity(len * ARGS.len());
        for i in start..start + len {
            blob.extend_from_slice(&ARGS);
            chunk.args.ends.push(blob.len() as u32);
            chunk.deps.extend(deps(i).into_iter().map(|dep| FutureId(dep as u64)));
            chunk.dep_ends.push(chunk.deps.len() as u32);
        }
        if !want_all && chunk.last {
            chunk.wants = Wants::Some(vec![len as u32 - 1]);
        }
        chunk.args.blob = blob.into();
        chunks.push(chunk);
    }
    chunks
}

/// Collects what was said to workers.
fn drain(scheduler: &mut Scheduler, runs: &mut [Vec<RunId>]) {
    while let Some(effect) = scheduler.poll_effect() {
        if let Effect::ToWorker(worker, SchedulerToWorker::Compute(compute)) = effect {
            runs[worker.0 as usize].extend(compute.runs);
        }
    }
}

fn finished(runs: Vec<RunId>) -> FinishedColumns {
    let n = runs.len();
    let mut blob = Vec::with_capacity(n * 9);
    let mut value_ends = Vec::with_capacity(n);
    for _ in 0..n {
        blob.extend_from_slice(&[6; 9]);
        value_ends.push(blob.len() as u32);
    }
    FinishedColumns {
        runs,
        started_ns: vec![0; n],
        duration_ns: vec![1_000; n],
        threads: vec![0; n],
        value_ends,
        blob: Bytes::from(blob),
        held: vec![],
    }
}

fn timed<T>(into: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *into += start.elapsed();
    result
}

fn run_once(n: usize, deps: impl Fn(usize) -> Vec<usize>, want_all: bool) -> Spent {
    let chunks = chunks(n, deps, want_all);
    let mut scheduler = cluster();
    let before = ALLOCATED_BYTES.load(Ordering::Relaxed);
    let mut spent = Spent::default();
    let mut runs = vec![Vec::new(); WORKERS as usize];
    let mut now = Tick::ZERO;
    for chunk in chunks {
        now = now.plus_ns(1_000);
        timed(&mut spent.ingest, || {
            scheduler.handle(now, Event::Client(CLIENT, ClientToScheduler::Graph(chunk)));
        });
    }
    spent.live_bytes = ALLOCATED_BYTES.load(Ordering::Relaxed) - before;
    loop {
        now = now.plus_ns(1_000_000);
        timed(&mut spent.dispatch, || drain(&mut scheduler, &mut runs));
        if runs.iter().all(Vec::is_empty) {
            break;
        }
        for (worker, runs) in runs.iter_mut().enumerate() {
            let columns = finished(std::mem::take(runs));
            timed(&mut spent.finish, || {
                let said = WorkerToScheduler::Finished(columns);
                scheduler.handle(now, Event::Worker(WorkerId(worker as u32), said));
            });
        }
    }
    spent.held_bytes = ALLOCATED_BYTES.load(Ordering::Relaxed) - before;
    for start in (0..n).step_by(CHUNK_TASKS) {
        let futures = (start..n.min(start + CHUNK_TASKS)).map(|i| FutureId(i as u64)).collect();
        timed(&mut spent.release, || {
            scheduler.handle(now, Event::Client(CLIENT, ClientToScheduler::Release(futures)));
        });
    }
    timed(&mut spent.dispatch, || drain(&mut scheduler, &mut runs));
    assert_eq!(scheduler.task_count(), 0, "everything is let go");
    spent
}

fn measure(what: &str, n: usize, deps: impl Fn(usize) -> Vec<usize>, want_all: bool) {
    let rounds = (0..ROUNDS).map(|_| run_once(n, &deps, want_all));
    let spent = rounds.reduce(Spent::fastest).expect("at least one round");
    let per_task = |spent: Duration| spent.as_nanos() as f64 / n as f64;
    println!(
        "{what:<26} {:4.0} ns/task (ingest {:3.0}, dispatch {:3.0}, finish {:3.0}, release {:3.0}); \
         {} B/task submitted, {} B/task when finished",
        per_task(spent.total()),
        per_task(spent.ingest),
        per_task(spent.dispatch),
        per_task(spent.finish),
        per_task(spent.release),
        spent.live_bytes / n,
        spent.held_bytes / n,
    );
}

fn main() {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    measure("independent", n, |_| vec![], true);
    // Task i of the tree adds two earlier ones: leaves first, the root last.
    let leaves = n.div_ceil(2);
    let tree = |i: usize| if i < leaves { vec![] } else { vec![2 * (i - leaves), 2 * (i - leaves) + 1] };
    measure("binary tree, root wanted", 2 * leaves - 1, tree, false);
    const WIDTH: usize = 1_000;
    let stencil = |i: usize| {
        if i < WIDTH {
            return vec![];
        }
        let (below, column) = (i - i % WIDTH - WIDTH, i % WIDTH);
        [column.checked_sub(1), Some(column), Some(column + 1).filter(|&right| right < WIDTH)]
            .into_iter()
            .flatten()
            .map(|column| below + column)
            .collect()
    };
    measure("three-dependency stencil", n - n % WIDTH, stencil, true);
    measure("stencil, last wanted", n - n % WIDTH, stencil, false);
}
