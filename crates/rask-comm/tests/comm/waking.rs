//! Wakes, timers, and that nothing turns for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rask_comm::*;
use rask_types::msg::Message;

use super::node::*;

/// Counts, and takes its time over each wake.
struct Counter {
    shared: Arc<AtomicU64>,
    seen: u64,
    wakes: u64,
    turns: u64,
    goal: u64,
}

impl Driver for Counter {
    fn on_open(&mut self, _: LinkId, _: PeerInfo, _: &mut Io) {}
    fn on_message(&mut self, _: LinkId, _: Message, _: &mut Io) {}
    fn on_close(&mut self, _: LinkId, _: CloseReason, _: &mut Io) {}
    fn on_wake(&mut self, io: &mut Io) {
        self.wakes += 1;
        self.seen = self.shared.load(Ordering::Relaxed);
        if self.seen == self.goal {
            io.stop();
        }
    }
    fn on_turn(&mut self, _: Tick, _: &mut Io) -> Option<Tick> {
        self.turns += 1;
        None
    }
}

#[test]
fn no_wake_is_lost_and_many_are_one() {
    const THREADS: u64 = 4;
    const EACH: u64 = 100_000;
    let shared = Arc::new(AtomicU64::new(0));
    let reactor = Reactor::new().expect("a reactor");
    let handle = reactor.handle();
    let counter = Counter { shared: shared.clone(), seen: 0, wakes: 0, turns: 0, goal: THREADS * EACH };
    let reactor = reactor.spawn("rask-counter", counter).expect("a thread");
    let wakers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (shared, handle) = (shared.clone(), handle.clone());
            std::thread::spawn(move || {
                for _ in 0..EACH {
                    shared.fetch_add(1, Ordering::Relaxed);
                    handle.wake();
                }
            })
        })
        .collect();
    wakers.into_iter().for_each(|waker| waker.join().expect("no panic"));
    // It stops when it sees the goal, which it does only if the last wake was not lost.
    let counter = reactor.join().expect("no panic");
    assert_eq!(counter.seen, THREADS * EACH);
    assert!(counter.wakes <= THREADS * EACH);
    // A wake that is seen while its signal is still on the way leaves one turn with nothing to see behind it.
    assert!(counter.turns <= 2 * counter.wakes + 1, "at most an empty turn per wake, and the first");
}

#[test]
fn wakes_before_the_loop_starts_are_one_wake() {
    let shared = Arc::new(AtomicU64::new(7));
    let reactor = Reactor::new().expect("a reactor");
    (0..1000).for_each(|_| reactor.handle().wake());
    let counter = reactor.run(Counter { shared, seen: 0, wakes: 0, turns: 0, goal: 7 });
    assert_eq!((counter.wakes, counter.turns), (1, 1));
}

#[test]
fn an_idle_reactor_sleeps() {
    let pair = Pair::over("tcp", Habit::Report);
    // Nothing but sleeping happens here: that is what is tested.
    std::thread::sleep(Duration::from_millis(200));
    let turns = pair.client.stop().turns;
    assert!(turns < 30, "{turns} turns");
}

/// Asks to be called again after a while, a few times.
struct Ticking {
    after_ns: u64,
    due: Option<Tick>,
    late_ns: Vec<u64>,
    turns: u64,
}

impl Driver for Ticking {
    fn on_open(&mut self, _: LinkId, _: PeerInfo, _: &mut Io) {}
    fn on_message(&mut self, _: LinkId, _: Message, _: &mut Io) {}
    fn on_close(&mut self, _: LinkId, _: CloseReason, _: &mut Io) {}
    fn on_wake(&mut self, _: &mut Io) {}
    fn on_turn(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        self.turns += 1;
        match self.due {
            Some(due) if now < due => return self.due,
            Some(due) => self.late_ns.push(now - due),
            None => {}
        }
        if self.late_ns.len() == 50 {
            io.stop();
        }
        self.due = Some(now + self.after_ns);
        self.due
    }
}

#[test]
fn a_driver_is_called_when_it_asked_to_be() {
    for after_ns in [200_000, 3_000_000] {
        let ticking = Ticking { after_ns, due: None, late_ns: vec![], turns: 0 };
        let ticking = Reactor::new().expect("a reactor").run(ticking);
        // Never early: it would be called again for the rest of the time. Now and then is no harm.
        assert!(ticking.turns < 100, "{} turns for 50 ticks", ticking.turns);
        let mut late_ns = ticking.late_ns;
        late_ns.sort();
        // The luckiest few are what a busy machine leaves to be judged; whole milliseconds would show in them, too.
        assert!(late_ns[3] < 500_000, "late by {late_ns:?}");
    }
}
