//! What is done on workers outside the task system; restart and shutdown.

use std::sync::Arc;

use rask_types::msg::{ClientToScheduler, WorkerOp, WorkerToScheduler};
use rask_types::{ErrorKind, Payload, RequestId, TaskError};

use crate::stage::{Graph, Stage};

fn broadcast(words: Option<&[&str]>, and_future_workers: bool) -> ClientToScheduler {
    ClientToScheduler::Broadcast {
        request: RequestId(5),
        workers: words.map(|words| words.iter().map(|word| (*word).to_owned()).collect()),
        and_future_workers,
        op: WorkerOp::Call(Payload::from_head("call")),
    }
}

fn reply(number: u32, result: Result<&'static str, &str>) -> WorkerToScheduler {
    let result = result
        .map(Payload::from_head)
        .map_err(|text| Arc::new(TaskError::new(ErrorKind::Exception, "", text)));
    WorkerToScheduler::Reply { request: RequestId(number), result }
}

#[test]
fn all_workers_answer() {
    let mut stage = Stage::with_workers(2, 1);
    assert_eq!(stage.ask(0, broadcast(None, false)), ["w0 do q1", "w1 do q1"]);
    assert_eq!(stage.say(1, reply(1, Ok("one"))), [""; 0]);
    assert_eq!(
        stage.say(0, reply(1, Err("bad"))),
        ["c0 answers q5 tcp://h0:1!bad tcp://h1:1=one".replace("=one", "=`one`")]
    );
    assert_eq!(stage.say(0, reply(1, Ok("again"))), [""; 0]);
}

#[test]
fn named_workers_answer() {
    let mut stage = Stage::with_workers(2, 1);
    assert_eq!(stage.ask(0, broadcast(Some(&["h1"]), false)), ["w1 do q1"]);
    assert_eq!(stage.say(0, reply(1, Ok("not asked"))), [""; 0]);
    assert_eq!(stage.say(1, reply(1, Ok("one"))), ["c0 answers q5 tcp://h1:1=`one`"]);
    assert_eq!(stage.ask(0, broadcast(Some(&[]), false)), ["c0 answers q5"]);
}

#[test]
fn a_worker_that_is_lost_is_answered_for() {
    let mut stage = Stage::with_workers(2, 1);
    stage.ask(0, broadcast(None, false));
    stage.say(1, reply(1, Ok("one")));
    assert_eq!(
        stage.die(0),
        [
            "c0 answers q5 tcp://h0:1!worker tcp://h0:1 was lost before it answered: connection reset tcp://h1:1=`one`"
        ]
    );
}

#[test]
fn workers_that_join_later_do_it_too_and_nobody_hears_of_it() {
    let mut stage = Stage::with_workers(0, 1);
    assert_eq!(stage.ask(0, broadcast(None, true)), ["c0 answers q5"]);
    assert_eq!(stage.worker(0, 1), ["w0 do q2"]);
    assert_eq!(stage.say(0, reply(2, Ok("done"))), [""; 0]);
    stage.leave(0);
    assert_eq!(stage.worker(1, 1), ["w1 do q3"]);
}

#[test]
fn a_client_that_left_is_not_answered() {
    let mut stage = Stage::with_workers(1, 1);
    stage.ask(0, broadcast(None, false));
    stage.leave(0);
    assert_eq!(stage.say(0, reply(1, Ok("done"))), [""; 0]);
}

#[test]
fn restart_forgets_everything_and_starts_the_processes_anew() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.client(1);
    stage.nanny(0, 100);
    stage.worker_with(0, 1, |worker| worker.nanny_instance = Some(100));
    stage.worker(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]));
    stage.submit(1, Graph::at(1).calls(2));
    stage.submit(1, Graph::at(3).call(&[]).part_of(7));
    stage.ask(1, ClientToScheduler::FireAndForget { futures: vec![rask_types::FutureId(2)] });
    let said = stage.ask(0, ClientToScheduler::Restart { request: RequestId(6) });
    assert_eq!(
        said,
        [
            "w1 discard t2#1",
            "c0 cancelled 1 2: scheduler-restart",
            "c0 reply q6 Ok(None)",
            "c1 cancelled 1 2 3: scheduler-restart",
            "n0 restart 100",
            "w0 hang up",
        ]
    );
    assert_eq!(stage.scheduler.task_count(), 0);
    stage.give_back(1, &["t2#1"]);
    // An unfinished graph goes on without what came before.
    assert_eq!(stage.submit(1, Graph::at(4).call(&[3]).end_of(7)), ["c1 lost 4: lost dependencies"]);
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.exited(0, 100, &["t0#1"]), [""; 0]);
    stage.scheduler.check_empty();
}

#[test]
fn shutdown_says_so_to_everyone_once() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 100);
    stage.worker(0, 1);
    let said = stage.ask(0, ClientToScheduler::Shutdown);
    assert_eq!(
        said,
        [
            "w0 close: the cluster was shut down",
            "c0 closing: the cluster was shut down",
            "n0 close: the cluster was shut down",
            "shutdown"
        ]
    );
    assert_eq!(stage.ask(0, ClientToScheduler::Shutdown), [""; 0]);
}

#[test]
fn notices_reach_every_client() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    let notice = WorkerToScheduler::Notice { topic: "print".into(), text: "hello".into() };
    assert_eq!(stage.say(0, notice), ["c0 notice print: hello", "c1 notice print: hello"]);
}

#[test]
fn a_worker_that_joins_gets_no_tasks_before_it_has_done_what_all_were_asked_to_do() {
    let mut stage = Stage::with_workers(0, 1);
    stage.ask(0, broadcast(None, true));
    stage.submit(0, Graph::at(1).named("a", &[]));
    let greeting = stage.worker(0, 1);
    assert!(greeting.iter().any(|line| line.starts_with("w0 do ")), "{greeting:?}");
    assert!(!greeting.iter().any(|line| line.starts_with("w0 run ")), "{greeting:?}");
    let number = greeting.iter().find_map(|line| line.strip_prefix("w0 do q")?.parse().ok()).unwrap();
    let then = stage.say(0, reply(number, Ok("done")));
    assert!(then.iter().any(|line| line.starts_with("w0 run ")), "{then:?}");
}
