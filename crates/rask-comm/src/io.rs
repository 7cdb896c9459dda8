//! What a driver may do.

use std::io;

use rask_types::Tick;
use rask_types::msg::{Message, Role};

use crate::access::{Acceptance, Credentials};
use crate::address::Address;
use crate::peer::LinkId;

/// The reactor's hands, lent to the driver in every callback. Nothing here blocks or calls back.
pub struct Io {
    stopping: bool,
}

impl Io {
    pub(crate) fn new() -> Io {
        Io { stopping: false }
    }

    /// Queues a message; it leaves at the end of this turn, in order. On a link that is still connecting it waits until the
    /// link opens. On a link that is closed or unknown it is dropped: `on_close` says or said so. A message that cannot
    /// be sent (too long, or holding a local payload over a socket) closes the link with
    /// [`CloseReason::Unsendable`](crate::CloseReason::Unsendable).
    pub fn send(&mut self, link: LinkId, message: impl Into<Message>) {
        let _ = (link, message.into());
    }

    /// Closes a link once everything queued on it has been sent (or a few seconds have passed). No more messages of it are
    /// delivered; `on_close` comes with `CloseReason::Local(reason)`.
    pub fn close(&mut self, link: LinkId, reason: impl Into<String>) {
        let _ = (link, reason.into());
    }

    /// Begins to connect. `on_open` or `on_close` follows. Names are resolved on a thread of their own.
    pub fn connect(&mut self, address: &Address, role: Role, credentials: Credentials) -> LinkId {
        let _ = (address, role, credentials);
        LinkId::new(0, 0)
    }

    /// Listens; returns the address with the port that was chosen. A port or path that someone listens on is an error; a
    /// socket file that nobody listens on any more is replaced. Resolves names, so give it literal addresses once the
    /// loop runs.
    ///
    /// # Errors
    /// If the address cannot be listened on; the text names it.
    pub fn listen(&mut self, address: &Address, acceptance: Acceptance) -> io::Result<Address> {
        let _ = acceptance;
        Ok(address.clone())
    }

    /// Stops listening on an address that [`Io::listen`] returned. Links stay.
    pub fn stop_listening(&mut self, address: &Address) {
        let _ = address;
    }

    /// The time now.
    pub fn now(&self) -> Tick {
        crate::clock::now()
    }

    /// Ends the loop after this turn: every link is closed as if by [`Io::close`], with `CloseReason::Stopped`, then
    /// [`Reactor::run`](crate::Reactor::run) returns.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Bytes queued on a link and not yet taken by the system: what to throttle large sends by. 0 for memory links and links
    /// that are gone.
    pub fn queued_bytes(&self, link: LinkId) -> usize {
        let _ = link;
        0
    }
}
