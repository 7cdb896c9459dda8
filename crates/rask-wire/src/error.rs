//! What can be wrong with bytes from a peer, or with a message that should become bytes.

use std::fmt;

/// Why bytes are not a message, or a message cannot be sent. All but the last two blame the sender of the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WireError {
    /// A frame ends inside what it should hold.
    Truncated,
    /// A number is too large for what it counts or names.
    Overflow,
    /// A string is not UTF-8.
    NotUtf8,
    /// A byte that names no variant of `what`.
    UnknownVariant {
        /// The type.
        what: &'static str,
        /// The byte.
        found: u8,
    },
    /// A frame header whose reserved bytes are set: not a frame at all.
    BadHeader,
    /// A message of a family that this peer may not send on this connection, or of no family.
    UnexpectedKind(u8),
    /// Bytes are left over after the message.
    TrailingBytes,
    /// The columns of a message contradict each other.
    Inconsistent(&'static str),
    /// The frame is longer than this connection allows. The sender sees it before sending, the receiver before
    /// allocating.
    FrameTooLong {
        /// Its length.
        body_bytes: u64,
        /// What is allowed.
        max: u64,
    },
    /// There is no memory for a frame of this length.
    OutOfMemory {
        /// Its length.
        body_bytes: u64,
    },
    /// A payload that exists only as an object of this process ([`rask_types::Payload::local`]) was to be sent.
    LocalPayload,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Truncated => f.write_str("a frame ends inside what it should hold"),
            WireError::Overflow => f.write_str("a number is out of range"),
            WireError::NotUtf8 => f.write_str("a string is not UTF-8"),
            WireError::UnknownVariant { what, found } => write!(f, "{found} names no variant of {what}"),
            WireError::BadHeader => f.write_str("not the header of a frame"),
            WireError::UnexpectedKind(kind) => {
                write!(f, "a message of kind {kind:#04x}, which this peer may not send")
            }
            WireError::TrailingBytes => f.write_str("bytes are left over after a message"),
            WireError::Inconsistent(what) => write!(f, "inconsistent columns: {what}"),
            WireError::FrameTooLong { body_bytes, max } => {
                write!(f, "a message of {body_bytes} bytes, of which this connection carries at most {max}")
            }
            WireError::OutOfMemory { body_bytes } => {
                write!(f, "no memory for a message of {body_bytes} bytes")
            }
            WireError::LocalPayload => f.write_str(
                "a value that exists only inside this process was to be sent without being encoded",
            ),
        }
    }
}

impl std::error::Error for WireError {}
