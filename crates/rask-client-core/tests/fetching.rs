//! Bringing values that are on workers, also when they have moved or are nowhere.

mod listener;
mod stage;

use bytes::Bytes;
use listener::Listener;
use rask_client_core::{ClientCore, Effect, Fetch, FetchError, ScatterValue};
use rask_types::msg::{
    ClientToScheduler, FetchFailure, FromData, KeyChoice, ScatterItem, ScatterPlacement, SchedulerToClient,
    Whereabouts,
};
use rask_types::{
    DoneColumns, FutureId, HeldByWorker, Key, KeyId, Payload, RequestId, RunId, Tick, TypeId, WorkerId,
};
use stage::*;

#[test]
fn a_fetch_asks_each_worker_once() {
    let (mut core, class) = core();
    core.on_message(peer(1));
    core.on_message(peer(2));
    let [a, b, c, inline] = [(); 4].map(|()| impure(&mut core, class));
    for (future, run, worker) in [(a, 1, 1), (b, 2, 2), (c, 3, 1)] {
        core.on_message(held(future, RunId::new(run, 1), worker));
    }
    core.on_message(done(&[(inline, b"i")]));
    let Fetch::Going(fetch) = core.begin_fetch(&[a, b, c, inline, a]) else { panic!() };
    let asked = effects(&mut core);
    let [
        Effect::FetchFrom { worker: w1, request: r1, values: v1 },
        Effect::FetchFrom { worker: w2, request: r2, values: v2 },
    ] = &asked[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!((w1.0, &v1[..]), (1, &[RunId::new(1, 1), RunId::new(3, 1)][..]));
    assert_eq!((w2.0, &v2[..]), (2, &[RunId::new(2, 1)][..]));
    let value = |request: &RequestId, run: u32, bytes: &'static [u8]| FromData::Value {
        request: *request,
        value: RunId::new(run, 1),
        result: Ok(Payload::from_head(bytes)),
    };
    core.on_data(WorkerId(1), value(r1, 3, b"c"));
    core.on_data(WorkerId(1), value(r1, 3, b"again"));
    core.on_data(WorkerId(2), value(r1, 1, b"not who was asked"));
    core.on_data(WorkerId(2), value(r2, 2, b"b"));
    assert_eq!(effects(&mut core), []);
    core.on_data(WorkerId(1), value(r1, 1, b"a"));
    assert_eq!(effects(&mut core), [Effect::FetchOver(fetch)]);
    let expected = [b"a", b"b", b"c", b"i", b"a"].map(|bytes| Ok(Payload::from_head(&bytes[..])));
    assert_eq!(core.take_fetch(fetch).unwrap(), expected);
    core.check_invariants();
}

#[test]
fn large_values_are_asked_for_one_after_the_other() {
    let (mut core, class) = core();
    core.on_message(peer(1));
    let futures = [(); 3].map(|()| impure(&mut core, class));
    let position =
        |position: usize| HeldByWorker { position: position as u32, nbytes: 30 << 20, type_id: TypeId(3) };
    let run = |i: usize| RunId::new(i as u32, 1);
    core.on_message(SchedulerToClient::Done(DoneColumns {
        futures: futures.to_vec(),
        value_ends: vec![0; 3],
        blob: Bytes::new(),
        held: (0..3).map(|i| (position(i), run(i), WorkerId(1))).collect(),
    }));
    let Fetch::Going(fetch) = core.begin_fetch(&futures) else { panic!() };
    let mut asked = effects(&mut core);
    for expected in [&[run(0), run(1)][..], &[run(2)]] {
        let [Effect::FetchFrom { request, values, .. }] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!(values, expected);
        for &value in values {
            let result = Ok(Payload::from_head(&b"v"[..]));
            core.on_data(WorkerId(1), FromData::Value { request: *request, value, result });
        }
        asked = effects(&mut core);
    }
    assert_eq!(asked, [Effect::FetchOver(fetch)]);
}

/// Gives the number of the `Locate` that the client sends by `now`.
fn locate(core: &mut ClientCore, listener: &mut Listener, now: Tick) -> Option<RequestId> {
    core.advance(now);
    listener.listen(core);
    listener.take().into_iter().find_map(|message| match message {
        ClientToScheduler::Locate { request, .. } => Some(request),
        _ => None,
    })
}

