//! From an address to the first bytes of the handshake.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use mio::Interest;
use rask_types::msg::Role;
use rask_wire::handshake::{Challenge, Initiator};

use super::{Io, token_of};
use crate::access::Credentials;
use crate::address::Address;
use crate::dns;
use crate::link::{Greeting, Phase};
use crate::nearby;
use crate::peer::{CloseReason, LinkId};
use crate::stream::Stream;

impl Io {
    pub(super) fn connect_tcp(&mut self, address: &Address, role: Role, credentials: Credentials) -> LinkId {
        let id = self.add_initiated(address, role, credentials);
        if role == Role::Data
            && let Some(stream) = nearby::connect(address)
            && self.begin_connect(id, Stream::Unix(stream), vec![]).is_ok()
        {
            return id;
        }
        let literal = match address {
            Address::Tcp { host, port } => dns::literal(host, *port),
            _ => None,
        };
        if let Some(candidate) = literal {
            self.resolved(id, Ok(vec![candidate]));
        } else if let Err(error) = dns::resolve_later(address.clone(), id, self.shared.clone()) {
            self.connect_failed(id, &error);
        }
        id
    }

    pub(super) fn connect_unix(&mut self, path: &Path, role: Role, credentials: Credentials) -> LinkId {
        let id = self.add_initiated(&Address::Unix(path.to_owned()), role, credentials);
        let connecting = Stream::connect_unix(path).and_then(|stream| self.begin_connect(id, stream, vec![]));
        if let Err(error) = connecting {
            self.connect_failed(id, &error);
        }
        id
    }

    fn add_initiated(&mut self, address: &Address, role: Role, credentials: Credentials) -> LinkId {
        let id = self.add_link(address.to_string(), Phase::Resolving);
        self.set_deadline(id, self.options.connect_timeout_ms);
        if let Some(link) = self.link_mut(id) {
            link.announced = true;
            link.initiated = true;
            link.role = Some(role);
            link.credentials = Some(credentials);
        }
        id
    }

    /// The addresses behind a name are known, or not to be had.
    pub(crate) fn resolved(&mut self, id: LinkId, result: io::Result<Vec<SocketAddr>>) {
        if self.link_mut(id).is_none() {
            return; // closed meanwhile
        }
        match result {
            Ok(candidates) => {
                let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                self.try_candidates(id, candidates, none);
            }
            Err(error) => self.connect_failed(id, &error),
        }
    }

    /// Begins to connect to the first candidate that does not fail at once.
    fn try_candidates(&mut self, id: LinkId, mut candidates: Vec<SocketAddr>, mut last_error: io::Error) {
        while !candidates.is_empty() {
            let candidate = candidates.remove(0);
            let connecting = Stream::connect_tcp(candidate)
                .and_then(|stream| self.begin_connect(id, stream, candidates.clone()));
            match connecting {
                Ok(()) => return,
                Err(error) => last_error = error,
            }
        }
        self.connect_failed(id, &last_error);
    }

    fn begin_connect(
        &mut self,
        id: LinkId,
        mut stream: Stream,
        candidates: Vec<SocketAddr>,
    ) -> io::Result<()> {
        stream.register(&self.registry, token_of(id), Interest::READABLE | Interest::WRITABLE)?;
        if let Some(link) = self.link_mut(id) {
            link.phase = Phase::Connecting { stream, candidates };
        }
        Ok(())
    }

    /// Something happened to a stream that the system connects.
    pub(crate) fn look_at_connecting(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        let Phase::Connecting { stream, candidates } = &mut link.phase else { return };
        match stream.is_connected() {
            Ok(false) => {}
            Ok(true) => self.connected(id),
            Err(error) => {
                let candidates = std::mem::take(candidates);
                link.phase = Phase::Resolving;
                self.try_candidates(id, candidates, error);
            }
        }
    }

    fn connected(&mut self, id: LinkId) {
        let challenge = match challenge() {
            Ok(challenge) => challenge,
            Err(error) => return self.connect_failed(id, &error),
        };
        self.set_deadline(id, self.options.handshake_timeout_ms);
        let Some(link) = self.links.get_mut(id.slot()) else { return };
        let (Some(role), Phase::Connecting { mut stream, .. }) = (link.role, link.take_phase()) else {
            return;
        };
        let options = stream.set_options();
        if let Err(error) =
            options.and_then(|()| stream.reregister(&self.registry, token_of(id), Interest::READABLE))
        {
            return self.connect_failed(id, &error);
        }
        let mut hello = Vec::new();
        let greeting = Box::new(Greeting::Initiator(Initiator::new(role, challenge, &mut hello)));
        link.outgoing.push_raw(&hello);
        link.phase = Phase::Greeting { stream, greeting };
        self.mark_dirty(id);
        self.mark_readable(id);
    }

    pub(super) fn connect_failed(&mut self, id: LinkId, error: &io::Error) {
        let Some(link) = self.link_mut(id) else { return };
        let address = link.address.clone();
        self.end(id, CloseReason::ConnectFailed { address, kind: error.kind(), text: error.to_string() });
    }
}

/// Fresh randomness for a handshake.
pub(super) fn challenge() -> io::Result<Challenge> {
    let mut challenge = Challenge::default();
    getrandom::fill(&mut challenge).map_err(io::Error::other)?;
    Ok(challenge)
}
