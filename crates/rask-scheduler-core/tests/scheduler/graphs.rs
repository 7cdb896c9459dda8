//! Graphs come in.

use rask_types::msg::ClientToScheduler;
use rask_types::{Key, KeyKind, TaskRun, Wants};

use crate::stage::{Graph, Stage, held, key_of, str_key};

#[test]
fn introductions_come_before_what_they_introduce() {
    let mut stage = Stage::new();
    stage.introductions = true;
    assert_eq!(stage.client(0), ["c0 welcome"]);
    assert_eq!(stage.worker(0, 2), ["w0 welcome", "c0 workers 1x2"]);
    let said = stage.submit(0, Graph::at(1).call(&[]).call(&[]));
    assert_eq!(said, ["w0 function 1", "w0 class k0 f", "w0 run t0#1 t1#1"]);
    assert_eq!(stage.submit(0, Graph::at(3).call(&[1])), [""; 0]);
    let said = stage.say(0, rask_types::msg::WorkerToScheduler::Finished(held(&[("t0#1", 5_000)])));
    let introduced = ["w0 run t2#1(t0#1@w0)", "c0 type y0 object", "c0 peer w0 tcp://h0:1", "c0 done 1@w0"];
    assert_eq!(said, introduced);
}

#[test]
fn a_chain_runs_link_by_link_and_intermediates_go() {
    let mut stage = Stage::with_workers(1, 1);
    let chain = Graph::at(1).call(&[]).call(&[1]).call(&[2]).want(&[2]);
    assert_eq!(stage.submit(0, chain), ["w0 run t0#1"]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t1#1(`a`)"]);
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["w0 run t2#1(`b`)"]);
    assert_eq!(stage.finish(0, &[("t2#1", "c")]), ["c0 done 3=`c`"]);
    assert_eq!(stage.scheduler.task_count(), 3, "they are remembered while what they led to is wanted");
    assert_eq!(stage.release(0, &[3]), [""; 0]);
    stage.scheduler.check_empty();
}

#[test]
fn held_intermediates_are_freed_once_nobody_waits() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).call(&[1]).call(&[1]).want(&[1, 2]));
    assert_eq!(stage.hold(0, &[("t0#1", 9)]), ["w0 run t1#1(t0#1@w0)"]);
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["w0 run t2#1(t0#1@w0)", "c0 done 2=`b`"]);
    assert_eq!(stage.finish(0, &[("t2#1", "c")]), ["w0 free t0#1", "c0 done 3=`c`"]);
}

#[test]
fn a_graph_in_chunks_runs_before_it_is_complete_and_is_kept_until_then() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, Graph::at(1).call(&[]).call(&[]).want(&[]).part_of(5)), ["w0 run t0#1"]);
    // Nobody wants them yet, but later chunks may.
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t1#1"]);
    assert_eq!(stage.hold(0, &[("t1#1", 7)]), [""; 0]);
    assert_eq!(stage.submit(0, Graph::at(3).call(&[1]).part_of(5)), ["w0 run t2#1(`a`)"]);
    // With the last chunk, what nothing refers to goes: the second task has no dependents.
    assert_eq!(stage.submit(0, Graph::at(4).call(&[3]).end_of(5)), ["w0 free t1#1"]);
    assert_eq!(stage.scheduler.task_count(), 3);
    // From now on the unwanted numbers mean nothing.
    let said = stage.submit(0, Graph::at(9).call(&[1]));
    assert_eq!(said, ["c0 lost 9: lost dependencies"]);
    assert_eq!(stage.finish(0, &[("t2#1", "c")]), ["w0 run t3#1(`c`)", "c0 done 3=`c`"]);
}

#[test]
fn two_graphs_of_a_client_may_be_open_at_once() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]).want(&[]).part_of(1));
    stage.submit(0, Graph::at(2).call(&[1]).want(&[]).part_of(2));
    // Complete, the first graph leaves its task to the second.
    stage.submit(0, Graph::at(3).end_of(1));
    assert_eq!(stage.scheduler.task_count(), 2);
    stage.submit(0, Graph::at(3).end_of(2));
    stage.scheduler.check_empty();
}

#[test]
fn an_aborted_graph_leaves_nothing() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, Graph::at(1).call(&[]).call(&[1]).part_of(5)), ["w0 run t0#1"]);
    assert_eq!(stage.ask(0, ClientToScheduler::AbortGraph { graph: 5 }), ["w0 discard t0#1"]);
    stage.scheduler.check_empty();
    assert_eq!(stage.release(0, &[1, 2]), [""; 0]);
    assert_eq!(stage.ask(0, ClientToScheduler::AbortGraph { graph: 5 }), [""; 0]);
    // Its worker is busy until it answers for what it was given.
    assert_eq!(stage.submit(0, Graph::at(3).call(&[])), [""; 0]);
    assert_eq!(stage.give_back(0, &["t0#1"]).len(), 1);
}

