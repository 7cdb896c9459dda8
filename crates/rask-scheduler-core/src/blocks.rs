//! A first-in-first-out queue in blocks: it never moves what is in it, and gives memory back as it empties.

use std::collections::VecDeque;

/// Entries to a block.
const BLOCK_LEN: usize = 1024;

/// Blocks are joined when they are filled to less than one part in so many.
const SPARSE: usize = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct Blocks<T> {
    /// None is empty.
    blocks: VecDeque<Vec<T>>,
    /// How many of the first block's entries have been taken: not all.
    taken: usize,
    len: usize,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Blocks { blocks: VecDeque::new(), taken: 0, len: 0 }
    }
}

impl<T: Copy> Blocks<T> {
    #[inline]
    pub(crate) fn push_back(&mut self, entry: T) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(last) if last.len() < BLOCK_LEN => last.push(entry),
            // A queue that needed one block will fill the next.
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK_LEN);
                block.push(entry);
                self.blocks.push_back(block);
            }
            None => self.blocks.push_back(vec![entry]),
        }
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&T> {
        self.blocks.front().map(|first| &first[self.taken])
    }

    #[inline]
    pub(crate) fn back(&self) -> Option<&T> {
        self.blocks.back()?.last()
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let first = self.blocks.front()?;
        let entry = first[self.taken];
        self.len -= 1;
        self.taken += 1;
        if self.taken == first.len() {
            self.blocks.pop_front();
            self.taken = 0;
        }
        Some(entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten().skip(self.taken)
    }

    /// Keeps the entries for which `is_kept` holds, in their order.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        if let Some(first) = self.blocks.front_mut() {
            first.drain(..std::mem::take(&mut self.taken));
        }
        self.len = 0;
        for block in &mut self.blocks {
            block.retain(&is_kept);
            self.len += block.len();
        }
        self.blocks.retain(|block| !block.is_empty());
        if SPARSE * self.len < BLOCK_LEN * self.blocks.len() {
            let sparse = std::mem::take(self);
            sparse.iter().for_each(|&entry| self.push_back(entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_behaves_like_one_deque() {
        let (mut blocks, mut deque) = (Blocks::default(), VecDeque::new());
        // Grows beyond three blocks, shrinks, grows again, empties.
        for step in 0..20_000_u32 {
            let grows = matches!(step / 4_000, 0 | 2) || (step / 4_000 == 1 && step % 3 == 0);
            if grows {
                blocks.push_back(step);
                deque.push_back(step);
            } else {
                assert_eq!(blocks.pop_front(), deque.pop_front());
            }
            assert_eq!((blocks.front(), blocks.back()), (deque.front(), deque.back()));
            assert_eq!(blocks.len(), deque.len());
            if step % 3_001 == 0 {
                blocks.retain(|entry| entry % 7 != 0);
                deque.retain(|entry| entry % 7 != 0);
                assert!(blocks.iter().eq(&deque));
            }
        }
        while let Some(entry) = deque.pop_front() {
            assert_eq!(blocks.pop_front(), Some(entry));
        }
        assert_eq!((blocks.pop_front(), blocks.len()), (None, 0));
        assert!(blocks.blocks.is_empty());
    }
}
