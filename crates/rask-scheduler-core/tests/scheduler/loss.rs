//! Workers die, leave, fall silent; values are lost.

use rask_types::RequestId;
use rask_types::msg::{ClientToScheduler, WorkerToScheduler};

use crate::stage::{Graph, Stage, executing, item, key_of, run, str_key};

/// A worker started by nanny 0 as process `100 + number`.
fn nannied(stage: &mut Stage, number: u32, threads: u32) -> Vec<String> {
    let instance = 100 + u64::from(number);
    stage.starts(0, instance);
    stage.worker_with(number, threads, |worker| worker.nanny_instance = Some(instance))
}

#[test]
fn what_a_dead_worker_ran_runs_elsewhere() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(2));
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.finish(1, &[("t1#1", "b")]), ["w1 run t0#2", "c0 done 2=`b`"]);
    // Whatever still arrives of the dead one is nobody's.
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), [""; 0]);
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.finish(1, &[("t0#2", "a")]), ["c0 done 1=`a`"]);
}

#[test]
fn with_a_nanny_only_the_run_that_executed_is_blamed() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.finish_fast(0, &[("t0#1", "a")]);
    // Known to be short: all six are on the worker.
    assert_eq!(stage.submit(0, Graph::at(2).calls(6)), ["w0 run t1#1 t2#1 t3#1 t4#1 t5#1 t6#1"]);
    for death in 1..=3 {
        assert_eq!(stage.die(death - 1), [""; 0], "the nanny is heard first");
        assert_eq!(stage.exited(0, 99 + u64::from(death), &[&format!("t2#{death}")]), [""; 0]);
        let attempt = death + 1;
        let runs: Vec<String> = (1..=6).map(|slot| format!("t{slot}#{attempt}")).collect();
        assert_eq!(nannied(&mut stage, death, 1), [format!("w{death} run {}", runs.join(" "))]);
    }
    stage.die(3);
    let said = stage.exited(0, 103, &["t2#4"]);
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("c0 erred 3: task"), "{}", said[0]);
    assert!(said[0].contains("was running on 4 workers when they died"), "{}", said[0]);
    assert!(said[0].contains("tcp://h2:1: killed by signal 9 (SIGKILL); tcp://h3:1: killed"), "{}", said[0]);
    assert!(said[0].ends_with("(killed workers)"), "{}", said[0]);
    // Its neighbours go on.
    assert_eq!(nannied(&mut stage, 4, 1), ["w4 run t1#5 t3#5 t4#5 t5#5 t6#5"]);
}

#[test]
fn success_wipes_the_slate() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).pure(1, &[]).pure(2, &[1]));
    for worker in 0..3 {
        assert_eq!(stage.die(worker), [""; 0]);
        stage.worker(worker + 1, 1);
    }
    stage.hold(3, &[("t0#4", 9)]);
    // Three more deaths, now while its value is lost and made again.
    for worker in 3..6 {
        let said = stage.die(worker);
        assert!(said.iter().all(|line| !line.contains("erred")), "{said:?}");
        stage.worker(worker + 1, 1);
    }
}

#[test]
fn without_a_nanny_the_oldest_runs_are_blamed_unless_the_worker_said_more() {
    for says in [false, true] {
        let mut stage = Stage::with_workers(1, 1);
        stage.submit(0, Graph::at(1).calls(1));
        stage.finish_fast(0, &[("t0#1", "a")]);
        stage.submit(0, Graph::at(2).calls(2));
        for death in 0..4 {
            let attempt = death + 1;
            if says {
                // The first was said long ago, and is not running any more.
                stage.say(death, executing([run("t0#1"), run(&format!("t2#{attempt}"))]));
            }
            let said = stage.die(death);
            let failed = if says { "c0 erred 3: " } else { "c0 erred 2: " };
            assert_eq!(said.iter().any(|line| line.starts_with(failed)), death == 3, "{said:?}");
            stage.worker(death + 1, 1);
        }
    }
}

#[test]
fn a_worker_that_leaves_in_good_order_is_blamed_on_nobody() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    for worker in 0..6 {
        let said = stage.say(worker, WorkerToScheduler::Goodbye { reason: "idle".into() });
        assert_eq!(said, [format!("w{worker} hang up")]);
        assert_eq!(stage.worker(worker + 1, 1), [format!("w{} run t0#{}", worker + 1, worker + 2)]);
    }
}

