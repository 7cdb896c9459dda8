//! A worker under a scripted scheduler: it registers, executes, gives back, and ends.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use rask_comm::{Address, CloseReason, Credentials};
use rask_types::msg::{SchedulerToWorker, WorkerOp, WorkerToScheduler};
use rask_types::{Payload, RequestId, RunId, WorkerId};
use rask_worker::{ExecutingPage, StopReason};
use support::runner::{Runner, open};
use support::scheduler::{Answer, Scheduler};
use support::*;

const NOTHING: u32 = 1;
const GATE: u32 = 2;

fn with_worker(over: Over, nthreads: u32, functions: &[(u32, &str)]) -> (Scheduler, Runner, WorkerId) {
    let scheduler = Scheduler::start(over);
    let runner = Runner::start(&scheduler.address, over, nthreads);
    let worker = runner.registered();
    for (class, function) in functions {
        scheduler.say_all(worker, define(*class, function));
    }
    (scheduler, runner, worker)
}

fn inline(text: &str) -> Answer {
    Answer::Inline(text.as_bytes().to_vec())
}

#[test]
fn it_registers_and_its_heart_beats() {
    for over in [Over::Memory, Over::Tcp, Over::Unix] {
        let (mut scheduler, runner, worker) = with_worker(over, 3, &[]);
        let description = scheduler.expect("a registration", |said| match said {
            (from, WorkerToScheduler::Register(description)) if *from == worker => Some(description.clone()),
            _ => None,
        });
        assert_eq!(description.nthreads, 3);
        assert_eq!(description.address, runner.handle.address());
        assert_ne!(description.address.parse::<Address>(), Ok(Address::tcp("127.0.0.1", 0)));
        let metrics = scheduler.expect("a heartbeat", |said| match said.1 {
            WorkerToScheduler::Heartbeat(metrics) => Some(metrics),
            _ => None,
        });
        assert!(metrics.rss_bytes > 0);
    }
}

#[test]
fn ten_thousand_runs_are_answered_once_each() {
    for over in [Over::Memory, Over::Tcp, Over::Unix] {
        let (mut scheduler, _runner, worker) = with_worker(over, 2, &[(1, "echo")]);
        let texts: Vec<String> = (0..10_000).map(|i| i.to_string()).collect();
        for (chunk, texts) in texts.chunks(700).enumerate() {
            let first = chunk as u32 * 700;
            let runs: Vec<_> = texts
                .iter()
                .enumerate()
                .map(|(i, text)| (run(first + i as u32), text.as_str(), vec![]))
                .collect();
            scheduler.say(worker, compute(1, &runs));
        }
        let answers = scheduler.answers(10_000);
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(answers[&run(i as u32)], inline(text), "over {over:?}");
        }
    }
}

#[test]
fn failures_and_requests_to_move_are_answers_too() {
    let (mut scheduler, runner, worker) =
        with_worker(Over::Tcp, 1, &[(1, "fail"), (2, "elsewhere"), (3, "zeros")]);
    scheduler.say(worker, compute(1, &[(run(1), "it rains", vec![])]));
    let (error, started_ns) = scheduler.expect("an error", |said| match &said.1 {
        WorkerToScheduler::Erred { error, started_ns, .. } => Some((error.clone(), *started_ns)),
        _ => None,
    });
    assert_eq!((error.text.as_str(), error.worker.as_str()), ("it rains", runner.handle.address().as_str()));
    assert_eq!(error.key, format!("fail-{:032x}", 1));
    assert!(started_ns > 0);
    scheduler.say(worker, compute(2, &[(run(2), "", vec![])]));
    scheduler.say(worker, compute(3, &[(run(3), "2000", vec![])]));
    let expected = HashMap::from([(run(2), Answer::Rescheduled), (run(3), Answer::Held { nbytes: 2000 })]);
    assert_eq!(scheduler.answers(2), expected);
    let (name, id) = scheduler.expect("its type", |said| match &said.1 {
        WorkerToScheduler::DefineType { id, name } => Some((name.clone(), id.0)),
        _ => None,
    });
    assert_eq!((name.as_str(), id), ("bytes", 0));
}

