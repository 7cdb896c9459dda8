//! Futures are held and let go.

use rask_types::FutureId;
use rask_types::msg::ClientToScheduler;

use crate::stage::{Graph, Stage, key_of, str_key};

#[test]
fn released_while_queued_it_never_runs() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(2));
    assert_eq!(stage.release(0, &[2]), [""; 0]);
    assert_eq!(stage.scheduler.task_count(), 1);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c0 done 1=`a`"]);
}

#[test]
fn released_while_processing_it_is_taken_back_and_a_late_answer_is_dropped() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(2));
    assert_eq!(stage.release(0, &[1]), ["w0 discard t0#1"]);
    // The worker answers all the same, here with a value that it keeps; only then it has a thread free.
    assert_eq!(stage.hold(0, &[("t0#1", 9)]), ["w0 free t0#1", "w0 run t1#1"]);
    stage.release(0, &[2]);
    stage.give_back(0, &["t1#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn released_after_it_finished_its_value_goes() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    assert_eq!(stage.hold(0, &[("t0#1", 9)]), ["c0 done 1@w0"]);
    assert_eq!(stage.release(0, &[1]), ["w0 free t0#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn released_and_submitted_again_while_its_old_run_goes_on() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).pure(7, &[]));
    stage.release(0, &[1]);
    assert_eq!(stage.submit(0, Graph::at(2).pure(7, &[])), [""; 0]);
    // The answer to the first run is not taken for one to the second.
    assert_eq!(stage.finish(0, &[("t0#1", "old")]), ["w0 run t0#3"]);
    assert_eq!(stage.finish(0, &[("t0#3", "new")]), ["c0 done 2=`new`"]);
}

#[test]
fn released_by_one_client_it_runs_for_the_other() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.submit(0, Graph::at(1).pure(7, &[]));
    stage.submit(1, Graph::at(1).pure(7, &[]));
    assert_eq!(stage.release(0, &[1]), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c1 done 1=`a`"]);
    stage.leave(1);
    stage.scheduler.check_empty();
}

#[test]
fn to_forget_a_task_is_to_forget_what_it_alone_needed() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[1]).call(&[2, 3]).want(&[1, 3]));
    stage.finish(0, &[("t0#1", "a")]);
    stage.finish(0, &[("t1#1", "b")]);
    assert_eq!(stage.scheduler.task_count(), 4);
    assert_eq!(stage.release(0, &[4]), ["w0 discard t2#1"]);
    assert_eq!(stage.scheduler.task_count(), 2);
    stage.release(0, &[2]);
    stage.finish(0, &[("t2#1", "c")]);
    stage.scheduler.check_empty();
}

#[test]
fn releases_of_what_is_not_held_mean_nothing() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    assert_eq!(stage.release(0, &[2, 0, u64::MAX]), [""; 0]);
    assert_eq!(stage.release(0, &[1, 1]), ["w0 discard t0#1"]);
    assert_eq!(stage.release(0, &[1]), [""; 0]);
}

#[test]
fn wants_by_key() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.submit(0, Graph::at(1).named("x", &[]));
    assert_eq!(stage.want(1, 1, &str_key("x")), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c0 done 1=`a`", "c1 done 1=`a`"]);
    assert_eq!(stage.want(1, 2, &str_key("x")), ["c1 done 2=`a`"]);
    assert_eq!(
        stage.want(1, 3, &str_key("y")),
        ["c1 lost 3: no task here has the key y: it was never submitted, or is already forgotten"]
    );
    // A pure task's token is no impure task's key, though it may have the same number.
    stage.submit(0, Graph::at(2).pure(3, &[]));
    assert_eq!(stage.want(1, 4, &key_of(0, 2)).len(), 1);
    assert_eq!(stage.want(1, 4, &key_of(0, 2))[0].split(':').next(), Some("c1 lost 4"));
}

#[test]
fn a_number_has_one_meaning() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("x", &[]));
    assert_eq!(
        stage.want(0, 1, &str_key("x")),
        ["w0 discard t0#1", "c0 closing: a future's number is in use, or out of range", "c0 hang up"]
    );
}

#[test]
fn fire_and_forget_runs_though_its_client_leaves() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).want(&[1]));
    stage.ask(0, ClientToScheduler::FireAndForget { futures: vec![FutureId(2), FutureId(9)] });
    assert_eq!(stage.leave(0), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t1#1(`a`)"]);
    assert_eq!(stage.hold(0, &[("t1#1", 9)]), ["w0 free t1#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn fire_and_forget_ends_with_a_failure_too() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).want(&[1]));
    stage.ask(0, ClientToScheduler::FireAndForget { futures: vec![FutureId(2)] });
    stage.leave(0);
    assert_eq!(stage.err(0, "t0#1", "boom"), [""; 0]);
    stage.scheduler.check_empty();
}

#[test]
fn fire_and_forget_of_what_has_finished_keeps_nothing() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.finish(0, &[("t0#1", "a")]);
    stage.ask(0, ClientToScheduler::FireAndForget { futures: vec![FutureId(1)] });
    stage.release(0, &[1]);
    stage.scheduler.check_empty();
}

#[test]
fn a_client_that_leaves_takes_its_open_graph_along() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).want(&[1]).part_of(3));
    assert_eq!(stage.leave(0), ["w0 discard t0#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn good_bye_is_the_same_in_good_order() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    assert_eq!(stage.ask(0, ClientToScheduler::Goodbye), ["w0 discard t0#1", "c0 hang up"]);
    assert_eq!(stage.leave(0), [""; 0]);
    stage.scheduler.check_empty();
}