#[test]
fn a_value_that_moved_is_found_again() {
    let (mut core, class) = core();
    let mut listener = Listener::default();
    core.on_message(peer(1));
    core.on_message(peer(2));
    let future = impure(&mut core, class);
    core.on_message(held(future, RunId::new(1, 1), 1));
    let Fetch::Going(fetch) = core.begin_fetch(&[future]) else { panic!() };
    effects(&mut core);
    core.on_data_link_lost(WorkerId(1), "refused");
    assert_eq!(effects(&mut core), []);
    let request = locate(&mut core, &mut listener, Tick::ZERO).expect("it asks at once");
    let at = Whereabouts { run: RunId::new(1, 1), workers: vec![WorkerId(1), WorkerId(2)], inline: None };
    core.on_message(SchedulerToClient::Located { request, items: vec![Some(at)] });
    let asked = effects(&mut core);
    let [Effect::FetchFrom { worker: WorkerId(2), request, .. }] = asked[..] else { panic!("{asked:?}") };

    // The second does not have it any more: it is being made again.
    let missing = FromData::Value { request, value: RunId::new(1, 1), result: Err(FetchFailure::Missing) };
    core.on_data(WorkerId(2), missing);
    core.on_message(pending(future));
    assert_eq!(locate(&mut core, &mut listener, Tick::from_ms(1)), None, "the second time it pauses");
    let request = locate(&mut core, &mut listener, Tick::from_ms(100)).expect("then asks");
    core.on_message(SchedulerToClient::Located { request, items: vec![None] });
    assert_eq!(effects(&mut core), []);
    core.on_message(done(&[(future, b"small")]));
    assert_eq!(effects(&mut core), [Effect::FetchOver(fetch)]);
    assert_eq!(core.take_fetch(fetch), Some(vec![Ok(Payload::from_head(&b"small"[..]))]));
}

#[test]
fn a_value_that_nobody_gives_is_given_up() {
    let (mut core, class) = core();
    let mut listener = Listener::default();
    core.on_message(peer(1));
    let future = impure(&mut core, class);
    core.on_message(held(future, RunId::new(1, 1), 1));
    let Fetch::Going(fetch) = core.begin_fetch(&[future]) else { panic!() };
    let mut now = Tick::ZERO;
    for round in 0.. {
        core.on_data_link_lost(WorkerId(1), "refused");
        if core.take_fetch(fetch).is_some_and(|results| match &results[..] {
            [Err(FetchError::Unreachable { reason })] => reason.contains("tcp://10.0.0.1:1"),
            other => panic!("{other:?}"),
        }) {
            assert_eq!(round, 9);
            break;
        }
        let next = core.advance(now);
        now = next.unwrap_or(now);
        let request = locate(&mut core, &mut listener, now).or_else(|| {
            listener.listen(&mut core);
            None
        });
        let request = request.expect("it asks when its time has come");
        let at = Whereabouts { run: RunId::new(1, 1), workers: vec![WorkerId(1)], inline: None };
        core.on_message(SchedulerToClient::Located { request, items: vec![Some(at)] });
        core.check_invariants();
    }
    assert!(now > Tick::from_ms(2_000) && now < Tick::from_ms(6_000), "{now:?}");
}

#[test]
fn a_value_that_cannot_be_brought_is_tried_again_and_given_up() {
    let (mut core, _) = core();
    core.on_message(peer(1));
    let value = |token, inline: Option<&'static [u8]>| ScatterValue {
        item: ScatterItem {
            key: KeyChoice::Generated { prefix: "int".into(), token },
            nbytes: 5,
            type_name: "int".into(),
            inline: inline.map(Bytes::from_static),
        },
        payload: Payload::from_head(&b"value"[..]),
    };
    let values = vec![value(1, Some(b"v")), value(2, None)];
    let (scatter, first) = core.begin_scatter(values, vec![], false).unwrap();
    assert_eq!(core.key(first), Some(Key::generated("int", 1)));
    assert_eq!(core.lookup(KeyId::of_generated("int", 2)), Some(FutureId(first.0 + 1)));
    let mut listener = Listener::default();
    listener.listen(&mut core);
    let request = listener.take().into_iter().find_map(|message| match message {
        ClientToScheduler::Scatter { request, .. } => Some(request),
        _ => None,
    });
    let placement = |task, workers: &[u32]| ScatterPlacement {
        run: RunId::new(task, 1),
        workers: workers.iter().map(|&worker| WorkerId(worker)).collect(),
    };
    core.on_message(SchedulerToClient::ScatterPlan {
        request: request.unwrap(),
        placements: Ok(vec![placement(1, &[]), placement(2, &[1])]),
    });
    for _ in 0..3 {
        let put = effects(&mut core);
        let [Effect::PutTo { worker: WorkerId(1), value, .. }] = &put[..] else { panic!("{put:?}") };
        assert_eq!(*value, RunId::new(2, 1));
        assert_eq!(core.take_scatter(scatter), None);
        core.on_data_link_lost(WorkerId(1), "refused");
    }
    assert_eq!(effects(&mut core), [Effect::ScatterOver(scatter)]);
    let Some(Err(why)) = core.take_scatter(scatter) else { panic!() };
    assert!(why.contains("tcp://10.0.0.1:1") && why.contains("refused"), "{why}");
}
