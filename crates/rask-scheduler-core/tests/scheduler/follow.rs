//! Tasks assigned together with what they depend on. `t2#1(t1#1@)` follows `t1#1`: nobody has that yet.

use rask_types::msg::{ClientToScheduler, WorkerToScheduler};
use rask_types::{RequestId, TaskClass};

use crate::stage::{Graph, Stage, held, inline, key_of, run};

/// Workers, and the class of calls known to take a millisecond: nine or ten fit into the horizon.
fn knowing(workers: u32, nthreads: u32) -> Stage {
    knowing_of(workers, nthreads, |_| ())
}

fn knowing_of(workers: u32, nthreads: u32, change: impl FnOnce(&mut TaskClass)) -> Stage {
    let mut stage = Stage::with_workers(workers, nthreads);
    stage.define(0, 0, change);
    stage.submit(0, Graph::at(1).calls(1));
    stage.finish_fast(0, &[("t0#1", "a")]);
    stage
}

/// A run finished, 1 ms, its value kept on the worker.
fn hold_fast(stage: &mut Stage, worker: u32, run_text: &str) -> Vec<String> {
    let mut columns = held(&[(run_text, 1_000)]);
    columns.duration_ns.fill(1_000_000);
    stage.say(worker, WorkerToScheduler::Finished(columns))
}

/// A chain of `n` calls, of which the last is wanted.
fn chain(first: u64, n: u64) -> Graph {
    let links = (1..n).fold(Graph::at(first).call(&[]), |graph, i| graph.call(&[first + i - 1]));
    links.want(&[n as u32 - 1])
}

#[test]
fn a_chain_is_assigned_at_once() {
    let mut stage = knowing(2, 1);
    assert_eq!(stage.submit(0, chain(2, 3)), ["w0 run t1#1 t2#1(t1#1@) t3#1(t2#1@)"]);
    let all = [("t1#1", "b"), ("t2#1", "c"), ("t3#1", "d")];
    assert_eq!(stage.finish_fast(0, &all), ["c0 done 4=`d`"]);
}

#[test]
fn a_chain_goes_no_further_ahead_than_the_horizon() {
    let mut stage = knowing(1, 4);
    let said = stage.submit(0, chain(2, 30));
    assert_eq!(said[0].matches('#').count(), 17, "nine runs, however many threads: {said:?}");
    for link in 1..9 {
        assert_eq!(stage.finish_fast(0, &[(&format!("t{link}#1"), "v")]), [""; 0]);
    }
    let said = stage.finish_fast(0, &[("t9#1", "v")]);
    assert!(said[0].starts_with("w0 run t10#1(`v`) t11#1(t10#1@)"), "{said:?}");
}

#[test]
fn what_may_take_long_follows_nothing() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, chain(1, 3)), ["w0 run t0#1"], "nothing is known of it");
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t1#1(`a`)"], "it takes 50 ms");
}

#[test]
fn a_tree_is_assigned_with_its_upper_nodes() {
    let mut stage = knowing(1, 1);
    let graph =
        Graph::at(2).call(&[]).call(&[]).call(&[2, 3]).call(&[]).call(&[]).call(&[5, 6]).call(&[4, 7]);
    let run = "w0 run t1#1 t2#1 t3#1(t1#1@ t2#1@) t4#1 t5#1 t6#1(t4#1@ t5#1@) t7#1(t3#1@ t6#1@)";
    assert_eq!(stage.submit(0, graph.want(&[6])), [run]);
}

#[test]
fn what_is_in_memory_here_or_there_is_taken_from_there() {
    let mut stage = knowing(2, 1);
    stage.submit(0, Graph::at(2).calls(2));
    hold_fast(&mut stage, 1, "t2#1");
    stage.finish_fast(0, &[("t1#1", "b")]);
    // What is kept elsewhere decides where a task runs, once all is in memory.
    let said = stage.submit(0, Graph::at(4).call(&[]).call(&[4, 1]).call(&[4, 3]));
    assert_eq!(said, ["w0 run t3#1 t4#1(t3#1@ `a`)"]);
}

#[test]
fn what_could_run_side_by_side_is_not_tied_to_one_worker() {
    let mut stage = knowing(2, 1);
    let graph = (0..5).fold(Graph::at(2).call(&[]), |graph, _| graph.call(&[2]));
    assert_eq!(stage.submit(0, graph), ["w0 run t1#1 t2#1(t1#1@)"]);
    let said = stage.finish_fast(0, &[("t1#1", "b")]);
    assert_eq!(said[..2], ["w0 run t5#1(`b`) t6#1(`b`)", "w1 run t3#1(`b`) t4#1(`b`)"], "{said:?}");
}

