//! The segments of a reactor: which are free, who has which, when to make one and when to let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rask_types::Tick;
use slab::Slab;

use super::owned::Owned;
use crate::peer::LinkId;

/// Shorter messages go through the socket: the second copy costs less than the book-keeping.
pub(crate) const SHARED_BYTES_MIN: usize = 512 << 10;

/// All segments together, lent ones included, have at most so many bytes,
const TOTAL_BYTES_MAX: usize = 512 << 20;
/// and are at most so many: each is an open file.
const COUNT_MAX: usize = 64;

/// How long a segment may lie idle,
const IDLE_MS_MAX: u64 = 10_000;
/// and how often that is looked at, as long as there are any.
const LOOK_MS: u64 = 5_000;

/// Letting go of more bytes than this is left to a thread: the system takes its time over it.
const DROPPED_HERE_BYTES_MAX: usize = 8 << 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Segments {
    slots: Slab<Slot>,
    workshop: Arc<Workshop>,
    forgotten: Vec<Forgotten>,
    look_at: Option<Tick>,
}

/// A peer need not keep this segment mapped any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Forgotten {
    pub link: LinkId,
    /// The segment's number there.
    pub number: u32,
}

struct Slot {
    segment: Owned,
    usage: Usage,
    /// Since when it is idle, or in use.
    since: Tick,
    /// The links over which it has gone, and its number there.
    known_to: Vec<Forgotten>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Usage {
    Idle,
    /// Being written to, for the peer on this link.
    Filling(LinkId),
    Lent(LinkId),
}

/// Where segments are made.
#[derive(Default)]
struct Workshop {
    /// One is being made.
    busy: AtomicBool,
    /// The system gives none.
    refused: AtomicBool,
    made: Mutex<Vec<Owned>>,
}

impl Segments {
    /// A free segment of at least `len` bytes, from now on being filled for `link`. If there is none one is made, for the next
    /// time.
    pub fn take(&mut self, link: LinkId, len: usize, now: Tick) -> Option<usize> {
        self.settle(now);
        let fitting = |slot: &Slot| {
            let data_bytes = slot.segment.data_bytes();
            slot.usage == Usage::Idle && data_bytes >= len && data_bytes / 2 <= len
        };
        let best = self
            .slots
            .iter()
            .filter(|(_, slot)| fitting(slot))
            .min_by_key(|(_, slot)| slot.segment.data_bytes());
        let Some((index, _)) = best else {
            self.make(len, now);
            return None;
        };
        let slot = &mut self.slots[index];
        (slot.usage, slot.since) = (Usage::Filling(link), now);
        Some(index)
    }

    /// Copies bytes to `at` in a segment that is being filled.
    pub fn write(&mut self, index: usize, at: usize, bytes: &[u8]) {
        self.slots[index].segment.write(at, bytes);
    }

    /// It is filled; the peer is to be told.
    pub fn lend(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if let Usage::Filling(link) = slot.usage {
            slot.segment.lend();
            slot.usage = Usage::Lent(link);
        }
    }

    /// It will not be filled after all.
    pub fn give_back(&mut self, index: usize) {
        self.slots[index].usage = Usage::Idle;
    }

    /// Its number on a link, if it has gone over it.
    pub fn number_on(&self, index: usize, link: LinkId) -> Option<u32> {
        self.slots[index].known_to.iter().find(|known| known.link == link).map(|known| known.number)
    }

    /// It goes over a link under this number, as this file.
    pub fn introduce(
        &mut self,
        index: usize,
        link: LinkId,
        number: u32,
    ) -> std::io::Result<std::os::fd::OwnedFd> {
        let slot = &mut self.slots[index];
        let file = slot.segment.file().try_clone()?;
        slot.known_to.push(Forgotten { link, number });
        Ok(file)
    }

    /// A link is gone. What its peer has borrowed will hardly come back.
    pub fn link_ended(&mut self, link: LinkId) {
        let mut gone = Vec::new();
        for (index, slot) in &mut self.slots {
            slot.known_to.retain(|known| known.link != link);
            match slot.usage {
                Usage::Lent(to) if to == link && !slot.segment.is_free() => gone.push(index),
                Usage::Filling(to) | Usage::Lent(to) if to == link => slot.usage = Usage::Idle,
                _ => {}
            }
        }
        gone.into_iter().for_each(|index| self.let_go(index));
        self.forgotten.retain(|forgotten| forgotten.link != link);
    }

    /// What peers are to be told to forget.
    pub fn take_forgotten(&mut self) -> Vec<Forgotten> {
        std::mem::take(&mut self.forgotten)
    }

    /// When to look again.
    pub fn next_look(&self) -> Option<Tick> {
        self.look_at
    }

