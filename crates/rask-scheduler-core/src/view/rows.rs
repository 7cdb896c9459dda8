//! The rows of a pulse.

use std::collections::BTreeMap;
use std::sync::Arc;

use rask_types::WorkerId;
use serde::{Serialize, Serializer};

use super::Label;
use super::worker_page::Named;
use crate::scheduler::Scheduler;
use crate::story::Station;
use crate::watch::{Bar, Happening, Move, Tally};
use crate::worker::{LongRun, WorkerEntry};

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The scheduler as a whole.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // The document of the JSON says what they mean.
pub struct SchedulerRow {
    pub id: String,
    pub address: String,
    pub version: &'static str,
    pub started: f64,
    pub cpu: Option<f64>,
    /// Filled in by who knows it.
    pub rss_bytes: Option<u64>,
    pub tasks: u64,
    pub clients: u32,
    pub workers: u32,
    pub threads: u32,
    pub finished: u64,
    pub erred: u64,
    pub tasks_per_s: Option<f64>,
    pub bytes_moved: u64,
}

/// What a worker said of itself when it came.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct WorkerFacts {
    pub id: u32,
    pub name: String,
    pub address: String,
    pub host: String,
    pub pid: u32,
    pub nthreads: u32,
    pub memory_limit_bytes: u64,
    pub resources: BTreeMap<String, f64>,
    pub runtime: String,
    pub version: String,
    pub local_directory: String,
    pub joined: f64,
}

impl WorkerFacts {
    /// The first of `workers` that has this name, else the first that has this address. Some have not said what they are.
    pub(crate) fn first_called<T>(
        word: &str,
        workers: impl Iterator<Item = T> + Clone,
        facts_of: impl Fn(&T) -> Option<&WorkerFacts>,
    ) -> Option<T> {
        let first = |said: fn(&WorkerFacts) -> &str| {
            workers.clone().find(|worker| facts_of(worker).is_some_and(|facts| said(facts) == word))
        };
        first(|facts| &facts.name).or_else(|| first(|facts| &facts.address))
    }
}

/// A worker.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct WorkerRow {
    #[serde(flatten)]
    pub facts: Arc<WorkerFacts>,
    pub status: &'static str,
    pub cpu_percent: f32,
    pub rss_bytes: u64,
    pub managed_bytes: u64,
    pub in_memory: u32,
    pub processing: u32,
    pub executing: u32,
    pub occupancy_s: f64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub last_seen: f64,
}

/// The tasks of one prefix.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct PrefixRow {
    pub prefix: Arc<str>,
    pub total: u64,
    pub waiting: u32,
    pub queued: u32,
    pub no_worker: u32,
    pub processing: u32,
    pub memory: u32,
    pub erred: u32,
    pub released: u64,
    pub given_up: u64,
    pub finished: u64,
    pub raised: u64,
    pub mean_s: Option<f64>,
    pub compute_s: f64,
    pub needs: Vec<Arc<str>>,
}

/// `[worker, thread, prefix, start, duration, busy, runs, erred, key, lost]`
#[derive(Clone, Debug, Serialize)]
pub struct BarRow(
    pub u32,
    pub u16,
    pub Arc<str>,
    pub f64,
    pub f64,
    pub f64,
    pub u32,
    pub u32,
    pub Label,
    pub u32,
);

/// What a worker has been executing for a while: `[worker, [[thread, prefix, began, key, given_up]]]`
#[derive(Clone, Debug, Serialize)]
pub struct ExecutingRow(pub u32, pub Vec<LongRunRow>);

/// `[thread, prefix, began, key, given_up]`
#[derive(Clone, Debug, Serialize)]
pub struct LongRunRow(pub u16, pub Arc<str>, pub f64, pub Label, pub bool);

/// `[worker, from, start, duration, nbytes, values, key]`
#[derive(Clone, Debug, Serialize)]
pub struct MoveRow(pub u32, pub Option<u32>, pub f64, pub f64, pub u64, pub u32, pub Option<Label>);

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct EventRow {
    pub number: u64,
    pub at: f64,
    pub kind: &'static str,
    pub subject: String,
    pub worker_id: Option<u32>,
    pub text: String,
    pub count: u64,
}

