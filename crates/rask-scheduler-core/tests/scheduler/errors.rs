//! Tasks fail.

use rask_types::msg::WorkerToScheduler;
use rask_types::{ErrorKind, TaskError};

use crate::stage::{Graph, Stage, key_of, run};

#[test]
fn an_error_takes_everything_that_waits_along_and_names_who_is_to_blame() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[2]).call(&[]).call(&[3, 4]));
    let said = stage.err(0, "t0#1", "boom");
    assert_eq!(said, ["w0 run t3#1".to_owned(), format!("c0 erred 1 2 3 5: boom of {}", key_of(0, 1))]);
    assert_eq!(stage.finish(0, &[("t3#1", "d")]), ["c0 done 4=`d`"]);
    stage.release(0, &[1, 2, 3, 4, 5]);
    stage.scheduler.check_empty();
}

#[test]
fn inputs_of_what_failed_are_let_go() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[]).call(&[1, 2]).want(&[2]));
    stage.hold(0, &[("t0#1", 9)]);
    assert_eq!(
        stage.err(0, "t1#1", "boom"),
        ["w0 free t0#1".to_owned(), format!("c0 erred 3: boom of {}", key_of(0, 2))]
    );
}

#[test]
fn exceptions_are_answered_by_as_many_retries_as_the_class_has() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.retries = 2);
    assert_eq!(stage.submit(0, Graph::at(1).class(1).call(&[])), ["w0 run t0#1"]);
    assert_eq!(stage.err(0, "t0#1", "one"), ["w0 run t0#2"]);
    assert_eq!(stage.err(0, "t0#2", "two"), ["w0 run t0#3"]);
    assert_eq!(stage.err(0, "t0#3", "three"), [format!("c0 erred 1: three of {}", key_of(0, 1))]);
    // A retry on demand counts anew.
    assert_eq!(stage.retry(0, &[1]), ["w0 run t0#4", "c0 pending 1"]);
    assert_eq!(stage.err(0, "t0#4", "four"), ["w0 run t0#5"]);
    assert_eq!(stage.finish(0, &[("t0#5", "a")]), ["c0 done 1=`a`"]);
}

#[test]
fn only_exceptions_are() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.retries = 2);
    stage.submit(0, Graph::at(1).class(1).call(&[]));
    let error = TaskError::new(ErrorKind::Undecodable, "", "no module").into();
    let said = stage.say(
        0,
        WorkerToScheduler::Erred { run: run("t0#1"), started_ns: 0, duration_ns: 0, thread: 0, error },
    );
    assert_eq!(said, [format!("c0 erred 1: no module of {} (undecodable)", key_of(0, 1))]);
}

#[test]
fn what_a_worker_calls_refused_is_a_failure_and_loses_nobody_a_future() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    let error = TaskError::new(ErrorKind::Refused, "", "cannot").into();
    let said = stage.say(
        0,
        WorkerToScheduler::Erred { run: run("t0#1"), started_ns: 0, duration_ns: 0, thread: 0, error },
    );
    assert_eq!(said, [format!("c0 erred 1: cannot of {} (undecodable)", key_of(0, 1))]);
}

#[test]
fn retry_runs_the_erred_inputs_that_are_to_blame() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[2]).want(&[2]));
    stage.err(0, "t0#1", "boom");
    assert_eq!(stage.retry(0, &[3]), ["w0 run t0#2", "c0 pending 3"]);
    assert_eq!(stage.finish(0, &[("t0#2", "a")]), ["w0 run t1#1(`a`)"]);
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["w0 run t2#1(`b`)"]);
    assert_eq!(stage.finish(0, &[("t2#1", "c")]), ["c0 done 3=`c`"]);
}

#[test]
fn retry_of_an_input_leaves_its_erred_dependents() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]));
    stage.err(0, "t0#1", "boom");
    assert_eq!(stage.retry(0, &[1, 1]), ["w0 run t0#2", "c0 pending 1"]);
    assert_eq!(stage.finish(0, &[("t0#2", "a")]), ["c0 done 1=`a`"]);
    // The dependent alone, now that its input is there.
    assert_eq!(stage.retry(0, &[2]), ["w0 run t1#1(`a`)", "c0 pending 2"]);
}

#[test]
fn retry_of_what_did_not_fail_is_nothing() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(2));
    stage.finish(0, &[("t0#1", "a")]);
    assert_eq!(stage.retry(0, &[1, 2, 3]), [""; 0]);
}

