//! How fast links are: round trips, large values, small messages; over TCP, unix sockets and memory. Over unix sockets large values
//! go through shared memory where there is any, but for the first. "nearby" connects to a TCP address on the same machine.
//!
//! `cargo run --release -p rask-comm --example link_speed`

use std::time::{Duration, Instant};

use bytes::Bytes;
use rask_comm::*;
use rask_types::msg::{FromData, Message, ToData};
use rask_types::{Payload, RequestId, RunId};

const ROUND_TRIPS: usize = 20_000;
const LARGE_BYTES: usize = 100_000_000;
const LARGE_ROUNDS: usize = 12;
const SMALL_MESSAGES: usize = 1_000_000;

fn main() {
    println!(
        "{:8} {:>10} {:>10} {:>12} {:>12} {:>14}",
        "", "p50 µs", "p99 µs", "100 MB ms", "GB/s", "small msg ns"
    );
    for kind in ["tcp", "nearby", "unix", "inproc"] {
        let mut trips = run(kind, Work::RoundTrips).laps;
        trips.sort();
        let us = |lap: Duration| lap.as_nanos() as f64 / 1e3;
        let (p50, p99) = (us(trips[trips.len() / 2]), us(trips[trips.len() * 99 / 100]));
        let mut large = run(kind, Work::Large).laps;
        large.sort();
        let large = large[large.len() / 2].as_secs_f64();
        let small = run(kind, Work::Small).laps[0].as_nanos() as f64 / SMALL_MESSAGES as f64;
        let rate = LARGE_BYTES as f64 / large / 1e9;
        println!("{kind:8} {p50:10.1} {p99:10.1} {:12.1} {rate:12.2} {small:14.0}", large * 1e3);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    RoundTrips,
    Large,
    Small,
}

/// Asks for values and measures how long they take.
struct Asker {
    work: Work,
    asked_at: Instant,
    answers: usize,
    laps: Vec<Duration>,
}

impl Asker {
    fn ask(&mut self, link: LinkId, io: &mut Io) {
        self.asked_at = Instant::now();
        io.send(link, ToData::Fetch { request: RequestId(0), values: vec![RunId::new(1, 1)] });
    }
}

impl Driver for Asker {
    fn on_open(&mut self, link: LinkId, _: PeerInfo, io: &mut Io) {
        self.ask(link, io);
    }
    fn on_message(&mut self, link: LinkId, _message: Message, io: &mut Io) {
        self.answers += 1;
        let wanted = match self.work {
            Work::RoundTrips => ROUND_TRIPS,
            Work::Large => LARGE_ROUNDS,
            Work::Small if self.answers < SMALL_MESSAGES => return,
            Work::Small => 1,
        };
        self.laps.push(self.asked_at.elapsed());
        if self.laps.len() == wanted {
            io.close(link, "done");
        } else {
            self.ask(link, io);
        }
    }
    fn on_close(&mut self, _: LinkId, _: CloseReason, io: &mut Io) {
        io.stop();
    }
    fn on_wake(&mut self, _: &mut Io) {}
    fn on_turn(&mut self, _: Tick, _: &mut Io) -> Option<Tick> {
        None
    }
}

/// Answers.
struct Holder {
    work: Work,
    large: Bytes,
    /// Small messages still to be sent, a thousand a turn.
    owed: Option<(LinkId, usize)>,
}

impl Driver for Holder {
    fn on_open(&mut self, _: LinkId, _: PeerInfo, _: &mut Io) {}
    fn on_message(&mut self, link: LinkId, _: Message, io: &mut Io) {
        let value =
            |payload| FromData::Value { request: RequestId(0), value: RunId::new(1, 1), result: Ok(payload) };
        match self.work {
            Work::RoundTrips => io.send(link, value(Payload::from_head(&b"value"[..]))),
            Work::Large => {
                io.send(link, value(Payload { buffers: vec![self.large.clone()], ..Payload::default() }))
            }
            Work::Small => self.owed = Some((link, SMALL_MESSAGES)),
        }
    }
    fn on_close(&mut self, _: LinkId, _: CloseReason, io: &mut Io) {
        io.stop();
    }
    fn on_wake(&mut self, _: &mut Io) {}
    fn on_turn(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        let (link, owed) = self.owed?;
        if io.queued_bytes(link) < 1 << 20 {
            (0..1000).for_each(|_| io.send(link, FromData::Stored { request: RequestId(0) }));
            self.owed = (owed > 1000).then_some((link, owed - 1000));
        }
        self.owed.map(|_| now)
    }
}

fn run(kind: &str, work: Work) -> Asker {
    let folder = tempfile::tempdir().expect("a folder");
    let address = match kind {
        "tcp" | "nearby" => "tcp://127.0.0.1:0".to_owned(),
        "unix" => format!("unix://{}/s", folder.path().display()),
        _ => format!("inproc://{}", folder.path().display()),
    };
    let data = || Secret::new(*b"data");
    let mut at_holder = Reactor::new().expect("a reactor");
    let acceptance = Acceptance::of_worker(ClusterId::UNKNOWN, data());
    let address = at_holder.io().listen(&address.parse().expect("an address"), acceptance).expect("free");
    if kind == "nearby" {
        at_holder.io().listen_nearby(&address, Acceptance::of_worker(ClusterId::UNKNOWN, data()));
    }
    let large = if work == Work::Large { vec![1; LARGE_BYTES] } else { vec![] };
    let holder =
        at_holder.spawn("rask-holder", Holder { work, large: large.into(), owed: None }).expect("a thread");
    let mut at_asker = Reactor::new().expect("a reactor");
    at_asker.io().connect(&address, Role::Data, Credentials::Secret(data()));
    let asker = at_asker.run(Asker { work, asked_at: Instant::now(), answers: 0, laps: Vec::new() });
    holder.join().expect("no panic");
    asker
}
