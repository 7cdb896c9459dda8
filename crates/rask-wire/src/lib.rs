//! rask's messages as bytes. Pure: bytes in, messages out, and the reverse; no sockets, clocks or entropy.
//!
//! * [`handshake`]: how two processes find out that they belong together, before either decodes the other's messages.
//! * [`frame`]: a message is one frame, a header and a body.
//! * [`outgoing`]: frames on their way out, in segments for vectored writes; large buffers are never copied.
//! * [`decoder`]: frames on their way in; large bodies are read into their final place.
//! * [`family`]: which messages may come over which connection.
//! * [`error`]: what can be wrong with bytes.
//!
//! Inside, `primitive` writes and reads numbers, bytes and columns, `codec` says how types are made of these, and
//! `messages` lists the types.
//!
//! Whatever comes out of a [`Decoder`] is consistent in itself: columns have equal lengths, ends ascend, indices within
//! a message lie within it. Whether the ids mean anything is the receiver's to check.
//!
//! ```
//! use rask_types::msg::{ClientToScheduler, Message};
//! use rask_wire::{Decoder, Family, Outgoing, encode};
//!
//! let message = Message::from(ClientToScheduler::AbortGraph { graph: 7 });
//! let mut outgoing = Outgoing::default();
//! encode(&message, &mut outgoing)?;
//! let bytes = outgoing.take_contiguous();
//! let mut decoder = Decoder::new(Family::ClientToScheduler, 1 << 20);
//! assert_eq!(decoder.decode(&mut &bytes[..])?, Some(message));
//! # Ok::<(), rask_wire::WireError>(())
//! ```

mod codec;
pub mod decoder;
pub mod error;
pub mod family;
pub mod frame;
pub mod handshake;
mod messages;
pub mod outgoing;
mod primitive;

pub use decoder::{Decoder, Placed};
pub use error::WireError;
pub use family::Family;
pub use frame::{Apart, encode, forget_segment};
pub use outgoing::Outgoing;

/// From this length on, bytes are neither copied into an [`Outgoing`] nor out of a body.
pub const LARGE_BYTES: usize = 16 << 10;
