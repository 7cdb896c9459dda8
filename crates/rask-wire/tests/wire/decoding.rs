//! Columns that contradict each other are refused, so that cores may index without looking.

use bytes::Bytes;
use rask_types::msg::{ClientToScheduler, Message, SchedulerToClient, SchedulerToWorker, WorkerToScheduler};
use rask_types::*;
use rask_wire::{Family, WireError};

use super::{decode_all, frame_of};

fn refused(message: impl Into<Message>) -> bool {
    let message = message.into();
    matches!(decode_all(Family::of(&message), &frame_of(&message)), Err(WireError::Inconsistent(_)))
}

fn compute_of_two() -> ComputeColumns {
    ComputeColumns {
        runs: vec![RunId::new(1, 0), RunId::new(2, 0)],
        classes: vec![(ClassId(0), 2)],
        orders: vec![5, 6],
        tokens: vec![1, 2],
        names: vec![(0, Bytes::from_static(b"s"))],
        args: ArgsColumn { ends: vec![1, 3], blob: Bytes::from_static(b"abc"), buffers: vec![] },
        dep_ends: vec![0, 1],
        deps: vec![DepSource::Inline(0)],
        values: vec![Payload::from_head(&b"v"[..])],
        keep_inline: false,
    }
}

#[test]
fn every_inconsistency_of_compute_is_found() {
    let broken: [fn(&mut ComputeColumns); 12] = [
        |c| c.classes[0].1 = 3,
        |c| c.orders.push(7),
        |c| c.tokens.truncate(1),
        |c| c.names[0].0 = 2,
        |c| c.names.push((0, Bytes::new())),
        |c| c.args.ends = vec![3],
        |c| c.args.ends = vec![3, 2],
        |c| c.args.buffers.push((2, vec![])),
        |c| c.dep_ends = vec![1, 0],
        |c| c.dep_ends = vec![0, 2],
        |c| c.deps[0] = DepSource::Inline(1),
        |c| c.runs.push(RunId::new(3, 0)),
    ];
    for (i, break_it) in broken.iter().enumerate() {
        let mut columns = compute_of_two();
        break_it(&mut columns);
        assert!(refused(SchedulerToWorker::Compute(columns)), "case {i}");
    }
    assert!(!refused(SchedulerToWorker::Compute(compute_of_two())));
}

fn finished_of_two() -> FinishedColumns {
    FinishedColumns {
        runs: vec![RunId::new(1, 0), RunId::new(2, 0)],
        started_ns: vec![1, 2],
        duration_ns: vec![3, 4],
        threads: vec![0, 1],
        value_ends: vec![2, 2],
        blob: Bytes::from_static(b"ab"),
        held: vec![HeldByWorker { position: 1, nbytes: 9, type_id: TypeId(0) }],
    }
}

#[test]
fn every_inconsistency_of_finished_is_found() {
    let broken: [fn(&mut FinishedColumns); 8] = [
        |c| c.runs.truncate(1),
        |c| c.started_ns.push(3),
        |c| c.duration_ns.clear(),
        |c| c.threads.truncate(1),
        |c| c.value_ends = vec![2, 1],
        |c| c.blob = Bytes::from_static(b"abc"),
        |c| c.held[0].position = 2,
        |c| c.held.push(c.held[0]),
    ];
    for (i, break_it) in broken.iter().enumerate() {
        let mut columns = finished_of_two();
        break_it(&mut columns);
        assert!(refused(WorkerToScheduler::Finished(columns)), "case {i}");
    }
    assert!(!refused(WorkerToScheduler::Finished(finished_of_two())));
}

#[test]
fn every_inconsistency_of_done_is_found() {
    let sound = || {
        let FinishedColumns { value_ends, blob, held, .. } = finished_of_two();
        let held = held.into_iter().map(|held| (held, RunId::new(2, 0), WorkerId(1))).collect();
        DoneColumns { futures: vec![FutureId(4), FutureId(9)], value_ends, blob, held }
    };
    let broken: [fn(&mut DoneColumns); 4] = [
        |c| c.futures.push(FutureId(1)),
        |c| c.value_ends = vec![1, 1],
        |c| c.held[0].0.position = 5,
        |c| c.held.push(c.held[0]),
    ];
    for (i, break_it) in broken.iter().enumerate() {
        let mut columns = sound();
        break_it(&mut columns);
        assert!(refused(SchedulerToClient::Done(columns)), "case {i}");
    }
    assert!(!refused(SchedulerToClient::Done(sound())));
}

#[test]
fn a_chunk_with_a_defect_is_refused() {
    let chunk = GraphChunk {
        graph: 0,
        first: FutureId(0),
        runs: vec![TaskRun { class: 0, count: 2, keys: KeyKind::Session }],
        tokens: vec![],
        names: vec![],
        args: ArgsColumn { ends: vec![1], blob: Bytes::from_static(b"a"), buffers: vec![] },
        dep_ends: vec![0],
        deps: vec![],
        holds: vec![],
        wants: Wants::All,
        last: true,
        parent: None,
    };
    assert!(chunk.defect().is_some());
    assert!(refused(ClientToScheduler::Graph(chunk)));
}
