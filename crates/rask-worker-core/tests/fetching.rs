//! Exact effects: values come from peers, are kept, shared, missed and lost.

mod scenario;

use rask_types::msg::{FetchFailure, WorkerToScheduler};
use rask_types::{Payload, RequestId, RunId, TypeId, WorkerId};
use rask_worker_core::{DepValue, Effect, Event, Limits};
use scenario::*;

const FIRST: RequestId = RequestId(1);
const SECOND: RequestId = RequestId(2);

fn stored(value: RunId, nbytes: u64) -> Effect<u32> {
    Effect::Send(WorkerToScheduler::Stored { value, nbytes, type_id: TypeId(0) })
}

fn define_unknown_type() -> Effect<u32> {
    Effect::Send(WorkerToScheduler::DefineType { id: TypeId(0), name: String::new() })
}

fn missing(value: RunId, workers: &[WorkerId]) -> Effect<u32> {
    Effect::Send(WorkerToScheduler::Missing { value, workers: workers.to_vec() })
}

#[test]
fn a_fetched_value_is_kept_reported_and_freed() {
    let mut s = Scenario::new();
    assert_eq!(s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]), [fetch(NEAR, 1, &[run(9)])]);
    let effects = s.fetched(NEAR, FIRST, run(9));
    assert_eq!(ready(&effects), [(run(1), vec![DepValue::Kept(9)])]);
    assert_eq!(
        effects[1..],
        [define_unknown_type(), stored(run(9), 10)],
        "its size is what its maker measured"
    );
    assert_eq!(
        ready(&s.compute(&[(run(2), vec![held(run(9), &[NEAR])])])),
        [(run(2), vec![DepValue::Kept(9)])]
    );
    s.feed(Event::Free { values: vec![run(9)] });
    assert_eq!(s.core.kept(run(9)), None);
    assert_eq!(s.core.counts().kept_bytes, 0);
}

#[test]
fn one_fetch_serves_all_who_want_the_value() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    assert_eq!(s.compute(&[(run(2), vec![held(run(9), &[NEAR])]), (run(3), vec![held(run(9), &[FAR])])]), []);
    let effects = s.fetched(NEAR, FIRST, run(9));
    assert_eq!(ready(&effects).iter().map(|r| r.0).collect::<Vec<_>>(), [run(1), run(2), run(3)]);
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), [], "an answer counts once");
}

#[test]
fn a_run_waits_for_all_its_dependencies_and_gets_them_in_order() {
    let mut s = Scenario::new();
    let deps = vec![held(run(8), &[NEAR]), rask_types::DepSource::Inline(0), held(run(9), &[NEAR])];
    assert_eq!(s.compute(&[(run(1), deps)]), [fetch(NEAR, 1, &[run(8), run(9)])]);
    assert_eq!(ready(&s.fetched(NEAR, FIRST, run(9))), []);
    let expected =
        vec![DepValue::Kept(8), DepValue::Small(Payload::from_head(&b"small"[..])), DepValue::Kept(9)];
    assert_eq!(ready(&s.fetched(NEAR, FIRST, run(8))), [(run(1), expected)]);
}

#[test]
fn a_dependency_named_twice_is_fetched_once() {
    let mut s = Scenario::new();
    let deps = vec![held(run(9), &[NEAR]), held(run(9), &[NEAR])];
    assert_eq!(s.compute(&[(run(1), deps)]), [fetch(NEAR, 1, &[run(9)])]);
    let effects = s.fetched(NEAR, FIRST, run(9));
    assert_eq!(ready(&effects), [(run(1), vec![DepValue::Kept(9), DepValue::Kept(9)])]);
}

#[test]
fn work_is_spread_over_holders() {
    let mut s = Scenario::new();
    let both = |i| (run(i), vec![held(run(100 + i), &[NEAR, FAR])]);
    let effects = s.compute(&[both(1), both(2), both(3), both(4)]);
    assert_eq!(effects, [fetch(NEAR, 1, &[run(102), run(104)]), fetch(FAR, 2, &[run(101), run(103)])]);
}

#[test]
fn another_holder_is_asked_when_one_does_not_have_it() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[FAR, NEAR])])]);
    assert_eq!(s.not_fetched(NEAR, FIRST, run(9)), [fetch(FAR, 2, &[run(9)])]);
    assert_eq!(ready(&s.fetched(FAR, SECOND, run(9))), [(run(1), vec![DepValue::Kept(9)])]);
}

#[test]
fn when_nobody_has_it_the_dependents_are_given_back() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR, ME])]), (run(2), vec![held(run(1), &[])])]);
    let effects = s.not_fetched(NEAR, FIRST, run(9));
    assert_eq!(effects, [missing(run(9), &[NEAR, ME]), retracted(&[run(1), run(2)])]);
    assert_eq!(s.core.counts(), Default::default());
    let again = s.compute(&[(RunId::new(1, 2), vec![held(run(9), &[NEAR])])]);
    assert_eq!(again, [fetch(NEAR, 2, &[run(9)])], "what was missing may be there later");
}

