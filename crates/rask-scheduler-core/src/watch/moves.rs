//! Values that went between workers.

use rask_types::{RunId, WorkerId};

use super::ring::Ring;
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

/// The last moves, and what all moved.
#[derive(Debug)]
pub(crate) struct Moves {
    pub(crate) last: Ring<Move>,
    /// Bytes and values moved since the start.
    pub(crate) nbytes: u64,
    pub(crate) values: u64,
    /// Time spent on it, in seconds.
    pub(crate) duration_s: f64,
}

impl Default for Moves {
    fn default() -> Moves {
        Moves { last: Ring::new(LEN_MAX), nbytes: 0, values: 0, duration_s: 0.0 }
    }
}

impl Moves {
    pub(crate) fn push(&mut self, moved: Move) {
        self.nbytes = self.nbytes.saturating_add(moved.nbytes);
        self.values = self.values.saturating_add(u64::from(moved.values));
        self.duration_s += moved.duration_s;
        self.last.push(moved);
    }
}
