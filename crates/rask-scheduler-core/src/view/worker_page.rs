//! All about one worker.

use std::sync::Arc;

use rask_types::{ClassId, RunId, WorkerId};
use serde::Serialize;

use super::{Label, WorkerFacts, WorkerRow};
use crate::scheduler::Scheduler;
use crate::watch::{Departed, LogLine, WorkerLog};
use crate::worker::{LongRun, WorkerEntry};

/// So long is long, for an execution.
const LONG_S: f64 = 0.25;
/// Tasks that were given to a worker and are named.
const ASSIGNED_MAX: usize = 100;

/// A worker that is here, or was.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // The document of the JSON says what they mean.
pub struct WorkerPage {
    pub worker: Option<WorkerRow>,
    pub gone: Option<Gone>,
    pub executing: Vec<Executing>,
    pub assigned: Vec<Assigned>,
    pub log: Vec<LogRow>,
    pub earlier: Vec<Earlier>,
}

/// A worker that had the same name and is gone.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Earlier {
    pub id: u32,
    pub at: f64,
    pub reason: String,
}

/// A worker that is gone.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Gone {
    #[serde(flatten)]
    pub facts: Arc<WorkerFacts>,
    pub at: f64,
    pub reason: String,
}

/// A task that has been executing for a while.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Executing {
    pub key: Label,
    pub prefix: Arc<str>,
    pub thread: u16,
    pub for_s: f64,
    pub given_up: bool,
}

/// A task that the worker was given.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Assigned {
    pub key: Label,
    pub prefix: Arc<str>,
    pub state: &'static str,
}

/// A line of the log.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct LogRow {
    pub at: f64,
    pub topic: String,
    pub text: String,
}

impl From<&LogLine> for LogRow {
    fn from(line: &LogLine) -> LogRow {
        let LogLine { at_s, topic, text } = line.clone();
        LogRow { at: at_s, topic, text }
    }
}

fn rows(log: &WorkerLog) -> Vec<LogRow> {
    log.lines().map(LogRow::from).collect()
}

impl Scheduler {
    /// The worker that has this name, else this address; else the last one that had and is gone.
    pub fn worker_page(&self, word: &str) -> Option<WorkerPage> {
        match self.worker_called(word) {
            Some(entry) => self.page_of_worker(entry),
            None => self.watch.departed.find(word).map(|departed| self.page_of_departed(departed)),
        }
    }

    /// The worker with this number, here or gone: names may be had again.
    pub fn worker_page_by_id(&self, worker: WorkerId) -> Option<WorkerPage> {
        match self.workers.get(worker.0) {
            Some(entry) => self.page_of_worker(entry),
            None => self.watch.departed.get(worker).map(|departed| self.page_of_departed(departed)),
        }
    }

    /// `None` while it has not said what it is.
    fn page_of_worker(&self, entry: &WorkerEntry) -> Option<WorkerPage> {
        let facts = entry.facts.as_ref()?;
        Some(WorkerPage {
            worker: self.worker_row(entry),
            gone: None,
            executing: self.executing_on(entry),
            assigned: self.assigned_to(entry),
            log: rows(&entry.log),
            earlier: self.earlier_than(facts),
        })
    }

    fn page_of_departed(&self, departed: &Departed) -> WorkerPage {
        let Departed { facts, at_s, reason, log } = departed;
        WorkerPage {
            worker: None,
            gone: Some(Gone { facts: facts.clone(), at: *at_s, reason: reason.clone() }),
            executing: Vec::new(),
            assigned: Vec::new(),
            log: rows(log),
            earlier: self.earlier_than(facts),
        }
    }

    /// Newest first. Numbers are given in the order of coming.
    fn earlier_than(&self, facts: &WorkerFacts) -> Vec<Earlier> {
        let is_earlier =
            |departed: &&Departed| departed.facts.name == facts.name && departed.facts.id < facts.id;
        let earlier = |departed: &Departed| Earlier {
            id: departed.facts.id,
            at: departed.at_s,
            reason: departed.reason.clone(),
        };
        self.watch.departed.iter().rev().filter(is_earlier).map(earlier).collect()
    }

    fn worker_called(&self, word: &str) -> Option<&WorkerEntry> {
        let here = self.workers.iter().map(|(_, entry)| entry);
        WorkerFacts::first_called(word, here, |entry| entry.facts.as_deref())
    }

    fn executing_on(&self, entry: &WorkerEntry) -> Vec<Executing> {
        let row = |long: &LongRun| {
            let Named { key, class, given_up } = self.named(entry, long.run)?;
            let prefix = self.watch.tallies.prefix_of(class).clone();
            let for_s = self.now.ns_since(long.since) as f64 / 1e9;
            // What began just now is said along with others.
            (for_s > LONG_S).then_some(Executing { key, prefix, thread: long.thread, for_s, given_up })
        };
        entry.executing.iter().filter_map(row).collect()
    }

    fn assigned_to(&self, entry: &WorkerEntry) -> Vec<Assigned> {
        let assigned = |run: &RunId| {
            let Named { key, class, given_up } = self.named(entry, *run)?;
            let prefix = self.watch.tallies.prefix_of(class).clone();
            (!given_up).then_some(Assigned { key, prefix, state: self.tasks[run.task].state.name() })
        };
        entry.given.iter().filter_map(assigned).take(ASSIGNED_MAX).collect()
    }

    /// What a run is called that a worker has yet to answer for; `None` if it has.
    pub(crate) fn named(&self, entry: &WorkerEntry, run: RunId) -> Option<Named> {
        let worker = WorkerId(entry.facts.as_ref()?.id);
        match self.tasks.current(run).filter(|task| task.is_processing_on(worker)) {
            Some(task) => Some(Named { key: self.label(run.task), class: task.class, given_up: false }),
            None => entry.owed.get(&run).map(|owed| Named {
                key: owed.label.clone(),
                class: owed.class,
                given_up: true,
            }),
        }
    }
}

/// A run's task.
pub(crate) struct Named {
    pub(crate) key: Label,
    pub(crate) class: ClassId,
    /// Nobody wants it any more.
    pub(crate) given_up: bool,
}