#[test]
fn the_nannys_word_may_come_first() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    nannied(&mut stage, 1, 1);
    stage.submit(0, Graph::at(1).calls(3));
    assert_eq!(stage.exited(0, 100, &["t0#1"]), [""; 0]);
    // What it still had to say is read before its connection ends.
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t2#1", "c0 done 1=`a`"]);
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.finish(1, &[("t1#1", "b")]), ["w1 run t2#2", "c0 done 2=`b`"]);
}

#[test]
fn without_its_word_it_goes_on_after_a_grace() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    stage.worker(1, 1);
    stage.submit(0, Graph::at(1).calls(2));
    assert_eq!(stage.die(0), [""; 0]);
    stage.finish(1, &[("t1#1", "b")]);
    assert_eq!(stage.scheduler.poll_timeout(), Some(stage.now.plus_ms(2_000)));
    assert_eq!(stage.wait_for_timeout(), ["w1 run t0#2"]);
    assert_eq!(stage.exited(0, 100, &["t0#1"]), [""; 0], "too late");
}

#[test]
fn values_are_gone_with_the_connection_not_only_with_the_grace() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 2);
    stage.worker(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.hold(0, &[("t0#1", 9)]);
    stage.submit(0, Graph::at(2).calls(2));
    assert_eq!(stage.die(0), ["c0 pending 1"]);
}

#[test]
fn a_worker_with_nothing_to_explain_is_not_waited_for() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.scheduler.poll_timeout(), None);
    assert_eq!(stage.scheduler.worker_count(), 0);
}

#[test]
fn a_worker_that_runs_only_what_seceded_is() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.say(0, WorkerToScheduler::Seceded { run: run("t0#1") });
    stage.die(0);
    assert_eq!(stage.scheduler.poll_timeout(), Some(stage.now.plus_ms(2_000)));
}

#[test]
fn a_nanny_may_come_after_its_worker() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, 1, |worker| worker.nanny_instance = Some(100));
    stage.nanny(0, 100);
    stage.submit(0, Graph::at(1).calls(1));
    stage.die(0);
    assert_eq!(stage.scheduler.poll_timeout(), Some(stage.now.plus_ms(2_000)), "it is waited for");
}

#[test]
fn a_name_is_free_once_the_nanny_said_that_its_bearer_ended() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.exited(0, 100, &["t0#1"]);
    stage.starts(0, 200);
    let said = stage.worker_with(1, 1, |worker| {
        worker.nanny_instance = Some(200);
        worker.name = "w0".into();
    });
    assert_eq!(said, ["w1 run t0#2", "w0 hang up"]);
    assert_eq!(stage.die(0), [""; 0]);
    // While its bearer is here, it is not.
    let said = stage.worker_with(2, 1, |worker| worker.name = "w0".into());
    assert_eq!(
        said,
        ["w2 refused: a worker named \"w0\" is already here: choose another name", "w2 hang up"]
    );
}

#[test]
fn a_silent_worker_is_given_up() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(2));
    stage.pass_ms(200_000);
    stage.finish(1, &[("t1#1", "b")]);
    assert_eq!(stage.wait_for_timeout(), ["w1 run t0#2", "w0 hang up"]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), [""; 0]);
}

#[test]
fn a_connection_that_never_registers_is_given_up_too() {
    let mut stage = Stage::new();
    stage.tell(rask_scheduler_core::Event::WorkerJoined(rask_types::WorkerId(0)));
    assert_eq!(stage.wait_for_timeout(), ["w0 hang up"]);
    assert_eq!(stage.scheduler.poll_timeout(), None);
}

#[test]
fn lost_values_are_made_again_down_the_chain_as_far_as_needed() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[2]).want(&[2]));
    stage.hold(0, &[("t0#1", 9)]);
    stage.hold(0, &[("t1#1", 9)]);
    assert_eq!(stage.hold(0, &[("t2#1", 9)]), ["w0 free t1#1", "c0 done 3@w0"]);
    assert_eq!(stage.die(0), ["c0 pending 3"]);
    assert_eq!(stage.worker(1, 1), ["w1 run t0#3"]);
    assert_eq!(stage.finish(1, &[("t0#3", "a")]), ["w1 run t1#3(`a`)"]);
    assert_eq!(stage.finish(1, &[("t1#3", "b")]), ["w1 run t2#3(`b`)"]);
    assert_eq!(stage.finish(1, &[("t2#3", "c")]), ["c0 done 3=`c`"]);
}

