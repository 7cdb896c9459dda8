//! What the scheduler's core costs per task, on one thread and without sockets: a graph's whole life, from ingest over run
//! to release, in a scheduler that was just made.
//!
//! ```text
//! cargo bench -p rask-bench                     # where the time goes and what tasks occupy, then criterion's figures
//! cargo bench -p rask-bench -- stencil          # one graph
//! ```

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use rask_bench::allocated::Counting;
use rask_bench::graph::Shape;
use rask_bench::meter::{Clock, Phase};
use rask_bench::stage;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TASKS: [usize; 2] = [10_000, 1_000_000];

/// The fastest time of each phase counts of so many.
const ROUNDS: usize = 5;

fn tell_where_it_goes(tasks: usize) {
    println!("ns per task at {tasks} tasks, and bytes that a task occupies, its arguments included:");
    println!("                 ingest dispatch finish release    all    submitted finished and held");
    for shape in Shape::ALL {
        let n = shape.tasks(tasks);
        let mut occupied = stage::Occupied::default();
        let rounds = (0..ROUNDS).map(|_| {
            let mut clock = Clock::default();
            occupied = stage::compute(&mut clock, shape, tasks);
            clock
        });
        let clock = rounds.reduce(Clock::fastest).expect("at least one round");
        let ns = |time: Duration| time.as_nanos() as usize / n;
        let [ingest, dispatch, finish, release] = Phase::ALL.map(|phase| ns(clock.spent(phase)));
        println!(
            "  {:<14} {ingest:6}   {dispatch:6} {finish:6}  {release:6} {:6}   {:8} B       {:8} B",
            shape.name(),
            ns(clock.total()),
            occupied.submitted / n,
            occupied.finished / n,
        );
    }
}

fn measure(criterion: &mut Criterion) {
    for tasks in TASKS {
        let mut group = criterion.benchmark_group("scheduler_core");
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        for shape in Shape::ALL {
            group.throughput(Throughput::Elements(shape.tasks(tasks) as u64));
            group.bench_function(BenchmarkId::new(shape.name(), tasks), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut clock = Clock::default();
                    for _ in 0..iterations {
                        stage::compute(&mut clock, shape, tasks);
                    }
                    clock.total()
                });
            });
        }
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let is_filtered = std::env::args().skip(1).any(|arg| !arg.starts_with('-'));
    if !is_filtered {
        TASKS.into_iter().for_each(tell_where_it_goes);
    }
    measure(&mut criterion);
    criterion.final_summary();
}
