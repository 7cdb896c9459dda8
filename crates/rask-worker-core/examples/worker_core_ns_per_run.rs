//! What the core costs per run without dependencies, in messages of a thousand.
//! `cargo run --release -p rask-worker-core --example worker_core_ns_per_run`

use std::time::Instant;

use bytes::Bytes;
use rask_types::{ArgsColumn, ClassId, ComputeColumns, RunId, Tick, WorkerId};
use rask_worker_core::{Completion, Completions, Effect, Event, Limits, WorkerCore};

const RUNS: u32 = 1_000;
const ROUNDS: u32 = 1_000;

fn columns(round: u32) -> ComputeColumns {
    ComputeColumns {
        runs: (0..RUNS).map(|i| RunId::new(i, round + 1)).collect(),
        classes: vec![(ClassId(0), RUNS)],
        orders: (0..u64::from(RUNS)).collect(),
        tokens: (0..u128::from(RUNS)).collect(),
        names: vec![],
        args: ArgsColumn {
            ends: (1..=RUNS).map(|i| i * 12).collect(),
            blob: Bytes::from(vec![0; RUNS as usize * 12]),
            buffers: vec![],
        },
        dep_ends: vec![0; RUNS as usize],
        ..ComputeColumns::default()
    }
}

fn main() {
    let mut core: WorkerCore<u32> = WorkerCore::new(Limits::default());
    core.handle(Tick::ZERO, Event::Welcomed { me: WorkerId(0) });
    core.handle(Tick::ZERO, Event::ClassDefined { class: ClassId(0), priority: 0 });
    let (mut taking_in, mut answering) = (0, 0);
    for round in 0..ROUNDS {
        let columns = columns(round);
        let started = Instant::now();
        core.handle(Tick::ZERO, Event::Compute(columns));
        let Some(Effect::Ready(ready)) = core.poll_effect() else { panic!("nothing is ready") };
        taking_in += started.elapsed().as_nanos();
        let mut completions = Completions::new(0);
        for (i, run) in ready.iter().enumerate() {
            let value_end = (i as u32 + 1) * 9;
            completions.runs.push(Completion { run: run.run, started_ns: 1, duration_ns: 2, value_end });
        }
        completions.blob = Bytes::from(vec![0; RUNS as usize * 9]);
        drop(ready);
        let started = Instant::now();
        core.handle(Tick::ZERO, Event::Finished(completions));
        while core.poll_effect().is_some() {}
        answering += started.elapsed().as_nanos();
    }
    let per_run = |ns: u128| ns as f64 / f64::from(RUNS * ROUNDS);
    println!("taking in {:.1} ns, answering {:.1} ns per run", per_run(taking_in), per_run(answering));
}
