//! The last of many: what goes on for ever, in bounded memory.

use std::collections::VecDeque;

/// The last entries, numbered from the first there ever was.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    entries: VecDeque<T>,
    len_max: usize,
    /// Entries before the first that is still here.
    gone: u64,
}

impl<T> Ring<T> {
    /// Keeps so many.
    pub(crate) fn new(len_max: usize) -> Ring<T> {
        Ring { entries: VecDeque::new(), len_max, gone: 0 }
    }

    /// Adds one, at the cost of the oldest, which is returned.
    pub(crate) fn push(&mut self, entry: T) -> Option<T> {
        let oldest = if self.entries.len() == self.len_max { self.entries.pop_front() } else { None };
        self.gone += u64::from(oldest.is_some());
        self.entries.push_back(entry);
        oldest
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> u64 {
        self.gone + self.entries.len() as u64
    }

    /// How many of them are not here any more.
    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    /// Those after the first `count` there ever were, oldest first.
    pub(crate) fn since(&self, count: u64) -> impl DoubleEndedIterator<Item = &T> {
        let start = usize::try_from(count.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        self.entries.range(start.min(self.entries.len())..)
    }

    /// All that are here, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.entries.iter()
    }

    /// The same, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.entries.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay_and_numbers_go_on() {
        let mut ring = Ring::new(3);
        let oldest: Vec<Option<i32>> = (0..5).map(|i| ring.push(i)).collect();
        assert_eq!(oldest, [None, None, None, Some(0), Some(1)]);
        assert_eq!(ring.count(), 5);
        assert_eq!(ring.iter().copied().collect::<Vec<i32>>(), [2, 3, 4]);
        let since = |count| ring.since(count).copied().collect::<Vec<i32>>();
        assert_eq!((since(0), since(4), since(5), since(9)), (vec![2, 3, 4], vec![4], vec![], vec![]));
    }
}