#[test]
fn what_no_thread_has_begun_can_be_taken_back() {
    let (mut scheduler, _runner, worker) =
        with_worker(Over::Tcp, 1, &[(NOTHING, "nothing"), (GATE, "big gate")]);
    scheduler.say(worker, compute(GATE, &[(run(1), "taken back", vec![])]));
    wait_until_executing(&mut scheduler, 1);
    scheduler.say(
        worker,
        compute(
            NOTHING,
            &[(run(2), "", vec![]), (run(3), "", vec![]), (run(4), "", vec![held(run(1), 1, &[])])],
        ),
    );
    let runs = vec![run(1), run(2), run(4)];
    scheduler.say(worker, SchedulerToWorker::Retract { runs, discard: true });
    let expected = HashMap::from([(run(2), Answer::Retracted), (run(4), Answer::Retracted)]);
    assert_eq!(scheduler.answers(2), expected);
    open("taken back");
    assert_eq!(scheduler.answers(2), HashMap::from([(run(1), inline("")), (run(3), inline(""))]));
}

/// Waits for a heartbeat that counts `count` executing runs.
fn wait_until_executing(scheduler: &mut Scheduler, count: u32) {
    scheduler.expect("executing runs", |said| match said.1 {
        WorkerToScheduler::Heartbeat(metrics) if metrics.executing == count => Some(()),
        _ => None,
    });
}

/// Waits for a heartbeat that counts `count` queued runs.
fn wait_until_queued(scheduler: &mut Scheduler, count: u32) {
    scheduler.expect("queued runs", |said| match said.1 {
        WorkerToScheduler::Heartbeat(metrics) if metrics.ready == count => Some(()),
        _ => None,
    });
}

#[test]
fn urgent_runs_overtake() {
    let (mut scheduler, _runner, worker) =
        with_worker(Over::Memory, 1, &[(NOTHING, "nothing"), (GATE, "gate")]);
    scheduler.say(worker, compute(GATE, &[(run(1), "urgent", vec![])]));
    wait_until_executing(&mut scheduler, 1);
    // `compute` takes the slot for the order.
    scheduler.say(worker, compute(NOTHING, &[(run(8), "", vec![]), (run(9), "", vec![])]));
    scheduler.say(worker, compute(NOTHING, &[(run(5), "", vec![])]));
    wait_until_queued(&mut scheduler, 3);
    open("urgent");
    let mut order: Vec<RunId> = vec![];
    while order.len() < 4 {
        order.extend(scheduler.expect("completions", |said| match &said.1 {
            WorkerToScheduler::Finished(columns) => Some(columns.runs.clone()),
            _ => None,
        }));
    }
    assert_eq!(order, [run(1), run(5), run(8), run(9)]);
}

#[test]
fn a_chain_needs_no_second_message() {
    let (mut scheduler, _runner, worker) =
        with_worker(Over::Tcp, 2, &[(1, "concat"), (2, "nothing"), (3, "fail")]);
    let link = |slot: u32, text: &'static str| {
        let deps = if slot == 0 { vec![] } else { vec![held(run(slot - 1), 1, &[])] };
        (run(slot), text, deps)
    };
    scheduler.say(worker, compute(1, &[link(0, "a"), link(1, "b"), link(2, "c")]));
    assert_eq!(scheduler.answers(3)[&run(2)], inline("abc"));
    scheduler.say_all(
        worker,
        vec![compute(3, &[(run(3), "no", vec![])]), compute(1, &[link(4, "e"), link(5, "f")])],
    );
    let answers = scheduler.answers(3);
    assert_eq!(answers[&run(3)], Answer::Erred("no".into()));
    assert_eq!((&answers[&run(4)], &answers[&run(5)]), (&Answer::Retracted, &Answer::Retracted));
}

#[test]
fn a_chain_whose_first_link_fails_is_given_back() {
    let (mut scheduler, _runner, worker) = with_worker(Over::Tcp, 2, &[(1, "fail")]);
    let links: Vec<_> = (0..100_u32)
        .map(|slot| {
            (
                run(slot),
                "no",
                slot.checked_sub(1).map(|before| held(run(before), 1, &[])).into_iter().collect(),
            )
        })
        .collect();
    scheduler.say(worker, compute(1, &links));
    let mut answers = scheduler.answers(100);
    assert_eq!(answers.remove(&run(0)), Some(Answer::Erred("no".into())));
    assert!(answers.values().all(|answer| *answer == Answer::Retracted), "{answers:?}");
}

