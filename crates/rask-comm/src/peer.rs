//! Who is at the other end of a link, and why a link ended.

use std::fmt;
use std::io;
use std::net::IpAddr;

use rask_types::msg::Role;
use rask_wire::WireError;
use rask_wire::handshake::{ClusterId, HandshakeError};

/// One link of one reactor. Never reused within the reactor's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(crate) u64);

impl LinkId {
    pub(crate) const fn new(slot: usize, generation: u32) -> LinkId {
        LinkId((generation as u64) << 32 | slot as u64)
    }

    pub(crate) const fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    /// The same number as plain bits, for maps and logs.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The inverse of [`LinkId::to_u64`]: a name for tests of drivers. A number that no reactor gave out names no link.
    pub const fn from_u64(bits: u64) -> LinkId {
        LinkId(bits)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link{}.{}", self.slot(), self.0 >> 32)
    }
}

/// Who is at the other end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// The role of whoever connected: the peer's if it did, else the one this side took.
    pub role: Role,
    /// Address as text: what was connected to, or where the peer connected from (`unix://…` of the listener for unix
    /// sockets, whose clients have no name).
    pub address: String,
    /// Messages move within this process; [`rask_types::Payload::local`] may pass.
    pub memory: bool,
    /// This side connected.
    pub initiated: bool,
    /// The acceptor's cluster; unknown over memory.
    pub cluster: ClusterId,
    /// The peer's version of rask.
    pub rask_version: String,
    /// This side's IP address on the link, where others on the same network find it; `None` without TCP.
    pub local_ip: Option<IpAddr>,
}

/// Why a link ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// This side closed it; the text was given to [`Io::close`](crate::Io::close).
    Local(String),
    /// The peer closed it, between two messages.
    Peer,
    /// The connection ended in the middle of a message: the peer's process or the network died.
    Truncated,
    /// The peer sent bytes that are no message, or a message it may not send.
    Garbage(WireError),
    /// A message of this side cannot be sent over this link.
    Unsendable(WireError),
    /// The two do not belong together.
    Handshake(HandshakeError),
    /// The peer did not complete the handshake in time.
    HandshakeTimeout,
    /// No connection came about.
    ConnectFailed {
        /// Where to.
        address: String,
        /// What the system says it is.
        kind: io::ErrorKind,
        /// In words.
        text: String,
    },
    /// Nobody answered in time.
    ConnectTimeout {
        /// Where to.
        address: String,
    },
    /// The system reports an error of an established connection.
    Failed {
        /// What the system says it is.
        kind: io::ErrorKind,
        /// In words.
        text: String,
    },
    /// This reactor stopped.
    Stopped,
}

impl CloseReason {
    /// True if the link never opened because nobody answered at the address (yet): trying again may help.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, CloseReason::ConnectFailed { .. } | CloseReason::ConnectTimeout { .. })
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Local(reason) => write!(f, "closed here: {reason}"),
            CloseReason::Peer => f.write_str("the other side closed the connection"),
            CloseReason::Truncated => f.write_str(
                "the connection broke in the middle of a message: the other process or the network died",
            ),
            CloseReason::Garbage(error) => write!(f, "the other side sent {error}"),
            CloseReason::Unsendable(error) => write!(f, "cannot send {error}"),
            CloseReason::Handshake(error) => error.fmt(f),
            CloseReason::HandshakeTimeout => {
                f.write_str("the other side accepted the connection but did not answer in rask's protocol")
            }
            CloseReason::ConnectFailed { address, text, .. } => {
                write!(f, "cannot connect to {address}: {text}")
            }
            CloseReason::ConnectTimeout { address } => {
                write!(f, "cannot connect to {address}: nobody answered in time")
            }
            CloseReason::Failed { text, .. } => write!(f, "the connection broke: {text}"),
            CloseReason::Stopped => f.write_str("this side stopped"),
        }
    }
}
