//! Results come back.

use rask_types::columns::HeldByWorker;
use rask_types::msg::{ClientToScheduler, WorkerToScheduler};
use rask_types::{FutureId, RequestId, TypeId};

use crate::stage::{Graph, Stage, held, inline, numbers};

fn two_workers() -> Stage {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker(1, 1);
    stage
}

#[test]
fn inline_values_feed_dependents_anywhere() {
    let mut stage = two_workers();
    assert_eq!(stage.submit(0, Graph::at(1).calls(2).call(&[1, 2])), ["w0 run t0#1", "w1 run t1#1"]);
    stage.finish(0, &[("t0#1", "a")]);
    let said = stage.finish(1, &[("t1#1", "b")]);
    assert_eq!(said, ["w0 run t2#1(`a` `b`)", "c0 done 2=`b`"]);
}

#[test]
fn a_value_is_said_once_to_those_who_get_several_dependents() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 3);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[1]).call(&[1]));
    stage.scheduler.handle(
        stage.now,
        rask_scheduler_core::Event::Worker(
            rask_types::WorkerId(0),
            WorkerToScheduler::Finished(inline(&[("t0#1", "a")], 1)),
        ),
    );
    for effect in stage.effects() {
        if let rask_scheduler_core::Effect::ToWorker(
            _,
            rask_types::msg::SchedulerToWorker::Compute(columns),
        ) = effect
        {
            assert_eq!((columns.runs.len(), columns.values.len()), (3, 1));
        }
    }
}

#[test]
fn held_values_are_found_by_locate() {
    let mut stage = two_workers();
    stage.submit(0, Graph::at(1).calls(3));
    stage.hold(0, &[("t0#1", 9)]);
    stage.finish(1, &[("t1#1", "b")]);
    let ask = ClientToScheduler::Locate { request: RequestId(3), futures: numbers(&[1, 2, 3, 4]) };
    assert_eq!(stage.ask(0, ask), ["c0 located t0#1@w0 t1#1@`b` nowhere nowhere"]);
}

