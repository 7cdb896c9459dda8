//! What people watch: counts of tasks, the task stream, values that move, and what happened to the cluster. It is kept as
//! things happen, in bounded memory and for a few nanoseconds a task, so that looking costs the scheduler next to nothing.
//! Nothing here decides anything.
//!
//! * `tally`: how many tasks of each prefix are in which state.
//! * `stream`: what executed when and where, short executions drawn together. `moves`: likewise values between workers.
//! * `chronicle`: workers and clients that come and go, retries, errors; `notes` says what is written there. `log`: what a worker
//!   said. `departed`: workers that are gone. `ring`: the last of many.

mod chronicle;
mod departed;
mod log;
mod moves;
mod notes;
mod ring;
mod stream;
mod tally;

use rask_types::{ClassId, Tick};

pub(crate) use chronicle::{Chronicle, Happening, Kind};
pub(crate) use departed::{Departed, DepartedWorkers};
pub(crate) use log::{LogLine, WorkerLog};
pub(crate) use moves::{Move, Moves};
pub use stream::Label;
pub(crate) use stream::{Bar, Passage, Stamp, Stream};
pub(crate) use tally::{Tallies, Tally};

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) tallies: Tallies,
    pub(crate) stream: Stream,
    pub(crate) moves: Moves,
    pub(crate) chronicle: Chronicle,
    pub(crate) departed: DepartedWorkers,
    pub(crate) totals: Totals,
}

/// What has happened since the start, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Executions that gave a value.
    pub(crate) finished: u64,
    /// Executions that raised.
    pub(crate) erred: u64,
    /// Tasks that were made.
    pub(crate) created: u64,
    /// Workers that registered, and that are gone.
    pub(crate) workers_added: u64,
    pub(crate) workers_removed: u64,
    /// Clients that registered, and that are gone.
    pub(crate) clients_added: u64,
    pub(crate) clients_removed: u64,
}

impl Watch {
    /// Somebody is about to look: what is half told is told. Whatever changes from now on is news at the next look.
    pub(crate) fn turn_page(&mut self) {
        self.stream.close_all();
        self.tallies.turn_page();
    }

    /// A task was made.
    #[inline]
    pub(crate) fn created(&mut self, class: ClassId, now: Tick) {
        self.totals.created += 1;
        self.tallies.created(class, now);
    }

    /// An execution raised.
    pub(crate) fn raised(&mut self, class: ClassId) {
        self.totals.erred += 1;
        self.tallies.raised(class);
    }

    /// Executions of a class gave values.
    pub(crate) fn learned(&mut self, class: ClassId, runs: u64, total_ns: u64, mean_ns: Option<f64>) {
        self.totals.finished += runs;
        self.tallies.learned(class, runs, total_ns, mean_ns);
    }
}