#[test]
fn a_holder_that_was_never_introduced_cannot_be_asked() {
    let mut s = Scenario::new();
    let stranger = WorkerId(50);
    let effects = s.compute(&[(run(1), vec![held(run(9), &[stranger])])]);
    assert_eq!(effects, [missing(run(9), &[stranger]), retracted(&[run(1)])]);
    assert_eq!(s.compute(&[(run(2), vec![held(run(9), &[])])]), [missing(run(9), &[]), retracted(&[run(2)])]);
}

#[test]
fn what_cannot_travel_fails_its_dependents_only() {
    let mut s = Scenario::new();
    s.compute(&[
        (run(1), vec![held(run(9), &[NEAR]), held(run(8), &[NEAR])]),
        (run(2), vec![held(run(1), &[])]),
        (run(3), vec![held(run(8), &[NEAR])]),
    ]);
    let error = failure("holds a lock");
    let result = Err(FetchFailure::Unserializable(error.clone()));
    let effects = s.feed(Event::Fetched { worker: NEAR, request: FIRST, value: run(9), result });
    let erred = WorkerToScheduler::Erred { run: run(1), started_ns: 0, duration_ns: 0, thread: 0, error };
    assert_eq!(effects, [Effect::Send(erred), retracted(&[run(2)])]);
    assert_eq!(ready(&s.fetched(NEAR, FIRST, run(8))), [(run(3), vec![DepValue::Kept(8)])]);
}

#[test]
fn a_lost_peer_is_replaced_by_another_holder() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[FAR, NEAR])])]);
    assert_eq!(s.feed(Event::PeerLost { worker: NEAR }), [fetch(FAR, 2, &[run(9)])]);
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), [], "too late");
    assert_eq!(ready(&s.fetched(FAR, SECOND, run(9))).len(), 1);
}

#[test]
fn a_lost_peer_is_tried_once_more_after_a_moment() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    assert_eq!(s.feed(Event::PeerLost { worker: NEAR }), []);
    let until = s.core.poll_timeout().expect("it will be tried again");
    assert_eq!(s.feed(Event::TimedOut), [], "too soon");
    s.now = until;
    assert_eq!(s.feed(Event::TimedOut), [fetch(NEAR, 2, &[run(9)])]);
    assert_eq!(s.core.poll_timeout(), None);
    let effects = s.feed(Event::PeerLost { worker: NEAR });
    assert_eq!(effects, [missing(run(9), &[NEAR]), retracted(&[run(1)])]);
    assert_eq!(s.core.poll_timeout(), None);
}

#[test]
fn what_a_lost_peer_was_to_be_asked_goes_elsewhere_too() {
    let limits = Limits { flights_per_peer_max: 1, ..Limits::default() };
    let mut s = Scenario::with_limits(limits);
    s.compute(&[(run(1), vec![held(run(8), &[NEAR])]), (run(2), vec![held(run(9), &[NEAR])])]);
    // A second holder becomes known while the value is queued.
    s.compute(&[(run(3), vec![held(run(9), &[FAR])])]);
    assert_eq!(s.feed(Event::PeerLost { worker: NEAR }), [fetch(FAR, 2, &[run(9)])]);
    s.now = s.core.poll_timeout().expect("the other value has this holder only");
    assert_eq!(s.feed(Event::TimedOut), [fetch(NEAR, 3, &[run(8)])]);
}

#[test]
fn values_and_bytes_in_flight_are_bounded() {
    let wants = |range: std::ops::Range<u32>| -> Vec<_> {
        range.map(|i| (run(i), vec![held(run(100 + i), &[NEAR])])).collect()
    };
    let mut s = Scenario::with_limits(Limits { flights_per_peer_max: 2, ..Limits::default() });
    assert_eq!(s.compute(&wants(0..5)), [fetch(NEAR, 1, &[run(100), run(101)])]);
    assert_eq!(s.fetched(NEAR, FIRST, run(101)).last(), Some(&fetch(NEAR, 2, &[run(102)])));

    let mut s = Scenario::with_limits(Limits { flying_bytes_per_peer_max: 25, ..Limits::default() });
    assert_eq!(s.compute(&wants(0..5)), [fetch(NEAR, 1, &[run(100), run(101)])]);

    let mut s = Scenario::with_limits(Limits { flying_bytes_max: 10, ..Limits::default() });
    let mut both = wants(0..2);
    both.push((run(2), vec![held(run(102), &[FAR])]));
    assert_eq!(s.compute(&both), [fetch(NEAR, 1, &[run(100)])]);
    let effects = s.fetched(NEAR, FIRST, run(100));
    assert_eq!(effects.last(), Some(&fetch(FAR, 2, &[run(102)])), "peers take turns");
}

