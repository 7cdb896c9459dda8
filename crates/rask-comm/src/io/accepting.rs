//! From a listener to the first bytes of a handshake.

use std::io;

use mio::{Interest, Token};
use rask_wire::handshake::Acceptor;

use super::{Io, LISTENER_TOKENS, token_of};
use crate::link::{Greeting, Link, Phase};
use crate::listener::Listener;
use crate::stream::Stream;

/// How many strangers may be in their handshake at once. More are turned away at the door: the honest ones try again.
const STRANGERS_MAX: usize = 1024;

/// How long to wait when the system cannot accept (too many open files).
const ACCEPT_PAUSE_MS: u64 = 100;

impl Io {
    pub(super) fn add_listener(&mut self, mut listener: Listener) -> io::Result<crate::address::Address> {
        let entry = self.listeners.vacant_entry();
        listener.register(&self.registry, Token(LISTENER_TOKENS + entry.key()))?;
        let address = listener.address.clone();
        entry.insert(listener);
        Ok(address)
    }

    pub(crate) fn accept_everywhere(&mut self) {
        let all: Vec<usize> = self.listeners.iter().map(|(index, _)| index).collect();
        all.into_iter().for_each(|index| self.accept_all(index));
    }

    /// Accepts whoever waits at this listener.
    pub(crate) fn accept_all(&mut self, index: usize) {
        while let Some(listener) = self.listeners.get(index) {
            match listener.accept() {
                Ok((stream, from)) => {
                    let secrets = listener.acceptance.secrets();
                    // A connection that cannot be set up is dropped: its peer will say why it waited in vain.
                    let _ = self.greet(stream, from, secrets);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.accept_again_at = Some(self.now().plus_ms(ACCEPT_PAUSE_MS));
                        return;
                    }
                },
            }
        }
    }

    fn greet(
        &mut self,
        mut stream: Stream,
        from: String,
        secrets: rask_wire::handshake::Secrets,
    ) -> io::Result<()> {
        let is_stranger = |link: &Link| matches!(link.phase, Phase::Greeting { .. }) && !link.initiated;
        if self.links.len() >= STRANGERS_MAX
            && self.links.iter().filter(|(_, link)| is_stranger(link)).count() >= STRANGERS_MAX
        {
            return Ok(());
        }
        stream.set_options()?;
        let challenge = super::connecting::challenge()?;
        let id = self.add_link(from, Phase::Resolving);
        if let Err(error) = stream.register(&self.registry, token_of(id), Interest::READABLE) {
            self.links.remove(id.slot());
            return Err(error);
        }
        if let Some(link) = self.link_mut(id) {
            let greeting = Box::new(Greeting::Acceptor(Acceptor::new(secrets, challenge)));
            link.phase = Phase::Greeting { stream, greeting };
        }
        self.set_deadline(id, self.options.handshake_timeout_ms);
        // Its hello may have come before it was registered.
        self.mark_readable(id);
        Ok(())
    }
}
