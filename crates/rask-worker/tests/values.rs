//! Values move: from worker to worker, from a client to a worker and back; peers die and lie.

mod support;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use rask_comm::{
    Acceptance, Address, CloseReason, ClusterId, Credentials, Driver, Io, LinkId, PeerInfo, Reactor,
    ReactorHandle, Role, Secret, Tick,
};
use rask_types::msg::{FetchFailure, FromData, Message, SchedulerToWorker, ToData, WorkerToScheduler};
use rask_types::{Payload, RequestId, RunId, WorkerId};
use support::runner::Runner;
use support::scheduler::{Answer, Scheduler};
use support::*;

const CLASSES: &[(u32, &str)] = &[(1, "zeros"), (2, "length"), (3, "where"), (4, "stubborn"), (5, "echo")];

/// A scheduler with two workers that know each other.
struct Two {
    scheduler: Scheduler,
    maker: Runner,
    taker: Runner,
    made_at: WorkerId,
    taken_at: WorkerId,
}

fn two_workers(over: Over) -> Two {
    let scheduler = Scheduler::start(over);
    let maker = Runner::start(&scheduler.address, over, 1);
    let made_at = maker.registered();
    let taker = Runner::start(&scheduler.address, over, 1);
    let taken_at = taker.registered();
    for (at, other) in [(made_at, (taken_at, &taker)), (taken_at, (made_at, &maker))] {
        CLASSES.iter().for_each(|(class, function)| scheduler.say_all(at, define(*class, function)));
        introduce(&scheduler, at, other.0, other.1.handle.address());
    }
    Two { scheduler, maker, taker, made_at, taken_at }
}

fn introduce(scheduler: &Scheduler, to: WorkerId, worker: WorkerId, address: String) {
    scheduler.say(to, SchedulerToWorker::DefinePeer { worker, address });
}

fn inline(text: &str) -> Answer {
    Answer::Inline(text.as_bytes().to_vec())
}

fn stored(scheduler: &mut Scheduler, at: WorkerId, value: RunId) -> u64 {
    scheduler.expect("a report of what is stored", |said| match said.1 {
        WorkerToScheduler::Stored { value: stored, nbytes, .. } if said.0 == at && stored == value => {
            Some(nbytes)
        }
        _ => None,
    })
}

#[test]
fn a_value_is_fetched_kept_reported_and_freed() {
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        let Two { mut scheduler, made_at, taken_at, maker: _maker, taker: _taker, .. } = two_workers(over);
        let nbytes = 3_000_000;
        scheduler.say(made_at, compute(1, &[(run(1), "3000000", vec![])]));
        assert_eq!(scheduler.answers(1), HashMap::from([(run(1), Answer::Held { nbytes })]));
        let wants = |slot| (run(slot), "", vec![held(run(1), nbytes, &[made_at])]);
        scheduler.say(taken_at, compute(2, &[wants(2), wants(3)]));
        let expected = HashMap::from([(run(2), inline("3000000")), (run(3), inline("3000000"))]);
        assert_eq!(scheduler.answers(2), expected, "over {over:?}");
        assert_eq!(stored(&mut scheduler, taken_at, run(1)), nbytes);
        scheduler.say(taken_at, SchedulerToWorker::Free { values: vec![run(1)] });
        scheduler.expect("an empty worker", |said| match said.1 {
            WorkerToScheduler::Heartbeat(metrics) => {
                let empty = metrics.managed_bytes == 0 && metrics.values == 0;
                let travelled = metrics.received_bytes > 0 || over == Over::Memory;
                (said.0 == taken_at && empty && travelled).then_some(())
            }
            _ => None,
        });
    }
}

#[test]
fn within_a_process_values_pass_by_reference() {
    let Two { mut scheduler, made_at, taken_at, maker: _maker, taker: _taker, .. } =
        two_workers(Over::Memory);
    scheduler.say(made_at, compute(1, &[(run(1), "5000", vec![])]));
    scheduler.answers(1);
    scheduler.say(made_at, compute(3, &[(run(2), "", vec![held(run(1), 5000, &[made_at])])]));
    scheduler.say(taken_at, compute(3, &[(run(3), "", vec![held(run(1), 5000, &[made_at])])]));
    let answers = scheduler.answers(2);
    assert_eq!(answers[&run(2)], answers[&run(3)], "the same object");
}

#[test]
fn replicas_are_made_on_demand() {
    let Two { mut scheduler, made_at, taken_at, maker: _maker, taker: _taker, .. } = two_workers(Over::Tcp);
    scheduler.say(made_at, compute(1, &[(run(1), "5000", vec![])]));
    scheduler.answers(1);
    scheduler.say(taken_at, SchedulerToWorker::Replicate { sources: vec![(run(1), vec![made_at])] });
    assert_eq!(stored(&mut scheduler, taken_at, run(1)), 5000);
}