#[test]
fn a_value_beyond_all_bounds_travels_alone() {
    let limits = Limits { flying_bytes_per_peer_max: 5, flying_bytes_max: 5, ..Limits::default() };
    let mut s = Scenario::with_limits(limits);
    s.compute(&[(run(1), vec![held(run(8), &[NEAR])]), (run(2), vec![held(run(9), &[NEAR])])]);
    assert_eq!(s.fetched(NEAR, FIRST, run(8)).last(), Some(&fetch(NEAR, 2, &[run(9)])));
}

#[test]
fn what_nobody_waits_for_any_more_is_not_asked_for() {
    let mut s = Scenario::with_limits(Limits { flights_per_peer_max: 1, ..Limits::default() });
    s.compute(&[(run(1), vec![held(run(8), &[NEAR])]), (run(2), vec![held(run(9), &[NEAR])])]);
    assert_eq!(s.retract(&[run(2)]), [retracted(&[run(2)])]);
    assert_eq!(s.fetched(NEAR, FIRST, run(8))[1..], [define_unknown_type(), stored(run(8), 10)]);
}

#[test]
fn what_nobody_waits_for_any_more_is_dropped_when_it_comes() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    s.retract(&[run(1)]);
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), []);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn who_comes_while_it_is_under_way_gets_it() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    s.retract(&[run(1)]);
    assert_eq!(s.compute(&[(run(2), vec![held(run(9), &[NEAR])])]), []);
    assert_eq!(ready(&s.fetched(NEAR, FIRST, run(9))), [(run(2), vec![DepValue::Kept(9)])]);
}

#[test]
fn a_value_that_is_brought_serves_who_waits_for_it() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    let brought =
        Event::Brought { value: run(9), kept: DepValue::Kept(90), nbytes: 7, type_name: "array".into() };
    let effects = s.feed(brought.clone());
    assert_eq!(ready(&effects), [(run(1), vec![DepValue::Kept(90)])]);
    assert_eq!(effects.last(), Some(&stored(run(9), 7)));
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), [], "what was asked for comes too late");
    assert_eq!(s.feed(brought), [stored(run(9), 7)], "brought again, reported again");
    assert_eq!(s.core.counts().kept_bytes, 7);
}

#[test]
fn replicas_are_fetched_kept_and_reported() {
    let mut s = Scenario::new();
    let replicate =
        |value, workers: &[WorkerId]| Event::Replicate { sources: vec![(value, workers.to_vec())] };
    assert_eq!(s.feed(replicate(run(9), &[NEAR])), [fetch(NEAR, 1, &[run(9)])]);
    assert_eq!(s.feed(replicate(run(9), &[FAR])), [], "under way");
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), [define_unknown_type(), stored(run(9), 100)]);
    assert_eq!(s.feed(replicate(run(9), &[NEAR])), [stored(run(9), 100)], "here already");
    s.compute(&[(run(1), vec![])]);
    assert_eq!(s.feed(replicate(run(1), &[NEAR])), [], "made here");
    assert_eq!(s.feed(replicate(run(8), &[])), [missing(run(8), &[])]);
}

#[test]
fn a_replica_that_is_freed_before_it_comes_is_dropped() {
    let mut s = Scenario::new();
    s.feed(Event::Replicate { sources: vec![(run(9), vec![NEAR])] });
    assert_eq!(s.feed(Event::Free { values: vec![run(9)] }), []);
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), []);
    assert_eq!(s.core.counts(), Default::default());
}

#[test]
fn freeing_does_not_take_a_value_from_runs_that_have_it() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(8), &[NEAR]), held(run(9), &[NEAR])])]);
    s.fetched(NEAR, FIRST, run(8));
    s.feed(Event::Free { values: vec![run(8), run(9)] });
    let effects = s.fetched(NEAR, FIRST, run(9));
    assert_eq!(ready(&effects), [(run(1), vec![DepValue::Kept(8), DepValue::Kept(9)])]);
}

#[test]
fn a_local_dependency_that_fails_is_fetched_if_someone_else_has_it() {
    let mut s = Scenario::new();
    s.compute(&[(run(9), vec![])]);
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    let effects = s.feed(Event::TakenBack { runs: vec![run(9)] });
    assert_eq!(effects, [retracted(&[run(9)]), fetch(NEAR, 1, &[run(9)])]);
    assert_eq!(ready(&s.fetched(NEAR, FIRST, run(9))), [(run(1), vec![DepValue::Kept(9)])]);
}

#[test]
fn closing_forgets_what_is_under_way() {
    let mut s = Scenario::new();
    s.compute(&[(run(1), vec![held(run(9), &[NEAR])])]);
    s.feed(Event::Close { reason: String::new() });
    assert_eq!(s.fetched(NEAR, FIRST, run(9)), []);
}
