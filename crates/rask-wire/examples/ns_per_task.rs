//! What the hot messages cost: ns and bytes per task, each way, at 1 000 tasks a frame.
//!
//! `cargo run --release -p rask-wire --example ns_per_task`

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use rask_types::msg::{ClientToScheduler, Message, SchedulerToClient, SchedulerToWorker, WorkerToScheduler};
use rask_types::*;
use rask_wire::{Decoder, Family, Outgoing, encode};

const TASKS: u32 = 1000;
const ROUNDS: u32 = 4000;

fn main() {
    println!("{:32} {:>9} {:>9} {:>9}", "ns per task, 1 000 to a frame", "encode", "decode", "bytes");
    let deps = |per_task: u32| (per_task > 0).then_some(per_task);
    measure("Graph, map(f, range)", ClientToScheduler::Graph(graph(KeyKind::Session, None)).into());
    measure("Graph, pure", ClientToScheduler::Graph(graph(KeyKind::Token, None)).into());
    measure("Graph, named", ClientToScheduler::Graph(graph(KeyKind::Named, None)).into());
    measure("Graph, 3 deps", ClientToScheduler::Graph(graph(KeyKind::Session, deps(3))).into());
    measure("Compute", SchedulerToWorker::Compute(compute(None, 1)).into());
    measure("Compute, every other task", SchedulerToWorker::Compute(compute(None, 2)).into());
    measure("Compute, 1 inline dep", SchedulerToWorker::Compute(compute(Some(false), 1)).into());
    measure("Compute, 1 held dep", SchedulerToWorker::Compute(compute(Some(true), 1)).into());
    measure("Finished, inline", WorkerToScheduler::Finished(finished(false)).into());
    measure("Finished, held", WorkerToScheduler::Finished(finished(true)).into());
    measure("Done, inline", SchedulerToClient::Done(done(false)).into());
    measure("Done, held", SchedulerToClient::Done(done(true)).into());
}

fn measure(name: &str, message: Message) {
    let mut outgoing = Outgoing::default();
    let best = |run: &mut dyn FnMut()| {
        (0..7)
            .map(|_| {
                let start = Instant::now();
                (0..ROUNDS / 7).for_each(|_| run());
                start.elapsed().as_nanos() as f64 / f64::from(ROUNDS / 7) / f64::from(TASKS)
            })
            .fold(f64::MAX, f64::min)
    };
    let encode_ns = best(&mut || {
        encode(black_box(&message), &mut outgoing).expect("it can be sent");
        let len = outgoing.len_bytes();
        outgoing.advance(len);
    });
    encode(&message, &mut outgoing).expect("it can be sent");
    let bytes = outgoing.take_contiguous();
    let mut decoder = Decoder::new(Family::of(&message), 1 << 30);
    let decode_ns = best(&mut || {
        black_box(decoder.decode(&mut &bytes[..]).expect("it is sound"));
    });
    assert_eq!(decoder.decode(&mut &bytes[..]), Ok(Some(message)));
    println!("{name:32} {encode_ns:9.2} {decode_ns:9.2} {:9.2}", bytes.len() as f64 / f64::from(TASKS));
}

/// A pseudo-random number that depends on `i` alone.
fn scatter(i: u32) -> u64 {
    (u64::from(i) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn ends(len: impl Fn(u32) -> u32) -> Vec<u32> {
    (0..TASKS)
        .scan(0, |end, i| {
            Some({
                *end += len(i);
                *end
            })
        })
        .collect()
}

/// Calls with one small integer argument.
fn args() -> ArgsColumn {
    let len = |i: u32| 4 + u32::from(i > 63);
    let ends = ends(len);
    let total = ends.last().copied().unwrap_or(0) as usize;
    ArgsColumn { ends, blob: Bytes::from(vec![7; total]), buffers: vec![] }
}

fn tokens() -> Vec<u128> {
    (0..TASKS).map(|i| u128::from(scatter(i)) << 64 | u128::from(scatter(i + 7))).collect()
}

fn graph(keys: KeyKind, deps: Option<u32>) -> GraphChunk {
    let per_task = deps.unwrap_or(0);
    GraphChunk {
        graph: 3,
        first: FutureId(1_000_000),
        runs: vec![TaskRun { class: 0, count: TASKS, keys }],
        tokens: if keys == KeyKind::Token { tokens() } else { vec![] },
        names: if keys == KeyKind::Named {
            (0..TASKS).map(|i| Bytes::from(Key::Str(format!("my-task-{i}")).to_canonical())).collect()
        } else {
            vec![]
        },
        args: args(),
        dep_ends: ends(|_| per_task),
        deps: (0..TASKS * per_task).map(|i| FutureId(999_000 + u64::from(i / 3 + i % 3))).collect(),
        holds: vec![],
        wants: Wants::All,
        last: true,
        parent: None,
    }
}

fn compute(held: Option<bool>, stride: u32) -> ComputeColumns {
    let per_task = u32::from(held.is_some());
    let dep = |i: u32| match held {
        Some(true) => DepSource::Held { run: RunId::new(i, 1), nbytes: 8000, workers: vec![WorkerId(3)] },
        _ => DepSource::Inline(i),
    };
    ComputeColumns {
        runs: (0..TASKS).map(|i| RunId::new(5000 + i * stride, 1)).collect(),
        classes: vec![(ClassId(2), TASKS)],
        orders: (0..TASKS).map(|i| 77_000 + u64::from(i * stride)).collect(),
        tokens: (0..TASKS).map(|i| 0xfeed_u128 << 64 | u128::from(1_000_000 + i * stride)).collect(),
        names: vec![],
        args: args(),
        dep_ends: ends(|_| per_task),
        deps: (0..TASKS * per_task).map(dep).collect(),
        values: match held {
            Some(false) => (0..TASKS).map(|_| Payload::from_head(&b"\x03\x09"[..])).collect(),
            _ => vec![],
        },
        keep_inline: false,
    }
}

fn held(i: u32) -> HeldByWorker {
    HeldByWorker { position: i, nbytes: 8000 + scatter(i) % 100, type_id: TypeId(4) }
}

fn finished(keep: bool) -> FinishedColumns {
    let value_ends = ends(|_| if keep { 0 } else { 9 });
    let blob = vec![5; value_ends.last().copied().unwrap_or(0) as usize];
    FinishedColumns {
        runs: (0..TASKS).map(|i| RunId::new(5000 + 2 * i, 1)).collect(),
        started_ns: (0..TASKS)
            .map(|i| 1_790_000_000_000_000_000 + u64::from(i) * 900 + scatter(i) % 200)
            .collect(),
        duration_ns: (0..TASKS).map(|i| 300 + scatter(i) % 400).collect(),
        threads: vec![0; TASKS as usize],
        value_ends,
        blob: Bytes::from(blob),
        held: if keep { (0..TASKS).map(held).collect() } else { vec![] },
    }
}

fn done(keep: bool) -> DoneColumns {
    let FinishedColumns { value_ends, blob, .. } = finished(keep);
    DoneColumns {
        // Two workers' batches alternate.
        futures: (0..TASKS).map(|i| FutureId(1_000_000 + u64::from(i + i / 250 * 250))).collect(),
        value_ends,
        blob,
        held: if keep {
            (0..TASKS).map(|i| (held(i), RunId::new(5000 + 2 * i, 1), WorkerId(1))).collect()
        } else {
            vec![]
        },
    }
}