#[test]
fn the_rest_of_a_chain_can_be_taken_back() {
    let (mut scheduler, _runner, worker) = with_worker(Over::Tcp, 2, &[(GATE, "big gate")]);
    let links = [
        (run(1), "chain", vec![]),
        (run(2), "chain", vec![held(run(1), 1, &[])]),
        (run(3), "chain", vec![held(run(2), 1, &[])]),
    ];
    scheduler.say(worker, compute(GATE, &links));
    wait_until_executing(&mut scheduler, 1);
    scheduler.say(worker, SchedulerToWorker::Retract { runs: vec![run(1), run(2)], discard: true });
    assert_eq!(scheduler.answers(1), HashMap::from([(run(2), Answer::Retracted)]));
    open("chain");
    let answers = scheduler.answers(2);
    assert_eq!((&answers[&run(1)], &answers[&run(3)]), (&inline(""), &Answer::Retracted));
}

#[test]
fn threads_share_many_chains() {
    let (mut scheduler, _runner, worker) = with_worker(Over::Tcp, 3, &[(1, "concat")]);
    let (chains, links) = (40_u32, 50_u32);
    let link = |i: u32| {
        // Neighbours in the queue are of different chains.
        let before = i.checked_sub(chains).map(|before| held(run(before), 1, &[]));
        (run(i), "x", before.into_iter().collect())
    };
    let runs: Vec<_> = (0..chains * links).map(link).collect();
    scheduler.say(worker, compute(1, &runs));
    let answers = scheduler.answers((chains * links) as usize);
    for i in 0..chains * links {
        assert_eq!(answers[&run(i)], inline(&"x".repeat((i / chains + 1) as usize)), "{i}");
    }
}

#[test]
fn a_thread_that_secedes_makes_room_for_another() {
    let (mut scheduler, runner, worker) =
        with_worker(Over::Tcp, 1, &[(1, "secede"), (2, "echo"), (3, "rejoin")]);
    let threads = runner.thread_count();
    scheduler.say(worker, compute(1, &[(run(1), "seceding", vec![])]));
    let seceded = |scheduler: &mut Scheduler| {
        scheduler.expect("a secession", |said| match said.1 {
            WorkerToScheduler::Seceded { run } => Some(run),
            _ => None,
        })
    };
    assert_eq!(seceded(&mut scheduler), run(1));
    scheduler.say(worker, compute(2, &[(run(2), "meanwhile", vec![])]));
    assert_eq!(scheduler.answers(1), HashMap::from([(run(2), inline("meanwhile"))]));
    assert_eq!(runner.thread_count(), threads + 1);
    open("seceding");
    assert_eq!(scheduler.answers(1), HashMap::from([(run(1), inline(""))]));

    scheduler.say(worker, compute(3, &[(run(3), "rejoining", vec![])]));
    assert_eq!(seceded(&mut scheduler), run(3));
    open("rejoining");
    scheduler.expect("a return", |said| match said.1 {
        WorkerToScheduler::Rejoined { run: returned } => (returned == run(3)).then_some(()),
        _ => None,
    });
    assert_eq!(scheduler.answers(1), HashMap::from([(run(3), inline("back"))]));
    scheduler.say(worker, compute(2, &[(run(4), "still here", vec![])]));
    assert_eq!(scheduler.answers(1), HashMap::from([(run(4), inline("still here"))]));
}

#[test]
fn what_executes_long_is_told_and_stands_in_the_page() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("page");
    ExecutingPage::create(&path)?;
    let mut scheduler = Scheduler::start(Over::Tcp);
    let page = Some(path.clone());
    let runner = Runner::start_with(&scheduler.address, Over::Tcp, 1, |config| config.executing_page = page);
    let worker = runner.registered();
    scheduler.say_all(worker, define(GATE, "gate"));
    scheduler.say(worker, compute(GATE, &[(run(6), "long", vec![])]));
    let told = |scheduler: &mut Scheduler| {
        scheduler.expect("what executes long", |said| match &said.1 {
            WorkerToScheduler::Executing { runs } => {
                Some(runs.iter().map(|said| (said.thread, said.run)).collect::<Vec<_>>())
            }
            _ => None,
        })
    };
    assert_eq!(told(&mut scheduler), [(0, run(6))]);
    assert_eq!(ExecutingPage::read(&path)?, [run(6)]);
    open("long");
    scheduler.answers(1);
    assert_eq!(told(&mut scheduler), [], "it ended");
    assert_eq!(ExecutingPage::read(&path)?, []);
    Ok(())
}

