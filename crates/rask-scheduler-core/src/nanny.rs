//! Nannies: which worker processes are theirs, and what they say of processes that ended.

use std::collections::{BTreeMap, BTreeSet};

use rask_types::WorkerId;
use rask_types::msg::{NannyToScheduler, WorkerDescription, WorkerExit};

use crate::event::NannyId;
use crate::loss::Departure;
use crate::scheduler::Scheduler;
use crate::worker::{WorkerEntry, WorkerStatus};

/// A nanny, and what it said of processes whose connections have not ended yet.
#[derive(Debug, Default)]
pub(crate) struct NannyEntry {
    instances: BTreeSet<u64>,
    pub(crate) exits: BTreeMap<u64, WorkerExit>,
}

impl Scheduler {
    /// A nanny said something.
    pub(crate) fn on_nanny(&mut self, nanny: NannyId, message: NannyToScheduler) {
        let Some(entry) = self.nannies.get_mut(&nanny) else { return };
        match message {
            NannyToScheduler::Register { .. } => {}
            NannyToScheduler::Started { instance } => {
                entry.instances.insert(instance);
                self.adopt(nanny, instance);
            }
            NannyToScheduler::Exited(exit) => {
                entry.instances.remove(&exit.instance);
                self.on_worker_exit(nanny, exit);
            }
        }
    }

    /// The nanny of a worker that registers.
    pub(crate) fn nanny_of(&self, description: &WorkerDescription) -> Option<NannyId> {
        let instance = description.nanny_instance?;
        self.nannies.iter().find(|(_, nanny)| nanny.instances.contains(&instance)).map(|(&id, _)| id)
    }

    /// A worker may be here before its nanny is, such as one whose connection broke and that comes back.
    fn adopt(&mut self, nanny: NannyId, instance: u64) {
        let nannies = &self.nannies;
        let is_orphan = |entry: &WorkerEntry| {
            entry.description.nanny_instance == Some(instance)
                && entry.nanny.is_none_or(|known| !nannies.contains_key(&known))
        };
        for (_, entry) in self.workers.iter_mut().filter(|(_, entry)| is_orphan(entry)) {
            entry.nanny = Some(nanny);
        }
    }

    fn on_worker_exit(&mut self, nanny: NannyId, exit: WorkerExit) {
        let is_meant = |(_, entry): &(u32, &WorkerEntry)| {
            entry.nanny == Some(nanny) && entry.description.nanny_instance == Some(exit.instance)
        };
        let found =
            self.workers.iter().find(is_meant).map(|(number, entry)| (WorkerId(number), entry.status));
        let Some((worker, status)) = found else { return };
        if matches!(status, WorkerStatus::AwaitingExitReport { .. }) {
            self.remove_worker(worker, &Departure::Death(Some(&exit)), &exit.status);
        } else if let Some(entry) = self.nannies.get_mut(&nanny) {
            // Its connection ends any moment now, after what it still had to say has been read.
            entry.exits.insert(exit.instance, exit);
        }
    }

    /// A worker registers under the name of one whose process is known to have ended, though its connection has not: that
    /// one is gone.
    pub(crate) fn bury_namesake(&mut self, name: &str) {
        let namesake = self.workers.iter().find(|(_, e)| e.is_here() && e.description.name == name);
        let Some((number, entry)) = namesake else { return };
        let nanny = entry.nanny.and_then(|nanny| self.nannies.get_mut(&nanny));
        let Some((nanny, instance)) = nanny.zip(entry.description.nanny_instance) else { return };
        if let Some(exit) = nanny.exits.remove(&instance) {
            self.late_effects.push(crate::effect::Effect::CloseWorker(WorkerId(number)));
            self.remove_worker(WorkerId(number), &Departure::Death(Some(&exit)), &exit.status);
        }
    }
}