#[test]
fn dependents_wait_again_in_whatever_state_the_loss_finds_them() {
    let mut stage = Stage::with_workers(1, 2);
    // 2 is processing, 3 queued, 4 waiting for 2 as well, when 1 is lost with its worker.
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[1]).call(&[1]).call(&[1, 2]));
    assert_eq!(stage.hold(0, &[("t0#1", 9)]), ["w0 run t1#1(t0#1@w0) t2#1(t0#1@w0)", "c0 done 1@w0"]);
    assert_eq!(stage.die(0), ["c0 pending 1"]);
    assert_eq!(stage.worker(1, 9), ["w1 run t0#3"]);
    assert_eq!(stage.finish(1, &[("t0#3", "a")]), ["w1 run t1#2(`a`) t2#2(`a`) t3#2(`a`)", "c0 done 1=`a`"]);
    assert_eq!(stage.finish(1, &[("t1#2", "b")]), ["w1 run t4#1(`a` `b`)", "c0 done 2=`b`"]);
}

#[test]
fn a_value_with_another_replica_is_not_lost() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.hold(0, &[("t0#1", 9)]);
    stage.stored(1, "t0#1", 9);
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.submit(0, Graph::at(2).call(&[1])), ["w1 run t1#1(t0#1@w1)"]);
}

#[test]
fn tasks_that_waited_for_the_dead_worker_are_not_forgotten() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[]).call(&[1]).call(&[1]));
    stage.hold(0, &[("t0#1", 9)]);
    stage.stored(1, "t0#1", 9);
    // One runs on w0, another waits in its queue.
    assert_eq!(stage.die(0), [""; 0]);
    assert_eq!(stage.finish(1, &[("t1#1", "b")])[0], "w1 run t2#2(t0#1@w1)");
    assert_eq!(stage.finish(1, &[("t2#2", "c")])[0], "w1 run t3#2(t0#1@w1)");
}

#[test]
fn missing_values_are_made_again_and_dropped_where_they_could_not_be_had() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(2));
    stage.hold(0, &[("t0#1", 9)]);
    stage.define(0, 1, |class| class.workers = vec!["w1".into()]);
    stage.submit(0, Graph::at(3).class(1).call(&[1]));
    assert_eq!(stage.finish(1, &[("t1#1", "b")]), ["w1 run t2#1(t0#1@w0)", "c0 done 2=`b`"]);
    // w1 cannot reach w0.
    assert_eq!(stage.give_back(1, &["t2#1"]), ["w1 run t2#2(t0#1@w0)"]);
    assert_eq!(stage.missing(1, "t0#1", &[0]), ["w0 free t0#1", "w0 run t0#3", "c0 pending 1"]);
    assert_eq!(stage.give_back(1, &["t2#2"]), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#3", "a")]), ["w1 run t2#3(`a`)", "c0 done 1=`a`"]);
    assert_eq!(stage.missing(1, "t0#3", &[0, 1, 7]), [""; 0]);
    assert_eq!(stage.missing(1, "t0#1", &[0]), [""; 0]);
}

#[test]
fn missing_before_its_runs_are_given_back() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(2));
    stage.hold(0, &[("t0#1", 9)]);
    stage.define(0, 1, |class| class.workers = vec!["w1".into()]);
    stage.submit(0, Graph::at(3).class(1).call(&[1]));
    stage.finish(1, &[("t1#1", "b")]);
    assert_eq!(stage.missing(1, "t0#1", &[0]), ["w0 free t0#1", "w0 run t0#3", "c0 pending 1"]);
    assert_eq!(stage.give_back(1, &["t2#1"]), [""; 0], "it waits for its input");
    assert_eq!(stage.finish(0, &[("t0#3", "a")]), ["w1 run t2#2(`a`)", "c0 done 1=`a`"]);
}

