//! One link as the reactor keeps it: what it is connected to and how far it has come.

use std::net::SocketAddr;
use std::sync::Arc;

use rask_types::Tick;
use rask_types::msg::{Message, Role};
use rask_wire::handshake::{Acceptor, Initiator};
use rask_wire::{Decoder, Outgoing};

use crate::access::Credentials;
use crate::io::Sharing;
use crate::peer::{CloseReason, LinkId};
use crate::stream::Stream;
use crate::wake::Shared;

pub(crate) struct Link {
    pub id: LinkId,
    /// Address for people: where this side connected to, or where the peer came from.
    pub address: String,
    /// The driver knows of it, and is to be told when it ends.
    pub announced: bool,
    /// This side connected.
    pub initiated: bool,
    /// Of whoever connected; `None` until a stranger has proved its own.
    pub role: Option<Role>,
    /// What this side has to show, until it has shown it.
    pub credentials: Option<Credentials>,
    /// When patience with the present phase ends.
    pub deadline: Option<Tick>,
    /// Messages that wait for the link to open, or to be handed over in memory.
    pub messages: Vec<Message>,
    /// Bytes that wait for the system to take them.
    pub outgoing: Outgoing,
    /// The system takes no more for now and will say when it does.
    pub blocked: bool,
    /// Writing failed, for this reason. What the peer sent before is still to be read.
    pub broken: Option<CloseReason>,
    /// In the list of links to flush at the end of the turn.
    pub dirty: bool,
    /// In the list of links that may have something to read.
    pub readable: bool,
    /// The system says that the peer sends no more: read to the end, it will not say so again.
    pub read_closed: bool,
    /// What goes through shared memory; `None` where nothing can.
    pub sharing: Option<Box<Sharing>>,
    pub phase: Phase,
}

/// How far a link has come.
pub(crate) enum Phase {
    /// Its name is being resolved.
    Resolving,
    /// The system connects; if it fails, the other candidates are tried.
    Connecting { stream: Stream, candidates: Vec<SocketAddr> },
    /// Bytes of the handshake go to and fro.
    Greeting { stream: Stream, greeting: Box<Greeting> },
    /// Frames go to and fro.
    Open { stream: Stream, decoder: Decoder },
    /// This side closes it: what is queued is sent, what comes is thrown away.
    Closing { stream: Stream, reason: CloseReason },
    /// Everything was sent and the driver told; what the peer still sends is read and thrown away, because closing a
    /// socket on unread bytes would throw away at the peer what was sent last.
    Draining { stream: Stream },
    /// Within the process.
    Memory(MemoryEnd),
}

/// Which side of the handshake this is.
pub(crate) enum Greeting {
    Initiator(Initiator),
    Acceptor(Acceptor),
}

/// This end of a memory link.
pub(crate) struct MemoryEnd {
    pub peer: Arc<Shared>,
    /// What the peer calls it; `None` until it has taken it.
    pub peer_link: Option<LinkId>,
}

impl Link {
    pub fn new(id: LinkId, address: String, phase: Phase) -> Link {
        Link {
            id,
            address,
            announced: false,
            initiated: false,
            role: None,
            credentials: None,
            deadline: None,
            messages: Vec::new(),
            outgoing: Outgoing::default(),
            blocked: false,
            broken: None,
            dirty: false,
            readable: false,
            read_closed: false,
            sharing: None,
            phase,
        }
    }

    /// Takes the phase out, to make the next of its parts.
    pub fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Resolving)
    }
}

impl Phase {
    /// The stream, once it is connected.
    pub fn stream_mut(&mut self) -> Option<&mut Stream> {
        match self {
            Phase::Greeting { stream, .. }
            | Phase::Open { stream, .. }
            | Phase::Closing { stream, .. }
            | Phase::Draining { stream } => Some(stream),
            Phase::Resolving | Phase::Connecting { .. } | Phase::Memory(_) => None,
        }
    }
}
