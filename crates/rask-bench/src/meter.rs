//! How calls into a core are measured: by the clock, or by a profiler that counts what happens inside [`counted`].

use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the core is doing for its tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Graphs come in.
    Ingest,
    /// Runs are handed out, and everything that is to be said is.
    Dispatch,
    /// Workers answer.
    Finish,
    /// The client lets go.
    Release,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Phase; 4] = [Phase::Ingest, Phase::Dispatch, Phase::Finish, Phase::Release];
}

/// Measures.
pub trait Meter {
    /// Does the work, measured.
    fn measure<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T;
}

/// Takes the time of each phase.
#[derive(Clone, Copy, Default, Debug)]
pub struct Clock {
    spent: [Duration; Phase::ALL.len()],
}

impl Clock {
    /// Time spent in a phase.
    pub fn spent(&self, phase: Phase) -> Duration {
        self.spent[phase as usize]
    }

    /// Time spent in all.
    pub fn total(&self) -> Duration {
        self.spent.iter().sum()
    }

    /// Of each phase the shorter time: other processes only ever make one longer.
    pub fn fastest(self, other: Clock) -> Clock {
        Clock { spent: std::array::from_fn(|i| self.spent[i].min(other.spent[i])) }
    }
}

impl Meter for Clock {
    fn measure<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.spent[phase as usize] += begun.elapsed();
        result
    }
}

/// Has every phase counted.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counter;

impl Meter for Counter {
    fn measure<T>(&mut self, _phase: Phase, work: impl FnOnce() -> T) -> T {
        counted(work)
    }
}

/// Does the work. Callgrind is told to count inside functions of this name alone: see [`crate::callgrind`].
#[inline(never)]
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    // What follows the call keeps it from becoming a jump, which would leave this function too early.
    black_box(work())
}
