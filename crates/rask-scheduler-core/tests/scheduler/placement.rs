//! Which worker gets which task.

use rask_types::msg::WorkerToScheduler;

use crate::stage::{Graph, Stage, inline, run, str_key};

/// Workers `w0` … with one thread each, and a class of which it is known that it takes `duration_ns`.
fn knowing(duration_ns: u64, workers: u32) -> Stage {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.say(0, WorkerToScheduler::Finished(inline(&[("t0#1", "x")], duration_ns)));
    stage.release(0, &[1]);
    (1..workers).for_each(|number| drop(stage.worker(number, 1)));
    stage
}

#[test]
fn root_tasks_spread_one_per_thread_while_nothing_is_known() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 2);
    stage.worker(1, 3);
    assert_eq!(stage.submit(0, Graph::at(1).calls(8)), ["w0 run t0#1 t1#1", "w1 run t2#1 t3#1 t4#1"]);
}

#[test]
fn the_less_busy_worker_gets_the_next() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 4);
    stage.submit(0, Graph::at(1).calls(1));
    stage.worker(1, 4);
    assert_eq!(stage.submit(0, Graph::at(2).calls(1)), ["w1 run t1#1"]);
    assert_eq!(stage.submit(0, Graph::at(3).calls(1)), ["w0 run t2#1"]);
}

#[test]
fn known_short_ones_go_out_up_to_the_horizon() {
    // 1 ms and half a microsecond each: nine fill the 10 ms horizon.
    let mut stage = knowing(1_000_000, 1);
    let runs: Vec<String> = (0..9).map(|i| format!("t{}#{}", i, if i == 0 { 4 } else { 1 })).collect();
    assert_eq!(stage.submit(0, Graph::at(2).calls(100)), [format!("w0 run {}", runs.join(" "))]);
    // Two are done, two more go out.
    let done = [(runs[0].as_str(), "a"), (runs[1].as_str(), "b")];
    assert_eq!(stage.finish_fast(0, &done), ["w0 run t9#1 t10#1", "c0 done 2=`a` 3=`b`"]);
}

#[test]
fn known_long_ones_do_not() {
    let mut stage = knowing(20_000_000, 1);
    assert_eq!(stage.submit(0, Graph::at(2).calls(3)), ["w0 run t0#4"]);
}

#[test]
fn short_work_is_shared_between_idle_workers() {
    let mut stage = knowing(1_000_000, 2);
    let said = stage.submit(0, Graph::at(2).calls(4));
    assert_eq!(said, ["w0 run t0#4 t1#1", "w1 run t2#1 t3#1"]);
}

#[test]
fn very_little_work_wakes_one_worker_only() {
    let mut stage = knowing(1_000, 2);
    assert_eq!(stage.submit(0, Graph::at(2).calls(4)), ["w0 run t0#4 t1#1 t2#1 t3#1"]);
}

#[test]
fn a_task_goes_where_most_of_its_input_is() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker(1, 1);
    stage.submit(0, Graph::at(1).calls(2).call(&[1, 2]));
    stage.hold(0, &[("t0#1", 1_000_000)]);
    assert_eq!(stage.hold(1, &[("t1#1", 1_000)]), ["w0 run t2#1(t0#1@w0 t1#1@w1)", "c0 done 2@w1"]);
}

#[test]
fn unless_it_is_so_busy_that_moving_is_sooner() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker(1, 1);
    stage.submit(0, Graph::at(1).calls(2));
    stage.hold(0, &[("t0#1", 1_000)]);
    stage.hold(1, &[("t1#1", 900)]);
    stage.define(0, 1, |class| class.workers = vec!["w0".into()]);
    assert_eq!(stage.submit(0, Graph::at(3).class(1).calls(1)), ["w0 run t2#1"]);
    assert_eq!(stage.submit(0, Graph::at(4).call(&[1, 2])), ["w1 run t3#1(t0#1@w0 t1#1@w1)"]);
}

