//! The reactor's side of a client: its session with the scheduler, and its turns.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rask_client_core::{Effect, Session};
use rask_comm::{CloseReason, Driver, Io, LinkId, Message, PeerInfo, Tick};
use rask_types::msg::{ClientToScheduler, SchedulerToClient};

use crate::connect::{ConnectError, ConnectOptions};
use crate::data::{DataLinks, Unreachable};
use crate::shared::Shared;

/// Pauses between attempts to reach a scheduler that is not there (yet).
const RETRY_FIRST_MS: u64 = 20;
const RETRY_MAX_MS: u64 = 1_000;
/// Futures given up one by one are told to the scheduler together: in a turn that happens anyway, if the last time is
/// this long ago,
const RELEASE_PAUSE_NS: u64 = 500_000;
/// else in a turn of its own after this time. A near deadline would be dear: on a virtual machine each sleep that sets
/// the next timer of its processor costs microseconds.
const RELEASE_WAIT_NS: u64 = 10_000_000;

enum Phase {
    /// No link yet. The next attempt is due then.
    Pausing { until: Tick },
    /// A link is being opened, or the session on it is not accepted yet.
    Joining,
    /// The session is open.
    Open,
    /// Nothing more will be said.
    Over,
}

pub(crate) struct ClientDriver {
    shared: Arc<Shared>,
    options: ConnectOptions,
    phase: Phase,
    scheduler: Option<LinkId>,
    attempts: u32,
    /// When joining is given up.
    give_up: Option<Tick>,
    last_failure: Option<ConnectError>,
    data: DataLinks,
    data_secret: Vec<u8>,
    released_at: Tick,
    messages: Vec<ClientToScheduler>,
    effects: Vec<Effect>,
}