#[test]
fn what_an_aborted_graph_shares_with_others_stays() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.submit(1, Graph::at(1).pure(7, &[]));
    stage.submit(0, Graph::at(1).pure(7, &[]).call(&[1]).part_of(5));
    assert_eq!(stage.ask(0, ClientToScheduler::AbortGraph { graph: 5 }), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c1 done 1=`a`"]);
}

#[test]
fn equal_pure_calls_are_one_task_also_across_clients() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    assert_eq!(stage.submit(0, Graph::at(1).pure(7, &[])), ["w0 run t0#1"]);
    assert_eq!(stage.submit(0, Graph::at(2).pure(7, &[])), [""; 0]);
    assert_eq!(stage.submit(1, Graph::at(1).pure(7, &[])), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c0 done 1=`a` 2=`a`", "c1 done 1=`a`"]);
    // Known still, it is answered at once.
    assert_eq!(stage.submit(1, Graph::at(2).pure(7, &[])), ["c1 done 2=`a`"]);
    // The same token under another prefix is another key.
    stage.define(1, 3, |class| class.prefix = "g".into());
    assert_eq!(stage.submit(1, Graph::at(3).class(3).pure(7, &[])), ["w0 run t1#1"]);
}

#[test]
fn impure_calls_never_are() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]));
    stage.submit(0, Graph::at(2).call(&[]));
    assert_eq!(stage.scheduler.task_count(), 2);
}

#[test]
fn a_key_that_users_gave_and_a_generated_one_that_reads_the_same_are_one() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("x", &[]));
    assert_eq!(stage.submit(0, Graph::at(2).named("x", &[])), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c0 done 1=`a` 2=`a`"]);
    stage.submit(0, Graph::at(3).pure(7, &[]));
    let text = Key::generated("f", 7).to_string();
    stage.submit(0, Graph::at(4).named(&text, &[]));
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["c0 done 3=`b` 4=`b`"]);
}

#[test]
fn equal_calls_within_a_chunk_are_one_task_that_may_be_depended_on_twice() {
    let mut stage = Stage::with_workers(1, 1);
    let graph = Graph::at(1).pure(7, &[]).pure(7, &[]).call(&[1, 2]).want(&[2]);
    assert_eq!(stage.submit(0, graph), ["w0 run t0#1"]);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["w0 run t1#1(`a` `a`)"]);
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["c0 done 3=`b`"]);
    stage.release(0, &[3]);
    stage.scheduler.check_empty();
}

#[test]
fn small_literals_need_no_worker() {
    let mut stage = Stage::new();
    stage.client(0);
    assert_eq!(stage.submit(0, Graph::at(1).literal("data").call(&[1])), ["c0 done 1=`data`"]);
    assert_eq!(stage.worker(0, 1), ["w0 run t1#1(`data`)"]);
}

#[test]
fn large_literals_run_on_workers() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, Graph::at(1).literal(&"x".repeat(2_000))), ["w0 run t0#1"]);
}

#[test]
fn unknown_dependencies_lose_the_task_and_what_depends_on_it() {
    let mut stage = Stage::with_workers(1, 1);
    let said = stage.submit(0, Graph::at(5).call(&[77]).call(&[5]).call(&[]));
    assert_eq!(said, ["w0 run t2#1", "c0 lost 5 6: lost dependencies"]);
    assert_eq!(stage.scheduler.task_count(), 1);
    // A task may not depend on itself, nor on what comes after it.
    assert_eq!(
        stage.submit(0, Graph::at(10).call(&[10]).call(&[12]).call(&[])),
        ["c0 lost 10 11: lost dependencies"]
    );
    assert_eq!(stage.release(0, &[5, 6, 10, 11]), [""; 0]);
}

#[test]
fn a_pure_call_with_unknown_dependencies_may_come_again_with_known_ones() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, Graph::at(1).pure(7, &[99])), ["c0 lost 1: lost dependencies"]);
    // The slot is reused: its runs count on.
    assert_eq!(stage.submit(0, Graph::at(2).call(&[])), ["w0 run t0#2"]);
    assert_eq!(stage.submit(0, Graph::at(3).pure(7, &[2])), [""; 0]);
    assert_eq!(stage.finish(0, &[("t0#1", "old")]), [""; 0], "an answer to a run that never was");
    assert_eq!(stage.finish(0, &[("t0#2", "a")]), ["w0 run t1#1(`a`)", "c0 done 2=`a`"]);
}

#[test]
fn in_an_open_graph_a_refused_call_does_not_take_its_key() {
    let mut stage = Stage::with_workers(1, 1);
    let said = stage.submit(0, Graph::at(1).named("x", &[99]).part_of(1));
    assert_eq!(said, ["c0 lost 1: lost dependencies"]);
    assert_eq!(stage.submit(0, Graph::at(2).named("x", &[])), ["w0 run t1#1"]);
    assert_eq!(stage.submit(0, Graph::at(3).end_of(1)), [""; 0]);
    assert_eq!(stage.finish(0, &[("t1#1", "a")]), ["c0 done 2=`a`"]);
}