#[test]
fn an_idle_worker_takes_what_waits_for_a_busy_one() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[1]));
    assert_eq!(stage.hold(0, &[("t0#1", 1_000)]), ["w0 run t1#1(t0#1@w0)", "c0 done 1@w0"]);
    // The other waits for w0, where its input is, until somebody idle comes.
    assert_eq!(stage.worker(1, 1), ["w1 run t2#1(t0#1@w0)"]);
}

#[test]
fn restricted_by_name_address_or_host_a_task_waits_for_those() {
    for word in ["w1", "tcp://h1:1", "h1:1", "h1"] {
        let mut stage = Stage::new();
        stage.client(0);
        stage.worker(0, 1);
        stage.define(0, 1, |class| class.workers = vec![word.into()]);
        assert_eq!(stage.submit(0, Graph::at(1).class(1).named("x", &[]).call(&[1])), [""; 0], "{word}");
        assert_eq!(
            stage.explain(0, &str_key("x")),
            format!(
                "x could run, but no worker that is here offers what it asks for: one of the workers {word}"
            )
        );
        assert_eq!(stage.worker(1, 1), ["w1 run t0#1"]);
        // Its dependent is of the same class, and its input is elsewhere than where it may run.
        assert_eq!(stage.hold(1, &[("t0#1", 9)]), ["w1 run t1#1(t0#1@w1)", "c0 done 1@w1"]);
    }
}

#[test]
fn inputs_do_not_draw_a_task_where_it_may_not_run() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker(1, 1);
    stage.define(0, 1, |class| class.workers = vec!["w1".into()]);
    stage.submit(0, Graph::at(1).call(&[]).class(1).call(&[1]));
    assert_eq!(stage.hold(0, &[("t0#1", 1_000_000)]), ["w1 run t1#1(t0#1@w0)", "c0 done 1@w0"]);
}

#[test]
fn others_may_run_it_while_none_of_those_is_here() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.define(0, 1, |class| {
        class.workers = vec!["w1".into()];
        class.allow_other_workers = true;
    });
    assert_eq!(stage.submit(0, Graph::at(1).class(1).calls(3)), ["w0 run t0#1"]);
    assert_eq!(stage.worker(1, 1), ["w1 run t1#1"]);
    assert_eq!(
        stage.finish(0, &[("t0#1", "a")]),
        ["c0 done 1=`a`"],
        "w1 is here now: the third waits for it"
    );
    assert_eq!(stage.die(1), ["w0 run t1#2"], "and comes back when w1 has gone");
    assert_eq!(stage.finish(0, &[("t1#2", "b")]), ["w0 run t2#1", "c0 done 2=`b`"]);
}

#[test]
fn resources_are_occupied_until_the_worker_answers() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, 4, |worker| worker.resources = vec![("GPU".into(), 2.0)]);
    stage.define(0, 1, |class| class.resources = vec![("GPU".into(), 1.0)]);
    assert_eq!(stage.submit(0, Graph::at(1).class(1).calls(4)), ["w0 run t0#1 t1#1"]);
    // Tasks without wishes pass them by.
    assert_eq!(stage.submit(0, Graph::at(9).calls(1)), ["w0 run t4#1"]);
    assert_eq!(stage.release(0, &[1]), ["w0 discard t0#1"]);
    assert_eq!(stage.finish(0, &[("t0#9", "stale"), ("t3#1", "never given")]), [""; 0]);
    assert_eq!(stage.give_back(0, &["t0#1"]), ["w0 run t2#1"]);
    assert_eq!(stage.give_back(0, &["t0#1"]), [""; 0], "said twice it counts once");
    assert_eq!(stage.err(0, "t1#1", "boom")[0], "w0 run t3#1");
}

#[test]
fn tasks_whose_inputs_are_on_the_worker_occupy_them_too() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, 4, |worker| worker.resources = vec![("GPU".into(), 1.0)]);
    stage.define(0, 1, |class| class.resources = vec![("GPU".into(), 1.0)]);
    stage.submit(0, Graph::at(1).call(&[]).class(1).call(&[1]).call(&[1]).class(0).call(&[1]));
    assert_eq!(stage.hold(0, &[("t0#1", 1_000)]), ["w0 run t1#1(t0#1@w0) t3#1(t0#1@w0)", "c0 done 1@w0"]);
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["w0 run t2#1(t0#1@w0)", "c0 done 2=`b`"]);
}

