//! Exact effects: runs come, wait for each other, end, and are taken back.

mod scenario;

use rask_types::msg::WorkerToScheduler;
use rask_types::{ClassId, FinishedColumns, HeldByWorker, Payload, RequestId, RunId, TypeId};
use rask_worker_core::{Completions, DepValue, Effect, Event, Failure, ReadyRun, TaskName};
use scenario::*;

fn small(bytes: &'static [u8]) -> DepValue<u32> {
    DepValue::Small(Payload::from_head(bytes))
}

fn finished(runs: &[(RunId, &'static [u8])]) -> Effect<u32> {
    let blob: Vec<u8> = runs.iter().flat_map(|r| r.1.iter().copied()).collect();
    let mut end = 0;
    let mut ends = vec![];
    for (_, value) in runs {
        end += value.len() as u32;
        ends.push(end);
    }
    Effect::Send(WorkerToScheduler::Finished(FinishedColumns {
        runs: runs.iter().map(|r| r.0).collect(),
        started_ns: vec![1000; runs.len()],
        duration_ns: vec![50; runs.len()],
        threads: vec![0; runs.len()],
        value_ends: ends,
        blob: blob.into(),
        held: vec![],
    }))
}

fn finished_held(run: RunId, type_id: u32) -> Effect<u32> {
    Effect::Send(WorkerToScheduler::Finished(FinishedColumns {
        runs: vec![run],
        started_ns: vec![1000],
        duration_ns: vec![50],
        threads: vec![0],
        value_ends: vec![0],
        blob: bytes::Bytes::new(),
        held: vec![HeldByWorker { position: 0, nbytes: 100, type_id: TypeId(type_id) }],
    }))
}

fn define_array() -> Effect<u32> {
    Effect::Send(WorkerToScheduler::DefineType { id: TypeId(0), name: "array".into() })
}

#[test]
fn a_run_without_dependencies_is_ready_at_once() {
    let mut s = Scenario::new();
    let expected = ReadyRun {
        run: run(4),
        class: CLASS,
        priority: PRIORITY,
        order: 0,
        name: TaskName::Token(4),
        args: Payload::from_head(&b"a"[..]),
        deps: vec![],
        followers: 0,
    };
    assert_eq!(s.compute(&[(run(4), vec![])]), [Effect::Ready(vec![expected])]);
    assert_eq!(s.finish(run(4), b"four"), [finished(&[(run(4), b"four")])]);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn names_and_buffers_belong_to_their_positions() {
    let mut s = Scenario::new();
    let mut c = columns(&[(run(1), vec![]), (run(2), vec![]), (run(3), vec![])]);
    c.names = vec![(1, b"named".to_vec().into())];
    c.args.buffers = vec![(2, vec![b"big".to_vec().into()])];
    let effects = s.feed(Event::Compute(c));
    let Effect::Ready(runs) = &effects[0] else { panic!("{effects:?}") };
    let names: Vec<_> = runs.iter().map(|r| r.name.clone()).collect();
    assert_eq!(names, [TaskName::Token(1), TaskName::Named(b"named"[..].into()), TaskName::Token(3)]);
    assert_eq!(runs.iter().map(|r| r.args.buffers.len()).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn what_comes_together_is_handed_on_together() {
    let mut s = Scenario::new();
    s.handle(Event::Compute(columns(&[(run(1), vec![]), (run(2), vec![])])));
    let effects = s.compute(&[(run(3), vec![])]);
    assert_eq!(effects.len(), 1);
    assert_eq!(ready(&effects).len(), 3);
    s.handle(Event::Finished(inline(&[(run(1), b"x"), (run(2), b"")])));
    assert_eq!(s.finish(run(3), b"yz"), [finished(&[(run(1), b"x"), (run(2), b""), (run(3), b"yz")])]);
}

#[test]
fn inline_dependencies_are_passed_on_as_they_are() {
    let mut s = Scenario::new();
    let effects = s.compute(&[(run(1), vec![rask_types::DepSource::Inline(0)])]);
    assert_eq!(ready(&effects), [(run(1), vec![small(b"small")])]);
}

#[test]
fn a_run_said_twice_is_answered_once() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    assert_eq!(s.compute(&[(run(1), vec![])]), []);
    assert_eq!(s.finish(run(1), b""), [finished(&[(run(1), b"")])]);
    assert_eq!(s.finish(run(1), b""), [], "late");
}

#[test]
fn a_class_that_was_never_defined_fails_its_runs_alone() {
    let mut s = Scenario::new();
    let mut c = columns(&[(run(1), vec![]), (run(2), vec![])]);
    c.classes = vec![(ClassId(99), 1), (CLASS, 1)];
    let effects = s.feed(Event::Compute(c));
    assert_eq!(answers(&effects), [(run(1), "erred")]);
    assert_eq!(ready(&effects), [(run(2), vec![])]);
}

#[test]
fn inconsistent_columns_are_refused_whole() {
    let good = || columns(&[(run(1), vec![held(run(9), &[NEAR])]), (run(2), vec![])]);
    let broken: [fn(&mut rask_types::ComputeColumns); 9] = [
        |c| c.classes[0].1 = 1,
        |c| c.orders.clear(),
        |c| c.tokens.clear(),
        |c| c.args.ends[0] = 9,
        |c| c.dep_ends.clear(),
        |c| c.dep_ends = vec![2, 1],
        |c| c.deps[0] = rask_types::DepSource::Inline(1),
        |c| c.names = vec![(2, b"x"[..].into())],
        |c| c.args.buffers = vec![(1, vec![]), (1, vec![])],
    ];
    for (i, break_it) in broken.iter().enumerate() {
        let mut s = Scenario::new();
        let mut c = good();
        break_it(&mut c);
        let effects = s.feed(Event::Compute(c));
        assert!(matches!(&effects[..], [Effect::Violation { .. }]), "case {i}: {effects:?}");
        assert_eq!(s.core.counts().unanswered, 0, "case {i}");
    }
}

#[test]
fn large_results_are_kept_until_freed() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![]), (run(2), vec![])]);
    assert_eq!(s.finish_kept(run(1), 11), [define_array(), finished_held(run(1), 0)]);
    assert_eq!(s.finish_kept(run(2), 22), [finished_held(run(2), 0)], "the type is numbered once");
    assert_eq!(s.core.kept(run(1)), Some(&DepValue::Kept(11)));
    assert_eq!((s.core.counts().kept, s.core.counts().kept_bytes), (2, 200));
    assert_eq!(s.feed(Event::Free { values: vec![run(1), run(2), run(3)] }), []);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn small_results_are_kept_only_on_demand() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    s.finish(run(1), b"v");
    assert_eq!(s.core.kept(run(1)), None);
    let mut c = columns(&[(run(2), vec![])]);
    c.keep_inline = true;
    s.feed(Event::Compute(c));
    assert_eq!(s.finish(run(2), b"v"), [finished(&[(run(2), b"v")])]);
    assert_eq!(s.core.kept(run(2)), Some(&small(b"v")));
    assert_eq!(s.core.counts().kept_bytes, 1);
    assert_eq!(ready(&s.compute(&[(run(3), vec![held(run(2), &[ME])])])), [(run(3), vec![small(b"v")])]);
}

