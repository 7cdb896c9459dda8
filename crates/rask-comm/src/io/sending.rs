//! From messages to the system, and how links close.

use std::io::{self, IoSlice};

use mio::Interest;
use rask_types::msg::Message;

use super::{Io, token_of};
use crate::link::Phase;
use crate::peer::{CloseReason, LinkId};

/// How many segments one call offers to the system.
const SLICES_MAX: usize = 64;

/// How many bytes one link may send in a turn before others have theirs.
const TURN_BYTES_MAX: usize = 8 << 20;

/// How long to wait, after everything was sent, for the peer to close its side.
const DRAIN_MS: u64 = 1_000;

enum Flushed {
    /// Everything was sent.
    Empty,
    /// The system takes no more for now.
    Blocked,
    /// The link has had its share of this turn.
    Paused,
}

impl Io {
    pub(super) fn queue(&mut self, id: LinkId, message: Message) {
        let Some(link) = self.link_mut(id) else { return };
        match &link.phase {
            Phase::Open { .. } => {
                if let Some(message) = self.place(id, message) {
                    self.queue_bytes(id, &message);
                }
            }
            Phase::Memory(_) => {
                link.messages.push(message);
                self.mark_dirty(id);
            }
            Phase::Resolving | Phase::Connecting { .. } | Phase::Greeting { .. } => {
                link.messages.push(message)
            }
            Phase::Closing { .. } | Phase::Draining { .. } => {}
        }
    }

    /// Queues a message that goes through the socket.
    pub(super) fn queue_bytes(&mut self, id: LinkId, message: &Message) {
        let Some(link) = self.link_mut(id) else { return };
        match rask_wire::encode(message, &mut link.outgoing) {
            Ok(()) => self.mark_dirty(id),
            Err(error) => self.begin_close(id, CloseReason::Unsendable(error)),
        }
    }

    /// Lets a link end when everything queued was sent; one that is not open yet ends at once.
    pub(super) fn begin_close(&mut self, id: LinkId, reason: CloseReason) {
        self.end_filling(id);
        let close_timeout_ms = self.options.close_timeout_ms;
        let Some(link) = self.link_mut(id) else { return };
        match link.take_phase() {
            Phase::Open { stream, .. } | Phase::Greeting { stream, .. } => {
                link.phase = Phase::Closing { stream, reason };
                self.set_deadline(id, close_timeout_ms);
                self.mark_dirty(id);
            }
            Phase::Resolving | Phase::Connecting { .. } => self.end(id, reason),
            Phase::Memory(end) => {
                link.phase = Phase::Memory(end);
                self.flush_memory(id);
                self.close_memory(id, reason);
            }
            phase @ (Phase::Closing { .. } | Phase::Draining { .. }) => link.phase = phase,
        }
    }

    /// Sends what was queued in this turn.
    pub(crate) fn flush_dirty(&mut self) {
        for id in std::mem::take(&mut self.dirty) {
            let Some(link) = self.link_mut(id) else { continue };
            link.dirty = false;
            if matches!(link.phase, Phase::Memory(_)) {
                self.flush_memory(id);
            } else {
                self.flush(id);
            }
        }
    }

    /// Sends what the system takes.
    pub(crate) fn flush(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        if link.blocked {
            return;
        }
        match self.write(id) {
            Ok(Flushed::Empty) => self.finish_closing(id),
            Ok(Flushed::Paused) => self.mark_dirty(id),
            Ok(Flushed::Blocked) => self.watch_writable(id),
            Err(error) => self.write_failed(id, &error),
        }
    }

    fn write(&mut self, id: LinkId) -> io::Result<Flushed> {
        let mut share = TURN_BYTES_MAX;
        loop {
            share -= self.fill(id, share);
            let Some(link) = self.links.get_mut(id.slot()) else { return Ok(Flushed::Empty) };
            if link.outgoing.is_empty() && link.unfilled_bytes() == 0 {
                return Ok(Flushed::Empty);
            }
            if share == 0 {
                return Ok(Flushed::Paused);
            }
            let Some(stream) = link.phase.stream_mut() else { return Ok(Flushed::Empty) };
            let file = link.sharing.as_mut().and_then(|sharing| sharing.next_file());
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = link.outgoing.chunks_vectored(&mut slices);
            let written = match file {
                // A byte for each, so that every file is on its way before a header that means it.
                Some(file) => stream.write_with_file(&slices[0][..slices[0].len().min(1)], file),
                None => stream.write_vectored(&slices[..count]),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    link.outgoing.advance(n);
                    share = share.saturating_sub(n);
                    if let Some(sharing) = &mut link.sharing {
                        sharing.file_went();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) => return Err(error),
            }
        }
    }

    fn watch_writable(&mut self, id: LinkId) {
        if self.link_mut(id).is_some_and(|link| matches!(link.phase, Phase::Closing { .. })) {
            // Some of it went: a slow peer has as much patience again.
            self.set_deadline(id, self.options.close_timeout_ms);
        }
        self.set_blocked(id, true, Interest::READABLE | Interest::WRITABLE);
    }

    /// The system takes bytes again.
    pub(crate) fn unblocked(&mut self, id: LinkId) {
        if self.link_mut(id).is_some_and(|link| link.blocked) {
            self.set_blocked(id, false, Interest::READABLE);
            self.mark_dirty(id);
        }
    }

    fn set_blocked(&mut self, id: LinkId, blocked: bool, interest: Interest) {
        let Some(link) = self.links.get_mut(id.slot()) else { return };
        link.blocked = blocked;
        let Some(stream) = link.phase.stream_mut() else { return };
        if let Err(error) = stream.reregister(&self.registry, token_of(id), interest) {
            self.fail(id, CloseReason::Failed { kind: error.kind(), text: error.to_string() });
        }
    }

    /// Nothing more can be sent, but what the peer sent before it went is worth reading.
    fn write_failed(&mut self, id: LinkId, error: &io::Error) {
        let reason = CloseReason::Failed { kind: error.kind(), text: error.to_string() };
        let Some(link) = self.link_mut(id) else { return };
        if !matches!(link.phase, Phase::Open { .. }) {
            return self.fail(id, reason);
        }
        let waiting = link.outgoing.len_bytes();
        link.outgoing.advance(waiting);
        link.broken = Some(reason);
        self.drop_filling(id);
        self.mark_readable(id);
    }

    /// Everything was sent: if the link is closing, the driver may know.
    fn finish_closing(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        if !matches!(link.phase, Phase::Closing { .. }) {
            return;
        }
        let Phase::Closing { stream, reason } = link.take_phase() else { return };
        stream.shut_down_write();
        link.phase = Phase::Draining { stream };
        let announced = std::mem::take(&mut link.announced);
        self.set_deadline(id, DRAIN_MS);
        self.mark_readable(id);
        if announced {
            self.ended.push_back((id, reason));
        }
    }
}