impl From<&Happening> for EventRow {
    fn from(happening: &Happening) -> EventRow {
        let Happening { number, at_s, kind, subject, worker, text, count, .. } = happening.clone();
        let worker_id = worker.map(|worker| worker.0);
        EventRow { number, at: at_s, kind: kind.name(), subject, worker_id, text, count }
    }
}

impl WorkerEntry {
    /// What it said of itself.
    pub(crate) fn make_facts(&self, worker: WorkerId, tick_zero_unix_s: f64) -> Arc<WorkerFacts> {
        let said = self.description.clone();
        Arc::new(WorkerFacts {
            id: worker.0,
            name: said.name,
            address: said.address,
            host: said.host,
            pid: said.pid,
            nthreads: said.nthreads,
            memory_limit_bytes: said.memory_limit_bytes,
            resources: said.resources.into_iter().collect(),
            runtime: said.runtime,
            version: said.version,
            local_directory: said.local_directory,
            joined: tick_zero_unix_s + self.joined.0 as f64 / 1e9,
        })
    }
}

impl Scheduler {
    /// A worker's row, if it has registered.
    pub(crate) fn worker_row(&self, entry: &WorkerEntry) -> Option<WorkerRow> {
        let metrics = &entry.metrics;
        Some(WorkerRow {
            facts: entry.facts.clone()?,
            status: entry.status.name(),
            cpu_percent: if metrics.cpu_percent.is_finite() { metrics.cpu_percent } else { 0.0 },
            rss_bytes: metrics.rss_bytes,
            managed_bytes: metrics.managed_bytes,
            in_memory: entry.replicas,
            processing: entry.assigned + entry.away + entry.following,
            executing: metrics.executing,
            occupancy_s: entry.occupancy_ns as f64 / 1e9,
            received_bytes: metrics.received_bytes,
            sent_bytes: metrics.sent_bytes,
            last_seen: self.unix_s(entry.last_seen),
        })
    }

    /// A prefix's row. `no_worker`: how many of its queued tasks no worker may run.
    pub(crate) fn prefix_row(&self, tally: &Tally<'_>, no_worker: u32) -> PrefixRow {
        let count = |station| tally.in_state(station);
        let [waiting, queued, processing, memory, erred] =
            [Station::Waiting, Station::Queued, Station::Processing, Station::Memory, Station::Erred]
                .map(count);
        let there: u64 = [waiting, queued, processing, memory, erred].map(u64::from).iter().sum();
        PrefixRow {
            prefix: tally.prefix.clone(),
            total: tally.total,
            waiting,
            queued: queued.saturating_sub(no_worker),
            no_worker,
            processing,
            memory,
            erred,
            released: tally.total - there - tally.given_up,
            given_up: tally.given_up,
            finished: tally.finished,
            raised: tally.raised,
            mean_s: tally.mean_ns.map(|ns| ns / 1e9),
            compute_s: tally.compute_ns as f64 / 1e9,
            needs: tally.needs.iter().map(|&need| self.watch.tallies.text_of(need).clone()).collect(),
        }
    }

    pub(crate) fn bar_row(&self, bar: &Bar) -> BarRow {
        let seconds = |ns: u64| ns as f64 / 1e9;
        BarRow(
            bar.worker.0,
            bar.thread,
            self.watch.tallies.text_of(bar.tally).clone(),
            seconds(bar.start_ns),
            seconds(bar.end_ns - bar.start_ns),
            seconds(bar.busy_ns),
            bar.runs,
            bar.erred,
            bar.label.clone(),
            bar.lost,
        )
    }

    pub(crate) fn executing_row(&self, worker: u32, entry: &WorkerEntry) -> ExecutingRow {
        let row = |long: &LongRun| {
            let Named { key, class, given_up } = self.named(entry, long.run)?;
            let prefix = self.watch.tallies.prefix_of(class).clone();
            Some(LongRunRow(long.thread, prefix, self.unix_s(long.since), key, given_up))
        };
        ExecutingRow(worker, entry.executing.iter().filter_map(row).collect())
    }

    pub(crate) fn move_row(&self, moved: &Move) -> MoveRow {
        let from = self.workers.get(moved.from.0).map(|_| moved.from.0);
        MoveRow(
            moved.to.0,
            from,
            moved.start_s,
            moved.duration_s,
            moved.nbytes,
            moved.values,
            moved.label.clone(),
        )
    }
}