#[test]
fn a_failed_run_is_answered_by_its_error() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    let error = failure("no");
    let failed = Event::Failed(Failure {
        thread: 5,
        run: run(1),
        started_ns: 3,
        duration_ns: 4,
        error: error.clone(),
    });
    let erred = WorkerToScheduler::Erred { run: run(1), started_ns: 3, duration_ns: 4, thread: 5, error };
    assert_eq!(s.feed(failed.clone()), [Effect::Send(erred)]);
    assert_eq!(s.feed(failed), [], "late");
    assert_eq!(s.feed(Event::Rescheduled { run: run(1) }), [], "late");
}

#[test]
fn a_run_may_ask_to_go_elsewhere() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    let effects = s.feed(Event::Rescheduled { run: run(1) });
    assert_eq!(effects, [Effect::Send(WorkerToScheduler::Reschedule { run: run(1) })]);
    assert_eq!(s.core.counts().unanswered, 0);
}

#[test]
fn completions_go_before_what_is_said_after_them() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![]), (run(2), vec![]), (run(3), vec![])]);
    s.handle(Event::Finished(inline(&[(run(1), b"")])));
    s.handle(Event::Rescheduled { run: run(2) });
    let effects = s.finish(run(3), b"");
    assert_eq!(answers(&effects), [(run(1), "finished"), (run(2), "rescheduled"), (run(3), "finished")]);
}

#[test]
fn one_message_has_its_bounds() {
    let mut s = Scenario::new();
    let runs: Vec<_> = (0..20_000).map(|i| (run(i), vec![])).collect();
    s.compute(&runs);
    let all: Vec<_> = (0..20_000).map(|i| (run(i), &b""[..])).collect();
    let effects = s.feed(Event::Finished(inline(&all)));
    assert_eq!(effects.len(), 2);
    assert_eq!(answers(&effects).len(), 20_000);
}