impl ClientDriver {
    /// A client that connects to one of the addresses in `options`, or, if there are none, waits for a link in memory.
    pub(crate) fn new(shared: Arc<Shared>, options: ConnectOptions) -> ClientDriver {
        let phase = match options.addresses.is_empty() {
            true => Phase::Joining,
            false => Phase::Pausing { until: Tick::ZERO },
        };
        ClientDriver {
            shared,
            options,
            phase,
            scheduler: None,
            attempts: 0,
            give_up: None,
            last_failure: None,
            data: DataLinks::default(),
            data_secret: Vec::new(),
            released_at: Tick::ZERO,
            messages: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn address(&self) -> String {
        let n = self.options.addresses.len().max(1);
        let tried = self.attempts.saturating_sub(1) as usize % n;
        self.options.addresses.get(tried).map_or_else(|| "inproc".to_owned(), ToString::to_string)
    }

    /// Opens the link when it is time to, and gives up when it is time to. Returns when to look again.
    fn join(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        if matches!(self.phase, Phase::Open | Phase::Over) {
            return None;
        }
        let timeout_ms = u64::try_from(self.options.timeout.as_millis()).unwrap_or(u64::MAX);
        let give_up = *self.give_up.get_or_insert_with(|| now.plus_ms(timeout_ms));
        if now >= give_up {
            let timed_out = ConnectError::TimedOut { address: self.address() };
            let failure = self.last_failure.take().unwrap_or(timed_out);
            self.end(failure, io);
            return None;
        }
        let Phase::Pausing { until } = self.phase else { return Some(give_up) };
        if now < until {
            return Some(until.min(give_up));
        }
        let n = self.options.addresses.len();
        let Some(address) = self.options.addresses.get(self.attempts as usize % n.max(1)) else {
            self.end(ConnectError::NoAddress, io);
            return None;
        };
        self.attempts += 1;
        self.scheduler = Some(io.connect(address, self.options.role, self.options.credentials()));
        self.phase = Phase::Joining;
        Some(give_up)
    }

    /// No session comes about.
    fn end(&mut self, failure: ConnectError, io: &mut Io) {
        self.phase = Phase::Over;
        self.shared.turn(|state| {
            let text = failure.to_string();
            state.connect_failure.get_or_insert(failure);
            state.core.disconnect(&text, false);
        });
        self.shared.changes.announce();
        io.stop();
    }

    fn on_scheduler_closed(&mut self, reason: &CloseReason, io: &mut Io) {
        self.scheduler = None;
        match self.phase {
            Phase::Over => {}
            Phase::Open => {
                // A session that outlives its scheduler would go back to `Pausing` here and register with the old epoch.
                self.phase = Phase::Over;
                let text = format!("lost the connection to the scheduler: {reason}");
                self.shared.turn(|state| state.core.disconnect(&text, false));
                io.stop();
            }
            Phase::Joining | Phase::Pausing { .. } => {
                let failure = ConnectError::from_close(reason, &self.address());
                if reason.is_unreachable() && !self.options.addresses.is_empty() {
                    let round = self.attempts / self.options.addresses.len() as u32;
                    let pause_ms = (RETRY_FIRST_MS << round.min(10)).min(RETRY_MAX_MS);
                    self.phase = Phase::Pausing { until: io.now().plus_ms(pause_ms) };
                    self.last_failure = Some(failure);
                } else {
                    self.end(failure, io);
                }
            }
        }
    }

    fn on_scheduler_message(&mut self, message: SchedulerToClient, io: &mut Io) {
        let joining = matches!(self.phase, Phase::Joining);
        let session = self.shared.turn(|state| {
            state.core.on_message(message);
            joining.then(|| state.core.session().clone())
        });
        match session {
            Some(Session::Open(welcome)) => {
                self.data_secret = welcome.data_secret.to_vec();
                self.phase = Phase::Open;
            }
            Some(Session::Closed { reason }) => {
                self.end(ConnectError::Ended { address: self.address(), text: reason.to_string() }, io);
            }
            Some(Session::Joining) | None => {}
        }
    }

    /// What the core wants said and done, and what users gave up. Returns when to be called again.
    fn drain(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        let is_open = matches!(self.phase, Phase::Open);
        let pause_over = self.released_at.plus_ns(RELEASE_PAUSE_NS);
        let wait_over = self.released_at.plus_ns(RELEASE_WAIT_NS);
        let ClientDriver { shared, messages, effects, .. } = self;
        let mut released = false;
        let (mut next, closing, over) = shared.turn(|state| {
            state.begin_turn();
            let mut next = None;
            if shared.has_released() {
                released = now >= pause_over || state.closing;
                if released {
                    state.core.release_all(shared.take_released());
                } else {
                    next = Some(wait_over);
                }
            }
            next = earlier(next, state.core.advance(now));
            if is_open {
                state.core.take_messages(messages);
            }
            let over = matches!(state.core.session(), Session::Closed { .. });
            (next, state.closing, over)
        });
        shared.turn(|state| state.take_data_effects(effects));
        if released {
            self.released_at = now;
        }
        if let Some(link) = self.scheduler {
            self.messages.drain(..).for_each(|message| io.send(link, message));
        }
        next = earlier(next, self.carry_out_data(now, io));
        if closing && !matches!(self.phase, Phase::Over) {
            self.say_goodbye(io);
        } else if over {
            self.phase = Phase::Over;
            io.stop();
        }
        next
    }

    fn carry_out_data(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        let mut failed = Vec::new();
        for effect in std::mem::take(&mut self.effects) {
            let (Effect::FetchFrom { worker, .. } | Effect::PutTo { worker, .. }) = effect else { continue };
            let address = self.shared.turn(|state| state.core.peer(worker).cloned());
            let done = self.data.carry_out(effect, address.as_deref(), &self.data_secret, io);
            failed.extend(done.err());
        }
        let again = (!failed.is_empty()).then_some(now);
        for Unreachable { worker, why } in failed {
            self.shared.turn(|state| state.core.on_data_link_lost(worker, &why));
        }
        earlier(again, self.data.close_idle(now, io))
    }

    fn say_goodbye(&mut self, io: &mut Io) {
        if let (Phase::Open, Some(link)) = (&self.phase, self.scheduler) {
            io.send(link, ClientToScheduler::Goodbye);
        }
        self.phase = Phase::Over;
        self.shared.turn(|state| state.core.disconnect("the client was closed", true));
        io.stop();
    }
}

fn earlier(a: Option<Tick>, b: Option<Tick>) -> Option<Tick> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Driver for ClientDriver {
    fn on_open(&mut self, link: LinkId, peer: PeerInfo, io: &mut Io) {
        if self.scheduler.is_none() && peer.memory && matches!(self.phase, Phase::Joining) {
            self.scheduler = Some(link);
        }
        if self.scheduler != Some(link) {
            return;
        }
        let session = self.shared.turn(|state| state.core.session_bits());
        io.send(
            link,
            ClientToScheduler::Register {
                name: self.options.name.clone(),
                session,
                runtime: self.options.runtime.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                epoch: None,
            },
        );
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        match message {
            Message::SchedulerToClient(message) if self.scheduler == Some(link) => {
                self.on_scheduler_message(message, io);
            }
            Message::FromData(message) => {
                if let Some(worker) = self.data.worker_of(link) {
                    self.data.note_answer(worker, io.now());
                    self.shared.turn(|state| state.core.on_data(worker, message));
                }
            }
            _ => io.close(link, "this message is none of a client's"),
        }
    }

    fn on_close(&mut self, link: LinkId, reason: CloseReason, io: &mut Io) {
        if self.scheduler == Some(link) {
            self.on_scheduler_closed(&reason, io);
        } else if let Some(worker) = self.data.on_close(link) {
            self.shared.turn(|state| state.core.on_data_link_lost(worker, &reason.to_string()));
        }
    }

    fn on_wake(&mut self, _io: &mut Io) {}

    fn on_turn(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        let join = self.join(now, io);
        earlier(join, self.drain(now, io))
    }
}

impl Drop for ClientDriver {
    /// The reactor's thread ends: whoever still waits will not be answered.
    fn drop(&mut self) {
        self.shared.turn(|state| state.core.disconnect("the client's connection thread ended", false));
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.changes.announce();
    }
}
