//! From bytes to what the driver is told.

use std::io;

use rask_types::msg::{Message, Role};
use rask_wire::handshake::{ClusterId, HandshakeError, Step, Version};
use rask_wire::{Decoder, Family};

use super::{Io, Sharing};
use crate::link::{Greeting, Link, Phase};
use crate::peer::{CloseReason, LinkId, PeerInfo};

/// From so many missing bytes of a frame on, they are read straight into its own place.
pub(super) const DIRECT_BYTES_MIN: usize = 64 << 10;

/// What one read brought.
pub(crate) enum Received {
    /// So many bytes, in the scratch buffer or in a frame's own place.
    Bytes { in_scratch: usize, total: usize },
    /// Nothing more for now.
    Nothing,
}

/// What bytes turned out to mean.
#[allow(clippy::large_enum_variant)] // it is taken apart at once; a box would cost an allocation per message
pub(crate) enum Heard {
    Open(PeerInfo),
    Message(Message),
}

impl Io {
    /// Reads once from a link.
    pub(crate) fn receive(&mut self, id: LinkId, scratch: &mut [u8]) -> Received {
        let Some(link) = self.link_mut(id) else { return Received::Nothing };
        if link.sharing.is_some() {
            return self.receive_with_files(id, scratch);
        }
        let (result, wanted, direct) = match &mut link.phase {
            Phase::Open { stream, decoder } if decoder.missing_bytes() >= DIRECT_BYTES_MIN => {
                let spare = decoder.spare_mut();
                let wanted = spare.len();
                let result = stream.read_uninit(spare);
                if let Ok(n) = result {
                    // SAFETY: the system has just written the first `n` bytes.
                    unsafe { decoder.assume_filled(n) };
                }
                (result, wanted, true)
            }
            _ => match link.phase.stream_mut() {
                Some(stream) => (stream.read(scratch), scratch.len(), false),
                None => return Received::Nothing,
            },
        };
        self.received(id, result, wanted, direct)
    }

    /// What a read of at most `wanted` bytes means.
    pub(super) fn received(
        &mut self,
        id: LinkId,
        result: io::Result<usize>,
        wanted: usize,
        direct: bool,
    ) -> Received {
        match result {
            Ok(0) => {
                self.end_of_stream(id);
                Received::Nothing
            }
            Ok(n) => {
                // A short read has emptied the socket, unless files come over it; the system will say when there is more.
                if let Some(link) = self.link_mut(id)
                    && n < wanted
                    && !link.read_closed
                    && link.sharing.is_none()
                {
                    link.readable = false;
                }
                Received::Bytes { in_scratch: if direct { 0 } else { n }, total: n }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.unmark_readable(id);
                // What the peer had sent before writing to it failed has now been read.
                if let Some(reason) = self.link_mut(id).and_then(|link| link.broken.take()) {
                    self.fail(id, reason);
                }
                Received::Nothing
            }
            Err(error) => {
                self.fail(id, CloseReason::Failed { kind: error.kind(), text: error.to_string() });
                Received::Nothing
            }
        }
    }

