//! What of the scheduler's doings is written into the chronicle, and how.

use rask_types::msg::Transfer;
use rask_types::{ClientId, TaskError, TaskId, WorkerId};

use super::{Departed, Kind, Move, Passage, Stamp};
use crate::loss::Departure;
use crate::scheduler::Scheduler;
use crate::view::Named;
use crate::worker::{LongRun, WorkerEntry};

impl Scheduler {
    fn note(&mut self, kind: Kind, subject: &str, text: &str) {
        let at_s = self.unix_s(self.now);
        self.watch.chronicle.note(at_s, kind, subject, None, text);
    }

    /// Writes down what happened to a worker.
    fn note_of_worker(&mut self, kind: Kind, worker: WorkerId, name: &str, text: &str) {
        let at_s = self.unix_s(self.now);
        self.watch.chronicle.note(at_s, kind, name, Some(worker), text);
    }

    /// Writes down what happened to the tasks of one prefix.
    fn note_of_task(&mut self, kind: Kind, id: TaskId, text: &str) {
        let prefix = self.watch.tallies.prefix_of(self.tasks[id].class).clone();
        self.note(kind, &prefix, text);
    }

    /// A client registered.
    pub(crate) fn note_client_joined(&mut self, client: ClientId, name: &str) {
        self.watch.totals.clients_added += 1;
        self.note(Kind::ClientJoined, &client_subject(client, name), "connected");
    }

    /// A client that had registered is gone.
    pub(crate) fn note_client_left(&mut self, client: ClientId, name: &str) {
        self.watch.totals.clients_removed += 1;
        self.note(Kind::ClientLeft, &client_subject(client, name), "disconnected");
    }

    /// An execution raised.
    pub(crate) fn note_error(&mut self, worker: WorkerId, id: TaskId, error: &TaskError, is_retried: bool) {
        self.watch.raised(self.tasks[id].class);
        let kind = if is_retried { Kind::Retry } else { Kind::Error };
        self.note_of_task(kind, id, &error.text);
        let at_s = self.unix_s(self.now);
        let key = self.label(id);
        if let Some(entry) = self.workers.get_mut(worker.0) {
            entry.log.push(at_s, "error", &format!("{key}: {}", error.text));
        }
    }

    /// A worker registered.
    pub(crate) fn note_worker_joined(&mut self, worker: WorkerId) {
        let at_s = self.unix_s(self.now);
        self.watch.totals.workers_added += 1;
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        let said = &entry.description;
        let threads = if said.nthreads == 1 { "thread" } else { "threads" };
        let text = format!("{} with {} {threads}, process {}", said.address, said.nthreads, said.pid);
        entry.log.push(at_s, "worker", &format!("joined at {text}"));
        self.watch.chronicle.note(at_s, Kind::WorkerJoined, &said.name, Some(worker), &text);
    }

    /// A worker was sent away.
    pub(crate) fn note_worker_refused(&mut self, worker: WorkerId, reason: &str) {
        let Some(entry) = self.workers.get(worker.0) else { return };
        let known = if entry.description.name.is_empty() { "a worker" } else { &entry.description.name };
        let subject = known.to_owned();
        self.note_of_worker(Kind::WorkerRefused, worker, &subject, reason);
    }

    /// A worker that had registered is gone.
    pub(crate) fn note_worker_gone(&mut self, entry: &WorkerEntry, departure: &Departure<'_>, reason: &str) {
        let Some(facts) = &entry.facts else { return };
        self.watch.totals.workers_removed += 1;
        let (kind, text) = match departure {
            Departure::Orderly => (Kind::WorkerLeft, reason.to_owned()),
            Departure::Death(Some(exit)) => (Kind::WorkerLost, exit.status.clone()),
            Departure::Death(None) => (Kind::WorkerLost, reason.to_owned()),
        };
        let mut log = entry.log.clone();
        let at_s = self.unix_s(self.now);
        log.push(at_s, "worker", &format!("gone: {text}"));
        self.note_of_worker(kind, WorkerId(facts.id), &facts.name, &text);
        self.draw_lost(entry);
        self.watch.departed.push(Departed { facts: facts.clone(), at_s, reason: text, log });
    }

    /// A value was lost with a worker, and is made again if it can be.
    pub(crate) fn note_recomputed(&mut self, id: TaskId) {
        self.note_of_task(Kind::Recomputed, id, "the worker that had the value is gone");
    }

    /// A task was on too many workers that died.
    pub(crate) fn note_killer(&mut self, id: TaskId, error: &TaskError) {
        self.watch.raised(self.tasks[id].class);
        self.note_of_task(Kind::Error, id, &error.text);
    }

    /// What a worker was executing, as far as it had said so, ended with it.
    fn draw_lost(&mut self, entry: &WorkerEntry) {
        let end_ns = (self.unix_s(self.now) * 1e9) as u64;
        let lost = |long: &LongRun| {
            let Named { key, class, .. } = self.named(entry, long.run)?;
            let start_ns = (self.unix_s(long.since) * 1e9) as u64;
            Some((
                class,
                Stamp { thread: long.thread, started_ns: start_ns, duration_ns: end_ns - start_ns },
                key,
            ))
        };
        let lost: Vec<_> = entry.executing.iter().filter_map(lost).collect();
        let Some(facts) = &entry.facts else { return };
        for (class, stamp, label) in lost {
            let tally = self.watch.tallies.number_of(class);
            self.watch.stream.add_lost(WorkerId(facts.id), tally, Passage::new(class, stamp, label));
        }
    }

    /// A worker fetched values from others.
    pub(crate) fn on_transferred(&mut self, worker: WorkerId, transfers: &[Transfer]) {
        for transfer in transfers {
            let ended_s = self.unix_s(self.now) - transfer.ended_ns_ago as f64 / 1e9;
            let duration_s = transfer.duration_ns as f64 / 1e9;
            let is_known = self.tasks.current(transfer.value).is_some();
            self.watch.moves.push(Move {
                to: worker,
                from: transfer.from,
                start_s: ended_s - duration_s,
                duration_s,
                nbytes: transfer.nbytes,
                values: transfer.values,
                value: transfer.value,
                label: is_known.then(|| self.label(transfer.value.task)),
            });
        }
    }

    /// A client had everything begun anew.
    pub(crate) fn note_restart(&mut self, client: ClientId) {
        let name = self.clients.get(client.0).map_or_else(String::new, |entry| entry.name.clone());
        self.note(Kind::Restart, &name, "all tasks forgotten, all worker processes started anew");
    }
}

/// What a client is called.
fn client_subject(client: ClientId, name: &str) -> String {
    if name.is_empty() { format!("client {}", client.0) } else { name.to_owned() }
}
