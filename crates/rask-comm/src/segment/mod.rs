//! Memory that two processes of one machine share, so that a long message is copied once, by its sender, into pages that are warm.
//!
//! A *segment* belongs to the process that made it. It is anonymous: it has no name anywhere, reaches a peer as a file
//! descriptor over an authenticated unix socket, and is gone when the last of both has let go of it, by whatever death. Its first
//! page holds one word, its state; the data follow.
//!
//! The owner writes a message into a free segment, marks it lent, and says so over the socket. The borrower uses the memory as its
//! own until it drops the message, then marks the segment free; the owner looks at the word when it next needs a segment.
//! So a segment is always written to by one side only, and what was received can be changed by whoever received it.
//!
//! Making a segment costs several times more than filling it, in page faults. So they are made ahead, on a thread of their
//! own, kept for a while, and a message for which none is at hand goes through the socket.
//!
//! * [`owned`]: the owner's side of one segment.
//! * [`pool`]: the segments of a reactor.
//! * [`borrowed`]: the borrower's side.
//! * [`forks`]: what a borrower does about being forked.
//! * [`map`]: a mapped file in memory, which both sides have.
//! * [`copy`]: bytes into it.

mod borrowed;
mod copy;
mod forks;
mod map;
mod owned;
mod pool;

pub(crate) use borrowed::Borrowed;
pub(crate) use pool::{SHARED_BYTES_MIN, Segments};

/// Nothing uses it; it may be written to by its owner.
const FREE: u32 = 0;
/// It is the borrower's.
const LENT: u32 = 1;
/// It stays the borrower's for good.
const LOST: u32 = 2;
