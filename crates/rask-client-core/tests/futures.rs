//! One thing at a time: what is said to the scheduler, and what becomes of futures.

mod listener;
mod stage;

use std::sync::Arc;

use bytes::Bytes;
use listener::Listener;
use rask_client_core::{
    Answer, Completion, Effect, Fetch, FetchError, NewKey, NewTask, Outcome, QueueId, Session, Status,
    SubmitError, WaitFor,
};
use rask_types::msg::{ClientToScheduler, Query, SchedulerToClient};
use rask_types::{
    DoneColumns, FunctionId, FutureId, Key, KeyId, Language, Payload, RequestId, RunId, TaskClass,
};
use stage::*;

#[test]
fn functions_and_classes_are_said_once_and_first() {
    let (mut core, class) = core();
    let payload = Payload::from_head(&b"code of inc"[..]);
    core.define_function(FunctionId::of(&payload), &payload);
    let plain = TaskClass::plain("inc", FunctionId::of(&payload), Language::Python);
    assert_eq!(core.define_class(&plain), Ok(class));
    impure(&mut core, class);
    let mut listener = Listener::default();
    listener.listen(&mut core);
    assert!(matches!(
        listener.take()[..],
        [
            ClientToScheduler::DefineFunction { .. },
            ClientToScheduler::DefineClass(_),
            ClientToScheduler::Graph(_)
        ]
    ));
    let unknown = TaskClass::plain("dec", FunctionId(9), Language::Python);
    assert_eq!(core.define_class(&unknown), Err(SubmitError::UnknownFunction(FunctionId(9))));
    assert_eq!(core.submit_task(task(7, NewKey::Session)), Err(SubmitError::UnknownClass(7)));
}

#[test]
fn single_tasks_travel_together_and_releases_follow() {
    let (mut core, class) = core();
    let mut listener = Listener::default();
    listener.listen(&mut core);
    listener.take();
    for _ in 0..100 {
        let future = impure(&mut core, class);
        core.release(future);
    }
    listener.listen(&mut core);
    let messages = listener.take();
    let [ClientToScheduler::Graph(chunk), ClientToScheduler::Release(released)] = &messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!((chunk.len(), released.len()), (100, 100));
    assert!(chunk.last);
    core.check_invariants();
    assert_eq!(core.futures_held(), 0);
}

#[test]
fn releases_said_now_precede_what_is_submitted_next() {
    let (mut core, class) = core();
    let mut listener = Listener::default();
    listener.listen(&mut core);
    listener.take();
    let first = impure(&mut core, class);
    core.release(first);
    core.say_releases();
    impure(&mut core, class);
    listener.listen(&mut core);
    let messages = listener.take();
    assert!(
        matches!(
            &messages[..],
            [ClientToScheduler::Graph(_), ClientToScheduler::Release(_), ClientToScheduler::Graph(_)]
        ),
        "{messages:?}"
    );
    core.check_invariants();
}

