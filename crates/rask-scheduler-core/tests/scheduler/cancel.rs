//! Tasks are cancelled.

use rask_types::msg::ClientToScheduler;

use crate::stage::{Graph, Stage, numbers};

fn one_worker() -> Stage {
    let mut stage = Stage::new();
    stage.client(0);
    stage.client(1);
    stage.worker(0, 1);
    stage
}

#[test]
fn a_cancelled_task_takes_those_along_that_wait_for_it() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[2]).call(&[]));
    assert_eq!(stage.cancel(0, &[1], false), ["w0 discard t0#1", "c0 cancelled 1 2 3: no more"]);
    assert_eq!(stage.scheduler.task_count(), 1);
    assert_eq!(stage.give_back(0, &["t0#1"]), ["w0 run t3#1"]);
    assert_eq!(stage.release(0, &[1, 2, 3]), [""; 0]);
}

#[test]
fn what_another_client_wants_goes_on() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).pure(1, &[]).pure(2, &[1]));
    stage.submit(1, Graph::at(1).pure(1, &[]));
    assert_eq!(stage.cancel(0, &[1], false), ["c0 cancelled 1 2: no more"]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c1 done 1=`a`"]);
    assert_eq!(stage.scheduler.task_count(), 1);
}

#[test]
fn by_force_it_does_not() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).pure(1, &[]));
    stage.submit(1, Graph::at(5).pure(1, &[]).call(&[5]));
    assert_eq!(
        stage.cancel(0, &[1], true),
        ["w0 discard t0#1", "c0 cancelled 1: no more", "c1 cancelled 5 6: no more"]
    );
    stage.finish(0, &[("t0#1", "a")]);
    stage.scheduler.check_empty();
}

#[test]
fn a_finished_task_is_cancelled_too_but_not_what_was_made_of_it() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]));
    stage.hold(0, &[("t0#1", 9)]);
    stage.finish(0, &[("t1#1", "b")]);
    assert_eq!(stage.cancel(0, &[1], false), ["w0 free t0#1", "c0 cancelled 1: no more"]);
    stage.release(0, &[2]);
    stage.scheduler.check_empty();
}

#[test]
fn what_was_fired_and_forgotten_is_cancelled_by_who_fired_it() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).pure(1, &[]));
    stage.submit(1, Graph::at(1).pure(1, &[]));
    stage.ask(0, ClientToScheduler::FireAndForget { futures: numbers(&[1]) });
    assert_eq!(stage.cancel(1, &[1], false), ["c1 cancelled 1: no more"]);
    assert_eq!(stage.cancel(0, &[1], false), ["w0 discard t0#1", "c0 cancelled 1: no more"]);
}

#[test]
fn cancelling_what_is_not_held_is_nothing() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).calls(1));
    assert_eq!(stage.cancel(0, &[2, 3], true), [""; 0]);
    assert_eq!(stage.cancel(1, &[1], true), [""; 0]);
    assert_eq!(stage.cancel(0, &[1, 1], false), ["w0 discard t0#1", "c0 cancelled 1: no more"]);
    assert_eq!(stage.cancel(0, &[1], false), [""; 0]);
}

#[test]
fn in_an_open_graph_what_is_cancelled_goes_with_the_graph() {
    let mut stage = one_worker();
    stage.submit(0, Graph::at(1).call(&[]).part_of(1));
    assert_eq!(stage.cancel(0, &[1], false), ["c0 cancelled 1: no more"]);
    assert_eq!(stage.submit(0, Graph::at(2).end_of(1)), ["w0 discard t0#1"]);
}

#[test]
fn a_hundred_thousand_are_cancelled_in_one_message() {
    let mut stage = one_worker();
    stage.checks = false;
    stage.submit(0, Graph::at(1).calls(100_000));
    let all: Vec<u64> = (1..=100_000).collect();
    let said = stage.cancel(0, &all, false);
    assert_eq!(said.len(), 2);
    stage.give_back(0, &["t0#1"]);
    stage.scheduler.check_empty();
}
