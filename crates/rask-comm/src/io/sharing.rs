//! Long messages between processes of one machine: through memory that both have, see [`segment`](crate::segment).
//!
//! A data link over a unix socket proves that its peer is on this machine, for files can be sent over it. A long message that is
//! to be sent over one is encoded as ever, but its body is copied into a segment, a share each turn; then its header follows
//! through the socket, in the order in which messages were queued.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rask_types::msg::{FromData, Message, Role, ToData};
use rask_wire::{Apart, Family, Placed, WireError};

use super::{Io, Received};
use crate::link::{Link, Phase};
use crate::peer::LinkId;
use crate::segment::{Borrowed, SHARED_BYTES_MIN};
use crate::stream::Stream;

/// How many segments of a peer a link keeps mapped; a peer with more than that is broken.
const BORROWED_MAX: usize = 1024;

/// How many pieces of a body are copied at a time.
const SLICES_MAX: usize = 64;

/// What a link has to do with shared memory.
#[derive(Default)]
pub(crate) struct Sharing {
    /// How many of this side's segments the peer has been given; they are numbered from 1.
    given: u32,
    /// Their files, which are on their way with the next bytes.
    files: VecDeque<OwnedFd>,
    filling: Option<Filling>,
    /// How many segments the peer has given,
    received: u32,
    /// and those that it has not had forgotten.
    borrowed: BTreeMap<u32, Arc<Borrowed>>,
}

/// A message that is being copied into a segment. What is queued behind it waits in the link's messages.
struct Filling {
    message: Message,
    segment: usize,
    frame: Apart,
    copied_bytes: usize,
}

impl Sharing {
    /// For a link that has just opened.
    pub fn over(stream: &Stream, role: Role) -> Option<Box<Sharing>> {
        let can = cfg!(target_os = "linux") && role == Role::Data && matches!(stream, Stream::Unix(_));
        can.then(Box::default)
    }

    /// The file to send with the next bytes.
    pub fn next_file(&self) -> Option<&OwnedFd> {
        self.files.front()
    }

    /// It was sent.
    pub fn file_went(&mut self) {
        self.files.pop_front();
    }

    /// Takes a file that came.
    fn take_file(&mut self, file: OwnedFd) -> io::Result<()> {
        if self.borrowed.len() >= BORROWED_MAX {
            return Err(io::Error::other("the other side shares too many pieces of memory"));
        }
        let segment = Borrowed::new(file)?;
        self.received += 1;
        self.borrowed.insert(self.received, segment);
        Ok(())
    }
}

impl Link {
    /// Bytes of a message that are not in its segment yet.
    pub fn unfilled_bytes(&self) -> usize {
        let filling = self.sharing.as_ref().and_then(|sharing| sharing.filling.as_ref());
        filling.map_or(0, |filling| filling.frame.body.len_bytes())
    }

    fn is_filling(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.filling.is_some())
    }
}

impl Io {
    /// Has a message go through shared memory, or wait for one that does. Gives it back if it is to go through the socket.
    pub(super) fn place(&mut self, id: LinkId, message: Message) -> Option<Message> {
        let link = self.links.get_mut(id.slot())?;
        let Some(sharing) = &mut link.sharing else { return Some(message) };
        if sharing.filling.is_some() {
            link.messages.push(message);
            return None;
        }
        if payload_bytes(&message) < SHARED_BYTES_MIN as u64 {
            return Some(message);
        }
        // What is wrong with a message shows when it is encoded for the socket.
        let Ok(frame) = Apart::new(&message, link.outgoing.frame_bytes_max()) else { return Some(message) };
        let taken = self.segments.take(id, frame.body.len_bytes(), crate::clock::now());
        self.tell_forgotten();
        let Some(segment) = taken else { return Some(message) };
        if let Some(sharing) = self.link_mut(id).and_then(|link| link.sharing.as_mut()) {
            sharing.filling = Some(Filling { message, segment, frame, copied_bytes: 0 });
        }
        self.mark_dirty(id);
        None
    }