#[test]
fn a_failed_pure_call_fails_whoever_submits_it_while_a_future_is_held() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.submit(0, Graph::at(1).pure(7, &[]));
    stage.err(0, "t0#1", "boom");
    let said = stage.submit(1, Graph::at(1).pure(7, &[]));
    assert_eq!(said, ["c1 erred 1: boom of f-00000000000000000000000000000007"]);
    let said = stage.submit(1, Graph::at(2).pure(7, &[]).call(&[2]));
    assert_eq!(said, ["c1 erred 2 3: boom of f-00000000000000000000000000000007"]);
}

#[test]
fn a_failed_pure_call_that_nobody_holds_runs_again() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).pure(7, &[]).call(&[1]).want(&[1]));
    stage.err(0, "t0#1", "boom");
    // Known for the sake of its dependent, it has erred, but nobody holds a future for it.
    assert_eq!(stage.submit(0, Graph::at(3).pure(7, &[])), ["w0 run t0#2"]);
    assert_eq!(stage.finish(0, &[("t0#2", "a")]), ["c0 done 3=`a`"]);
    // Let go entirely, it is a new task.
    stage.release(0, &[2, 3]);
    stage.scheduler.check_empty();
    assert_eq!(stage.submit(0, Graph::at(4).pure(7, &[])).len(), 1);
}

#[test]
fn one_error_is_shared_by_all_that_carry_it() {
    let mut stage = Stage::with_workers(1, 1);
    let fan = (0..50).fold(Graph::at(1).call(&[]), |graph, _| graph.call(&[1]));
    stage.submit(0, fan);
    let said = stage.err(0, "t0#1", "boom");
    assert_eq!(said.len(), 1, "one message for all futures");
    stage.release(0, &(1..52).collect::<Vec<_>>());
    stage.scheduler.check_empty();
}

#[test]
fn fire_and_forget_tasks_that_fail_together_are_all_forgotten() {
    let mut stage = Stage::with_workers(1, 1);
    // A diamond on top of a chain: 4 waits for 2 and 3, 3 waits for 2.
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[2]).call(&[2, 3]).want(&[3]));
    stage.ask(0, rask_types::msg::ClientToScheduler::FireAndForget { futures: crate::stage::numbers(&[4]) });
    stage.release(0, &[4]);
    assert_eq!(stage.err(0, "t0#1", "boom"), [""; 0]);
    stage.scheduler.check_empty();
}

#[test]
fn a_second_failed_input_changes_nothing() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 2);
    stage.submit(0, Graph::at(1).calls(2).call(&[1, 2]));
    stage.err(0, "t0#1", "boom");
    assert_eq!(stage.err(0, "t1#1", "bang"), [format!("c0 erred 2: bang of {}", key_of(0, 2))]);
    stage.release(0, &[1, 2, 3]);
    stage.scheduler.check_empty();
}

#[test]
fn a_dependent_on_what_has_failed_fails_at_once() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.err(0, "t0#1", "boom");
    let said = stage.submit(0, Graph::at(2).call(&[1]).call(&[2]));
    assert_eq!(said, [format!("c0 erred 2 3: boom of {}", key_of(0, 1))]);
}

/// On w0 an input, on w1 a run that needs it; then w0 dies, and the input, made again on w2, fails.
fn with_an_input_that_fails_the_second_time() -> Stage {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker(1, 1);
    stage.define(0, 1, |class| class.workers = vec!["w1".into()]);
    stage.submit(0, Graph::at(1).call(&[]).class(1).call(&[1]));
    assert_eq!(stage.hold(0, &[("t0#1", 9)]), ["w1 run t1#1(t0#1@w0)", "c0 done 1@w0"]);
    assert_eq!(stage.die(0), ["c0 pending 1"]);
    assert_eq!(stage.worker(2, 1), ["w2 run t0#3"]);
    assert_eq!(stage.err(2, "t0#3", "boom"), [format!("c0 erred 1: boom of {}", key_of(0, 1))]);
    stage
}

#[test]
fn a_run_given_back_whose_input_has_failed_meanwhile_fails_too() {
    let failed = [format!("c0 erred 2: boom of {}", key_of(0, 1))];
    let mut stage = with_an_input_that_fails_the_second_time();
    assert_eq!(stage.give_back(1, &["t1#1"]), failed);
    let mut stage = with_an_input_that_fails_the_second_time();
    assert_eq!(stage.die(1), failed);
    let mut stage = with_an_input_that_fails_the_second_time();
    assert_eq!(stage.say(1, WorkerToScheduler::Reschedule { run: run("t1#1") }), failed);
    // If it had its input in time, it finishes.
    let mut stage = with_an_input_that_fails_the_second_time();
    assert_eq!(stage.finish(1, &[("t1#1", "b")]), ["c0 done 2=`b`"]);
    stage.release(0, &[1, 2]);
    stage.scheduler.check_empty();
}