#[test]
fn a_dependent_elsewhere_is_told_who_holds_its_input() {
    let mut stage = two_workers();
    stage.introductions = true;
    stage.submit(0, Graph::at(1).calls(2).call(&[1, 2]));
    stage.hold(0, &[("t0#1", 1_000)]);
    // It goes where most of its input is.
    let said = stage.hold(1, &[("t1#1", 9_000)]);
    assert_eq!(
        said,
        ["w1 peer w0 tcp://h0:1", "w1 run t2#1(t0#1@w0 t1#1@w1)", "c0 peer w1 tcp://h1:1", "c0 done 2@w1"]
    );
    assert_eq!(stage.stored(1, "t0#1", 1_000), [""; 0]);
    assert_eq!(stage.finish(1, &[("t2#1", "c")]), ["c0 done 3=`c`"]);
    assert_eq!(stage.release(0, &[1, 2, 3]), ["w0 free t0#1", "w1 free t0#1 t1#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn what_is_brought_after_it_was_released_is_dropped() {
    let mut stage = two_workers();
    stage.submit(0, Graph::at(1).calls(1));
    stage.hold(0, &[("t0#1", 9)]);
    stage.release(0, &[1]);
    assert_eq!(stage.stored(1, "t0#1", 9), ["w1 free t0#1"]);
}

#[test]
fn a_value_both_inline_and_held_survives_its_worker() {
    let mut stage = two_workers();
    stage.submit(0, Graph::at(1).calls(1));
    let mut columns = inline(&[("t0#1", "a")], 1_000);
    columns.held = vec![HeldByWorker { position: 0, nbytes: 40, type_id: TypeId(0) }];
    assert_eq!(stage.say(0, WorkerToScheduler::Finished(columns)), ["c0 done 1=`a`"]);
    let locate = || ClientToScheduler::Locate { request: RequestId(3), futures: numbers(&[1]) };
    assert_eq!(stage.ask(0, locate()), ["c0 located t0#1@w0`a`"]);
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.ask(0, locate()), ["c0 located t0#1@`a`"]);
    stage.release(0, &[1]);
    stage.scheduler.check_empty();
}

#[test]
fn without_room_for_it_a_small_value_stays_on_its_worker() {
    let mut stage = Stage::with(|config| config.values_bytes_max = 1_500);
    stage.client(0);
    stage.worker(0, 1);
    assert_eq!(stage.submit(0, Graph::at(1).calls(3)), ["w0 run t0#1"]);
    // 1 500 bytes are room for one more value, 64 after this one is kept.
    let long = "x".repeat(1_000);
    let said = stage.finish_fast(0, &[("t0#1", &long)]);
    assert_eq!(said, ["w0 run keep t1#1 t2#1", &format!("c0 done 1=`{long}`")]);
    let mut columns = inline(&[("t1#1", "b")], 1_000);
    columns.held = vec![HeldByWorker { position: 0, nbytes: 40, type_id: TypeId(0) }];
    assert_eq!(stage.say(0, WorkerToScheduler::Finished(columns)), ["c0 done 2@w0"]);
    // The worker must have kept it: then it is made again elsewhere if it dies.
    assert_eq!(stage.die(0), ["c0 pending 2"]);
    assert_eq!(stage.release(0, &[1, 2, 3]), [""; 0]);
    stage.scheduler.check_empty();
}

#[test]
fn a_value_that_came_without_room_is_kept_if_nobody_else_has_it() {
    let mut stage = Stage::with(|config| config.values_bytes_max = 0);
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c0 done 1=`a`"]);
}

#[test]
fn many_results_at_once_are_one_message() {
    let mut stage = two_workers();
    stage.submit(0, Graph::at(1).calls(8));
    stage.finish_fast(0, &[("t0#1", "a")]);
    // 1 ms each: known to be short, they come in batches.
    let columns = inline(&[("t2#1", "c"), ("t3#1", "d"), ("t4#1", "e")], 1_000_000);
    assert_eq!(stage.say(0, WorkerToScheduler::Finished(columns)), ["c0 done 3=`c` 4=`d` 5=`e`"]);
}

#[test]
fn values_beyond_the_blob_bound_go_in_several_messages() {
    let mut stage = two_workers();
    stage.submit(0, Graph::at(1).calls(2));
    let long = "x".repeat(3 << 20);
    stage.tell_without_turn(rask_scheduler_core::Event::Worker(
        rask_types::WorkerId(0),
        WorkerToScheduler::Finished(inline(&[("t0#1", &long)], 1)),
    ));
    let said = stage.finish(1, &[("t1#1", &long)]);
    assert_eq!(said, [format!("c0 done 1=`{long}`"), format!("c0 done 2=`{long}`")]);
}

#[test]
fn types_are_translated_between_workers_and_clients() {
    let mut stage = two_workers();
    stage.introductions = true;
    stage.submit(0, Graph::at(1).calls(2));
    for worker in [0, 1] {
        stage.say(
            worker,
            WorkerToScheduler::DefineType { id: TypeId(5 + worker), name: "numpy.ndarray".into() },
        );
    }
    let mut columns = held(&[("t0#1", 9)]);
    columns.held[0].type_id = TypeId(5);
    let said = stage.say(0, WorkerToScheduler::Finished(columns));
    assert_eq!(said, ["c0 type y0 numpy.ndarray", "c0 peer w0 tcp://h0:1", "c0 done 1@w0"]);
    let mut columns = held(&[("t1#1", 9)]);
    columns.held[0].type_id = TypeId(6);
    let said = stage.say(1, WorkerToScheduler::Finished(columns));
    assert_eq!(said, ["c0 peer w1 tcp://h1:1", "c0 done 2@w1"]);
}

#[test]
fn rescheduled_it_runs_again() {
    let mut stage = two_workers();
    stage.submit(0, Graph::at(1).calls(1));
    assert_eq!(
        stage.say(0, WorkerToScheduler::Reschedule { run: crate::stage::run("t0#1") }),
        ["w0 run t0#2"]
    );
    assert_eq!(stage.finish(0, &[("t0#2", "a")]), ["c0 done 1=`a`"]);
}

#[test]
fn seceded_runs_make_room_and_take_it_back() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(3));
    let run = crate::stage::run;
    assert_eq!(stage.say(0, WorkerToScheduler::Seceded { run: run("t0#1") }), ["w0 run t1#1"]);
    assert_eq!(stage.say(0, WorkerToScheduler::Seceded { run: run("t0#1") }), [""; 0]);
    assert_eq!(stage.say(0, WorkerToScheduler::Rejoined { run: run("t0#1") }), [""; 0]);
    assert_eq!(
        stage.err(0, "t1#1", "boom"),
        ["c0 erred 2: boom of f-000000000000000000000000000000c00000000000000002"
            .replace("f-000000000000000000", "f-00")]
    );
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t2#1", "c0 done 1=`a`"]);
}

#[test]
fn a_seceded_run_that_is_given_up_still_counts_right() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(3));
    let run = crate::stage::run;
    stage.say(0, WorkerToScheduler::Seceded { run: run("t0#1") });
    assert_eq!(stage.release(0, &[1]), ["w0 discard t0#1"]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), [""; 0], "its thread was not counted");
    // Given up first, seceding later.
    assert_eq!(stage.release(0, &[2]), ["w0 discard t1#1"]);
    assert_eq!(stage.say(0, WorkerToScheduler::Seceded { run: run("t1#1") }), ["w0 run t2#1"]);
    assert_eq!(stage.say(0, WorkerToScheduler::Rejoined { run: run("t1#1") }), [""; 0]);
    stage.give_back(0, &["t1#1"]);
    assert_eq!(stage.finish(0, &[("t2#1", "c")]), ["c0 done 3=`c`"]);
    stage.ask(0, ClientToScheduler::Release(vec![FutureId(3)]));
    stage.scheduler.check_empty();
}