#[test]
fn another_parent_or_another_message_ends_a_chunk() {
    let (mut core, class) = core();
    let mut listener = Listener::default();
    let first = impure(&mut core, class);
    core.submit_task(NewTask { parent: Some(RunId::new(1, 1)), ..task(class, NewKey::Session) }).unwrap();
    impure(&mut core, class);
    core.cancel(&[first], false, "no");
    impure(&mut core, class);
    core.allocate(5);
    impure(&mut core, class);
    listener.listen(&mut core);
    let sizes: Vec<usize> = listener
        .take()
        .iter()
        .filter_map(|message| match message {
            ClientToScheduler::Graph(chunk) => Some(chunk.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [1, 1, 1, 1, 1]);
}

#[test]
fn keys_are_rendered_and_found() {
    let (mut core, class) = core();
    let session = impure(&mut core, class);
    let pure = core.submit_task(task(class, NewKey::Token(0xabc))).unwrap();
    let key = Key::Tuple(vec![Key::Str("x".into()), Key::Int(1)]);
    let named = core.submit_task(task(class, NewKey::Named(key.to_canonical().into()))).unwrap();

    let token = u128::from(SESSION) << 64 | u128::from(session.0);
    assert_eq!(core.key(session), Some(Key::generated("inc", token)));
    assert_eq!(core.key(pure), Some(Key::generated("inc", 0xabc)));
    assert_eq!(core.key(named), Some(key.clone()));

    assert_eq!(core.lookup(KeyId::of_generated("inc", 0xabc)), Some(pure));
    assert_eq!(core.lookup_token(class, 0xabc), Some(pure));
    assert_eq!(core.lookup(key.id()), Some(named));
    assert_eq!(core.lookup(KeyId::of_generated("inc", token)), None, "impure keys are not indexed");
    let typed = Key::Str(core.key(session).unwrap().to_string());
    assert_eq!(core.lookup_key(&typed), Some(session), "but a key that comes back as text is found");
    assert_eq!(core.lookup_key(&Key::generated("dec", token)), None);
    assert_eq!(core.want(&typed), session);

    // Two more holds on `pure`: only the third release forgets it.
    core.release(pure);
    core.release(pure);
    assert!(core.status(pure).is_some());
    core.release(pure);
    assert_eq!(core.status(pure), None);
    assert_eq!(core.lookup_token(class, 0xabc), None);
    core.check_invariants();
}

#[test]
fn a_key_that_is_not_canonical_is_refused() {
    let (mut core, class) = core();
    let garbage = NewKey::Named(Bytes::from_static(b"\xff\xff"));
    assert!(matches!(core.submit_task(task(class, garbage)), Err(SubmitError::BadKey(_))));
    let next = impure(&mut core, class);
    assert_eq!(core.status(next), Some(Status::Pending));
    core.check_invariants();
}

#[test]
fn an_erred_or_cancelled_call_that_is_made_again_runs_again() {
    let (mut core, class) = core();
    for end in [erred, |f| SchedulerToClient::Cancelled { futures: vec![f], lost: true, reason: "w".into() }]
    {
        let old = core.submit_task(task(class, NewKey::Token(5))).unwrap();
        core.on_message(end(old));
        assert_eq!(core.lookup_token(class, 5), None);
        let new = core.submit_task(task(class, NewKey::Token(5))).unwrap();
        assert_eq!(core.lookup_token(class, 5), Some(new));
        core.check_invariants();
        core.release_all([old, new, new]);
    }
}

#[test]
fn what_arrives_for_a_forgotten_future_is_dropped() {
    let (mut core, class) = core();
    let future = impure(&mut core, class);
    core.release(future);
    core.on_message(done(&[(future, b"1")]));
    core.on_message(held(future, RunId::new(1, 1), 1));
    core.on_message(erred(future));
    core.on_message(pending(future));
    core.check_invariants();
    assert_eq!(core.outcome(future), Outcome::Unknown);
    assert_eq!(core.futures_held(), 0);
}

#[test]
fn values_come_back_whatever_their_size() {
    let (mut core, class) = core();
    for size in [0, 1, 29, 30, 31, 32, 1024] {
        let future = impure(&mut core, class);
        let value = vec![7; size];
        core.on_message(done(&[(future, &value)]));
        assert_eq!(core.outcome(future), Outcome::Inline(value.clone().into()), "{size}");
        let Fetch::Over(results) = core.begin_fetch(&[future, future]) else { panic!() };
        assert_eq!(results, [Ok(Payload::from_head(value.clone())), Ok(Payload::from_head(value))]);
    }
    core.check_invariants();
}

#[test]
fn many_values_come_back_side_by_side() {
    let (mut core, class) = core();
    let [a, b, c] = [(); 3].map(|()| impure(&mut core, class));
    let long = [9; 100];
    core.on_message(done(&[(c, &long), (a, b"a")]));
    let values = core.inline_values(&[a, b, c, a, FutureId(1 << 50)]);
    assert_eq!(values.len(), 5);
    let got: Vec<_> = (0..6).map(|i| values.get(i)).collect();
    assert_eq!(got, [Some(&b"a"[..]), None, Some(&long[..]), Some(&b"a"[..]), None, None]);
    assert_eq!(values.others, [1, 4]);
}

#[test]
fn columns_that_contradict_themselves_change_nothing() {
    let (mut core, class) = core();
    let future = impure(&mut core, class);
    for (ends, blob) in [(vec![], "ab"), (vec![3], "ab"), (vec![2, 1], "ab")] {
        let blob = Bytes::from_static(blob.as_bytes());
        let columns = DoneColumns { futures: vec![future], value_ends: ends, blob, held: vec![] };
        core.on_message(SchedulerToClient::Done(columns));
        assert_eq!(core.status(future), Some(Status::Pending));
    }
}

#[test]
fn futures_go_back_to_pending_and_end_again() {
    let (mut core, class) = core();
    let future = core.submit_task(task(class, NewKey::Token(1))).unwrap();
    core.on_message(held(future, RunId::new(1, 1), 1));
    core.on_message(pending(future));
    assert_eq!(core.status(future), Some(Status::Pending));
    core.on_message(erred(future));
    assert_eq!(core.status(future), Some(Status::Error));
    core.retry(&[future]);
    assert_eq!(core.status(future), Some(Status::Pending));
    assert_eq!(core.lookup_token(class, 1), Some(future), "it can be shared again");
    core.on_message(done(&[(future, b"1")]));
    assert_eq!(core.status(future), Some(Status::Finished));
    core.cancel(&[future], false, "enough");
    assert_eq!(core.outcome(future), Outcome::Cancelled { reason: "enough".into() });
    core.on_message(done(&[(future, b"1")]));
    core.on_message(pending(future));
    assert_eq!(core.status(future), Some(Status::Cancelled), "what was given up stays so");
    core.check_invariants();
}

#[test]
fn a_waiter_is_told_once_when_the_last_is_there() {
    let (mut core, class) = core();
    let futures: Vec<FutureId> = (0..1000).map(|_| impure(&mut core, class)).collect();
    let waiter = core.begin_wait(&futures, WaitFor::All).unwrap();
    for &future in &futures[..999] {
        core.on_message(done(&[(future, b"1")]));
        assert_eq!(effects(&mut core), []);
    }
    core.on_message(done(&[(futures[999], b"1")]));
    assert_eq!(effects(&mut core), [Effect::WaitOver(waiter)]);
    core.end_wait(waiter);
    assert_eq!(core.begin_wait(&futures, WaitFor::All), None);
    assert_eq!(
        core.begin_wait(&[FutureId(1 << 60)], WaitFor::All),
        None,
        "nobody waits for what is not held"
    );
}

#[test]
fn a_waiter_for_all_goes_back_for_what_is_pending_again() {
    let (mut core, class) = core();
    let [a, b, c] = [(); 3].map(|()| impure(&mut core, class));
    let waiter = core.begin_wait(&[a, b, c], WaitFor::All).unwrap();
    core.on_message(done(&[(c, b"1")]));
    core.on_message(pending(c));
    core.on_message(done(&[(a, b"1"), (b, b"1")]));
    assert_eq!(effects(&mut core), []);
    core.on_message(erred(c));
    assert_eq!(effects(&mut core), [Effect::WaitOver(waiter)]);
}

#[test]
fn waiters_for_any_and_for_errors_are_told_early() {
    let (mut core, class) = core();
    let [a, b, c, other] = [(); 4].map(|()| impure(&mut core, class));
    let any = core.begin_wait(&[a, b, c], WaitFor::Any).unwrap();
    let first_error = core.begin_wait(&[a, b, c], WaitFor::AllOrFirstError).unwrap();
    core.on_message(erred(other));
    assert_eq!(effects(&mut core), []);
    core.on_message(done(&[(b, b"1")]));
    assert_eq!(effects(&mut core), [Effect::WaitOver(any)]);
    core.on_message(erred(a));
    assert_eq!(effects(&mut core), [Effect::WaitOver(first_error)]);
    assert_eq!(core.begin_wait(&[a, c], WaitFor::AllOrFirstError), None);
    assert_eq!(core.begin_wait(&[c, b], WaitFor::Any), None);
}

#[test]
fn giving_up_the_future_that_is_waited_for_ends_the_wait() {
    let (mut core, class) = core();
    let future = impure(&mut core, class);
    let waiter = core.begin_wait(&[future], WaitFor::All).unwrap();
    core.release(future);
    assert_eq!(effects(&mut core), [Effect::WaitOver(waiter)]);
}

#[test]
fn subscribers_are_told_once_each() {
    let (mut core, class) = core();
    let [a, b] = [(); 2].map(|()| impure(&mut core, class));
    core.on_message(done(&[(a, b"1")]));
    let (one, two) = (QueueId(1), QueueId(2));
    core.subscribe(a, one, 10);
    core.subscribe(b, one, 11);
    core.subscribe(b, two, 12);
    core.subscribe(b, two, 13);
    core.unsubscribe(b, two, 13);
    core.check_invariants();
    core.on_message(erred(b));
    core.on_message(pending(b));
    core.on_message(done(&[(b, b"1")]));
    core.check_invariants();
    let mut completions = Vec::new();
    core.take_completions(&mut completions);
    let completion = |queue, tag, future| Completion { queue, tag, future };
    assert_eq!(completions, [completion(one, 10, a), completion(one, 11, b), completion(two, 12, b)]);
}

#[test]
fn questions_are_answered_once() {
    let (mut core, _) = core();
    let request = core.query(Query::Identity);
    let answer = SchedulerToClient::Reply { request, result: Ok(Bytes::from_static(b"v")) };
    core.on_message(answer.clone());
    core.on_message(answer);
    core.on_message(SchedulerToClient::Reply { request: RequestId(77), result: Err("?".into()) });
    let reply = Answer::Reply(Ok(Bytes::from_static(b"v")));
    assert_eq!(effects(&mut core), [Effect::Answered(request, reply)]);
}

#[test]
fn the_end_of_the_session_ends_everything() {
    let (mut core, class) = core();
    core.on_message(peer(1));
    let [waiting, kept, small, erring] = [(); 4].map(|()| impure(&mut core, class));
    core.on_message(held(kept, RunId::new(1, 1), 1));
    core.on_message(done(&[(small, b"1")]));
    core.on_message(erred(erring));
    let request = core.query(Query::Identity);
    let waiter = core.begin_wait(&[waiting], WaitFor::All).unwrap();
    let Fetch::Going(fetch) = core.begin_fetch(&[kept]) else { panic!() };
    effects(&mut core);

    core.disconnect("the connection broke", false);
    let reason: Arc<str> = "the connection broke".into();
    assert_eq!(core.outcome(waiting), Outcome::Cancelled { reason: reason.clone() });
    assert_eq!(core.status(small), Some(Status::Finished));
    assert_eq!(core.status(erring), Some(Status::Error));
    assert_eq!(
        effects(&mut core),
        [
            Effect::SessionChanged,
            Effect::WaitOver(waiter),
            Effect::Answered(request, Answer::Closed { reason: reason.clone() }),
            Effect::FetchOver(fetch),
        ]
    );
    assert_eq!(core.take_fetch(fetch), Some(vec![Err(FetchError::Closed { reason: reason.clone() })]));
    assert_eq!(core.session(), &Session::Closed { reason: reason.clone() });
    assert_eq!(
        core.submit_task(task(class, NewKey::Session)),
        Err(SubmitError::Closed { reason: reason.clone() })
    );
    let late = core.query(Query::Identity);
    assert_eq!(effects(&mut core), [Effect::Answered(late, Answer::Closed { reason })]);
    core.release_all([waiting, kept, small, erring]);
    assert!(!core.has_messages());
    core.check_invariants();
}
