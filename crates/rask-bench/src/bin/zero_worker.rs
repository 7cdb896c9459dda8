//! What client, wire and scheduler cost when tasks cost nothing: a real scheduler and a real client, all links over TCP with
//! access control on, and workers that answer every run at once. Each task has its own key, two dependencies and distinct
//! arguments of 48 bytes, is submitted by a call of its own and completed on its own, and a future holds it.
//!
//! ```text
//! cargo run --release -p rask-bench --bin zero_worker [TASKS …]
//! ```

use std::time::{Duration, Instant};

use rask_bench::stage;
use rask_bench::stand_in::StandIns;
use rask_client::{Client, ConnectOptions, NewKey, NewTask, Secret, WaitFor};
use rask_comm::{Acceptance, ClusterId};
use rask_scheduler::{SchedulerHandle, SchedulerOptions};
use rask_types::{FunctionId, FutureId, Payload, TaskClass};

const WORKERS: usize = 2;
const ARGS_BYTES: usize = 48;

/// The median of so many runs counts; each has a cluster of its own.
const ROUNDS: usize = 7;

/// A task depends on two that are so many places before it: so many could run at once.
const WIDTH: usize = 10_000;

struct Cluster {
    client: Client,
    _stand_ins: StandIns,
    _scheduler: SchedulerHandle,
}

/// Where the time of one run went, as the client's caller sees it.
#[derive(Clone, Copy)]
struct Spent {
    submit: Duration,
    all: Duration,
    release: Duration,
}

fn start() -> Cluster {
    let (client_secret, worker_secret) = (Secret::new(&b"of clients"[..]), Secret::new(&b"of workers"[..]));
    let listen = "tcp://127.0.0.1:0".parse().expect("an address");
    let acceptance =
        Acceptance::of_scheduler(ClusterId([7; 16]), client_secret.clone(), worker_secret.clone());
    let options = SchedulerOptions { acceptance, ..SchedulerOptions::new(listen) };
    let scheduler = rask_scheduler::start(options).expect("a port is free");
    let address = scheduler.addresses()[0].clone();
    let stand_ins = StandIns::start(&address, &worker_secret, WORKERS).expect("a thread");
    let client =
        Client::connect(ConnectOptions::new(address, client_secret), &mut || false).expect("it lets us in");
    while client.worker_summary().n_workers < WORKERS as u32 {
        std::thread::sleep(Duration::from_millis(1));
    }
    Cluster { client, _stand_ins: stand_ins, _scheduler: scheduler }
}

fn args(i: usize) -> [u8; ARGS_BYTES] {
    let mut args = [7; ARGS_BYTES];
    args[..8].copy_from_slice(&(i as u64).to_le_bytes());
    args
}

fn run(tasks: usize) -> Spent {
    let Cluster { client, .. } = &start();
    let function = client.define_function(&Payload::from_head(&b"work"[..])).expect("the client is open");
    let class = TaskClass { function, ..stage::class() };
    assert_ne!(function, FunctionId::LITERAL);
    let class = client.define_class(&class).expect("its function is known");
    let begun = Instant::now();
    let mut futures: Vec<FutureId> = Vec::with_capacity(tasks);
    for i in 0..tasks {
        let deps = match i.checked_sub(WIDTH) {
            // The last of a row has the first of the next for its neighbour.
            Some(above) => &futures[above..above + 2],
            None => &[],
        };
        let task = NewTask {
            class,
            key: NewKey::Session,
            args: &args(i),
            buffers: vec![],
            deps,
            holds: &[],
            parent: None,
        };
        let future = client.submit_task(task).expect("the task is sound");
        futures.push(future);
    }
    let submit = begun.elapsed();
    client.wait(&futures, WaitFor::All, None, &mut || false).expect("all is well");
    let values = client.inline_values(&futures).expect("this is no fork");
    let all = begun.elapsed();
    assert!(values.others.is_empty(), "every task has finished, and its value came along");
    let releasing = Instant::now();
    futures.iter().for_each(|&future| client.release(future));
    Spent { submit, all, release: releasing.elapsed() }
}

fn main() {
    let mut sizes: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    println!(
        "tasks      runs   tasks/s (median; slowest, fastest)     us per task: submitting  until all are here  releasing"
    );
    for tasks in sizes {
        let mut rounds: Vec<Spent> = (0..ROUNDS).map(|_| run(tasks)).collect();
        rounds.sort_by_key(|spent| spent.all);
        let Spent { submit, all, release } = rounds[ROUNDS / 2];
        let rate = |spent: &Spent| tasks as f64 / spent.all.as_secs_f64();
        let us = |time: Duration| time.as_secs_f64() * 1e6 / tasks as f64;
        println!(
            "{tasks:<10} {ROUNDS:4} {:9.0} ({:9.0}, {:9.0})                     {:10.3} {:20.3} {:10.3}",
            tasks as f64 / all.as_secs_f64(),
            rate(&rounds[ROUNDS - 1]),
            rate(&rounds[0]),
            us(submit),
            us(all),
            us(release),
        );
    }
}