#[test]
fn a_follower_takes_no_thread() {
    let mut stage = knowing(1, 2);
    stage.define(0, 1, |class| class.prefix = "slow".into());
    assert_eq!(stage.submit(0, chain(2, 2)), ["w0 run t1#1 t2#1(t1#1@)"]);
    assert_eq!(stage.submit(0, Graph::at(4).class(1).calls(2)), ["w0 run t3#1"], "the other thread is free");
    assert_eq!(stage.finish_fast(0, &[("t1#1", "b")]), [""; 0], "now it takes one");
    assert_eq!(stage.finish_fast(0, &[("t2#1", "c")]), ["w0 run t4#1", "c0 done 3=`c`"]);
}

#[test]
fn a_run_that_secedes_leaves_its_thread_to_others_than_its_followers() {
    let mut stage = knowing(1, 1);
    stage.define(0, 1, |class| class.prefix = "slow".into());
    stage.submit(0, chain(2, 2));
    let seceded = WorkerToScheduler::Seceded { run: run("t1#1") };
    assert_eq!(stage.say(0, seceded), [""; 0]);
    assert_eq!(stage.say(0, WorkerToScheduler::Seceded { run: run("t2#1") }), [""; 0], "it has not begun");
    assert_eq!(stage.submit(0, Graph::at(4).class(1).call(&[])), ["w0 run t3#1"]);
}

#[test]
fn urgent_work_comes_before_what_is_not_assigned_yet() {
    let mut stage = knowing(1, 1);
    stage.define(0, 1, |class| class.priority = 5);
    stage.submit(0, chain(2, 30));
    assert_eq!(
        stage.submit(0, Graph::at(40).class(1).call(&[])),
        [""; 0],
        "it will be a matter of milliseconds"
    );
    for link in 1..9 {
        assert_eq!(stage.finish_fast(0, &[(&format!("t{link}#1"), "v")]), [""; 0]);
    }
    let said = stage.finish_fast(0, &[("t9#1", "v")]);
    assert_eq!(said, ["w0 run t31#1"], "then it is first, and being unknown, alone");
}

#[test]
fn followers_honour_restrictions_and_resources() {
    let mut stage = knowing(2, 1);
    stage.define(0, 1, |class| class.workers = vec!["w1".into()]);
    stage.define(0, 2, |class| class.workers = vec!["w0".into()]);
    stage.define(0, 3, |class| class.resources = vec![("GPU".into(), 1.0)]);
    for class in 1..3 {
        stage.submit(0, Graph::at(1 + u64::from(class)).class(class).call(&[]));
    }
    stage.finish_fast(1, &[("t1#1", "v")]);
    stage.finish_fast(0, &[("t2#1", "v")]);
    let said = stage.submit(0, Graph::at(10).call(&[]).class(1).call(&[10]));
    assert_eq!(said, ["w0 run t3#1"], "it may not run there");
    let said = stage.finish_fast(0, &[("t3#1", "v")]);
    assert_eq!(said, ["w1 run t4#1(`v`)", "c0 done 10=`v`"]);
    let said = stage.submit(0, Graph::at(20).call(&[]).class(2).call(&[20]).class(3).call(&[21]));
    assert_eq!(said, ["w0 run t5#1 t6#1(t5#1@)"]);
}

#[test]
fn when_a_link_fails_the_rest_fails_and_is_taken_back() {
    let mut stage = knowing(1, 1);
    stage.submit(0, chain(2, 4));
    stage.finish_fast(0, &[("t1#1", "b")]);
    let erred = format!("c0 erred 5: boom of {}", key_of(0, 3));
    assert_eq!(stage.err(0, "t2#1", "boom"), ["w0 discard t3#1 t4#1", &erred]);
    // They count as its load until it has answered.
    assert_eq!(stage.give_back(0, &["t3#1", "t4#1"]), [""; 0]);
    assert_eq!(stage.submit(0, Graph::at(9).call(&[])).len(), 1);
}

#[test]
fn a_link_is_tried_again_and_its_followers_with_it() {
    let mut stage = knowing_of(1, 1, |class| class.retries = 1);
    stage.submit(0, chain(2, 3));
    let said = stage.err(0, "t1#1", "boom");
    assert_eq!(said, ["w0 discard t2#1 t3#1", "w0 run t1#2 t2#2(t1#2@) t3#2(t2#2@)"]);
    // Late answers of the first attempts.
    assert_eq!(stage.give_back(0, &["t2#1", "t3#1"]), [""; 0]);
    let all = [("t1#2", "b"), ("t2#2", "c"), ("t3#2", "d")];
    assert_eq!(stage.finish_fast(0, &all), ["c0 done 4=`d`"]);
}

