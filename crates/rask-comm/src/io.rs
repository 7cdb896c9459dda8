//! What a driver may do, and the state behind it. The steps of a link's life are in the rooms below: `connecting`,
//! `accepting`, `receiving`, `sending`, `sharing`, `memory`.

mod accepting;
mod connecting;
mod memory;
mod receiving;
mod sending;
mod sharing;

pub(crate) use receiving::{Heard, Received};
pub(crate) use sharing::Sharing;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use mio::{Registry, Token};
use rask_types::Tick;
use rask_types::msg::{Message, Role};
use slab::Slab;

use crate::access::{Acceptance, Credentials};
use crate::address::Address;
use crate::clock;
use crate::link::{Link, Phase};
use crate::listener::Listener;
use crate::peer::{CloseReason, LinkId};
use crate::reactor::Options;
use crate::segment::Segments;
use crate::timers::Timers;
use crate::wake::Shared;

/// Tokens from here on are listeners'; below, links' slots.
pub(crate) const LISTENER_TOKENS: usize = 1 << 30;

/// The reactor's hands, lent to the driver in every callback. Nothing here blocks or calls back.
pub struct Io {
    pub(crate) options: Options,
    pub(crate) shared: Arc<Shared>,
    registry: Registry,
    pub(crate) links: Slab<Link>,
    generation: u32,
    listeners: Slab<Listener>,
    /// Names that this reactor listens on within the process.
    memory_names: Vec<String>,
    pub(crate) timers: Timers,
    /// Links to flush at the end of the turn.
    dirty: Vec<LinkId>,
    /// Links that may have something to read.
    pub(crate) readable: VecDeque<LinkId>,
    /// Ends that the driver is to be told of.
    pub(crate) ended: VecDeque<(LinkId, CloseReason)>,
    /// When to accept again after the system refused.
    pub(crate) accept_again_at: Option<Tick>,
    pub(crate) stopping: bool,
    /// Memory that this process shares with others.
    segments: Segments,
}

impl Io {
    pub(crate) fn new(options: Options, shared: Arc<Shared>, registry: Registry) -> Io {
        Io {
            options,
            shared,
            registry,
            links: Slab::new(),
            generation: 0,
            listeners: Slab::new(),
            memory_names: Vec::new(),
            timers: Timers::default(),
            dirty: Vec::new(),
            readable: VecDeque::new(),
            ended: VecDeque::new(),
            accept_again_at: None,
            stopping: false,
            segments: Segments::default(),
        }
    }

    /// Queues a message; it leaves at the end of this turn, in order. On a link that is still connecting it waits until the
    /// link opens. On a link that is closed or unknown it is dropped: `on_close` says or said so. A message that cannot
    /// be sent (too long, or holding a local payload over a socket) closes the link with
    /// [`CloseReason::Unsendable`], after what was queued before it.
    pub fn send(&mut self, link: LinkId, message: impl Into<Message>) {
        self.queue(link, message.into());
    }

    /// Closes a link once everything queued on it has been sent (or a few seconds have passed). No more messages of it are
    /// delivered; `on_close` comes with `CloseReason::Local(reason)`. A link that has not opened yet closes at once.
    pub fn close(&mut self, link: LinkId, reason: impl Into<String>) {
        self.begin_close(link, CloseReason::Local(reason.into()));
    }

    /// Begins to connect. `on_open` or `on_close` follows. Names are resolved on a thread of their own.
    pub fn connect(&mut self, address: &Address, role: Role, credentials: Credentials) -> LinkId {
        if self.stopping {
            let id = self.add_link(address.to_string(), Phase::Resolving);
            self.ended.push_back((id, CloseReason::Stopped));
            self.links.remove(id.slot());
            return id;
        }
        match address {
            Address::Tcp { .. } => self.connect_tcp(address, role, credentials),
            Address::Unix(path) => self.connect_unix(path, role, credentials),
            Address::Memory(name) => self.connect_memory(name, role),
        }
    }

    /// Listens; returns the address with the port that was chosen. A port or path that someone listens on is an error; a
    /// socket file that nobody listens on any more is replaced. Resolves names, so give it literal addresses once the
    /// loop runs. In memory, `acceptance` is of no account: whoever is in the process is in.
    ///
    /// # Errors
    /// If the address cannot be listened on; the text names it.
    pub fn listen(&mut self, address: &Address, acceptance: Acceptance) -> io::Result<Address> {
        let listening = match address {
            Address::Tcp { .. } => address
                .resolve()
                .and_then(|candidates| Listener::bind_tcp(&candidates, acceptance))
                .and_then(|listener| self.add_listener(listener)),
            Address::Unix(path) => {
                Listener::bind_unix(path, acceptance).and_then(|listener| self.add_listener(listener))
            }
            Address::Memory(name) => self.listen_memory(name).map(|()| address.clone()),
        };
        listening
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
    }

