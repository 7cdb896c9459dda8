//! Values that clients bring.

use rask_types::RequestId;
use rask_types::msg::ClientToScheduler;

use crate::stage::{Graph, Stage, item, numbers, str_key};

#[test]
fn small_values_stay_here_even_without_workers() {
    let mut stage = Stage::with_workers(0, 1);
    let said = stage.scatter(0, 1, vec![item("x", 1, Some("v"))], &[], false);
    assert_eq!(said, ["c0 done 1=`v`", "c0 plan t0#1>"]);
    stage.submit(0, Graph::at(2).call(&[1]));
    assert_eq!(stage.worker(0, 1), ["w0 run t1#1(`v`)"]);
    stage.release(0, &[1, 2]);
    stage.finish(0, &[("t1#1", "w")]);
    stage.scheduler.check_empty();
}

#[test]
fn large_values_go_to_workers_in_turn_and_feed_what_waits_for_them() {
    let mut stage = Stage::with_workers(2, 1);
    let items = vec![item("x", 9_000, None), item("y", 9_000, None)];
    assert_eq!(stage.scatter(0, 1, items, &[], false), ["c0 plan t0#1>w0 t1#1>w1"]);
    assert_eq!(stage.submit(0, Graph::at(3).call(&[1, 2])), [""; 0]);
    assert_eq!(stage.explain(0, &str_key("x")), "x is being scattered to worker w0 at tcp://h0:1");
    assert_eq!(stage.stored(0, "t0#1", 9_000), ["c0 done 1@w0"]);
    assert_eq!(stage.stored(1, "t1#1", 9_001), ["w1 run t2#1(t0#1@w0 t1#1@w1)", "c0 done 2@w1"]);
}

#[test]
fn chosen_workers_only() {
    let mut stage = Stage::with_workers(3, 1);
    let large = || vec![item("x", 9_000, None)];
    assert_eq!(stage.scatter(0, 1, large(), &["h2"], false), ["c0 plan t0#1>w2"]);
    assert_eq!(
        stage.scatter(0, 2, vec![item("y", 9_000, None)], &["h9", "w8"], false),
        ["c0 plan refused: none of these workers is here: h9, w8"]
    );
    assert_eq!(stage.scheduler.task_count(), 1);
}

#[test]
fn without_workers_large_values_have_nowhere_to_go() {
    let mut stage = Stage::with_workers(0, 1);
    let items = vec![item("x", 1, Some("v")), item("y", 9_000, None)];
    let said = stage.scatter(0, 1, items, &[], false);
    assert_eq!(said, ["c0 plan refused: there are no workers to scatter to"]);
    stage.scheduler.check_empty();
}