#[test]
fn a_chain_goes_into_the_queue_together() {
    let mut s = Scenario::new();
    let chain = [(run(1), vec![]), (run(2), vec![held(run(1), &[])]), (run(3), vec![held(run(2), &[ME])])];
    let together = [(run(1), 1, vec![]), (run(2), 1, vec![run(1)]), (run(3), 0, vec![run(2)])];
    assert_eq!(chained(&s.compute(&chain)), together);
    assert_eq!(s.core.counts().waiting, 0);
    let all = [(run(1), &b"1"[..]), (run(2), b"2"), (run(3), b"3")];
    assert_eq!(s.feed(Event::Finished(inline(&all))), [finished(&all)]);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn what_waits_for_a_value_from_elsewhere_takes_its_chain_along() {
    let mut s = Scenario::new();
    let runs = [
        (run(1), vec![held(run(9), &[NEAR])]),
        (run(2), vec![held(run(1), &[]), held(run(1), &[])]),
        (run(3), vec![held(run(1), &[]), held(run(2), &[])]),
        (run(4), vec![held(run(3), &[]), held(run(8), &[NEAR])]),
    ];
    assert_eq!(chained(&s.compute(&runs)), []);
    let effects = s.fetched(NEAR, RequestId(1), run(9));
    let along = [(run(1), 3, vec![]), (run(2), 1, vec![run(1); 2]), (run(3), 0, vec![run(1), run(2)])];
    assert_eq!(chained(&effects), along, "the last waits for one more value, and so for the third's answer");
    assert_eq!(s.core.counts().waiting, 1);
    s.fetched(NEAR, RequestId(1), run(8));
    assert_eq!(ready(&s.finish(run(3), b"3")), [(run(4), vec![small(b"3"), DepValue::Kept(8)])]);
}

#[test]
fn who_follows_what_came_before_waits_here() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    let chain = [(run(2), vec![held(run(1), &[])]), (run(3), vec![held(run(2), &[])])];
    assert_eq!(chained(&s.compute(&chain)), [], "a thread may have ended it already");
    let effects = s.finish(run(1), b"1");
    assert_eq!(chained(&effects), [(run(2), 1, vec![]), (run(3), 0, vec![run(2)])]);
}

#[test]
fn who_follows_what_is_answered_and_not_kept_is_given_back() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    s.finish(run(1), b"1");
    let chain = [(run(2), vec![held(run(1), &[])]), (run(3), vec![held(run(2), &[])])];
    let missing = Effect::Send(WorkerToScheduler::Missing { value: run(1), workers: vec![] });
    assert_eq!(s.compute(&chain), [missing, retracted(&[run(2), run(3)])]);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn results_are_passed_on_to_those_who_wait_here() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    s.compute(&[(run(2), vec![held(run(1), &[])])]);
    assert_eq!(s.core.counts().waiting, 1);
    let effects = s.finish(run(1), b"one");
    assert_eq!(
        ready(&effects),
        [(run(2), vec![small(b"one")])],
        "the small result is passed on, though not kept"
    );
    assert_eq!(s.core.kept(run(1)), None);
    s.compute(&[(run(3), vec![held(run(2), &[ME])])]);
    let effects = s.finish_kept(run(2), 22);
    assert_eq!(ready(&effects), [(run(3), vec![DepValue::Kept(22)])]);
    assert_eq!(answers(&effects), [(run(2), "finished")]);
    s.finish(run(3), b"");
    s.feed(Event::Free { values: vec![run(2)] });
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn a_broken_link_gives_back_the_rest_of_the_chain() {
    let n = 100_000;
    let links = |i| if i == 0 { vec![] } else { vec![held(run(i - 1), &[])] };
    let chain: Vec<_> = (0..n).map(|i| (run(i), links(i))).collect();
    for how in ["erred", "rescheduled", "retracted"] {
        let mut core = rask_worker_core::WorkerCore::<u32>::new(Default::default());
        let now = rask_types::Tick::ZERO;
        core.handle(now, Event::ClassDefined { class: CLASS, priority: 0 });
        core.handle(now, Event::Compute(columns(&chain[..1])));
        core.handle(now, Event::Compute(columns(&chain[1..])));
        while core.poll_effect().is_some() {}
        core.handle(
            now,
            match how {
                "erred" => failed(run(0), "no"),
                "rescheduled" => Event::Rescheduled { run: run(0) },
                _ => Event::TakenBack { runs: vec![run(0)] },
            },
        );
        let effects: Effects = std::iter::from_fn(|| core.poll_effect()).collect();
        let all = answers(&effects);
        assert_eq!(all.len(), n as usize);
        assert_eq!(all[0], (run(0), how));
        assert!(all[1..].iter().all(|answer| answer.1 == "retracted"), "{how}");
        assert_eq!(core.counts(), Default::default());
    }
}

