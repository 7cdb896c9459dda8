//! Whose task is next.

use rask_types::msg::WorkerToScheduler;

use crate::stage::{Graph, Stage, inline};

#[test]
fn a_single_task_does_not_wait_behind_a_hundred_thousand_of_another_client() {
    let mut stage = Stage::new();
    stage.checks = false;
    stage.client(0);
    stage.client(1);
    stage.worker(0, 1);
    assert_eq!(stage.submit(0, Graph::at(1).calls(100_000)), ["w0 run t0#1"]);
    assert_eq!(stage.submit(1, Graph::at(1).calls(1)), [""; 0]);
    let slow = WorkerToScheduler::Finished(inline(&[("t0#1", "a")], 50_000_000));
    assert_eq!(
        stage.say(0, slow),
        ["w0 run t1#1", "c0 done 1=`a`"],
        "both had had the same: the first again"
    );
    let slow = WorkerToScheduler::Finished(inline(&[("t1#1", "b")], 50_000_000));
    assert_eq!(stage.say(0, slow), ["w0 run t100000#1", "c0 done 2=`b`"]);
    let slow = WorkerToScheduler::Finished(inline(&[("t100000#1", "c")], 50_000_000));
    assert_eq!(stage.say(0, slow), ["w0 run t2#1", "c1 done 1=`c`"]);
    stage.scheduler.check_invariants();
}

#[test]
fn two_busy_clients_take_turns() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.client(1);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(4));
    stage.submit(1, Graph::at(1).calls(4));
    let mut order = Vec::new();
    let mut next = "t0#1".to_owned();
    for _ in 0..8 {
        let columns = inline(&[(&next, "v")], 50_000_000);
        let said = stage.say(0, WorkerToScheduler::Finished(columns));
        let done = said.last().expect("somebody is told");
        order.push(done.as_bytes()[1] - b'0');
        if let Some(run) = said[0].strip_prefix("w0 run ") {
            next = run.to_owned();
        }
    }
    assert_eq!(order, [0, 0, 1, 0, 1, 0, 1, 1]);
}

#[test]
fn a_client_that_was_idle_has_saved_up_nothing() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.client(1);
    stage.worker(0, 2);
    // The first works alone for a while.
    for i in 0..10 {
        stage.submit(0, Graph::at(1 + i).calls(1));
        let columns = inline(&[(&format!("t{i}#1"), "v")], 50_000_000);
        stage.say(0, WorkerToScheduler::Finished(columns));
    }
    stage.submit(0, Graph::at(20).calls(4));
    // The second gets its turn, not all turns.
    stage.submit(1, Graph::at(1).calls(4));
    let slow = WorkerToScheduler::Finished(inline(&[("t10#1", "v"), ("t11#1", "v")], 50_000_000));
    let said = stage.say(0, slow);
    assert_eq!(said[0], "w0 run t12#1 t14#1");
}

#[test]
fn the_users_priority_comes_first_then_the_order_of_submission() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.define(0, 1, |class| class.priority = 10);
    stage.define(0, 2, |class| class.priority = -10);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.submit(0, Graph::at(2).class(2).calls(1));
    stage.submit(0, Graph::at(3).calls(1));
    stage.submit(0, Graph::at(4).class(1).calls(2));
    let mut order = Vec::new();
    let mut next = "t0#1".to_owned();
    for _ in 0..4 {
        let said = stage.say(0, WorkerToScheduler::Finished(inline(&[(&next, "v")], 50_000_000)));
        next = said[0].strip_prefix("w0 run ").expect("the next").to_owned();
        order.push(next.clone());
    }
    assert_eq!(order, ["t3#1", "t4#1", "t2#1", "t1#1"]);
}

#[test]
fn a_graph_runs_in_its_order_depth_first() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    // Two chains, one after the other.
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[]).call(&[3]));
    let mut order = vec!["t0#1".to_owned()];
    for _ in 0..3 {
        let done = order.last().expect("one runs").clone();
        let said = stage.say(0, WorkerToScheduler::Finished(inline(&[(&done, "v")], 50_000_000)));
        order.push(said[0]["w0 run ".len()..].trim_end_matches("(`v`)").to_owned());
    }
    assert_eq!(order, ["t0#1", "t1#1", "t2#1", "t3#1"]);
}

#[test]
fn children_of_a_running_task_run_before_its_siblings_and_in_their_own_order() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.client(1);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).calls(6));
    // Slots are reused, last freed first: the order must not depend on them.
    stage.release(0, &[4, 5, 6]);
    stage.say(0, WorkerToScheduler::Seceded { run: crate::stage::run("t0#1") });
    assert_eq!(stage.submit(0, Graph::at(10).calls(3).by("t0#1")), [""; 0]);
    let mut next = "t1#1".to_owned();
    let mut order = Vec::new();
    for _ in 0..4 {
        let said = stage.say(0, WorkerToScheduler::Finished(inline(&[(&next, "v")], 50_000_000)));
        next = said[0].strip_prefix("w0 run ").expect("the next").to_owned();
        order.push(said.last().expect("done").clone());
    }
    let done: Vec<&str> = order.iter().map(|line| &line["c0 done ".len()..]).collect();
    assert_eq!(done, ["2=`v`", "10=`v`", "11=`v`", "12=`v`"]);
}

#[test]
fn work_of_a_client_that_left_is_not_served_last_for_ever() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.client(1);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).pure(1, &[]).pure(2, &[]));
    stage.submit(1, Graph::at(1).pure(2, &[]).calls(3));
    stage.leave(0);
    // The second client waits for what the first submitted first.
    let said = stage.give_back(0, &["t0#1"]);
    assert_eq!(said, ["w0 run t1#1"]);
}
