//! Values that went between workers.

use std::collections::VecDeque;

use rask_types::{RunId, WorkerId};

use super::stream::Label;

/// Moves kept.
const LEN_MAX: usize = 4_096;

/// One move, or several short ones that followed each other.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) to: WorkerId,
    pub(crate) from: WorkerId,
    /// When it began, in seconds of Unix time.
    pub(crate) start_s: f64,
    pub(crate) duration_s: f64,
    pub(crate) nbytes: u64,
    /// How many values.
    pub(crate) values: u32,
    /// One of them.
    pub(crate) value: RunId,
    /// Its key, if the task was still there.
    pub(crate) label: Option<Label>,
}

/// The last moves.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    ring: VecDeque<Move>,
    /// Moves before the first of the ring.
    gone: u64,
    /// Bytes and values moved since the start.
    pub(crate) nbytes: u64,
    pub(crate) values: u64,
    /// Time spent on it, in seconds.
    pub(crate) duration_s: f64,
}

impl Moves {
    pub(crate) fn push(&mut self, moved: Move) {
        self.nbytes = self.nbytes.saturating_add(moved.nbytes);
        self.values = self.values.saturating_add(u64::from(moved.values));
        self.duration_s += moved.duration_s;
        if self.ring.len() == LEN_MAX {
            self.ring.pop_front();
            self.gone += 1;
        }
        self.ring.push_back(moved);
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> u64 {
        self.gone + self.ring.len() as u64
    }

    /// Those after the first `count`, oldest first.
    pub(crate) fn since(&self, count: u64) -> impl Iterator<Item = &Move> {
        self.ring.iter().skip(count.saturating_sub(self.gone) as usize)
    }
}
