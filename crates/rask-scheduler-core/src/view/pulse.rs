//! What has changed since the last look.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::state_names::StateNames;
use super::{BarRow, EventRow, ExecutingRow, MoveRow, PrefixRow, SchedulerRow, WorkerRow};
use crate::scheduler::Scheduler;
use crate::watch::Departed;
use crate::worker::WorkerEntry;

/// Prefixes in one pulse. Of more, those that changed last are given, the others when they change.
const PREFIXES_MAX: usize = 500;
/// Bars and transfers in one pulse: what is older is left out.
const BARS_MAX: u64 = 4_000;
const MOVES_MAX: u64 = 2_000;

/// What somebody has seen so far. The default has seen nothing: the first pulse is whole.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    last: Option<Last>,
    page: u64,
    workers: BTreeSet<u32>,
    /// By tally: how many queued tasks no worker might run.
    stranded: BTreeMap<u32, u32>,
    bars: u64,
    moves: u64,
    events: u64,
}

/// What rates are reckoned from.
#[derive(Clone, Copy, Debug)]
struct Last {
    at: f64,
    ended: u64,
    cpu_ns: u64,
}

impl Seen {
    /// What of a whole pulse was seen again; the next one will be whole.
    pub fn forget(&mut self) {
        let last = self.last;
        *self = Seen { last, ..Seen::default() };
    }
}

/// What has changed; or all there is.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // The document of the JSON says what they mean.
pub struct Pulse {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub full: bool,
    pub at: f64,
    pub scheduler: SchedulerRow,
    pub workers: Vec<WorkerRow>,
    pub workers_gone: Vec<u32>,
    pub names: BTreeMap<u32, String>,
    pub prefixes: Vec<PrefixRow>,
    pub executing: Vec<ExecutingRow>,
    pub bars: Vec<BarRow>,
    pub bars_from: Option<f64>,
    pub transfers: Vec<MoveRow>,
    pub events: Vec<EventRow>,
}

impl Scheduler {
    /// What has changed since `seen`, which then has seen it. `cpu_ns` is the processor time that the scheduler's thread has
    /// had so far.
    pub fn pulse(&self, seen: &mut Seen, cpu_ns: u64) -> Pulse {
        let full = seen.page == 0;
        let (bars, bars_from) = self.bars_since(seen.bars);
        let stranded = self.stranded();
        let watch = &self.watch;
        let pulse = Pulse {
            kind: "pulse",
            full,
            at: self.unix_s(self.now),
            scheduler: self.scheduler_row(seen.last, cpu_ns),
            workers: self.changed_workers(seen.page),
            workers_gone: seen.workers.iter().copied().filter(|&id| self.workers.get(id).is_none()).collect(),
            names: if full { self.names_of_departed() } else { BTreeMap::new() },
            prefixes: self.changed_prefixes(seen, &stranded),
            executing: self.changed_executing(seen.page),
            bars,
            bars_from,
            transfers: watch
                .moves
                .last
                .since(seen.moves.max(watch.moves.last.count().saturating_sub(MOVES_MAX)))
                .map(|moved| self.move_row(moved))
                .collect(),
            events: self.events_since(seen.events),
        };
        let totals = &watch.totals;
        seen.last = Some(Last { at: pulse.at, ended: totals.finished + totals.erred, cpu_ns });
        seen.page = watch.tallies.page();
        let here = self.workers.iter().filter(|(_, entry)| entry.facts.is_some());
        seen.workers = here.map(|(id, _)| id).collect();
        seen.stranded = stranded;
        seen.bars = watch.stream.ended.count();
        seen.moves = watch.moves.last.count();
        seen.events = watch.chronicle.changes();
        pulse
    }

