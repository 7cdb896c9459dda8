//! Which of our dense numbers somebody has been told: one bit each.

/// A set of small numbers.
#[derive(Debug, Default)]
pub(crate) struct Known {
    words: Vec<u64>,
}

impl Known {
    /// Puts a number in; true if it was not there.
    #[inline]
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once() {
        let mut known = Known::default();
        for number in [0, 63, 64, 1_000] {
            assert!(known.insert(number));
            assert!(!known.insert(number));
        }
    }
}
