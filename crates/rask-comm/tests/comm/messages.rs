//! Messages over links of every kind.

use bytes::Bytes;
use rask_comm::*;
use rask_types::msg::{ClientToScheduler, FromData, Message, SchedulerToClient, ToData};
use rask_types::{FunctionId, FutureId, LocalObject, Payload, RequestId, RunId};

use super::node::*;

#[test]
fn an_echo_comes_back() {
    for kind in kinds() {
        let pair = Pair::over(kind, Habit::Echo);
        let payload = Payload::from_head(&b"hello"[..]);
        let define = ClientToScheduler::DefineFunction { id: FunctionId(1), payload: payload.clone() };
        pair.client.send(pair.at_client, define);
        let expected = SchedulerToClient::WorkerReplies {
            request: RequestId(0),
            replies: vec![("echo".into(), Ok(payload))],
        };
        assert_eq!(pair.client.expect_message(), Message::from(expected), "{kind}");
    }
}

#[test]
fn messages_sent_before_a_link_opens_arrive_first() {
    for kind in kinds() {
        let folder = tempfile::tempdir().expect("a folder");
        let (scheduler, client) = (Node::start(Habit::Report), Node::start(Habit::Report));
        let address = scheduler.listen(&address_of(kind, &folder), acceptance());
        client.with_io(move |io| {
            let link = io.connect(&address, Role::Client, client_secret());
            io.send(link, ClientToScheduler::AbortGraph { graph: 1 });
            io.send(link, ClientToScheduler::AbortGraph { graph: 2 });
        });
        let (link, _) = client.expect_open();
        client.send(link, ClientToScheduler::AbortGraph { graph: 3 });
        scheduler.expect_open();
        for graph in 1..=3 {
            assert_eq!(scheduler.expect_message(), ClientToScheduler::AbortGraph { graph }.into(), "{kind}");
        }
    }
}

#[test]
fn many_small_messages_arrive_in_order() {
    const MESSAGES: u64 = 200_000;
    for kind in kinds() {
        let pair = Pair::over(kind, Habit::Report);
        let link = pair.at_client;
        for part in 0..10 {
            pair.client.with_io(move |io| {
                let of_part = part * MESSAGES / 10..(part + 1) * MESSAGES / 10;
                of_part.for_each(|i| io.send(link, ClientToScheduler::Release(vec![FutureId(i)])));
            });
        }
        for i in 0..MESSAGES {
            let message = pair.scheduler.expect_message();
            assert_eq!(message, ClientToScheduler::Release(vec![FutureId(i)]).into(), "{kind}");
        }
    }
}

#[test]
fn a_large_value_arrives_aligned() {
    let buffer = Bytes::from((0..10_000_000_u32).map(|i| (i % 251) as u8).collect::<Vec<u8>>());
    for kind in kinds() {
        let pair = Pair::with(kind, Habit::Report, Role::Data, Options::default());
        let payload =
            Payload { head: Bytes::from_static(b"h"), buffers: vec![buffer.clone(); 3], local: None };
        let value = FromData::Value { request: RequestId(1), value: RunId::new(1, 1), result: Ok(payload) };
        pair.scheduler.send(pair.at_scheduler, value.clone());
        let message = pair.client.expect_message();
        assert_eq!(message, value.into(), "{kind}");
        let Message::FromData(FromData::Value { result: Ok(payload), .. }) = message else {
            panic!("{kind}")
        };
        for received in payload.buffers {
            if kind == "inproc" {
                assert_eq!(received.as_ptr(), buffer.as_ptr(), "memory links move values");
            } else {
                assert_eq!(received.as_ptr() as usize % 64, 0, "array data is aligned");
            }
        }
    }
}

#[test]
fn both_directions_stay_full_at_once() {
    for kind in kinds() {
        let pair = Pair::with(kind, Habit::Report, Role::Data, Options::default());
        let payload = || Payload::from_head(vec![7; 30_000_000]);
        let put = ToData::Put {
            request: RequestId(1),
            value: RunId::new(1, 1),
            payload: payload(),
            type_name: "bytes".into(),
        };
        let value = FromData::Value { request: RequestId(2), value: RunId::new(2, 1), result: Ok(payload()) };
        pair.client.send(pair.at_client, put.clone());
        pair.scheduler.send(pair.at_scheduler, value.clone());
        assert_eq!(pair.client.expect_message(), value.into(), "{kind}");
        assert_eq!(pair.scheduler.expect_message(), put.into(), "{kind}");
    }
}

#[test]
fn objects_pass_by_reference_in_memory_and_not_at_all_over_sockets() {
    let local: LocalObject = std::sync::Arc::new(42_u32);
    let define = |payload| ClientToScheduler::DefineFunction { id: FunctionId(1), payload };
    for kind in kinds() {
        let pair = Pair::over(kind, Habit::Report);
        let link = pair.at_client;
        let message = define(Payload::from_local(local.clone()));
        pair.client.send(link, ClientToScheduler::AbortGraph { graph: 1 });
        pair.client.send(link, message.clone());
        assert_eq!(pair.scheduler.expect_message(), ClientToScheduler::AbortGraph { graph: 1 }.into());
        if kind == "inproc" {
            assert_eq!(pair.scheduler.expect_message(), message.into());
        } else {
            let unsendable = CloseReason::Unsendable(WireError::LocalPayload);
            assert_eq!(pair.client.expect_close(), (link, unsendable), "{kind}");
            assert_eq!(pair.scheduler.expect_close(), (pair.at_scheduler, CloseReason::Peer));
        }
    }
}

#[test]
fn a_message_that_is_too_long_closes_its_link_on_the_side_that_sent_it() {
    let options = Options { control_frame_bytes_max: 1 << 20, ..Options::default() };
    let pair = Pair::with("tcp", Habit::Report, Role::Client, options);
    let payload = Payload::from_head(vec![0; 2 << 20]);
    pair.client.send(pair.at_client, ClientToScheduler::DefineFunction { id: FunctionId(1), payload });
    let (_, reason) = pair.client.expect_close();
    assert!(
        matches!(reason, CloseReason::Unsendable(WireError::FrameTooLong { max: 1_048_576, .. })),
        "{reason}"
    );
    assert_eq!(pair.scheduler.expect_close().1, CloseReason::Peer);
}

#[test]
fn many_links_share_two_reactors() {
    const LINKS: u32 = 50;
    let folder = tempfile::tempdir().expect("a folder");
    let (scheduler, client) = (Node::start(Habit::Echo), Node::start(Habit::Report));
    let addresses = kinds().map(|kind| scheduler.listen(&address_of(kind, &folder), acceptance()));
    client.with_io(move |io| {
        for i in 0..LINKS {
            let link = io.connect(&addresses[i as usize % 3], Role::Client, client_secret());
            io.send(link, ClientToScheduler::Shutdown);
        }
    });
    let (mut opened, mut answered) = (0, 0);
    while answered < LINKS {
        match client.next() {
            Event::Open(..) => opened += 1,
            Event::Message(..) => answered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(opened, LINKS);
}

#[test]
fn handles_pair_reactors_without_an_address() {
    let (a, b) = (Node::start(Habit::Report), Node::start(Habit::Report));
    memory_pair(&a.handle, &b.handle, Role::Worker);
    let (at_a, peer) = a.expect_open();
    assert!(peer.memory && peer.initiated && peer.role == Role::Worker);
    let (_, peer) = b.expect_open();
    assert!(peer.memory && !peer.initiated && peer.role == Role::Worker);
    a.send(at_a, ClientToScheduler::Shutdown);
    assert_eq!(b.expect_message(), ClientToScheduler::Shutdown.into());
}
