//! Frames: a header of 16 bytes, then a body.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | length of the body, little-endian |
//! | 8 | 1 | kind: the family in the high 3 bits, the variant in the low 5 |
//! | 9 | 4 | 0, or the number of a shared segment, little-endian |
//! | 13 | 3 | reserved, 0 |
//!
//! Between processes of one machine, a long body may lie in memory that both have, a *segment*, instead of behind its header:
//! the frame is *placed*. How the segment came to both, and what its number means, is the connection's affair.

use rask_types::msg::Message;

use crate::codec::Variants;
use crate::error::WireError;
use crate::family::Family;
use crate::outgoing::Outgoing;
use crate::primitive::{Reader, Writer};

/// Length of a frame's header.
pub const HEADER_BYTES: usize = 16;

const VARIANT_BITS: u8 = 5;

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub body_bytes: u64,
    pub kind: u8,
    /// Where the body lies: 0 if behind the header.
    pub segment: u32,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[8] = self.kind;
        bytes[9..13].copy_from_slice(&self.segment.to_le_bytes());
        bytes
    }

    /// The header that a peer sent who may send `family`, in bodies of at most `body_bytes_max`.
    pub fn from_bytes(
        bytes: &[u8; HEADER_BYTES],
        family: Family,
        body_bytes_max: u64,
    ) -> Result<Header, WireError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(WireError::BadHeader)?;
        let segment = u32::from_le_bytes([rest[1], rest[2], rest[3], rest[4]]);
        let header = Header { body_bytes: u64::from_le_bytes(*length), kind: rest[0], segment };
        if rest[5..] != [0; 3] {
            return Err(WireError::BadHeader);
        }
        if header.kind >> VARIANT_BITS != family as u8 {
            return Err(WireError::UnexpectedKind(header.kind));
        }
        if header.body_bytes > body_bytes_max {
            return Err(WireError::FrameTooLong { body_bytes: header.body_bytes, max: body_bytes_max });
        }
        Ok(header)
    }
}

/// Appends a message as one frame.
///
/// # Errors
/// If it is longer than `out` takes, or holds a payload that exists only in this process. Nothing is appended then.
pub fn encode(message: &Message, out: &mut Outgoing) -> Result<(), WireError> {
    append(message, out).map(drop)
}

/// A message whose body is not to follow its header.
#[derive(Debug)]
pub struct Apart {
    header: Header,
    /// The body.
    pub body: Outgoing,
}

impl Apart {
    /// A message, encoded.
    ///
    /// # Errors
    /// As of [`encode`], for an [`Outgoing`] that takes bodies of at most `frame_bytes_max`.
    pub fn new(message: &Message, frame_bytes_max: u64) -> Result<Apart, WireError> {
        let mut body = Outgoing::new(frame_bytes_max);
        let header = append(message, &mut body)?;
        body.advance(HEADER_BYTES);
        Ok(Apart { header, body })
    }

    /// What goes to the peer once the body lies in the segment of this number, which is not 0.
    pub fn placed_in(&self, segment: u32) -> [u8; HEADER_BYTES] {
        Header { segment, ..self.header }.to_bytes()
    }
}

/// Tells the receiver of `family` that nothing will lie in a segment any more: a placed frame of no length.
pub fn forget_segment(family: Family, segment: u32) -> [u8; HEADER_BYTES] {
    Header { body_bytes: 0, kind: (family as u8) << VARIANT_BITS, segment }.to_bytes()
}

fn append(message: &Message, out: &mut Outgoing) -> Result<Header, WireError> {
    let mark = out.begin_frame();
    out.tail().extend_from_slice(&[0; HEADER_BYTES]);
    let mut w = Writer::new(out);
    let variant = match message {
        Message::ClientToScheduler(message) => put_variant(message, &mut w),
        Message::SchedulerToClient(message) => put_variant(message, &mut w),
        Message::WorkerToScheduler(message) => put_variant(message, &mut w),
        Message::SchedulerToWorker(message) => put_variant(message, &mut w),
        Message::NannyToScheduler(message) => put_variant(message, &mut w),
        Message::SchedulerToNanny(message) => put_variant(message, &mut w),
        Message::ToData(message) => put_variant(message, &mut w),
        Message::FromData(message) => put_variant(message, &mut w),
    };
    let written = w.finish();
    let max = out.frame_bytes_max();
    let body_bytes = match written {
        Ok(body_bytes) if body_bytes as u64 <= max => body_bytes as u64,
        Ok(body_bytes) => {
            out.roll_back(mark);
            return Err(WireError::FrameTooLong { body_bytes: body_bytes as u64, max });
        }
        Err(error) => {
            out.roll_back(mark);
            return Err(error);
        }
    };
    let header =
        Header { body_bytes, kind: (Family::of(message) as u8) << VARIANT_BITS | variant, segment: 0 };
    out.overwrite(mark, &header.to_bytes());
    Ok(header)
}

fn put_variant(message: &impl Variants, w: &mut Writer<'_>) -> u8 {
    message.put_fields(w);
    message.variant()
}

/// The message of this kind whose body `r` reads.
pub(crate) fn decode_body(kind: u8, mut r: Reader<'_>) -> Result<Message, WireError> {
    const FAMILIES: [Family; 8] = [
        Family::ClientToScheduler,
        Family::SchedulerToClient,
        Family::WorkerToScheduler,
        Family::SchedulerToWorker,
        Family::NannyToScheduler,
        Family::SchedulerToNanny,
        Family::ToData,
        Family::FromData,
    ];
    let variant = kind & ((1 << VARIANT_BITS) - 1);
    let message = match FAMILIES[usize::from(kind >> VARIANT_BITS)] {
        Family::ClientToScheduler => Message::ClientToScheduler(Variants::get_fields(variant, &mut r)?),
        Family::SchedulerToClient => Message::SchedulerToClient(Variants::get_fields(variant, &mut r)?),
        Family::WorkerToScheduler => Message::WorkerToScheduler(Variants::get_fields(variant, &mut r)?),
        Family::SchedulerToWorker => Message::SchedulerToWorker(Variants::get_fields(variant, &mut r)?),
        Family::NannyToScheduler => Message::NannyToScheduler(Variants::get_fields(variant, &mut r)?),
        Family::SchedulerToNanny => Message::SchedulerToNanny(Variants::get_fields(variant, &mut r)?),
        Family::ToData => Message::ToData(Variants::get_fields(variant, &mut r)?),
        Family::FromData => Message::FromData(Variants::get_fields(variant, &mut r)?),
    };
    r.finish()?;
    Ok(message)
}
