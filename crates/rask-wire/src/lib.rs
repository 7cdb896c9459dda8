//! rask's messages as bytes. Pure: bytes in, messages out, and the reverse; no sockets, clocks or entropy.
//!
//! * [`handshake`]: how two processes find out that they belong together.
//! * [`error`]: what can be wrong with bytes.

pub mod error;
pub mod handshake;

pub use error::WireError;