#[test]
fn a_lost_input_that_cannot_be_made_again_fails_what_ran_on_the_same_worker() {
    let mut stage = Stage::with_workers(1, 1);
    stage.scatter(0, 1, vec![item("x", 9_000, None)], &[], false);
    stage.stored(0, "t0#1", 9_000);
    stage.submit(0, Graph::at(2).call(&[1]).call(&[2]));
    let said = stage.die(0);
    assert_eq!(
        said,
        [
            "c0 lost 1 2 3: the scattered value \"x\" was lost before it arrived, or with its worker: scatter it again"
        ]
    );
    stage.scheduler.check_empty();
}

#[test]
fn retired_workers_leave_when_their_values_have_moved() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(2));
    stage.hold(0, &[("t0#1", 9)]);
    stage.submit(0, Graph::at(3).calls(2));
    let retire = |words: &[&str]| ClientToScheduler::RetireWorkers {
        request: RequestId(4),
        workers: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    // t2 runs on w0; it may finish there. What w0 keeps is to move to w1 now.
    assert_eq!(stage.ask(0, retire(&["w0"])), ["w0 retract t2#1", "w1 replicate t0#1@w0"]);
    assert_eq!(stage.stored(1, "t0#1", 9), [""; 0]);
    assert_eq!(stage.hold(0, &[("t2#1", 9)]), ["w1 replicate t2#1@w0", "c0 done 3@w0"]);
    let said = stage.stored(1, "t2#1", 9);
    assert_eq!(
        said,
        ["c0 reply q4 Ok(List([Str(\"tcp://h0:1\")]))", "w0 close: the worker was retired", "w0 hang up"]
    );
    assert_eq!(stage.finish(1, &[("t1#1", "b")]), ["w1 run t3#1", "c0 done 2=`b`"]);
    assert_eq!(stage.ask(0, retire(&["w7"])), ["c0 reply q4 Ok(List([]))"]);
}

#[test]
fn what_was_to_move_to_a_worker_that_died_moves_to_another() {
    let mut stage = Stage::with_workers(3, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.hold(0, &[("t0#1", 9)]);
    let retire = ClientToScheduler::RetireWorkers { request: RequestId(4), workers: vec!["w0".into()] };
    assert_eq!(stage.ask(0, retire), ["w1 replicate t0#1@w0"]);
    assert_eq!(stage.die(1), ["w2 replicate t0#1@w0"]);
    let reply = "c0 reply q4 Ok(List([Str(\"tcp://h0:1\")]))";
    assert_eq!(
        stage.release(0, &[1]),
        [reply, "w0 close: the worker was retired", "w0 hang up"],
        "closed, it need not be told to free anything"
    );
}

#[test]
fn a_value_that_nobody_can_take_over_is_made_again() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.hold(0, &[("t0#1", 9)]);
    let retire = ClientToScheduler::RetireWorkers { request: RequestId(4), workers: vec!["w0".into()] };
    assert_eq!(stage.ask(0, retire), ["w1 replicate t0#1@w0"]);
    let said = stage.missing(1, "t0#1", &[0]);
    assert_eq!(said[..2], ["w1 run t0#3", "c0 pending 1"]);
    assert_eq!(said[3..], ["w0 close: the worker was retired", "w0 hang up"]);
    assert_eq!(stage.finish(1, &[("t0#3", "a")]), ["c0 done 1=`a`"]);
}

#[test]
fn the_last_worker_may_retire_too() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.nanny(0, 1);
    nannied(&mut stage, 0, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.hold(0, &[("t0#1", 9)]);
    let retire = ClientToScheduler::RetireWorkers { request: RequestId(4), workers: vec!["h0".into()] };
    assert_eq!(
        stage.ask(0, retire),
        [
            "c0 pending 1",
            "c0 reply q4 Ok(List([Str(\"tcp://h0:1\")]))",
            "n0 retire 100",
            "w0 close: the worker was retired",
            "w0 hang up"
        ]
    );
}

#[test]
fn a_client_learns_who_is_to_blame_by_key() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("x", &[]).calls(1));
    stage.err(0, "t0#1", "boom");
    assert_eq!(stage.explain(0, &str_key("x")), "x failed on worker w0 at tcp://h0:1: boom");
    assert_eq!(
        stage.explain(0, &key_of(0, 2)),
        format!("{} is assigned to worker w0 at tcp://h0:1", key_of(0, 2))
    );
}
