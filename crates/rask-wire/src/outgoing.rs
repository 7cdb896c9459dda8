//! Bytes on their way out: small stuff runs together, large buffers stand as they are and are never copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use crate::LARGE_BYTES;

/// A run of small stuff longer than this is sealed before the next frame, so that a slow peer never makes one vector grow
/// and be moved.
const RUN_BYTES_MAX: usize = 256 << 10;

/// What an idle connection keeps allocated.
const IDLE_BYTES_MAX: usize = 64 << 10;

enum Segment {
    Run(Vec<u8>),
    Large(Bytes),
}

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Segment::Run(run) => run,
            Segment::Large(bytes) => bytes,
        }
    }
}

/// A queue of bytes in segments, for vectored writes.
pub struct Outgoing {
    /// Complete segments, oldest first.
    sealed: VecDeque<Segment>,
    /// Bytes in `sealed`, also those that were sent.
    sealed_bytes: usize,
    /// What small stuff is appended to; comes after `sealed`.
    tail: Vec<u8>,
    /// How much of the front segment (the tail if none is sealed) was sent.
    sent: usize,
    frame_bytes_max: u64,
}

/// A place in the queue to come back to while nothing was sent.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    sealed: usize,
    sealed_bytes: usize,
    tail: usize,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        Outgoing::new(u64::MAX)
    }
}

impl Outgoing {
    /// An empty queue that refuses messages whose body is longer than `frame_bytes_max`.
    pub fn new(frame_bytes_max: u64) -> Outgoing {
        Outgoing { sealed: VecDeque::new(), sealed_bytes: 0, tail: Vec::new(), sent: 0, frame_bytes_max }
    }

    /// The longest body it takes.
    pub fn frame_bytes_max(&self) -> u64 {
        self.frame_bytes_max
    }

    /// Changes the longest body it takes.
    pub fn set_frame_bytes_max(&mut self, frame_bytes_max: u64) {
        self.frame_bytes_max = frame_bytes_max;
    }

    /// Bytes that are not sent yet.
    pub fn len_bytes(&self) -> usize {
        self.sealed_bytes + self.tail.len() - self.sent
    }

    /// True if everything was sent.
    pub fn is_empty(&self) -> bool {
        self.len_bytes() == 0
    }

    /// Appends bytes that are no message, as the handshake's are.
    pub fn push_raw(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Fills `slices` with the front of the queue; returns how many it set.
    pub fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let segments = self.sealed.iter().map(Segment::bytes).chain(std::iter::once(&self.tail[..]));
        let mut skip = self.sent;
        let mut count = 0;
        for segment in segments {
            if count == slices.len() {
                break;
            }
            let rest = &segment[skip..];
            skip = 0;
            if !rest.is_empty() {
                slices[count] = IoSlice::new(rest);
                count += 1;
            }
        }
        count
    }

    /// Forgets the first `n` bytes: they were sent.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.len_bytes(), "more bytes were sent than queued");
        self.sent += n;
        while let Some(front) = self.sealed.front() {
            let len = front.bytes().len();
            if self.sent < len {
                return;
            }
            self.sent -= len;
            self.sealed_bytes -= len;
            self.sealed.pop_front();
        }
        if self.sent == self.tail.len() {
            self.sent = 0;
            self.tail.clear();
            if self.tail.capacity() > IDLE_BYTES_MAX {
                self.tail = Vec::new();
            }
        }
    }

    /// Takes everything that is not sent yet as contiguous bytes, for tests and simulators.
    pub fn take_contiguous(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len_bytes());
        for segment in self.sealed.iter().map(Segment::bytes).chain(std::iter::once(&self.tail[..])) {
            all.extend_from_slice(segment);
        }
        all.drain(..self.sent);
        self.advance(self.len_bytes());
        all
    }

    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Bytes ever appended and still known here; differences between two of these are lengths.
    pub(crate) fn end(&self) -> usize {
        self.sealed_bytes + self.tail.len()
    }

    pub(crate) fn push_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < LARGE_BYTES {
            self.tail.extend_from_slice(bytes);
        } else {
            self.seal();
            self.sealed_bytes += bytes.len();
            self.sealed.push_back(Segment::Large(bytes.clone()));
        }
    }

    pub(crate) fn begin_frame(&mut self) -> Mark {
        if self.tail.len() >= RUN_BYTES_MAX {
            self.seal();
        }
        Mark { sealed: self.sealed.len(), sealed_bytes: self.sealed_bytes, tail: self.tail.len() }
    }

    /// Overwrites what was appended at `mark`. It lies in one run: the tail of then.
    pub(crate) fn overwrite(&mut self, mark: Mark, bytes: &[u8]) {
        let run = match self.sealed.get_mut(mark.sealed) {
            Some(Segment::Run(run)) => run,
            _ => &mut self.tail,
        };
        run[mark.tail..mark.tail + bytes.len()].copy_from_slice(bytes);
    }

    /// Takes back what was appended since `mark`.
    pub(crate) fn roll_back(&mut self, mark: Mark) {
        if self.sealed.len() > mark.sealed {
            let first = self.sealed.drain(mark.sealed..).next();
            self.tail = match first {
                Some(Segment::Run(run)) => run,
                _ => Vec::new(),
            };
        }
        self.tail.truncate(mark.tail);
        self.sealed_bytes = mark.sealed_bytes;
    }

    fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let run = std::mem::take(&mut self.tail);
        self.sealed_bytes += run.len();
        self.sealed.push_back(Segment::Run(run));
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({} B)", self.len_bytes())
    }
}
