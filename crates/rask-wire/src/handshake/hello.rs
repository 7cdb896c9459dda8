//! The one thing that is decoded of a stranger: 80 bytes.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 2 | protocol version |
//! | 10 | 1 | role of the initiator (the acceptor repeats it) |
//! | 11 | 1 | reserved, 0 |
//! | 12 | 16 | version of rask, text, filled up with zeros |
//! | 28 | 16 | cluster id; zero where it is not known |
//! | 44 | 32 | challenge |
//! | 76 | 4 | reserved, 0 |
//!
//! Offsets 0 to 28 keep their meaning in every future version, so that any two versions can name each other.

use rask_types::PROTOCOL_VERSION;
use rask_types::msg::Role;

use super::{Challenge, ClusterId, HandshakeError, Version};

/// Length of a hello.
pub const HELLO_BYTES: usize = 80;

/// How every rask connection begins, in both directions. The control characters catch what mangles line ends.
pub const MAGIC: [u8; 8] = *b"\x93rask\r\n\x1a";

const RASK_VERSION_BYTES: usize = 16;

/// What each side says first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// What the initiator is.
    pub role: Role,
    /// The sender's version of rask.
    pub rask_version: String,
    /// The sender's cluster.
    pub cluster: ClusterId,
    /// Fresh randomness.
    pub challenge: Challenge,
}

impl Hello {
    /// A hello of this build. A version text beyond 16 bytes is cut.
    pub fn new(role: Role, cluster: ClusterId, challenge: Challenge) -> Hello {
        Hello { role, rask_version: Version::ours().rask, cluster, challenge }
    }

    /// The bytes.
    pub fn to_bytes(&self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&PROTOCOL_VERSION.to_le_bytes());
        bytes[10] = self.role as u8;
        let version = self.rask_version.as_bytes();
        let len = version.len().min(RASK_VERSION_BYTES);
        bytes[12..12 + len].copy_from_slice(&version[..len]);
        bytes[28..44].copy_from_slice(&self.cluster.0);
        bytes[44..76].copy_from_slice(&self.challenge);
        bytes
    }

    /// The hello that these bytes are.
    ///
    /// # Errors
    /// `NotRask` for other bytes, `VersionMismatch` for a hello of another protocol version.
    pub fn from_bytes(bytes: &[u8; HELLO_BYTES]) -> Result<Hello, HandshakeError> {
        if bytes[..8] != MAGIC {
            return Err(HandshakeError::NotRask);
        }
        let text = &bytes[12..12 + RASK_VERSION_BYTES];
        let len = text.iter().position(|&b| b == 0).unwrap_or(RASK_VERSION_BYTES);
        // A stranger's text ends up in error messages and logs, so only printable ASCII gets through.
        let printable = |&b: &u8| if b.is_ascii_graphic() { b as char } else { '?' };
        let rask_version: String = text[..len].iter().map(printable).collect();
        let protocol = u16::from_le_bytes([bytes[8], bytes[9]]);
        if protocol != PROTOCOL_VERSION {
            let theirs = Version { protocol, rask: rask_version };
            return Err(HandshakeError::VersionMismatch { ours: Version::ours(), theirs });
        }
        let role = role_of(bytes[10]).ok_or(HandshakeError::NotRask)?;
        if bytes[11] != 0 || bytes[76..] != [0; 4] {
            return Err(HandshakeError::NotRask);
        }
        let mut cluster = ClusterId::UNKNOWN;
        cluster.0.copy_from_slice(&bytes[28..44]);
        let mut challenge = [0; 32];
        challenge.copy_from_slice(&bytes[44..76]);
        Ok(Hello { role, rask_version, cluster, challenge })
    }

    /// True if `bytes`, the first of a stream, can still become a hello.
    pub fn may_begin_with(bytes: &[u8]) -> bool {
        let len = bytes.len().min(MAGIC.len());
        bytes[..len] == MAGIC[..len]
    }
}

fn role_of(byte: u8) -> Option<Role> {
    [Role::Client, Role::Worker, Role::Nanny, Role::Data, Role::TaskClient]
        .into_iter()
        .find(|&role| role as u8 == byte)
}
