//! What happened to the cluster, for whoever runs it: workers and clients that come and go, retries, errors.

use rask_types::WorkerId;

use super::log::head;
use super::ring::Ring;

/// Entries kept of each half.
const LEN_MAX: usize = 500;
/// How many of the last entries an equal one may join, in a flood of few kinds.
const NEIGHBOURS: usize = 8;
/// Longer texts are cut: they are in the task's page in full.
const TEXT_BYTES_MAX: usize = 1_000;

/// What kind of happening it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    WorkerJoined,
    WorkerLeft,
    WorkerLost,
    WorkerRefused,
    ClientJoined,
    ClientLeft,
    Retry,
    Error,
    Restart,
    Recomputed,
}

impl Kind {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::WorkerJoined => "worker-joined",
            Kind::WorkerLeft => "worker-left",
            Kind::WorkerLost => "worker-lost",
            Kind::WorkerRefused => "worker-refused",
            Kind::ClientJoined => "client-joined",
            Kind::ClientLeft => "client-left",
            Kind::Retry => "retry",
            Kind::Error => "error",
            Kind::Restart => "restart",
            Kind::Recomputed => "recomputed",
        }
    }
}

/// One of them, or several equal ones.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) number: u64,
    /// The last of them, in seconds of Unix time.
    pub(crate) at_s: f64,
    pub(crate) kind: Kind,
    /// Who or what it happened to.
    pub(crate) subject: String,
    /// If it happened to workers, the last of them: several may have had that name, one after the other.
    pub(crate) worker: Option<WorkerId>,
    pub(crate) text: String,
    pub(crate) count: u64,
    /// Counts changes of the chronicle: when this one changed last.
    pub(crate) changed: u64,
}

/// The last of them.
#[derive(Debug)]
pub(crate) struct Chronicle {
    /// Of workers, clients and the cluster: a flood of errors must not wash away that a worker was lost.
    of_cluster: Ring<Happening>,
    of_tasks: Ring<Happening>,
    changes: u64,
}

impl Default for Chronicle {
    fn default() -> Chronicle {
        Chronicle { of_cluster: Ring::new(LEN_MAX), of_tasks: Ring::new(LEN_MAX), changes: 0 }
    }
}

impl Chronicle {
    /// Writes one down. One like a recent one is counted with it.
    pub(crate) fn note(
        &mut self,
        at_s: f64,
        kind: Kind,
        subject: &str,
        worker: Option<WorkerId>,
        text: &str,
    ) {
        self.changes += 1;
        let text = head(text, TEXT_BYTES_MAX);
        let is_same =
            |known: &&mut Happening| known.kind == kind && known.subject == subject && known.text == text;
        let number = self.of_cluster.count() + self.of_tasks.count();
        let entries = match kind {
            Kind::Retry | Kind::Error | Kind::Recomputed => &mut self.of_tasks,
            _ => &mut self.of_cluster,
        };
        if let Some(known) = entries.iter_mut().rev().take(NEIGHBOURS).find(is_same) {
            known.count += 1;
            known.at_s = at_s;
            known.worker = worker;
            known.changed = self.changes;
            return;
        }
        entries.push(Happening {
            number,
            at_s,
            kind,
            subject: subject.to_owned(),
            worker,
            text: text.to_owned(),
            count: 1,
            changed: self.changes,
        });
    }

    /// Changes so far.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Those that are new or were counted up after so many changes, oldest first.
    pub(crate) fn since(&self, changes: u64) -> Vec<&Happening> {
        let all = self.of_cluster.iter().chain(self.of_tasks.iter());
        let mut news: Vec<&Happening> = all.filter(|happening| happening.changed > changes).collect();
        news.sort_by_key(|happening| happening.number);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_share_an_entry_and_old_ones_go() {
        let mut chronicle = Chronicle::default();
        for i in 0..3 {
            chronicle.note(f64::from(i), Kind::Error, "inc", None, "no");
            chronicle.note(f64::from(i), Kind::Error, "inc", None, "never");
        }
        let counts: Vec<u64> = chronicle.since(0).iter().map(|happening| happening.count).collect();
        assert_eq!(counts, [3, 3]);
        let seen = chronicle.changes();
        chronicle.note(9.0, Kind::Error, "inc", None, "no");
        let news: Vec<(u64, u64)> =
            chronicle.since(seen).iter().map(|news| (news.number, news.count)).collect();
        assert_eq!(news, [(0, 4)]);
        for i in 0..2 * LEN_MAX {
            chronicle.note(0.0, Kind::Retry, &i.to_string(), None, "");
        }
        assert_eq!(chronicle.since(0).len(), LEN_MAX);
    }

    #[test]
    fn a_flood_of_errors_does_not_wash_away_what_workers_did() {
        let mut chronicle = Chronicle::default();
        chronicle.note(0.0, Kind::Error, "inc", None, "the first");
        chronicle.note(1.0, Kind::WorkerLost, "w0", None, "killed");
        for i in 0..2 * LEN_MAX {
            chronicle.note(2.0, Kind::Error, "inc", None, &format!("no {i}"));
        }
        chronicle.note(3.0, Kind::WorkerJoined, "w0", None, "");
        let kept = chronicle.since(0);
        assert_eq!(kept.len(), LEN_MAX + 2);
        let ends = [kept[0], kept[LEN_MAX + 1]].map(|happening| (happening.kind, happening.number));
        let last = 2 + 2 * LEN_MAX as u64;
        assert_eq!(ends, [(Kind::WorkerLost, 1), (Kind::WorkerJoined, last)], "oldest first");
    }
}
