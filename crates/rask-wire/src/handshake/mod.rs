//! How two processes find out that they belong together, before either decodes anything of the other's.
//!
//! ```text
//! initiator                                   acceptor
//!   Hello (80 bytes)  ─────────────────────▶
//!                     ◀─────────────────────  Hello (80 bytes)     now both can name the other's version
//!   (looks up the secret of the acceptor's cluster)
//!   proof (32 bytes)  ─────────────────────▶
//!                     ◀─────────────────────  verdict (1 byte), proof (32 bytes)
//! ```
//!
//! A proof is BLAKE3, keyed with the secret of the initiator's role, over a direction and both hellos. Each hello carries
//! a fresh challenge, so an old proof proves nothing; the directions differ, so a proof sent back proves nothing. The
//! secret itself never travels. What follows the handshake is neither encrypted nor authenticated: whoever can change
//! packets on the way can change messages. TLS below all of this is what will cover that.
//!
//! Both sides are sans-IO: bytes in, bytes out, entropy handed in.

mod acceptor;
mod hello;
mod initiator;
mod proof;
mod secret;

use std::fmt;

pub use acceptor::{Accepted, Acceptor};
pub use hello::{HELLO_BYTES, Hello, MAGIC};
pub use initiator::{Initiator, Step};
pub use proof::{PROOF_BYTES, VERDICT_BYTES};
pub use secret::{ClusterId, Secret, Secrets};

use rask_types::msg::Role;

/// 32 random bytes, fresh for every handshake.
pub type Challenge = [u8; 32];

/// A protocol version together with the version of rask that speaks it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// The protocol.
    pub protocol: u16,
    /// The program, such as `0.1.0`.
    pub rask: String,
}

impl Version {
    /// This build's.
    pub fn ours() -> Version {
        Version { protocol: rask_types::PROTOCOL_VERSION, rask: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rask {} (protocol {})", self.rask, self.protocol)
    }
}

/// Why two processes do not talk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandshakeError {
    /// The other side does not speak rask at all.
    NotRask,
    /// It speaks another version.
    VersionMismatch {
        /// This side.
        ours: Version,
        /// The other.
        theirs: Version,
    },
    /// The secrets differ: it is another cluster's, or an old one.
    WrongSecret,
    /// This side has no secret for that cluster; the text says where it was looked for.
    NoSecret(String),
    /// The acceptor does not serve this role.
    RoleRefused(Role),
    /// The connection ended inside the handshake.
    Truncated,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::NotRask => f.write_str("whoever answers there does not speak rask's protocol"),
            HandshakeError::VersionMismatch { ours, theirs } => {
                write!(f, "this side is {ours}, the other side is {theirs}; install the same version on both")
            }
            HandshakeError::WrongSecret => f.write_str("the two sides have different secrets"),
            HandshakeError::NoSecret(reason) => f.write_str(reason),
            HandshakeError::RoleRefused(role) => write!(f, "the other side does not accept a {role:?} there"),
            HandshakeError::Truncated => f.write_str("the connection ended inside the handshake"),
        }
    }
}

impl std::error::Error for HandshakeError {}