    fn unmark_readable(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id) {
            link.readable = false;
        }
    }

    fn end_of_stream(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        let reason = match &link.phase {
            Phase::Greeting { .. } => CloseReason::Handshake(HandshakeError::Truncated),
            Phase::Open { decoder, .. } if !decoder.is_between_frames() => CloseReason::Truncated,
            _ => CloseReason::Peer,
        };
        self.fail(id, reason);
    }

    /// Ends a link at once. If this side was closing it anyway, that is the reason that the driver hears.
    pub(super) fn fail(&mut self, id: LinkId, reason: CloseReason) {
        let Some(link) = self.link_mut(id) else { return };
        let reason = match &link.phase {
            Phase::Closing { reason, .. } => reason.clone(),
            _ => reason,
        };
        self.end(id, reason);
    }

    /// Takes from `input` what makes one thing to tell the driver; `None` if it is used up or the link is not heard any
    /// more.
    pub(crate) fn hear(&mut self, id: LinkId, input: &mut &[u8]) -> Option<Heard> {
        loop {
            let link = self.link_mut(id)?;
            match &mut link.phase {
                Phase::Open { decoder, .. } => match decoder.decode(input) {
                    Ok(Some(message)) => return Some(Heard::Message(message)),
                    Ok(None) => {
                        let placed = decoder.take_placed()?;
                        match self.take_in(id, &placed) {
                            Ok(Some(message)) => return Some(Heard::Message(message)),
                            Ok(None) => {}
                            Err(error) => self.fail(id, CloseReason::Garbage(error)),
                        }
                    }
                    Err(error) => self.fail(id, CloseReason::Garbage(error)),
                },
                Phase::Greeting { .. } => match greet(link, input) {
                    Ok(Some((role, cluster, version))) => {
                        return self.open(id, role, cluster, version).map(Heard::Open);
                    }
                    Ok(None) => {
                        self.mark_dirty(id);
                        return None;
                    }
                    // What the acceptor has to say about it is still sent.
                    Err(error) => self.begin_close(id, CloseReason::Handshake(error)),
                },
                _ => {
                    *input = &[];
                    return None;
                }
            }
        }
    }

    /// The handshake is complete.
    fn open(&mut self, id: LinkId, role: Role, cluster: ClusterId, rask_version: String) -> Option<PeerInfo> {
        let frame_bytes_max = match role {
            Role::Data => self.options.data_frame_bytes_max,
            _ => self.options.control_frame_bytes_max,
        };
        let link = self.link_mut(id)?;
        let Phase::Greeting { stream, .. } = link.take_phase() else { return None };
        let peer = PeerInfo {
            role,
            address: link.address.clone(),
            memory: false,
            initiated: link.initiated,
            cluster,
            rask_version,
            local_ip: stream.local_ip(),
        };
        let mut decoder = Decoder::new(Family::received(role, link.initiated), frame_bytes_max);
        link.sharing = Sharing::over(&stream, role);
        if link.sharing.is_some() {
            decoder.allow_placed();
        }
        link.phase = Phase::Open { stream, decoder };
        link.outgoing.set_frame_bytes_max(frame_bytes_max);
        link.role = Some(role);
        link.announced = true;
        link.deadline = None;
        let waiting = std::mem::take(&mut link.messages);
        waiting.into_iter().for_each(|message| self.queue(id, message));
        self.mark_dirty(id);
        Some(peer)
    }
}

type Greeted = Option<(Role, ClusterId, String)>;

/// Takes the handshake one step on; `Some` when it is complete.
fn greet(link: &mut Link, input: &mut &[u8]) -> Result<Greeted, HandshakeError> {
    let Phase::Greeting { greeting, .. } = &mut link.phase else { return Ok(None) };
    let mut answer = Vec::new();
    let greeted = match &mut **greeting {
        Greeting::Acceptor(acceptor) => acceptor
            .receive(input, &mut answer)
            .map(|accepted| accepted.map(|peer| (peer.role, acceptor.cluster(), peer.rask_version))),
        Greeting::Initiator(initiator) => loop {
            match initiator.receive(input) {
                Ok(Step::Read) => break Ok(None),
                Ok(Step::Done(hello)) => break Ok(Some((hello.role, hello.cluster, hello.rask_version))),
                Ok(Step::ChooseSecret(cluster)) => {
                    let secret = match link.credentials.take() {
                        Some(credentials) => credentials.for_cluster(cluster),
                        None => Err("the secret was used already".to_owned()),
                    };
                    if let Err(error) = initiator.choose(secret, &mut answer) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        },
    };
    link.outgoing.push_raw(&answer);
    greeted
}

/// Who the other end of a memory link is.
pub(super) fn memory_peer(link: &Link, role: Role) -> PeerInfo {
    PeerInfo {
        role,
        address: link.address.clone(),
        memory: true,
        initiated: link.initiated,
        cluster: ClusterId::UNKNOWN,
        rask_version: Version::ours().rask,
        local_ip: None,
    }
}