#[test]
fn operations_are_answered() {
    let (mut scheduler, runner, worker) = with_worker(Over::Tcp, 1, &[]);
    let ask = |scheduler: &mut Scheduler, number, head: &'static [u8]| {
        let op = WorkerOp::Call(Payload::from_head(head));
        scheduler.say(worker, SchedulerToWorker::Do { request: RequestId(number), op });
        scheduler.expect("a reply", |said| match &said.1 {
            WorkerToScheduler::Reply { request: RequestId(answered), result } if *answered == number => {
                Some(result.clone())
            }
            _ => None,
        })
    };
    assert_eq!(ask(&mut scheduler, 1, b"hello").map(|payload| payload.head.to_vec()), Ok(b"hello".to_vec()));
    let error = ask(&mut scheduler, 2, b"").expect_err("there is nothing to call");
    assert_eq!(error.worker, runner.handle.address());
    runner.handle.notice("print", "from a task");
    scheduler.expect("a notice", |said| match &said.1 {
        WorkerToScheduler::Notice { topic, text } => {
            (topic == "print" && text == "from a task").then_some(())
        }
        _ => None,
    });
}

#[test]
fn closing_gives_back_what_has_not_begun() {
    for (gate, by_the_scheduler) in [("closing", true), ("leaving", false)] {
        let (mut scheduler, runner, worker) =
            with_worker(Over::Tcp, 1, &[(NOTHING, "nothing"), (GATE, "gate")]);
        scheduler.say(worker, compute(GATE, &[(run(1), gate, vec![])]));
        wait_until_executing(&mut scheduler, 1);
        scheduler
            .say(worker, compute(NOTHING, &[(run(2), "", vec![]), (run(3), "", vec![held(run(1), 1, &[])])]));
        if by_the_scheduler {
            scheduler.say(worker, SchedulerToWorker::Close { reason: "enough".into() });
        } else {
            wait_until_queued(&mut scheduler, 1);
            runner.handle.close("enough");
        }
        let expected = HashMap::from([(run(2), Answer::Retracted), (run(3), Answer::Retracted)]);
        assert_eq!(scheduler.answers(2), expected);
        scheduler.expect("a goodbye", |said| match &said.1 {
            WorkerToScheduler::Goodbye { reason } => (reason == "enough").then_some(()),
            _ => None,
        });
        let expected = if by_the_scheduler {
            StopReason::Closed("enough".into())
        } else {
            StopReason::Left("enough".into())
        };
        assert_eq!(runner.stopped(), expected);
        open(gate);
    }
}

#[test]
fn without_its_scheduler_it_stops() {
    let (scheduler, runner, worker) = with_worker(Over::Tcp, 2, &[]);
    scheduler.hang_up(worker);
    assert_eq!(runner.stopped(), StopReason::SchedulerLost(CloseReason::Peer));
    assert_eq!(runner.handle.thread().next().map(|execution| execution.run), None);
    assert_eq!(runner.handle.stopped_reason(), Some(runner.stopped()));
}

#[test]
fn whoever_is_not_wanted_is_told_why() {
    let refusing = Scheduler::start_refusing(Over::Tcp, Some("the name is taken".into()));
    let runner = Runner::start(&refusing.address, Over::Tcp, 1);
    let registered = runner.handle.wait_registered(Duration::from_secs(20));
    assert_eq!(registered, Some(Err(StopReason::Refused("the name is taken".into()))));

    let scheduler = Scheduler::start(Over::Tcp);
    let runner = Runner::start_with(&scheduler.address, Over::Tcp, 1, |config| {
        config.credentials = Credentials::secret(b"wrong".to_vec());
    });
    let stopped = runner.stopped();
    assert!(matches!(stopped, StopReason::NotConnected(CloseReason::Handshake(_))), "{stopped}");

    let runner = Runner::start(&Address::tcp("127.0.0.1", 1), Over::Tcp, 1);
    let stopped = runner.stopped();
    assert!(matches!(&stopped, StopReason::NotConnected(reason) if reason.is_unreachable()), "{stopped}");
}
