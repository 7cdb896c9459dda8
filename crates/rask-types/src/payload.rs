//! Encoded values as they travel: a head in the tagged codec and, beside it, large buffers that nobody copies.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// An object of the process's own language runtime, handed from one part of a process to another by reference.
/// It never crosses a socket: whoever would send it encodes it first.
pub type LocalObject = Arc<dyn Any + Send + Sync>;

/// One encoded value.
///
/// `head` is a value in the tagged codec ([`crate::value`]); buffers that it names by number (array data, pickle
/// protocol 5 out-of-band buffers, long bytes) lie in `buffers`.
#[derive(Clone, Default)]
pub struct Payload {
    /// The value, in the tagged codec.
    pub head: Bytes,
    /// What the head refers to by number.
    pub buffers: Vec<Bytes>,
    /// Set only between parts of one process: the value itself; `head` and `buffers` are then empty.
    pub local: Option<LocalObject>,
}

impl Payload {
    /// A payload without buffers.
    pub fn from_head(head: impl Into<Bytes>) -> Payload {
        Payload { head: head.into(), ..Payload::default() }
    }

    /// A value of this process, by reference.
    pub fn from_local(local: LocalObject) -> Payload {
        Payload { local: Some(local), ..Payload::default() }
    }

    /// Bytes that sending this payload moves.
    pub fn nbytes(&self) -> u64 {
        self.head.len() as u64 + self.buffers.iter().map(|b| b.len() as u64).sum::<u64>()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.head == other.head
            && self.buffers == other.buffers
            && match (&self.local, &other.local) {
                (None, None) => true,
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = if self.local.is_some() { ", local" } else { "" };
        write!(f, "Payload({} B, {} buffers{local})", self.head.len(), self.buffers.len())
    }
}
