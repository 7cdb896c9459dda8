//! A hundred thousand tasks deep, and as many wide: nothing recurses, and nothing takes time by the square. What would
//! by its nature take minutes has a bound of some seconds here.

use std::time::{Duration, Instant};

use rask_scheduler_core::Effect;
use rask_types::msg::{SchedulerToWorker, WorkerToScheduler};
use rask_types::{RunId, Wants};

use crate::stage::{Graph, Stage, columns, numbers};

const N: usize = 100_000;

/// A linear run takes well under a second, unoptimised.
const LIMIT: Duration = Duration::from_secs(20);

fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.checks = false;
    stage.client(0);
    stage.worker(0, 1);
    stage
}

fn timed(work: impl FnOnce()) {
    let start = Instant::now();
    work();
    assert!(start.elapsed() < LIMIT, "took {:?}", start.elapsed());
}

/// Task 0 and `N` links on top of it; only the last is wanted.
fn chain() -> Graph {
    let graph = (1..=N as u64).fold(Graph::at(0).call(&[]), |graph, i| graph.call(&[i - 1]));
    graph.want(&[N as u32])
}

/// Task 0, `N` dependents, and one that needs them all; only that is wanted.
fn fan() -> Graph {
    let n = N as u64;
    let graph = (0..n).fold(Graph::at(0).call(&[]), |graph, _| graph.call(&[0]));
    let all: Vec<u64> = (1..=n).collect();
    graph.call(&all).want(&[N as u32 + 1])
}

/// The runs that workers are told of, in order.
fn told_to_run(stage: &mut Stage) -> Vec<RunId> {
    let mut runs = Vec::new();
    for effect in stage.effects() {
        if let Effect::ToWorker(_, SchedulerToWorker::Compute(columns)) = effect {
            runs.extend(columns.runs);
        }
    }
    runs
}

fn finish_all(stage: &mut Stage, answer: impl Fn(Vec<RunId>) -> WorkerToScheduler) {
    loop {
        let runs = told_to_run(stage);
        if runs.is_empty() {
            return;
        }
        let event = rask_scheduler_core::Event::Worker(rask_types::WorkerId(0), answer(runs));
        stage.tell_without_turn(event);
    }
}

fn with_inline(runs: Vec<RunId>) -> WorkerToScheduler {
    let n = runs.len() as u32;
    let mut columns = columns(runs, 100);
    columns.value_ends = (1..=n).collect();
    columns.blob = vec![b'v'; n as usize].into();
    WorkerToScheduler::Finished(columns)
}

fn with_held(runs: Vec<RunId>) -> WorkerToScheduler {
    let n = runs.len() as u32;
    let mut columns = columns(runs, 100);
    columns.value_ends = vec![0; n as usize];
    let held = |position| rask_types::columns::HeldByWorker {
        position,
        nbytes: 100,
        type_id: rask_types::TypeId(0),
    };
    columns.held = (0..n).map(held).collect();
    WorkerToScheduler::Finished(columns)
}

fn submit(stage: &mut Stage, graph: Graph) {
    let chunk = rask_types::msg::ClientToScheduler::Graph(graph.build());
    stage.tell_without_turn(rask_scheduler_core::Event::Client(rask_types::ClientId(0), chunk));
}

#[test]
fn deep_chains_and_wide_fans_run_and_go() {
    for graph in [chain, fan] {
        for answer in [with_inline, with_held] {
            let mut stage = stage();
            let last = graph().chunk.args.len() as u64 - 1;
            timed(|| {
                submit(&mut stage, graph());
                finish_all(&mut stage, answer);
                stage.release(0, &[last]);
            });
            stage.scheduler.check_empty();
        }
    }
}

#[test]
fn they_fail_as_one() {
    for graph in [chain, fan] {
        let mut stage = stage();
        let mut graph = graph();
        graph.chunk.wants = Wants::All;
        let n = graph.chunk.args.len() as u64;
        timed(|| {
            stage.submit(0, graph);
            assert_eq!(stage.err(0, "t0#1", "boom").len(), 1);
            stage.retry(0, &(0..n).collect::<Vec<_>>());
            assert_eq!(stage.err(0, "t0#2", "boom").len(), 1);
            stage.release(0, &(0..n).collect::<Vec<_>>());
        });
        stage.scheduler.check_empty();
    }
}

#[test]
fn they_are_released_and_cancelled_before_they_run() {
    for graph in [chain, fan] {
        let mut stage = stage();
        let last = graph().chunk.args.len() as u64 - 1;
        timed(|| {
            stage.submit(0, graph());
            stage.release(0, &[last]);
            stage.give_back(0, &["t0#1"]);
            stage.scheduler.check_empty();
            let mut all = graph();
            all.chunk.wants = Wants::All;
            all.chunk.first.0 = 1_000_000;
            all.chunk.deps.iter_mut().for_each(|dep| dep.0 += 1_000_000);
            stage.submit(0, all);
            stage.cancel(0, &[1_000_000], false);
        });
        assert_eq!(stage.scheduler.task_count(), 0);
    }
}

#[test]
fn they_are_lost_and_made_again() {
    for graph in [chain, fan] {
        let mut stage = stage();
        timed(|| {
            submit(&mut stage, graph());
            let mut rounds = 0;
            // Half way through, everything is lost.
            loop {
                let runs = told_to_run(&mut stage);
                rounds += 1;
                if runs.is_empty() || rounds > N / 2 {
                    break;
                }
                let said = with_held(runs);
                stage.tell_without_turn(rask_scheduler_core::Event::Worker(rask_types::WorkerId(0), said));
            }
            stage.die(0);
        });
        stage.scheduler.check_invariants();
    }
}

#[test]
fn one_task_wanted_by_a_hundred_thousand_futures() {
    let mut stage = stage();
    let graph = (0..N).fold(Graph::at(0), |graph, _| graph.pure(7, &[]));
    timed(|| {
        stage.submit(0, graph);
        assert_eq!(stage.finish(0, &[("t0#1", "a")]).len(), 1);
        stage.release(0, &(0..N as u64).collect::<Vec<_>>());
    });
    stage.scheduler.check_empty();
}

#[test]
fn one_input_of_tasks_that_come_and_go() {
    let mut stage = stage();
    timed(|| {
        stage.submit(0, Graph::at(0).call(&[]));
        stage.finish(0, &[("t0#1", "a")]);
        stage.define(0, 1, |class| class.workers = vec!["nobody".into()]);
        for i in 1..=N as u64 {
            stage.tell_without_turn(rask_scheduler_core::Event::Client(
                rask_types::ClientId(0),
                rask_types::msg::ClientToScheduler::Graph(Graph::at(i).class(1).call(&[0]).build()),
            ));
            let release = rask_types::msg::ClientToScheduler::Release(numbers(&[i]));
            stage.tell_without_turn(rask_scheduler_core::Event::Client(rask_types::ClientId(0), release));
        }
    });
    stage.release(0, &[0]);
    stage.scheduler.check_empty();
}

#[test]
fn a_client_with_a_hundred_thousand_tasks_leaves() {
    let mut stage = stage();
    timed(|| {
        stage.submit(0, Graph::at(0).calls(N));
        stage.leave(0);
    });
    stage.give_back(0, &["t0#1"]);
    stage.scheduler.check_empty();
}
