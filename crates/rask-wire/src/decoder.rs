//! Bytes in, messages out.

use std::mem::MaybeUninit;

use bytes::Bytes;
use rask_types::msg::Message;

use crate::LARGE_BYTES;
use crate::error::WireError;
use crate::family::Family;
use crate::frame::{HEADER_BYTES, Header, decode_body};
use crate::primitive::{AlignedBuffer, Reader};

/// Takes a connection's bytes apart, from the end of the handshake on.
///
/// A frame that lies whole in the input is decoded where it lies. One that does not gets an allocation of exactly its
/// length, in which long values then stay: read straight into [`Decoder::spare_mut`] while much of it is missing.
pub struct Decoder {
    family: Family,
    frame_bytes_max: u64,
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    body: Option<Body>,
    /// The connection knows segments.
    takes_placed: bool,
    placed: Option<Placed>,
}

/// A frame whose body lies in a shared segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The segment's number.
    pub segment: u32,
    /// Length of the body, from the segment's start. 0: there is no message, and the segment is to be forgotten.
    pub body_bytes: u64,
    kind: u8,
}

impl Placed {
    /// The message, whose long values then share `body`.
    ///
    /// # Errors
    /// If the bytes are no message.
    pub fn decode(&self, body: &Bytes) -> Result<Message, WireError> {
        decode_body(self.kind, Reader::owned(body))
    }
}

struct Body {
    kind: u8,
    buffer: AlignedBuffer,
}

impl Body {
    fn decode(self) -> Result<Message, WireError> {
        if self.buffer.filled().len() < LARGE_BYTES {
            decode_body(self.kind, Reader::borrowed(self.buffer.filled()))
        } else {
            decode_body(self.kind, Reader::owned(&self.buffer.freeze()))
        }
    }
}

impl Decoder {
    /// A decoder for a peer that may send `family`, in frames whose body has at most `frame_bytes_max` bytes.
    pub fn new(family: Family, frame_bytes_max: u64) -> Decoder {
        Decoder {
            family,
            frame_bytes_max,
            header: [0; HEADER_BYTES],
            header_bytes: 0,
            body: None,
            takes_placed: false,
            placed: None,
        }
    }

    /// From now on the peer may send placed frames, and [`Decoder::take_placed`] must be asked for them.
    pub fn allow_placed(&mut self) {
        self.takes_placed = true;
    }

    /// The placed frame at which [`Decoder::decode`] stopped, if that is why it gave no message.
    pub fn take_placed(&mut self) -> Option<Placed> {
        self.placed.take()
    }

    /// Takes bytes from the front of `input` until a message is complete, or the input is used up, or a placed frame was met
    /// (then `None`). Call it again with what is left.
    ///
    /// # Errors
    /// If the bytes are no message of this connection. Nothing can follow then; the connection is to be closed.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Message>, WireError> {
        if self.body.is_none() {
            let Some(header) = self.take_header(input)? else { return Ok(None) };
            if header.segment != 0 {
                if !self.takes_placed {
                    return Err(WireError::BadHeader);
                }
                let Header { body_bytes, kind, segment } = header;
                self.placed = Some(Placed { segment, body_bytes, kind });
                return Ok(None);
            }
            let whole = usize::try_from(header.body_bytes).ok().and_then(|len| input.split_at_checked(len));
            if let Some((body, rest)) = whole {
                *input = rest;
                return decode_body(header.kind, Reader::borrowed(body)).map(Some);
            }
            let out_of_memory = WireError::OutOfMemory { body_bytes: header.body_bytes };
            let len = usize::try_from(header.body_bytes).map_err(|_| out_of_memory.clone())?;
            let buffer = AlignedBuffer::new(len).ok_or(out_of_memory)?;
            self.body = Some(Body { kind: header.kind, buffer });
        }
        let Some(body) = &mut self.body else { return Ok(None) };
        body.buffer.fill_from(input);
        if body.buffer.missing_bytes() > 0 {
            return Ok(None);
        }
        self.body.take().map(Body::decode).transpose()
    }

    fn take_header(&mut self, input: &mut &[u8]) -> Result<Option<Header>, WireError> {
        let take = (HEADER_BYTES - self.header_bytes).min(input.len());
        let (now, later) = input.split_at(take);
        self.header[self.header_bytes..self.header_bytes + take].copy_from_slice(now);
        *input = later;
        self.header_bytes += take;
        if self.header_bytes < HEADER_BYTES {
            return Ok(None);
        }
        self.header_bytes = 0;
        Header::from_bytes(&self.header, self.family, self.frame_bytes_max).map(Some)
    }

    /// Where the missing bytes of a frame go that has begun; empty between frames. Fill it from the front, say so with
    /// [`Decoder::assume_filled`], then call [`Decoder::decode`], with an empty input if there is no more.
    pub fn spare_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.body.as_mut().map_or(&mut [], |body| body.buffer.spare())
    }

    /// How many bytes of a frame that has begun are missing: the length of [`Decoder::spare_mut`].
    pub fn missing_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.buffer.missing_bytes())
    }

    /// Counts the first `n` bytes of [`Decoder::spare_mut`] as received.
    ///
    /// # Safety
    /// They are initialised.
    ///
    /// # Panics
    /// If there are not that many.
    pub unsafe fn assume_filled(&mut self, n: usize) {
        match &mut self.body {
            // SAFETY: promised by the caller.
            Some(body) => unsafe { body.buffer.assume_filled(n) },
            None => assert_eq!(n, 0, "no frame has begun"),
        }
    }

    /// True if the connection may end here: no frame has begun.
    pub fn is_between_frames(&self) -> bool {
        self.header_bytes == 0 && self.body.is_none()
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder({:?})", self.family)
    }
}