    /// Lets go of what has been idle for long.
    pub fn look(&mut self, now: Tick) {
        if self.look_at.is_none_or(|at| at > now) {
            return;
        }
        self.settle(now);
        let stale = |slot: &Slot| slot.usage == Usage::Idle && slot.since.plus_ms(IDLE_MS_MAX) <= now;
        let stale: Vec<usize> =
            self.slots.iter().filter(|(_, slot)| stale(slot)).map(|(index, _)| index).collect();
        stale.into_iter().for_each(|index| self.let_go(index));
        let any = !self.slots.is_empty() || self.workshop.busy.load(Ordering::Acquire);
        self.look_at = any.then(|| now.plus_ms(LOOK_MS));
    }

    /// Takes in what was made, what came back, and what never will.
    fn settle(&mut self, now: Tick) {
        for segment in self.workshop.made.lock().drain(..) {
            self.slots.insert(Slot { segment, usage: Usage::Idle, since: now, known_to: Vec::new() });
        }
        let mut lost = Vec::new();
        for (index, slot) in &mut self.slots {
            if matches!(slot.usage, Usage::Lent(_)) {
                if slot.segment.is_lost() {
                    lost.push(index);
                } else if slot.segment.is_free() {
                    (slot.usage, slot.since) = (Usage::Idle, now);
                }
            }
        }
        lost.into_iter().for_each(|index| self.let_go(index));
    }

    /// Has a segment made for messages of about `len` bytes, if there is room.
    fn make(&mut self, len: usize, now: Tick) {
        let data_bytes = size_for(len);
        if self.workshop.refused.load(Ordering::Relaxed)
            || self.workshop.busy.load(Ordering::Acquire)
            || !self.make_room(data_bytes)
        {
            return;
        }
        let workshop = Arc::clone(&self.workshop);
        workshop.busy.store(true, Ordering::Relaxed);
        let making = move || {
            match Owned::new(data_bytes, len) {
                Ok(segment) => workshop.made.lock().push(segment),
                // Everything goes through the socket then.
                Err(_) => workshop.refused.store(true, Ordering::Relaxed),
            }
            workshop.busy.store(false, Ordering::Release);
        };
        if on_a_thread(making) {
            self.look_at.get_or_insert(now.plus_ms(LOOK_MS));
        } else {
            self.workshop.busy.store(false, Ordering::Relaxed);
        }
    }

    /// Lets go of idle segments, the longest idle first, until one more has its place. False if too many are in use.
    fn make_room(&mut self, data_bytes: usize) -> bool {
        let all = || self.slots.iter().map(|(_, slot)| slot);
        let in_use = || all().filter(|slot| slot.usage != Usage::Idle);
        let bytes_of = |slot: &Slot| slot.segment.data_bytes();
        if in_use().map(bytes_of).sum::<usize>() + data_bytes > TOTAL_BYTES_MAX
            || in_use().count() >= COUNT_MAX
        {
            return false;
        }
        let (mut bytes, mut count) = (all().map(bytes_of).sum::<usize>(), self.slots.len());
        while bytes + data_bytes > TOTAL_BYTES_MAX || count >= COUNT_MAX {
            let idle = self.slots.iter().filter(|(_, slot)| slot.usage == Usage::Idle);
            let Some((index, slot)) = idle.min_by_key(|(_, slot)| slot.since) else { return false };
            bytes -= slot.segment.data_bytes();
            count -= 1;
            self.let_go(index);
        }
        true
    }

