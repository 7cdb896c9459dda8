//! The loop and its handle.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use rask_types::Tick;
use rask_types::msg::Role;

use crate::alarm::Alarm;
use crate::clock;
use crate::driver::Driver;
use crate::io::{Heard, Io, LISTENER_TOKENS, Received};
use crate::peer::{CloseReason, LinkId};
use crate::wake::{Parcel, Shared};

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// How many events one look at the system brings at most.
const EVENTS_MAX: usize = 1024;

/// What small messages are read into, for all links alike.
const SCRATCH_BYTES: usize = 128 << 10;

/// How many bytes of one link are read in a turn before others have theirs.
const TURN_BYTES_MAX: usize = 1 << 20;

/// How patient a reactor is and how much it takes. The defaults are good.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a connection may take to come about, name resolution included.
    pub connect_timeout_ms: u64,
    /// How long a handshake may take.
    pub handshake_timeout_ms: u64,
    /// How long a closed link may take to send what is queued.
    pub close_timeout_ms: u64,
    /// Longest message on a link with a scheduler.
    pub control_frame_bytes_max: u64,
    /// Longest message on a data link.
    pub data_frame_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connect_timeout_ms: 10_000,
            handshake_timeout_ms: 10_000,
            close_timeout_ms: 3_000,
            control_frame_bytes_max: 4 << 30,
            data_frame_bytes_max: 1 << 40,
        }
    }
}

/// A loop that has not started.
pub struct Reactor {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    scratch: Box<[u8]>,
    io: Io,
}

impl Reactor {
    /// A reactor with default options.
    ///
    /// # Errors
    /// If the system gives no poll.
    pub fn new() -> io::Result<Reactor> {
        Reactor::with_options(Options::default())
    }

