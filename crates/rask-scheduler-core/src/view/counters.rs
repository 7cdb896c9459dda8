//! What has been counted since the start, and sums over all tasks.

use super::PrefixRow;
use crate::scheduler::Scheduler;

/// Numbers for collectors of metrics.
#[derive(Clone, Debug)]
pub struct Counters {
    /// When the scheduler started, in seconds of Unix time.
    pub started: f64,
    /// Clients that are connected.
    pub clients: u32,
    /// Clients that registered.
    pub clients_added: u64,
    /// Clients that are gone.
    pub clients_removed: u64,
    /// Workers that registered.
    pub workers_added: u64,
    /// Workers that are gone.
    pub workers_removed: u64,
    /// Tasks that exist.
    pub tasks: u64,
    /// Tasks that were made.
    pub created: u64,
    /// Executions that gave a value.
    pub finished: u64,
    /// Executions that raised.
    pub erred: u64,
    /// Time that executions took together, in seconds.
    pub compute_s: f64,
    /// Time that fetches between workers took together, in seconds.
    pub transfer_s: f64,
    /// Values fetched.
    pub values_moved: u64,
    /// Their bytes.
    pub bytes_moved: u64,
    /// Bytes of all values that exist.
    pub output_bytes: u64,
    /// Bytes of small results kept by the scheduler.
    pub kept_bytes: u64,
    /// Rows of all prefixes that have had tasks.
    pub prefixes: Vec<PrefixRow>,
}

impl Scheduler {
    /// What has been counted.
    pub fn counters(&self) -> Counters {
        let watch = &self.watch;
        let stranded = self.stranded();
        let row = |(number, tally)| self.prefix_row(&tally, stranded.get(&number).copied().unwrap_or(0));
        let kept_bytes = self.values.nbytes();
        let on_workers: u64 = self.workers.iter().map(|(_, entry)| entry.nbytes).fold(0, u64::wrapping_add);
        Counters {
            started: self.config.started_unix_s,
            clients: self.client_count(),
            clients_added: watch.totals.clients_added,
            clients_removed: watch.totals.clients_removed,
            workers_added: watch.totals.workers_added,
            workers_removed: watch.totals.workers_removed,
            tasks: self.tasks.len() as u64,
            created: watch.totals.created,
            finished: watch.totals.finished,
            erred: watch.totals.erred,
            compute_s: watch.tallies.iter().map(|(_, tally)| tally.compute_ns as f64 / 1e9).sum(),
            transfer_s: watch.moves.duration_s,
            values_moved: watch.moves.values,
            bytes_moved: watch.moves.nbytes,
            output_bytes: on_workers.saturating_add(kept_bytes),
            kept_bytes,
            prefixes: watch.tallies.iter().map(row).collect(),
        }
    }

    /// Tasks that were made so far: a picture of the graph that is older lacks some.
    pub fn tasks_created(&self) -> u64 {
        self.watch.totals.created
    }
}