    fn let_go(&mut self, index: usize) {
        let Slot { segment, known_to, .. } = self.slots.remove(index);
        self.forgotten.extend(known_to);
        if segment.data_bytes() > DROPPED_HERE_BYTES_MAX {
            on_a_thread(move || drop(segment));
        }
    }
}

/// How large to make a segment for `len` bytes: up to an eighth more, so that it serves similar messages as well.
fn size_for(len: usize) -> usize {
    let step = (1_usize << len.max(1).ilog2()) / 8;
    len.next_multiple_of(step.max(64 << 10))
}

/// Does something that takes milliseconds elsewhere; false, and undone, if the system gives no thread.
fn on_a_thread(work: impl FnOnce() + Send + 'static) -> bool {
    std::thread::Builder::new().name("rask-segments".to_owned()).spawn(work).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::borrowed::Borrowed;
    use super::*;

    const MIB: usize = 1 << 20;
    const LINK: LinkId = LinkId::new(0, 1);
    const OTHER: LinkId = LinkId::new(1, 2);

    impl Segments {
        fn with(sizes: &[usize]) -> Segments {
            let segments = Segments::default();
            segments.workshop.busy.store(true, Ordering::Relaxed); // nothing is made on its own
            for &size in sizes {
                segments.workshop.made.lock().push(Owned::new(size, 0).expect("a segment"));
            }
            segments
        }
    }

    /// Lends a segment that holds `bytes`, and borrows it as a peer would.
    fn lend(
        segments: &mut Segments,
        index: usize,
        link: LinkId,
        bytes: &[u8],
    ) -> (Arc<Borrowed>, bytes::Bytes) {
        segments.write(index, 0, bytes);
        segments.lend(index);
        let file = segments.introduce(index, link, 1).expect("a file");
        let borrowed = Borrowed::new(file).expect("a segment");
        let lent = borrowed.borrow(bytes.len() as u64).expect("it was lent");
        (borrowed, lent)
    }

    #[test]
    fn the_smallest_that_fits_is_taken_and_comes_back_when_the_borrower_drops_the_message() {
        let mut segments = Segments::with(&[8 * MIB, 2 * MIB]);
        let index = segments.take(LINK, MIB, Tick(0)).expect("there is one");
        assert_eq!(segments.slots[index].segment.data_bytes(), 2 * MIB);
        assert_eq!(segments.take(LINK, MIB, Tick(0)), None, "the other is much too large");
        let (_borrowed, lent) = lend(&mut segments, index, LINK, b"message");
        assert_eq!(lent, b"message"[..]);
        let part = lent.slice(1..3);
        drop(lent);
        assert_eq!(segments.take(LINK, MIB, Tick(1)), None, "a part of it is in use");
        drop(part);
        assert_eq!(segments.take(OTHER, MIB, Tick(1)), Some(index));
        assert_eq!((segments.number_on(index, LINK), segments.number_on(index, OTHER)), (Some(1), None));
    }

    #[test]
    fn nobody_borrows_what_is_not_lent_or_borrowed_already_or_shorter() {
        let mut segments = Segments::with(&[MIB]);
        let index = segments.take(LINK, MIB, Tick(0)).expect("there is one");
        let file = segments.introduce(index, LINK, 1).expect("a file");
        let borrowed = Borrowed::new(file).expect("a segment");
        assert_eq!(borrowed.borrow(1), None);
        segments.lend(index);
        assert_eq!(borrowed.borrow(MIB as u64 + 1), None);
        let lent = borrowed.borrow(MIB as u64);
        assert!(lent.is_some());
        assert_eq!(borrowed.borrow(1), None);
    }

    #[test]
    fn what_a_lost_peer_has_is_let_go_but_stays_its_own() {
        let mut segments = Segments::with(&[MIB]);
        let index = segments.take(LINK, MIB, Tick(0)).expect("there is one");
        let (_borrowed, lent) = lend(&mut segments, index, LINK, b"message");
        segments.link_ended(OTHER);
        assert_eq!(segments.slots.len(), 1);
        segments.link_ended(LINK);
        assert!(segments.slots.is_empty());
        assert_eq!(lent, b"message"[..]);
        assert_eq!(segments.take_forgotten(), [], "there is nobody to tell");
    }

    #[test]
    fn what_is_idle_for_long_is_let_go_and_peers_are_told() {
        let mut segments = Segments::with(&[MIB]);
        let index = segments.take(LINK, MIB, Tick(0)).expect("there is one");
        let (_borrowed, lent) = lend(&mut segments, index, LINK, b"message");
        segments.look_at = Some(Tick(0));
        segments.look(Tick(0).plus_ms(IDLE_MS_MAX));
        assert_eq!(segments.slots.len(), 1, "it is lent");
        drop(lent);
        let back = Tick(0).plus_ms(2 * IDLE_MS_MAX);
        segments.look(back);
        assert_eq!(segments.slots.len(), 1, "it has just come back");
        segments.look(back.plus_ms(IDLE_MS_MAX));
        assert!(segments.slots.is_empty());
        assert_eq!(segments.take_forgotten(), [Forgotten { link: LINK, number: 1 }]);
    }

    #[test]
    fn room_is_made_among_idle_segments_only_and_only_up_to_the_bound() {
        let mut segments = Segments::with(&[300 * MIB, 100 * MIB]);
        let index = segments.take(LINK, 300 * MIB, Tick(0)).expect("there is one");
        assert!(!segments.make_room(300 * MIB), "too much is in use");
        assert!(segments.make_room(200 * MIB));
        assert_eq!(segments.slots.iter().map(|(index, _)| index).collect::<Vec<_>>(), [index]);
    }

    #[test]
    fn one_is_made_when_none_fits() {
        let mut segments = Segments::default();
        assert_eq!(segments.take(LINK, MIB, Tick(0)), None);
        while segments.workshop.busy.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        assert!(segments.take(LINK, MIB, Tick(0)).is_some());
    }

    #[test]
    fn sizes_are_rounded_up_by_an_eighth_at_most() {
        for len in [1, 600_000, MIB, MIB + 1, 100_000_000] {
            let size = size_for(len);
            assert!(size >= len && size <= (len + len / 8).max(64 << 10) + (64 << 10), "{len}: {size}");
        }
    }
}