#[test]
fn what_waits_is_given_back_at_once() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![])]);
    s.compute(&[(run(2), vec![held(run(1), &[])]), (run(3), vec![held(run(2), &[])])]);
    assert_eq!(s.retract(&[run(2)]), [retracted(&[run(2), run(3)])], "and what waits for it");
    assert_eq!(s.retract(&[run(2)]), [], "late");
    assert_eq!(s.finish(run(1), b""), [finished(&[(run(1), b"")])]);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn what_is_queued_is_given_back_if_no_thread_has_begun_it() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![]), (run(2), vec![])]);
    let effects = s.retract(&[run(1), run(2), run(7)]);
    assert_eq!(effects, [Effect::TakeBack { runs: vec![run(1), run(2)] }]);
    assert_eq!(s.feed(Event::TakenBack { runs: vec![run(2)] }), [retracted(&[run(2)])]);
    assert_eq!(s.finish(run(1), b"1"), [finished(&[(run(1), b"1")])]);
    assert_eq!(s.feed(Event::TakenBack { runs: vec![run(1), run(2)] }), [], "late");
}

#[test]
fn a_waiting_run_can_neither_finish_nor_be_taken_out_of_the_queue() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    assert_eq!(s.finish(run(1), b""), []);
    assert_eq!(s.feed(Event::TakenBack { runs: vec![run(1)] }), []);
    assert_eq!(s.feed(Event::Rescheduled { run: run(1) }), []);
    assert_eq!(s.core.counts().waiting, 1);
}

#[test]
fn a_discarded_result_is_dropped_but_answered() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![]), (run(2), vec![])]);
    let effects = s.feed(Event::Retract { runs: vec![run(1), run(2)], discard: true });
    assert_eq!(effects, [Effect::TakeBack { runs: vec![run(1), run(2)] }]);
    assert_eq!(s.finish_kept(run(1), 5), [finished(&[(run(1), b"")])]);
    assert_eq!(s.finish(run(2), b"v"), [finished(&[(run(2), b"v")])]);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn two_attempts_of_one_slot_are_two_runs() {
    let mut s = Scenario::new();
    let (old, new) = (RunId::new(1, 1), RunId::new(1, 2));
    s.compute(&[(old, vec![])]);
    s.feed(Event::Retract { runs: vec![old], discard: true });
    assert_eq!(ready(&s.compute(&[(new, vec![])])), [(new, vec![])]);
    assert_eq!(answers(&s.finish_kept(new, 2)), [(new, "finished")]);
    assert_eq!(answers(&s.finish_kept(old, 1)), [(old, "finished")]);
    assert_eq!(s.core.kept(new), Some(&DepValue::Kept(2)));
    assert_eq!(s.core.kept(old), None);
}

#[test]
fn closing_gives_everything_unstarted_back_and_says_goodbye() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![]), (run(2), vec![])]);
    s.compute(&[(run(3), vec![held(run(1), &[])]), (run(4), vec![held(run(9), &[NEAR])])]);
    let effects = s.feed(Event::Close { reason: "bye".into() });
    assert_eq!(effects, [Effect::TakeBackAll, retracted(&[run(3), run(4)])]);
    assert_eq!(s.compute(&[(run(5), vec![])]), [retracted(&[run(5)])]);
    assert_eq!(s.retract(&[run(2)]), [], "it is being taken back already");
    let effects = s.feed(Event::Drained { runs: vec![run(2)] });
    let goodbye = WorkerToScheduler::Goodbye { reason: "bye".into() };
    assert_eq!(
        effects,
        [retracted(&[run(2)]), Effect::Send(goodbye), Effect::Leave { reason: "bye".into() }]
    );
    assert!(s.core.has_left());
    assert_eq!(s.feed(Event::Close { reason: "again".into() }), []);
    assert_eq!(s.finish(run(1), b""), [finished(&[(run(1), b"")])], "it was executing all the time");
}

#[test]
fn events_about_nothing_change_nothing() {
    let mut s = Scenario::new();
    for event in [
        Event::Finished(inline(&[(run(1), b"x")])),
        Event::Finished(kept(run(1), 3)),
        Event::Finished(Completions::new(0)),
        failed(run(1), "x"),
        Event::Rescheduled { run: run(1) },
        Event::TakenBack { runs: vec![run(1)] },
        Event::Drained { runs: vec![run(1)] },
        Event::Retract { runs: vec![run(1)], discard: true },
        Event::Free { values: vec![run(1)] },
        Event::PeerLost { worker: FAR },
        Event::PeerLost { worker: rask_types::WorkerId(77) },
        Event::TimedOut,
        Event::Compute(Default::default()),
    ] {
        assert_eq!(s.feed(event.clone()), [], "{event:?}");
    }
    assert_eq!(s.core.counts(), Default::default());
}