#[test]
fn a_link_that_asks_to_run_elsewhere_takes_its_followers_along() {
    let mut stage = knowing(1, 1);
    stage.submit(0, chain(2, 2));
    let said = stage.say(0, WorkerToScheduler::Reschedule { run: run("t1#1") });
    assert_eq!(said, ["w0 discard t2#1", "w0 run t1#2 t2#2(t1#2@)"]);
}

#[test]
fn what_is_given_back_in_the_order_of_the_chain_is_not_called_back() {
    let mut stage = knowing(2, 1);
    stage.submit(0, chain(2, 3));
    stage.pass_ms(1);
    let said = stage.give_back(0, &["t1#1", "t2#1", "t3#1"]);
    assert_eq!(said, ["w0 run t1#2 t2#2(t1#2@) t3#2(t2#2@)"]);
}

#[test]
fn a_follower_that_came_too_late_gets_its_input_by_value() {
    let mut stage = knowing(1, 1);
    stage.submit(0, chain(2, 2));
    stage.finish_fast(0, &[("t1#1", "b")]);
    assert_eq!(stage.give_back(0, &["t2#1"]), ["w0 run t2#2(`b`)"]);
}

#[test]
fn a_follower_may_be_heard_of_before_what_it_follows() {
    let mut stage = knowing(1, 2);
    stage.submit(0, Graph::at(2).call(&[]).call(&[2]).call(&[3]));
    assert_eq!(stage.finish_fast(0, &[("t2#1", "c")]), ["c0 done 3=`c`"]);
    assert_eq!(stage.finish_fast(0, &[("t1#1", "b")]), ["c0 done 2=`b`"]);
    assert_eq!(stage.finish_fast(0, &[("t3#1", "d")]), ["c0 done 4=`d`"]);
}

#[test]
fn cancelling_takes_back_what_follows() {
    let mut stage = knowing(1, 1);
    stage.submit(0, Graph::at(2).call(&[]).call(&[2]).call(&[3]).call(&[4]));
    let said = stage.cancel(0, &[3], false);
    assert_eq!(said, ["w0 discard t4#1 t3#1 t2#1", "c0 cancelled 3 4 5: no more"]);
    assert_eq!(stage.give_back(0, &["t4#1", "t3#1", "t2#1"]), [""; 0]);
    assert_eq!(stage.finish_fast(0, &[("t1#1", "b")]), ["c0 done 2=`b`"], "what it follows goes on");
}

#[test]
fn what_nobody_waits_for_any_more_is_taken_back_with_what_it_follows() {
    let mut stage = knowing(1, 1);
    stage.submit(0, chain(2, 3));
    assert_eq!(stage.release(0, &[4]), ["w0 discard t3#1 t2#1 t1#1"]);
    assert_eq!(stage.give_back(0, &["t3#1", "t2#1"]), [""; 0]);
    assert_eq!(stage.finish_fast(0, &[("t1#1", "b")]), [""; 0]);
}

#[test]
fn a_workers_death_amid_a_chain_loses_nothing() {
    let mut stage = knowing(2, 1);
    stage.submit(0, Graph::at(2).call(&[]).call(&[2]).call(&[3]).call(&[4]));
    stage.finish_fast(0, &[("t1#1", "b")]);
    hold_fast(&mut stage, 0, "t2#1");
    // What it kept is made again; what was seen stays.
    assert_eq!(stage.die(0), ["w1 run t2#3(`b`) t3#2(t2#3@) t4#2(t3#2@)", "c0 pending 3"]);
}

#[test]
fn who_follows_is_not_blamed_for_a_death() {
    let mut stage = knowing(1, 2);
    for death in 0..4 {
        if death > 0 {
            stage.worker(death, 2);
        }
        if death == 0 {
            stage.submit(0, chain(2, 2));
        }
        stage.die(death);
    }
    let said = stage.worker(4, 2);
    assert_eq!(said, [""; 0], "the first was on four workers that died");
    let text = stage.explain(0, &key_of(0, 3));
    assert!(text.contains(&format!("failed because {}, which it needs, failed", key_of(0, 2))), "{text}");
}