    /// A reactor.
    ///
    /// # Errors
    /// If the system gives no poll.
    pub fn with_options(options: Options) -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let shared = Arc::new(Shared::new(Waker::new(poll.registry(), WAKER)?));
        let io = Io::new(options, shared, poll.registry().try_clone()?);
        let events = Events::with_capacity(EVENTS_MAX);
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        Ok(Reactor { poll, events, alarm, scratch: vec![0; SCRATCH_BYTES].into(), io })
    }

    /// A handle for other threads.
    pub fn handle(&self) -> ReactorHandle {
        ReactorHandle { shared: self.io.shared.clone() }
    }

    /// For what is to happen before the loop starts: listening, so that errors are the caller's, or the first connect.
    pub fn io(&mut self) -> &mut Io {
        &mut self.io
    }

    /// Runs the loop on this thread until it is stopped; returns the driver. The first turn comes at once.
    pub fn run<D: Driver>(mut self, mut driver: D) -> D {
        let mut wake_at = Some(Tick::ZERO);
        while !self.io.stopping {
            self.wait(wake_at);
            // A stop that was asked for before this turn is answered after it, so that what was asked before is done.
            let stopped = self.io.shared.is_stopped();
            self.listen_to_links(&mut driver);
            if self.io.shared.take_woken() {
                driver.on_wake(&mut self.io);
            }
            wake_at = driver.on_turn(self.io.now(), &mut self.io);
            self.io.stopping |= stopped;
            self.io.flush_dirty();
        }
        self.io.stop_all();
        self.io.flush_dirty();
        self.tell_ends(&mut driver);
        while !self.io.links.is_empty() {
            self.wait(None);
            self.listen_to_links(&mut driver);
            self.io.flush_dirty();
        }
        driver
    }

    /// Runs the loop on a thread of this name (`rask-…`).
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn<D: Driver + 'static>(self, name: &str, driver: D) -> io::Result<JoinHandle<D>> {
        std::thread::Builder::new().name(name.to_owned()).spawn(move || self.run(driver))
    }

    /// Sleeps until something happens, or until `wake_at` or a deadline of a link; then takes note of what happened.
    fn wait(&mut self, wake_at: Option<Tick>) {
        let until = [wake_at, self.io.next_deadline()].into_iter().flatten().min();
        let now = clock::now();
        let may_sleep = !self.io.is_busy() && until.is_none_or(|until| until > now);
        let timeout = if may_sleep && self.io.shared.fall_asleep() {
            let wait = until.map(|until| Duration::from_nanos(until - now));
            wait.inspect(|&wait| self.alarm.set(wait))
        } else {
            Some(Duration::ZERO)
        };
        // An interrupted wait is a turn in which nothing happened. Any other error means that the poll itself is broken.
        let polled = self.poll.poll(&mut self.events, timeout);
        self.io.shared.awake();
        if let Err(error) = polled
            && error.kind() != io::ErrorKind::Interrupted
        {
            panic!("the system's poll failed: {error}");
        }
        for event in &self.events {
            let Token(token) = event.token();
            if event.token() == WAKER || event.token() == ALARM {
                continue;
            }
            if token >= LISTENER_TOKENS {
                self.io.accept_all(token - LISTENER_TOKENS);
            } else if let Some(link) = self.io.links.get(token) {
                let id = link.id;
                self.io.look_at_connecting(id);
                if event.is_writable() || event.is_error() {
                    self.io.unblocked(id);
                }
                if event.is_read_closed()
                    && let Some(link) = self.io.link_mut(id)
                {
                    link.read_closed = true;
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.io.mark_readable(id);
                }
            }
        }
        self.io.expire(clock::now());
    }

    /// Tells the driver what came over links, and which ended.
    fn listen_to_links(&mut self, driver: &mut impl Driver) {
        for parcel in self.io.shared.take_parcels() {
            self.open_parcel(parcel, driver);
        }
        for _ in 0..self.io.readable.len() {
            if let Some(id) = self.io.readable.pop_front() {
                self.listen_to(id, driver);
            }
        }
        self.tell_ends(driver);
    }

    fn tell_ends(&mut self, driver: &mut impl Driver) {
        while let Some((id, reason)) = self.io.ended.pop_front() {
            driver.on_close(id, reason, &mut self.io);
        }
    }

    /// Reads a link's share of this turn.
    fn listen_to(&mut self, id: LinkId, driver: &mut impl Driver) {
        let mut share = TURN_BYTES_MAX;
        loop {
            let Some(link) = self.io.link_mut(id) else { return };
            if !link.readable {
                return;
            }
            if share == 0 {
                self.io.readable.push_back(id);
                return;
            }
            let Received::Bytes { in_scratch, total } = self.io.receive(id, &mut self.scratch) else {
                return;
            };
            share = share.saturating_sub(total);
            let mut input = &self.scratch[..in_scratch];
            while let Some(heard) = self.io.hear(id, &mut input) {
                match heard {
                    Heard::Open(peer) => driver.on_open(id, peer, &mut self.io),
                    Heard::Message(message) => driver.on_message(id, message, &mut self.io),
                }
            }
        }
    }

    fn open_parcel(&mut self, parcel: Parcel, driver: &mut impl Driver) {
        match parcel {
            Parcel::Attach { acceptor, role } => {
                self.io.attach(acceptor, role, "inproc://".to_owned());
            }
            Parcel::MemoryOpened { from, from_link, role, address } => {
                if let Some((id, peer)) = self.io.memory_opened(from, from_link, role, address) {
                    driver.on_open(id, peer, &mut self.io);
                }
            }
            Parcel::MemoryAccepted { link, by, peer_link } => {
                if let Some(peer) = self.io.memory_accepted(link, &by, peer_link) {
                    driver.on_open(link, peer, &mut self.io);
                }
            }
            Parcel::Messages { link, messages } => {
                for message in messages {
                    // The driver may close the link on any of them.
                    if self.io.link_mut(link).is_none() {
                        break;
                    }
                    driver.on_message(link, message, &mut self.io);
                }
            }
            Parcel::MemoryClosed { link } => self.io.end(link, CloseReason::Peer),
            Parcel::Resolved { link, result } => self.io.resolved(link, result),
        }
    }
}

/// Reaches a reactor from any thread.
#[derive(Clone)]
pub struct ReactorHandle {
    shared: Arc<Shared>,
}

impl ReactorHandle {
    /// Lets the driver's `on_wake` be called soon. Cheap when the reactor is awake anyway; any number of calls before it
    /// looks are one. What was written to shared state before the call is seen in `on_wake`.
    pub fn wake(&self) {
        self.shared.wake();
    }

    /// Connects this reactor with another of this process: both drivers get `on_open`, this one as the initiator.
    pub fn attach_memory(&self, acceptor: &ReactorHandle, role: Role) {
        // A reactor that is gone opens nothing.
        let _ = self.shared.post(Parcel::Attach { acceptor: acceptor.shared.clone(), role });
    }

    /// Ends the loop, as [`Io::stop`] does, after one more turn.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl std::fmt::Debug for ReactorHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReactorHandle")
    }
}

/// Connects two reactors of this process. Shorthand for [`ReactorHandle::attach_memory`].
pub fn memory_pair(initiator: &ReactorHandle, acceptor: &ReactorHandle, role: Role) {
    initiator.attach_memory(acceptor, role);
}