#[test]
fn broadcast_goes_to_all_and_later_to_those_that_lack_it() {
    let mut stage = Stage::with_workers(2, 1);
    let large = || vec![item("x", 9_000, None)];
    assert_eq!(stage.scatter(0, 1, large(), &[], true), ["c0 plan t0#1>w0+w1"]);
    assert_eq!(stage.stored(1, "t0#1", 9_000), ["c0 done 1@w1"]);
    assert_eq!(stage.stored(0, "t0#1", 9_000), [""; 0]);
    stage.worker(2, 1);
    assert_eq!(stage.scatter(0, 2, large(), &[], true), ["c0 done 2@w1", "c0 plan t0#1>w2"]);
    assert_eq!(stage.release(0, &[1, 2]), ["w0 free t0#1", "w1 free t0#1"]);
    assert_eq!(stage.stored(2, "t0#1", 9_000), ["w2 free t0#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn a_value_that_somebody_scattered_is_there_already() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &[], false);
    assert_eq!(stage.scatter(1, 1, vec![item("x", 9_000, None)], &[], false), ["c1 plan t0#1>"]);
    assert_eq!(stage.stored(0, "t0#1", 9_000), ["c0 done 1@w0", "c1 done 1@w0"]);
    assert_eq!(
        stage.scatter(1, 2, vec![item("x", 9_000, None)], &[], false),
        ["c1 done 2@w0", "c1 plan t0#1>"]
    );
}

#[test]
fn lost_with_its_worker_it_is_lost_for_good_until_scattered_again() {
    let mut stage = Stage::with_workers(2, 1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &["w0"], false);
    stage.submit(0, Graph::at(2).call(&[1]).part_of(1));
    let lost = "c0 lost 1 2: the scattered value \"x\" was lost before it arrived, or with its worker: scatter it again";
    assert_eq!(stage.die(0), [lost]);
    let said = stage.scatter(0, 3, vec![item("x", 9_000, None)], &[], false);
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with(">w1"), "{said:?}");
    stage.submit(0, Graph::at(4).end_of(1));
    stage.leave(0);
    stage.scheduler.check_empty();
}

#[test]
fn lost_it_fails_those_who_need_it_now_but_not_those_who_had_it() {
    let mut stage = Stage::with_workers(2, 1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &["w0"], false);
    stage.stored(0, "t0#1", 9_000);
    stage.define(0, 1, |class| class.workers = vec!["w1".into()]);
    assert_eq!(stage.submit(0, Graph::at(2).class(1).call(&[1]).call(&[1])), ["w1 run t1#1(t0#1@w0)"]);
    let lost = "the scattered value \"x\" was lost before it arrived, or with its worker: scatter it again";
    assert_eq!(stage.die(0), [format!("c0 lost 1 3: {lost}")]);
    // The other runs on w1, which may have fetched its input in time.
    assert_eq!(stage.finish(1, &[("t1#1", "a")]), ["c0 done 2=`a`"]);
    stage.release(0, &[2]);
    stage.scheduler.check_empty();
}

#[test]
fn a_retried_dependent_of_what_is_lost_fails_again() {
    let mut stage = Stage::with_workers(1, 1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &[], false);
    stage.stored(0, "t0#1", 9_000);
    stage.submit(0, Graph::at(2).call(&[1]));
    stage.err(0, "t1#1", "boom");
    stage.die(0);
    let said = stage.retry(0, &[2]);
    assert_eq!(
        said,
        [
            "c0 pending 2",
            "c0 lost 2: the scattered value \"x\" was lost before it arrived, or with its worker: scatter it again"
        ]
    );
    stage.scheduler.check_empty();
}

#[test]
fn released_before_it_arrives_it_is_dropped_when_it_does() {
    let mut stage = Stage::with_workers(1, 1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &[], false);
    stage.release(0, &[1]);
    stage.scheduler.check_empty();
    assert_eq!(stage.stored(0, "t0#1", 9_000), ["w0 free t0#1"]);
}

#[test]
fn a_client_that_leaves_before_it_brought_its_value_loses_it_for_others() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &[], false);
    stage.want(1, 1, &str_key("x"));
    stage.submit(1, Graph::at(2).call(&[1]));
    stage.release(0, &[1]);
    let lost = "c1 lost 1 2: the scattered value \"x\" was lost before it arrived, or with its worker: scatter it again";
    assert_eq!(stage.leave(0), [lost]);
    stage.scheduler.check_empty();
}

#[test]
fn a_scattered_key_that_is_a_known_task_is_that_task() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("x", &[]).named("y", &[1]).want(&[1]));
    assert_eq!(stage.scatter(0, 3, vec![item("x", 1, Some("v"))], &[], false), ["c0 plan t0#1>"]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t1#1(`a`)", "c0 done 3=`a`"]);
    stage.finish(0, &[("t1#1", "b")]);
    stage.release(0, &[3]);
    // Released now: it runs for who scatters it.
    let said = stage.scatter(0, 4, vec![item("x", 1, Some("v"))], &[], false);
    assert_eq!(said, ["w0 run t0#3", "c0 plan t0#2>"]);
}

#[test]
fn broken_scatters_are_refused_whole() {
    let mut stage = Stage::with_workers(1, 1);
    let mut bad = item("x", 1, Some("v"));
    bad.key = rask_types::msg::KeyChoice::Named("rubbish".into());
    let said = stage.scatter(0, 1, vec![item("y", 1, Some("v")), bad], &[], false);
    assert_eq!(said, ["c0 closing: a key is not canonical", "c0 hang up"]);
    stage.scheduler.check_empty();
    stage.client(1);
    let said = stage.scatter(1, u64::MAX, vec![item("y", 1, None), item("x", 1, None)], &[], false);
    assert_eq!(said[0], "c1 closing: a future's number is in use, or out of range");
}

#[test]
fn scattered_values_are_located_and_replicas_too() {
    let mut stage = Stage::with_workers(2, 1);
    stage.scatter(0, 1, vec![item("x", 9_000, None), item("y", 1, Some("v"))], &["w0"], false);
    stage.stored(0, "t0#1", 9_000);
    stage.stored(1, "t0#1", 9_000);
    stage.stored(1, "t1#1", 1);
    let ask = ClientToScheduler::Locate { request: RequestId(3), futures: numbers(&[1, 2]) };
    assert_eq!(stage.ask(0, ask), ["c0 located t0#1@w0+w1 t1#1@w1`v`"]);
    assert_eq!(stage.release(0, &[1, 2]), ["w0 free t0#1", "w1 free t0#1 t1#1"]);
    stage.scheduler.check_empty();
}