#[test]
fn a_known_dependency_that_was_released_runs_again() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("a", &[]).named("b", &[1]).want(&[1]));
    stage.finish(0, &[("t0#1", "a")]);
    stage.finish(0, &[("t1#1", "b")]);
    // "a" is released, but known for the sake of "b".
    assert_eq!(stage.want(0, 3, &str_key("a")), ["w0 run t0#3"]);
    assert_eq!(stage.finish(0, &[("t0#3", "A")]), ["c0 done 3=`A`"]);
    stage.release(0, &[3]);
    assert_eq!(stage.submit(0, Graph::at(4).named("a", &[])), ["w0 run t0#5"]);
}

#[test]
fn futures_in_pickles_are_kept_as_long_as_the_task() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).call(&[]));
    stage.finish(0, &[("t0#1", "a")]);
    stage.submit(0, Graph::at(2).call(&[]).holding(0, 1));
    stage.release(0, &[1]);
    assert_eq!(stage.scheduler.task_count(), 2);
    // The task can ask for what it holds, by key.
    assert_eq!(stage.finish(0, &[("t1#1", "b")]), ["c0 done 2=`b`"]);
    stage.release(0, &[2]);
    stage.scheduler.check_empty();
}

#[test]
fn a_task_cannot_come_to_hold_itself() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("a", &[]));
    stage.submit(0, Graph::at(2).named("b", &[1]));
    // "a" is known: that it holds "b" now, which depends on it, would keep both for ever.
    stage.submit(0, Graph::at(3).named("a", &[]).holding(0, 2));
    stage.submit(0, Graph::at(4).call(&[]).call(&[4]).holding(0, 5).holding(0, 4).holding(1, 99));
    stage.release(0, &[1, 2, 3, 4, 5]);
    stage.scheduler.check_empty();
}

#[test]
fn broken_chunks_are_refused_before_anything_is_made_of_them() {
    type Breakage = fn(&mut rask_types::GraphChunk);
    let broken: [(Breakage, &str); 9] = [
        (|c| c.dep_ends.clear(), "dependency ends do not ascend to the number of dependencies"),
        (|c| c.args.ends[0] = 99, "argument ends do not ascend to the end of the blob"),
        (|c| c.runs[0].class = 77, ""),
        (|c| c.wants = Wants::Some(vec![1, 0]), "wanted positions do not ascend"),
        (|c| c.first.0 = u64::MAX, "a future's number is in use, or out of range"),
        (|c| c.first.0 = 1, "a future's number is in use, or out of range"),
        (
            |c| {
                c.runs = vec![TaskRun { class: 0, count: 2, keys: KeyKind::Named }];
                c.names = vec![crate::stage::str_key("fine").to_canonical().into(), "rubbish".into()];
            },
            "a key is not canonical",
        ),
        (|c| c.args.buffers = vec![(1, vec![]), (0, vec![])], "the positions of buffers do not ascend"),
        (|c| c.holds.push((2, rask_types::FutureId(1))), "a position is outside the chunk"),
    ];
    for (break_it, why) in broken {
        let mut stage = Stage::with_workers(1, 1);
        stage.client(1);
        stage.submit(1, Graph::at(1).call(&[]));
        stage.submit(0, Graph::at(1).call(&[]));
        let mut chunk = Graph::at(10).call(&[]).call(&[10]).build();
        break_it(&mut chunk);
        let said = stage.ask(0, ClientToScheduler::Graph(chunk));
        let reason = match why {
            "" => "a graph chunk names a class that was not defined".to_owned(),
            why => format!("a graph chunk is broken: {why}"),
        };
        assert_eq!(said, [format!("c0 closing: {reason}"), "c0 hang up".to_owned()]);
        assert_eq!(stage.scheduler.task_count(), 1, "only the other client's is left");
        assert_eq!(stage.submit(0, Graph::at(20).call(&[])), [""; 0], "it is not heard any more");
        assert_eq!(stage.leave(0), [""; 0]);
        assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c1 done 1=`a`"]);
    }
}

#[test]
fn an_empty_graph_is_a_graph() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, Graph::at(1)), [""; 0]);
    stage.scheduler.check_empty();
}

#[test]
fn a_task_that_is_not_wanted_and_feeds_nothing_does_not_run() {
    let mut stage = Stage::with_workers(1, 1);
    assert_eq!(stage.submit(0, Graph::at(1).call(&[]).call(&[]).call(&[1]).want(&[1])), ["w0 run t1#1"]);
    assert_eq!(stage.scheduler.task_count(), 1);
}

#[test]
fn impure_keys_are_found_while_their_session_or_another_holder_is_here() {
    let mut stage = Stage::with_workers(1, 1);
    stage.client(1);
    stage.submit(0, Graph::at(1).call(&[]));
    stage.want(1, 1, &key_of(0, 1));
    stage.leave(0);
    assert_eq!(stage.finish(0, &[("t0#1", "a")]), ["c1 done 1=`a`"]);
    assert_eq!(stage.want(1, 2, &key_of(0, 1)), ["c1 done 2=`a`"]);
    stage.release(1, &[1, 2]);
    stage.scheduler.check_empty();
}