#[test]
fn fractions_of_resources_add_up() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, 99, |worker| worker.resources = vec![("memory".into(), 1.0)]);
    stage.define(0, 1, |class| class.resources = vec![("memory".into(), 0.1)]);
    let said = stage.submit(0, Graph::at(1).class(1).calls(12));
    assert_eq!(said[0].split_whitespace().count() - 2, 10);
}

#[test]
fn a_task_that_asks_for_more_than_anyone_has_waits_and_says_so() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, 4, |worker| worker.resources = vec![("GPU".into(), 1.0)]);
    stage.define(0, 1, |class| class.resources = vec![("GPU".into(), 2.0)]);
    assert_eq!(stage.submit(0, Graph::at(1).class(1).named("x", &[])), [""; 0]);
    assert_eq!(
        stage.explain(0, &str_key("x")),
        "x could run, but no worker that is here offers what it asks for: the resources GPU=2"
    );
    assert_eq!(
        stage.worker_with(1, 1, |worker| worker.resources = vec![("GPU".into(), 2.0)]),
        ["w1 run t0#1"]
    );
}

#[test]
fn amounts_that_are_none_are_refused() {
    for amount in [-1.0, f64::NAN, f64::INFINITY] {
        let mut stage = Stage::new();
        stage.client(0);
        let said = stage.define(0, 1, |class| class.resources = vec![("GPU".into(), amount)]);
        assert_eq!(said, ["c0 closing: an amount of a resource is negative or not a number", "c0 hang up"]);
    }
}

#[test]
fn without_workers_tasks_wait_for_one() {
    let mut stage = Stage::new();
    stage.client(0);
    assert_eq!(stage.submit(0, Graph::at(1).named("x", &[])), [""; 0]);
    assert_eq!(stage.explain(0, &str_key("x")), "x could run, but there are no workers");
    assert_eq!(stage.worker(0, 1), ["w0 run t0#1"]);
}

#[test]
fn a_worker_without_threads_has_one() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 0);
    assert_eq!(stage.submit(0, Graph::at(1).calls(2)), ["w0 run t0#1"]);
}

#[test]
fn slow_workers_are_asked_to_give_back_what_idle_ones_could_run() {
    let mut stage = knowing(1_000_000, 1);
    assert_eq!(stage.submit(0, Graph::at(2).calls(4)), ["w0 run t0#4 t1#1 t2#1 t3#1"]);
    stage.worker(1, 1);
    assert_eq!(stage.wait_for_timeout(), ["w0 retract t0#4 t1#1 t2#1 t3#1"]);
    assert_eq!(stage.tell(rask_scheduler_core::Event::Tick), [""; 0], "asked once is enough");
    // The first had started; the others go to whoever is free, and none back to the one that is stuck.
    assert_eq!(stage.give_back(0, &["t1#1", "t2#1", "t3#1"]), ["w1 run t1#2 t2#2 t3#2"]);
    assert_eq!(stage.finish(0, &[("t0#4", "a")]), ["c0 done 2=`a`"]);
}

#[test]
fn nobody_is_asked_while_nobody_is_idle() {
    let mut stage = knowing(1_000_000, 1);
    stage.submit(0, Graph::at(2).calls(4));
    stage.pass_ms(1_000);
    assert_eq!(stage.tell(rask_scheduler_core::Event::Tick), [""; 0]);
}

#[test]
fn a_worker_that_keeps_what_it_was_asked_for_is_not_asked_over_and_over() {
    let mut stage = knowing(1_000_000, 1);
    stage.submit(0, Graph::at(2).calls(4));
    stage.worker(1, 1);
    stage.wait_for_timeout();
    stage.give_back(0, &[]);
    let next = stage.scheduler.poll_timeout().expect("a worker may fall silent");
    assert!(next.ns_since(stage.now) > 1_000_000_000, "{next:?}");
    // When it goes on, it is asked again.
    stage.pass_ms(5);
    stage.finish(0, &[("t0#4", "a")]);
    assert_eq!(stage.wait_for_timeout(), ["w0 retract t1#1 t2#1 t3#1"]);
    let _ = run;
}