    fn scheduler_row(&self, last: Option<Last>, cpu_ns: u64) -> SchedulerRow {
        let totals = &self.watch.totals;
        let ended = totals.finished + totals.erred;
        let at = self.unix_s(self.now);
        let last = last.filter(|last| at > last.at);
        let here = self.workers.iter().filter(|(_, worker)| worker.is_here());
        SchedulerRow {
            id: self.config.name.clone(),
            address: self.config.address.clone(),
            version: env!("CARGO_PKG_VERSION"),
            started: self.config.started_unix_s,
            cpu: last.map(|last| cpu_ns.saturating_sub(last.cpu_ns) as f64 / 1e9 / (at - last.at)),
            rss_bytes: None,
            tasks: self.tasks.len() as u64,
            clients: self.client_count(),
            workers: self.worker_count() as u32,
            threads: here.fold(0, |sum, (_, worker)| sum.saturating_add(worker.description.nthreads)),
            finished: totals.finished,
            erred: totals.erred,
            tasks_per_s: last.map(|last| (ended - last.ended) as f64 / (at - last.at)),
            bytes_moved: self.watch.moves.nbytes,
        }
    }

    /// All workers.
    pub fn worker_rows(&self) -> Vec<WorkerRow> {
        self.changed_workers(0)
    }

    /// The last events, oldest first.
    pub fn event_rows(&self) -> Vec<EventRow> {
        self.events_since(0)
    }

    fn changed_workers(&self, page: u64) -> Vec<WorkerRow> {
        let changed = self.workers.iter().filter(|(_, entry)| entry.page >= page);
        changed.filter_map(|(_, entry)| self.worker_row(entry)).collect()
    }

    /// Of workers that are gone and may have executed what is still in the stream.
    fn names_of_departed(&self) -> BTreeMap<u32, String> {
        let name = |departed: &Departed| (departed.facts.id, departed.facts.name.clone());
        self.watch.departed.iter().map(name).collect()
    }

    /// Of workers that said something new of it, or that execute for long at all if `page` is the first.
    fn changed_executing(&self, page: u64) -> Vec<ExecutingRow> {
        let is_news = |entry: &WorkerEntry| match page {
            0 => !entry.executing.is_empty(),
            _ => entry.executing_page >= page,
        };
        let changed = self.workers.iter().filter(|(_, entry)| is_news(entry));
        changed.map(|(id, entry)| self.executing_row(id, entry)).collect()
    }

    fn changed_prefixes(&self, seen: &Seen, stranded: &BTreeMap<u32, u32>) -> Vec<PrefixRow> {
        let mut changed = self.watch.tallies.changed_since(seen.page);
        // Workers that come and go change what is stranded, though no task changes its state.
        let known: BTreeSet<u32> = changed.iter().map(|&(_, number)| number).collect();
        let either = stranded.keys().chain(seen.stranded.keys()).copied().collect::<BTreeSet<u32>>();
        let differs = |number: &u32| stranded.get(number) != seen.stranded.get(number);
        changed.extend(either.difference(&known).copied().filter(differs).map(|number| (seen.page, number)));
        // Those that changed last are last, and if they are too many, all that is told.
        changed.sort_unstable();
        changed.drain(..changed.len().saturating_sub(PREFIXES_MAX));
        let row = |&(_, number): &(u64, u32)| {
            let tally = self.watch.tallies.get(number);
            let no_worker = stranded.get(&number).copied().unwrap_or(0);
            (tally.total > 0).then(|| self.prefix_row(&tally, no_worker))
        };
        changed.iter().filter_map(row).collect()
    }

    /// How many queued tasks no worker may run, by tally.
    pub(crate) fn stranded(&self) -> BTreeMap<u32, u32> {
        let mut stranded = BTreeMap::new();
        if self.queued == 0 {
            return stranded;
        }
        let mut names = StateNames::new(self);
        for (class, tally, queued) in self.watch.tallies.queued() {
            if !names.is_served(class) {
                *stranded.entry(tally).or_default() += queued;
            }
        }
        stranded
    }

    /// The bars after the first `count`; if not all of them, when the last of those left out ended.
    fn bars_since(&self, count: u64) -> (Vec<BarRow>, Option<f64>) {
        let stream = &self.watch.stream;
        let from = count.max(stream.ended.count().saturating_sub(BARS_MAX));
        let bars = stream.ended.since(from).map(|bar| self.bar_row(bar)).collect();
        (bars, stream.last_end_ns(count, from).map(|ns| ns as f64 / 1e9))
    }

    fn events_since(&self, changes: u64) -> Vec<EventRow> {
        self.watch.chronicle.since(changes).into_iter().map(EventRow::from).collect()
    }
}