#[test]
fn an_input_lost_elsewhere_calls_a_follower_back() {
    let mut stage = knowing(2, 1);
    stage.submit(0, Graph::at(2).calls(2));
    hold_fast(&mut stage, 0, "t1#1");
    stage.finish_fast(1, &[("t2#1", "x")]);
    stage.define(0, 1, |class| class.workers = vec!["w0".into()]);
    stage.submit(0, Graph::at(4).class(1).call(&[]));
    stage.finish_fast(0, &[("t3#1", "v")]);
    let said = stage.submit(0, Graph::at(5).class(1).call(&[]).class(0).call(&[5, 2]).call(&[6]));
    assert_eq!(said, ["w0 run t4#1 t5#1(t4#1@ t1#1@w0) t6#1(t5#1@)"]);
    // The worker lost it, says another.
    let said = stage.missing(1, "t1#1", &[0]);
    assert_eq!(said, ["w0 free t1#1", "w0 discard t5#1 t6#1", "w1 run t1#3", "c0 pending 2"]);
}

#[test]
fn a_retiring_worker_gives_its_chain_back() {
    let mut stage = knowing(2, 1);
    stage.submit(0, chain(2, 3));
    let retire = ClientToScheduler::RetireWorkers { request: RequestId(1), workers: vec!["w0".into()] };
    assert_eq!(stage.ask(0, retire), ["w0 retract t1#1 t2#1 t3#1"]);
    assert_eq!(stage.give_back(0, &["t2#1", "t3#1"]), [""; 0], "the first is executing");
    let said = stage.finish_fast(0, &[("t1#1", "b")]);
    assert!(said.contains(&"w1 run t2#2(`b`) t3#2(t2#2@)".to_owned()), "{said:?}");
    assert!(said.contains(&"w0 close: the worker was retired".to_owned()), "{said:?}");
}

#[test]
fn a_slow_worker_keeps_what_only_follows() {
    let mut stage = knowing(2, 1);
    stage.submit(0, chain(2, 3));
    stage.pass_ms(25);
    assert_eq!(stage.tell(rask_scheduler_core::Event::Tick), [""; 0], "nobody else could run them now");
}

#[test]
fn a_slow_worker_gives_back_what_others_could_run_and_what_follows_it() {
    let mut stage = knowing(1, 1);
    let graph = Graph::at(2).call(&[]).call(&[2]).call(&[]).call(&[4]);
    assert_eq!(stage.submit(0, graph), ["w0 run t1#1 t2#1(t1#1@) t3#1 t4#1(t3#1@)"]);
    stage.worker(1, 1);
    stage.pass_ms(25);
    assert_eq!(stage.tell(rask_scheduler_core::Event::Tick), ["w0 retract t1#1 t2#1 t3#1 t4#1"]);
    let said = stage.give_back(0, &["t2#1", "t3#1", "t4#1"]);
    assert_eq!(said, ["w1 run t3#2 t4#2(t3#2@)"], "the first is executing");
    let said = stage.finish_fast(0, &[("t1#1", "b")]);
    assert_eq!(said, ["w0 run t2#2(`b`)", "c0 done 2=`b`"]);
}

#[test]
fn a_follower_is_explained_and_told_of() {
    let mut stage = knowing(1, 1);
    stage.submit(0, chain(2, 2));
    let text = stage.explain(0, &key_of(0, 3));
    let rest =
        format!("is assigned to worker w0 at tcp://h0:1 and waits there for {} (processing)", key_of(0, 2));
    assert!(text.ends_with(&rest), "{text}");
}

#[test]
fn a_wide_reduction_follows_when_its_last_input_is_assigned() {
    let mut stage = knowing_of(1, 1, |_| ());
    stage.finish_fast(0, &[]);
    let n = 9;
    let leaves: Vec<u64> = (2..2 + n).collect();
    let graph = Graph::at(2).calls(n as usize).call(&leaves);
    let said = stage.submit(0, graph.want(&[n as u32]));
    assert_eq!(
        said,
        ["w0 run t1#1 t2#1 t3#1 t4#1 t5#1 t6#1 t7#1 t8#1 t9#1"],
        "the tenth is beyond the horizon"
    );
    let fast = inline(&[("t1#1", "v"), ("t2#1", "v")], 1_000);
    assert_eq!(stage.say(0, WorkerToScheduler::Finished(fast)), [""; 0]);
    let rest: Vec<String> = (3..=9).map(|slot| format!("t{slot}#1")).collect();
    let rest: Vec<(&str, &str)> = rest.iter().map(|run| (run.as_str(), "v")).collect();
    let said = stage.finish_fast(0, &rest);
    assert!(said[0].starts_with("w0 run t10#1(`v` `v`"), "{said:?}");
    let graph = Graph::at(20).calls(n as usize).call(&(20..20 + n).collect::<Vec<_>>());
    stage.say(0, WorkerToScheduler::Finished(inline(&[("t10#1", "s")], 1_000)));
    let said = stage.submit(0, graph.want(&[n as u32]));
    assert!(said[0].contains("(t11#1@ t12#1@ t13#1@"), "{said:?}");
}