    /// Lets data connections from processes of this machine to `address` come over a unix socket, which is faster; they find it by
    /// themselves. `address` is the TCP address that others are told of what listens here. Where that cannot be they come over TCP.
    pub fn listen_nearby(&mut self, address: &Address, acceptance: Acceptance) {
        if let Address::Tcp { .. } = address
            && let Ok(listener) = Listener::bind_nearby(address, acceptance)
        {
            let _ = self.add_listener(listener);
        }
    }

    /// Stops listening on an address that [`Io::listen`] returned. Links stay.
    pub fn stop_listening(&mut self, address: &Address) {
        self.listeners.retain(|_, listener| listener.address != *address);
        if let Address::Memory(name) = address {
            self.stop_listening_memory(name);
        }
    }

    /// The time now.
    pub fn now(&self) -> Tick {
        clock::now()
    }

    /// Ends the loop after this turn: listeners close, every link is closed as if by [`Io::close`] but with
    /// [`CloseReason::Stopped`], then [`Reactor::run`](crate::Reactor::run) returns.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Bytes queued on a link and not yet taken by the system: what to throttle large sends by. 0 for memory links and links
    /// that are not open.
    pub fn queued_bytes(&self, link: LinkId) -> usize {
        match self.links.get(link.slot()) {
            Some(found) if found.id == link => found.outgoing.len_bytes() + found.unfilled_bytes(),
            _ => 0,
        }
    }

    /// A new link.
    fn add_link(&mut self, address: String, phase: Phase) -> LinkId {
        self.generation += 1;
        let entry = self.links.vacant_entry();
        let id = LinkId::new(entry.key(), self.generation);
        entry.insert(Link::new(id, address, phase));
        id
    }

    pub(crate) fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(id.slot()).filter(|link| link.id == id)
    }

    /// Takes a link out and tells the driver, if it knows of the link.
    pub(crate) fn end(&mut self, id: LinkId, reason: CloseReason) {
        if self.link_mut(id).is_none() {
            return;
        }
        let link = self.links.remove(id.slot());
        if link.sharing.is_some() {
            self.segments.link_ended(id);
        }
        if link.announced {
            self.ended.push_back((id, reason));
        }
    }

    fn set_deadline(&mut self, id: LinkId, after_ms: u64) {
        let at = self.now().plus_ms(after_ms);
        if let Some(link) = self.link_mut(id) {
            link.deadline = Some(at);
            self.timers.set(at, id);
        }
    }

    /// Sees to the deadlines that have passed.
    pub(crate) fn expire(&mut self, now: Tick) {
        while let Some((at, id)) = self.timers.take_expired(now) {
            let Some(link) = self.link_mut(id).filter(|link| link.deadline == Some(at)) else { continue };
            let timeout = CloseReason::ConnectTimeout { address: link.address.clone() };
            let reason = match &mut link.phase {
                Phase::Resolving | Phase::Connecting { .. } => timeout,
                Phase::Greeting { .. } => CloseReason::HandshakeTimeout,
                Phase::Closing { reason, .. } => reason.clone(),
                Phase::Open { .. } | Phase::Draining { .. } | Phase::Memory(_) => CloseReason::Peer,
            };
            self.end(id, reason);
        }
        if self.accept_again_at.is_some_and(|at| at <= now) {
            self.accept_again_at = None;
            self.accept_everywhere();
        }
        self.segments.look(now);
        self.tell_forgotten();
    }

    pub(crate) fn mark_readable(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id)
            && !link.readable
        {
            link.readable = true;
            self.readable.push_back(id);
        }
    }

    fn mark_dirty(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id)
            && !link.dirty
        {
            link.dirty = true;
            self.dirty.push(id);
        }
    }

    /// When the loop must look again although nothing happens.
    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        [self.timers.next(), self.accept_again_at, self.segments.next_look()].into_iter().flatten().min()
    }

    /// True if the next turn must not wait.
    pub(crate) fn is_busy(&self) -> bool {
        !self.readable.is_empty() || !self.ended.is_empty() || !self.dirty.is_empty()
    }

    /// Closes everything for good.
    pub(crate) fn stop_all(&mut self) {
        self.listeners.clear();
        for name in std::mem::take(&mut self.memory_names) {
            memory::unregister(&name, &self.shared);
        }
        let ids: Vec<LinkId> = self.links.iter().map(|(_, link)| link.id).collect();
        for id in ids {
            self.begin_close(id, CloseReason::Stopped);
        }
    }
}

fn token_of(id: LinkId) -> Token {
    Token(id.slot())
}

impl Drop for Io {
    fn drop(&mut self) {
        self.abandon_memory();
    }
}