#[test]
fn what_cannot_travel_fails_who_needs_it() {
    let Two { mut scheduler, maker, made_at, taken_at, taker: _taker, .. } = two_workers(Over::Tcp);
    scheduler.say(made_at, compute(4, &[(run(1), "", vec![])]));
    scheduler.answers(1);
    scheduler.say(made_at, compute(2, &[(run(2), "", vec![held(run(1), 1, &[made_at])])]));
    assert_eq!(scheduler.answers(1), HashMap::from([(run(2), inline("5004"))]), "it is usable where it is");
    scheduler.say(taken_at, compute(2, &[(run(3), "", vec![held(run(1), 1, &[made_at])])]));
    let error = scheduler.expect("an error", |said| match &said.1 {
        WorkerToScheduler::Erred { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!((error.text.as_str(), &error.worker), ("it holds a lock", &maker.handle.address()));
    assert_eq!(error.key, format!("stubborn-{:032x}", 1), "the task that made it is to blame");
}

#[test]
fn a_value_that_nobody_has_is_reported_missing() {
    let Two { mut scheduler, made_at, taken_at, maker: _maker, taker: _taker, .. } = two_workers(Over::Tcp);
    scheduler.say(taken_at, compute(2, &[(run(3), "", vec![held(run(1), 1, &[made_at])])]));
    let missing = scheduler.expect("a report", |said| match &said.1 {
        WorkerToScheduler::Missing { value, workers } => Some((*value, workers.clone())),
        _ => None,
    });
    assert_eq!(missing, (run(1), vec![made_at]));
    assert_eq!(scheduler.answers(1), HashMap::from([(run(3), Answer::Retracted)]));
}

#[test]
fn a_peer_that_dies_while_it_is_asked_is_replaced() {
    let Two { mut scheduler, made_at, taken_at, maker: _maker, taker: _taker, .. } = two_workers(Over::Tcp);
    scheduler.say(made_at, compute(1, &[(run(1), "5000", vec![])]));
    scheduler.answers(1);
    let (traitor, traitors_address) = Stranger::listen();
    introduce(&scheduler, taken_at, WorkerId(66), traitors_address);
    scheduler.say(taken_at, compute(2, &[(run(2), "", vec![held(run(1), 5000, &[WorkerId(66)])])]));
    let Heard { link, message: Message::ToData(ToData::Fetch { values, .. }) } = traitor.hear() else {
        panic!("not a fetch")
    };
    assert_eq!(values, [run(1)]);
    // Somebody who has it becomes known while the first is asked.
    scheduler.say(taken_at, compute(2, &[(run(3), "", vec![held(run(1), 5000, &[made_at])])]));
    scheduler.say(taken_at, compute(5, &[(run(4), "", vec![])]));
    scheduler.answers(1);
    traitor.close(link);
    let expected = HashMap::from([(run(2), inline("5000")), (run(3), inline("5000"))]);
    assert_eq!(scheduler.answers(2), expected);
}

#[test]
fn a_peer_that_is_gone_is_tried_twice_and_reported() {
    let Two { mut scheduler, maker, made_at, taken_at, taker: _taker, .. } = two_workers(Over::Tcp);
    scheduler.say(made_at, compute(1, &[(run(1), "5000", vec![])]));
    scheduler.answers(1);
    drop(maker);
    scheduler.say(taken_at, compute(2, &[(run(3), "", vec![held(run(1), 5000, &[made_at])])]));
    scheduler.expect("a report", |said| match said.1 {
        WorkerToScheduler::Missing { value, .. } => (value == run(1)).then_some(()),
        _ => None,
    });
    assert_eq!(scheduler.answers(1), HashMap::from([(run(3), Answer::Retracted)]));
}

#[test]
fn clients_bring_values_and_fetch_them() {
    for over in [Over::Tcp, Over::Memory] {
        let Two { mut scheduler, taker, taken_at, maker: _maker, .. } = two_workers(over);
        let (client, _) = Stranger::listen();
        let link = client.connect(taker.handle.address().parse().expect("an address"));
        let payload = Payload { buffers: vec![vec![3; 7000].into()], ..Payload::default() };
        let put =
            |value, payload| ToData::Put { request: RequestId(1), value, payload, type_name: "bytes".into() };
        client.send(link, put(run(1), payload.clone()));
        assert_eq!(client.hear().message, FromData::Stored { request: RequestId(1) }.into());
        assert_eq!(stored(&mut scheduler, taken_at, run(1)), 7000);
        client.send(link, put(run(2), Payload::from_head(&b"tiny"[..])));
        client.hear();
        let sources = vec![held(run(1), 7000, &[taken_at]), held(run(2), 4, &[taken_at])];
        scheduler.say(taken_at, compute(2, &[(run(3), "", sources)]));
        assert_eq!(scheduler.answers(1), HashMap::from([(run(3), inline("7004"))]));

        let values = vec![run(1), run(2), run(9)];
        client.send(link, ToData::Fetch { request: RequestId(5), values: values.clone() });
        let mut results = HashMap::new();
        for _ in values {
            let message = client.hear().message;
            let Message::FromData(FromData::Value { request: RequestId(5), value, result }) = message else {
                panic!("{message:?}")
            };
            results.insert(value, result);
        }
        assert_eq!(results[&run(2)], Ok(Payload::from_head(&b"tiny"[..])));
        assert_eq!(results[&run(9)], Err(FetchFailure::Missing));
        let first = results[&run(1)].clone().expect("it was brought");
        if over == Over::Memory {
            // It was decoded for run 3 and passes by reference now.
            let object = first.local.expect("by reference").downcast::<Vec<u8>>();
            assert_eq!(object.map(|object| object.len()).ok(), Some(7000));
        } else {
            assert_eq!(first, payload);
        }
    }
}

#[test]
fn nobody_fetches_without_the_secret() {
    let Two { taker, scheduler: _scheduler, maker: _maker, .. } = two_workers(Over::Tcp);
    let (client, _) = Stranger::listen();
    let address = taker.handle.address().parse().expect("an address");
    let reason = client.is_turned_away(address, Credentials::secret(b"guessed".to_vec()));
    assert!(matches!(reason, CloseReason::Handshake(_)), "{reason}");
}

/// Somebody who speaks on data connections as the test says.
struct Stranger {
    orders: Arc<Mutex<Vec<Order>>>,
    heard: Receiver<Heard>,
    links: Receiver<Result<LinkId, CloseReason>>,
    reactor: ReactorHandle,
}

struct Heard {
    link: LinkId,
    message: Message,
}

enum Order {
    Connect(Address, Credentials),
    Send(LinkId, Box<Message>),
    Close(LinkId),
}

struct StrangerDriver {
    orders: Arc<Mutex<Vec<Order>>>,
    heard: Sender<Heard>,
    links: Sender<Result<LinkId, CloseReason>>,
    open: Vec<LinkId>,
}

impl Stranger {
    fn listen() -> (Stranger, String) {
        let mut reactor = Reactor::new().expect("a reactor");
        let acceptance = Acceptance::of_worker(ClusterId([7; 16]), Secret::new(DATA_SECRET.to_vec()));
        let address = reactor.io().listen(&Over::Tcp.fresh(), acceptance).expect("a free port");
        let orders = Arc::<Mutex<Vec<Order>>>::default();
        let (heard_sender, heard) = channel();
        let (links_sender, links) = channel();
        let handle = reactor.handle();
        let driver = StrangerDriver {
            orders: Arc::clone(&orders),
            heard: heard_sender,
            links: links_sender,
            open: vec![],
        };
        reactor.spawn("rask-stranger", driver).expect("a thread");
        (Stranger { orders, heard, links, reactor: handle }, address.to_string())
    }

    fn order(&self, order: Order) {
        self.orders.lock().expect("no panic").push(order);
        self.reactor.wake();
    }

    fn connect(&self, address: Address) -> LinkId {
        self.order(Order::Connect(address, Credentials::secret(DATA_SECRET.to_vec())));
        self.links.recv().expect("an answer").expect("a link")
    }

    fn is_turned_away(&self, address: Address, credentials: Credentials) -> CloseReason {
        self.order(Order::Connect(address, credentials));
        self.links.recv().expect("an answer").expect_err("it must not open")
    }

    fn send(&self, link: LinkId, message: impl Into<Message>) {
        self.order(Order::Send(link, Box::new(message.into())));
    }

    fn close(&self, link: LinkId) {
        self.order(Order::Close(link));
    }

    fn hear(&self) -> Heard {
        self.heard.recv_timeout(std::time::Duration::from_secs(20)).expect("a message")
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.reactor.stop();
    }
}

impl Driver for StrangerDriver {
    fn on_open(&mut self, link: LinkId, peer: PeerInfo, _io: &mut Io) {
        self.open.push(link);
        if peer.initiated {
            let _ = self.links.send(Ok(link)); // the test may be over
        }
    }

    fn on_message(&mut self, link: LinkId, message: Message, _io: &mut Io) {
        let _ = self.heard.send(Heard { link, message }); // the test may be over
    }

    fn on_close(&mut self, link: LinkId, reason: CloseReason, _io: &mut Io) {
        if !self.open.contains(&link) {
            let _ = self.links.send(Err(reason)); // the test may be over
        }
    }

    fn on_wake(&mut self, _io: &mut Io) {}

    fn on_turn(&mut self, _now: Tick, io: &mut Io) -> Option<Tick> {
        for order in std::mem::take(&mut *self.orders.lock().expect("no panic")) {
            match order {
                Order::Connect(address, credentials) => {
                    io.connect(&address, Role::Data, credentials);
                }
                Order::Send(link, message) => io.send(link, *message),
                Order::Close(link) => io.close(link, "as the test says"),
            }
        }
        None
    }
}
