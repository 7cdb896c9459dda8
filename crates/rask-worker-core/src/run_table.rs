//! Eight bytes about each run that is here: an array by task slot rather than a map.
//!
//! The scheduler's slots are dense, so the table is pages of slots, each made when first used and recycled when empty. One
//! slot seldom has two runs at once (a new attempt comes while an old one, given up, still executes); the second
//! then lies in a map beside the pages.

use hashbrown::HashMap;
use rask_types::RunId;

const SLOTS: usize = 4096;

#[derive(Clone, Copy, Default, Debug)]
struct Slot {
    attempt: u32,
    /// 0: empty.
    word: u32,
}

#[derive(Debug)]
struct Page {
    used: u32,
    slots: Box<[Slot; SLOTS]>,
}

/// A non-zero word for each run that is in it.
#[derive(Default, Debug)]
pub struct RunTable {
    pages: Vec<Option<Page>>,
    /// An empty page, so that one run that comes and goes does not allocate each time.
    spare: Option<Page>,
    beside: HashMap<u64, u32>,
    len: usize,
}

impl RunTable {
    /// An empty table.
    pub fn new() -> RunTable {
        RunTable::default()
    }

    /// How many runs are in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds `run` with `word`, which is not 0. False, and nothing changes, if it is there already.
    #[inline]
    pub fn insert(&mut self, run: RunId, word: u32) -> bool {
        debug_assert_ne!(word, 0, "0 means empty");
        let (at, within) = place(run);
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, || None);
        }
        let spare = &mut self.spare;
        let page = self.pages[at].get_or_insert_with(|| {
            spare.take().unwrap_or_else(|| Page { used: 0, slots: Box::new([Slot::default(); SLOTS]) })
        });
        let slot = &mut page.slots[within];
        if slot.word == 0 {
            if !self.beside.is_empty() && self.beside.contains_key(&run.to_u64()) {
                return false;
            }
            *slot = Slot { attempt: run.attempt, word };
            page.used += 1;
        } else if slot.attempt == run.attempt || self.beside.contains_key(&run.to_u64()) {
            return false;
        } else {
            self.beside.insert(run.to_u64(), word);
        }
        self.len += 1;
        true
    }

    /// The word of `run`.
    #[inline]
    pub fn get(&self, run: RunId) -> Option<u32> {
        let (at, within) = place(run);
        if let Some(Some(page)) = self.pages.get(at) {
            let slot = page.slots[within];
            if slot.word != 0 && slot.attempt == run.attempt {
                return Some(slot.word);
            }
        }
        if self.beside.is_empty() { None } else { self.beside.get(&run.to_u64()).copied() }
    }

    /// Changes the word of `run`, which is not 0 before or after; nothing if `run` is not there.
    pub fn set(&mut self, run: RunId, word: u32) {
        debug_assert_ne!(word, 0, "0 means empty");
        let (at, within) = place(run);
        if let Some(Some(page)) = self.pages.get_mut(at) {
            let slot = &mut page.slots[within];
            if slot.word != 0 && slot.attempt == run.attempt {
                slot.word = word;
                return;
            }
        }
        if let Some(there) = self.beside.get_mut(&run.to_u64()) {
            *there = word;
        }
    }

    /// Takes `run` out; its word if it was there.
    #[inline]
    pub fn remove(&mut self, run: RunId) -> Option<u32> {
        let (at, within) = place(run);
        if let Some(Some(page)) = self.pages.get_mut(at) {
            let slot = &mut page.slots[within];
            if slot.word != 0 && slot.attempt == run.attempt {
                let word = std::mem::take(&mut slot.word);
                page.used -= 1;
                self.len -= 1;
                if page.used == 0 {
                    self.recycle(at);
                }
                return Some(word);
            }
        }
        if self.beside.is_empty() {
            return None;
        }
        let word = self.beside.remove(&run.to_u64());
        self.len -= usize::from(word.is_some());
        word
    }

    fn recycle(&mut self, at: usize) {
        let page = self.pages[at].take();
        if self.spare.is_none() {
            self.spare = page;
        }
    }

    /// All runs and words, in no useful order: for checks, never for effects.
    pub fn iter(&self) -> impl Iterator<Item = (RunId, u32)> {
        let in_pages = self.pages.iter().enumerate().filter_map(|(at, page)| Some((at, page.as_ref()?)));
        let paged = in_pages.flat_map(|(at, page)| {
            let used = page.slots.iter().enumerate().filter(|(_, slot)| slot.word != 0);
            used.map(move |(within, slot)| {
                (RunId::new((at * SLOTS + within) as u32, slot.attempt), slot.word)
            })
        });
        paged.chain(self.beside.iter().map(|(&bits, &word)| (RunId::from_u64(bits), word)))
    }
}

#[inline]
fn place(run: RunId) -> (usize, usize) {
    (run.task.0 as usize / SLOTS, run.task.0 as usize % SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_a_map(steps in proptest::collection::vec((0_u8..4, 0_u32..3000, 1_u32..4, 1_u32..100), 0..300)) {
            let mut table = RunTable::new();
            let mut model = BTreeMap::new();
            for (what, slot, attempt, word) in steps {
                // Few distinct slots, so that attempts meet in one slot and pages empty out.
                let run = RunId::new(slot / 300 * 300, attempt);
                match what {
                    0 | 1 => {
                        let fresh = !model.contains_key(&run);
                        prop_assert_eq!(table.insert(run, word), fresh);
                        model.entry(run).or_insert(word);
                    }
                    2 => prop_assert_eq!(table.remove(run), model.remove(&run)),
                    _ => {
                        table.set(run, word);
                        if let Some(there) = model.get_mut(&run) {
                            *there = word;
                        }
                    }
                }
                prop_assert_eq!(table.get(run), model.get(&run).copied());
                prop_assert_eq!(table.len(), model.len());
            }
            let all: BTreeMap<RunId, u32> = table.iter().collect();
            prop_assert_eq!(all, model);
        }
    }

    #[test]
    fn the_highest_slot_takes_one_page() {
        let mut table = RunTable::new();
        assert!(table.insert(RunId::new(u32::MAX, 1), 5));
        assert_eq!(table.pages.iter().flatten().count(), 1);
        assert_eq!(table.remove(RunId::new(u32::MAX, 1)), Some(5));
        assert!(table.is_empty());
    }
}
