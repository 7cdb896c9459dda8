//! How links end.

use std::collections::BTreeSet;

use rask_comm::*;
use rask_types::msg::{ClientToScheduler, FromData, Message, ToData};
use rask_types::{FunctionId, Payload, RequestId, RunId};

use super::node::*;

#[test]
fn closing_sends_what_is_queued_first() {
    for kind in kinds() {
        let pair = Pair::with(kind, Habit::Report, Role::Data, Options::default());
        let link = pair.at_client;
        let put = ToData::Put {
            request: RequestId(1),
            value: RunId::new(1, 1),
            payload: Payload::from_head(vec![7; 20_000_000]),
            type_name: "bytes".into(),
        };
        let sent = put.clone();
        pair.client.with_io(move |io| {
            io.send(link, sent);
            io.close(link, "done");
            io.send(link, ToData::Fetch { request: RequestId(2), values: vec![] });
        });
        assert_eq!(pair.scheduler.expect_message(), put.into(), "{kind}");
        assert_eq!(pair.scheduler.expect_close(), (pair.at_scheduler, CloseReason::Peer), "{kind}");
        assert_eq!(pair.client.expect_close(), (link, CloseReason::Local("done".into())), "{kind}");
    }
}

#[test]
fn closing_loses_nothing_although_the_peer_was_sending() {
    for kind in kinds() {
        let pair = Pair::with(kind, Habit::Report, Role::Data, Options::default());
        let (at_client, at_scheduler) = (pair.at_client, pair.at_scheduler);
        let value = FromData::Value {
            request: RequestId(2),
            value: RunId::new(2, 1),
            result: Ok(Payload::from_head(vec![7; 20_000_000])),
        };
        pair.scheduler.with_io(move |io| io.send(at_scheduler, value));
        let fetch = ToData::Fetch { request: RequestId(1), values: vec![RunId::new(2, 1)] };
        let last_words = fetch.clone();
        pair.client.with_io(move |io| {
            io.send(at_client, last_words);
            io.close(at_client, "in a hurry");
        });
        assert_eq!(pair.scheduler.expect_message(), fetch.into(), "{kind}");
    }
}

#[test]
fn a_driver_that_closes_in_a_message_hears_no_more() {
    /// Closes on the first message.
    struct Curt {
        heard: usize,
    }
    impl Driver for Curt {
        fn on_open(&mut self, _: LinkId, _: PeerInfo, _: &mut Io) {}
        fn on_message(&mut self, link: LinkId, _: Message, io: &mut Io) {
            self.heard += 1;
            io.close(link, "enough");
            io.close(link, "twice is as good as once");
        }
        fn on_close(&mut self, _: LinkId, reason: CloseReason, io: &mut Io) {
            assert_eq!(reason, CloseReason::Local("enough".into()));
            io.stop();
        }
        fn on_wake(&mut self, _: &mut Io) {}
        fn on_turn(&mut self, _: Tick, _: &mut Io) -> Option<Tick> {
            None
        }
    }
    for kind in kinds() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reactor = Reactor::new().expect("a reactor");
        let address = address_of(kind, &folder).parse().expect("an address");
        let address = reactor.io().listen(&address, acceptance()).expect("free");
        let curt = reactor.spawn("rask-curt", Curt { heard: 0 }).expect("a thread");
        let client = Node::start(Habit::Report);
        client.with_io(move |io| {
            let link = io.connect(&address, Role::Client, client_secret());
            (0..100).for_each(|graph| io.send(link, ClientToScheduler::AbortGraph { graph }));
        });
        client.expect_open();
        assert_eq!(client.expect_close().1, CloseReason::Peer, "{kind}");
        assert_eq!(curt.join().expect("no panic").heard, 1, "{kind}");
    }
}

#[test]
fn stopping_sends_everything_and_ends_every_link() {
    for kind in kinds() {
        let pair = Pair::over(kind, Habit::Report);
        let link = pair.at_client;
        let payload = Payload::from_head(vec![1; 5_000_000]);
        let define = ClientToScheduler::DefineFunction { id: FunctionId(1), payload };
        let sent = define.clone();
        pair.client.with_io(move |io| {
            io.send(link, sent);
            io.stop();
        });
        assert_eq!(pair.scheduler.expect_message(), define.into(), "{kind}");
        assert_eq!(pair.scheduler.expect_close(), (pair.at_scheduler, CloseReason::Peer), "{kind}");
        assert_eq!(pair.client.expect_close(), (link, CloseReason::Stopped), "{kind}");
        pair.client.stop();
    }
}

#[test]
fn whoever_is_attached_to_a_reactor_that_panics_hears_of_it() {
    struct Broken;
    impl Driver for Broken {
        fn on_open(&mut self, _: LinkId, _: PeerInfo, _: &mut Io) {}
        fn on_message(&mut self, _: LinkId, _: Message, _: &mut Io) {
            std::panic::resume_unwind(Box::new("a bug")); // without a message in the test's output
        }
        fn on_close(&mut self, _: LinkId, _: CloseReason, _: &mut Io) {}
        fn on_wake(&mut self, _: &mut Io) {}
        fn on_turn(&mut self, _: Tick, _: &mut Io) -> Option<Tick> {
            None
        }
    }
    for kind in kinds() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reactor = Reactor::new().expect("a reactor");
        let address = address_of(kind, &folder).parse().expect("an address");
        let address = reactor.io().listen(&address, acceptance()).expect("free");
        let broken = reactor.spawn("rask-broken", Broken).expect("a thread");
        let client = Node::start(Habit::Report);
        let link = client.connect(&address, Role::Client, client_secret());
        client.expect_open();
        client.send(link, ClientToScheduler::Shutdown);
        let (closed, reason) = client.expect_close();
        assert_eq!(closed, link);
        assert!(matches!(reason, CloseReason::Peer | CloseReason::Failed { .. }), "{kind}: {reason:?}");
        assert!(broken.join().is_err());
        // Nobody listens there any more.
        client.connect(&address, Role::Client, client_secret());
        assert!(client.expect_close().1.is_unreachable(), "{kind}");
    }
}

#[test]
fn every_link_ends_exactly_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (scheduler, client) = (Node::start(Habit::Fickle), Node::start(Habit::Report));
    let addresses = kinds().map(|kind| scheduler.listen(&address_of(kind, &folder), acceptance()));
    // Some are closed before they open, some by the other side as soon as they do, some never until the end.
    let asked: BTreeSet<LinkId> = client.with_io(move |io| {
        (0..60)
            .map(|i| {
                let link = io.connect(&addresses[i % 3], Role::Client, client_secret());
                io.send(link, ClientToScheduler::Shutdown);
                if i % 4 == 0 {
                    io.close(link, "changed my mind");
                }
                link
            })
            .collect()
    });
    let (mut opened, mut ended) = (BTreeSet::new(), BTreeSet::new());
    let mut scheduler = Some(scheduler);
    while ended.len() < asked.len() {
        match client.next() {
            Event::Open(link, _) => assert!(opened.insert(link) && !ended.contains(&link)),
            Event::Close(link, _) => assert!(ended.insert(link), "{link:?} ended twice"),
            Event::Message(message) => panic!("{message:?}"),
        }
        if opened.len() == 45 {
            drop(scheduler.take());
        }
    }
    assert_eq!(ended, asked);
    client.with_io(|_| ());
    assert!(client.events.try_recv().is_err(), "nothing more happens");
}