    /// Copies at most `share` bytes of the message that is being copied; gives how many. When all are, the peer is told.
    pub(super) fn fill(&mut self, id: LinkId, share: usize) -> usize {
        let Io { links, segments, .. } = self;
        let Some(sharing) = links.get_mut(id.slot()).and_then(|link| link.sharing.as_mut()) else { return 0 };
        let Some(filling) = &mut sharing.filling else { return 0 };
        let mut left = share;
        while left > 0 && !filling.frame.body.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = filling.frame.body.chunks_vectored(&mut slices);
            let mut copied = 0;
            for slice in &slices[..count] {
                let part = &slice[..slice.len().min(left)];
                segments.write(filling.segment, filling.copied_bytes + copied, part);
                copied += part.len();
                left -= part.len();
            }
            filling.frame.body.advance(copied);
            filling.copied_bytes += copied;
        }
        if filling.frame.body.is_empty() {
            self.hand_over(id);
        }
        share - left
    }

    /// Tells the peer of a message that lies in a segment, then sends what has waited for that.
    fn hand_over(&mut self, id: LinkId) {
        let Io { links, segments, .. } = self;
        let Some(link) = links.get_mut(id.slot()) else { return };
        let Some(sharing) = &mut link.sharing else { return };
        let Some(filling) = sharing.filling.take() else { return };
        let number = match segments.number_on(filling.segment, id) {
            Some(number) => number,
            None => match segments.introduce(filling.segment, id, sharing.given + 1) {
                Ok(file) => {
                    sharing.given += 1;
                    sharing.files.push_back(file);
                    sharing.given
                }
                Err(_) => {
                    // No more files may be open: through the socket, then.
                    segments.give_back(filling.segment);
                    let waiting = std::mem::take(&mut link.messages);
                    self.queue_bytes(id, &filling.message);
                    return waiting.into_iter().for_each(|message| self.queue(id, message));
                }
            },
        };
        segments.lend(filling.segment);
        link.outgoing.push_raw(&filling.frame.placed_in(number));
        let waiting = std::mem::take(&mut link.messages);
        waiting.into_iter().for_each(|message| self.queue(id, message));
    }

    /// Sends a message that is being copied, and what waits behind it, through the socket instead: the link closes.
    pub(super) fn end_filling(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id).filter(|link| link.is_filling()) else { return };
        let waiting = std::mem::take(&mut link.messages);
        if let Some(message) = self.drop_filling(id) {
            self.queue_bytes(id, &message);
        }
        waiting.iter().for_each(|message| self.queue_bytes(id, message));
    }

    /// Stops copying a message.
    pub(super) fn drop_filling(&mut self, id: LinkId) -> Option<Message> {
        let sharing = self.link_mut(id)?.sharing.as_mut()?;
        let filling = sharing.filling.take()?;
        self.segments.give_back(filling.segment);
        Some(filling.message)
    }

    /// Tells peers which segments they need not keep.
    pub(super) fn tell_forgotten(&mut self) {
        for forgotten in self.segments.take_forgotten() {
            let Some(link) = self.link_mut(forgotten.link) else { continue };
            if let (Phase::Open { .. }, Some(role)) = (&link.phase, link.role) {
                let family = Family::received(role, !link.initiated);
                link.outgoing.push_raw(&rask_wire::forget_segment(family, forgotten.number));
                self.mark_dirty(forgotten.link);
            }
        }
    }

    /// Reads once from a link over which files may come.
    pub(super) fn receive_with_files(&mut self, id: LinkId, scratch: &mut [u8]) -> Received {
        let Some(link) = self.links.get_mut(id.slot()) else { return Received::Nothing };
        let (result, wanted, direct) = match &mut link.phase {
            Phase::Open { stream, decoder }
                if decoder.missing_bytes() >= super::receiving::DIRECT_BYTES_MIN =>
            {
                let spare = decoder.spare_mut();
                let wanted = spare.len();
                let result = stream.read_with_file(spare);
                if let Ok((n, _)) = result {
                    // SAFETY: the system has just written the first `n` bytes.
                    unsafe { decoder.assume_filled(n) };
                }
                (result, wanted, true)
            }
            phase => match phase.stream_mut() {
                // SAFETY: the system writes initialised bytes, and nothing else is written here.
                Some(stream) => (stream.read_with_file(unsafe { as_uninit(scratch) }), scratch.len(), false),
                None => return Received::Nothing,
            },
        };
        let taken = match result {
            Ok((n, Some(file))) => match &mut link.sharing {
                Some(sharing) => sharing.take_file(file).map(|()| n),
                None => Ok(n),
            },
            Ok((n, None)) => Ok(n),
            Err(error) => Err(error),
        };
        self.received(id, taken, wanted, direct)
    }

    /// What a placed frame holds; no message if it only says that a segment is to be forgotten.
    pub(super) fn take_in(&mut self, id: LinkId, placed: &Placed) -> Result<Option<Message>, WireError> {
        let sharing = self.link_mut(id).and_then(|link| link.sharing.as_mut());
        let borrowed = sharing.map(|sharing| &mut sharing.borrowed);
        let unknown = WireError::Inconsistent("a message in memory that is not shared");
        let Some(borrowed) = borrowed else { return Err(unknown) };
        if placed.body_bytes == 0 {
            return borrowed.remove(&placed.segment).map(|_| None).ok_or(unknown);
        }
        let segment = borrowed.get(&placed.segment).ok_or(unknown.clone())?;
        let body = segment.borrow(placed.body_bytes).ok_or(unknown)?;
        placed.decode(&body).map(Some)
    }
}

/// Bytes of the value that a message brings.
fn payload_bytes(message: &Message) -> u64 {
    match message {
        Message::FromData(FromData::Value { result: Ok(payload), .. })
        | Message::ToData(ToData::Put { payload, .. }) => payload.nbytes(),
        _ => 0,
    }
}

/// Initialised memory as memory that need not be.
///
/// # Safety
/// Nothing uninitialised is written to it.
unsafe fn as_uninit(bytes: &mut [u8]) -> &mut [std::mem::MaybeUninit<u8>] {
    // SAFETY: the layout is the same; the rest is the caller's promise.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [std::mem::MaybeUninit<u8>]) }
}
