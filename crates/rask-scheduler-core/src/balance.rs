//! Runs taken back from workers that turned out slower than reckoned, so that idle ones can have them. Most balancing
//! needs no message, because queued work stays with the scheduler; this is for what had been handed out already.

use rask_types::{RunId, Tick, WorkerId};

use crate::dispatch::SLOW_NS;
use crate::scheduler::Scheduler;
use crate::worker::{WorkerEntry, WorkerStatus};

impl Scheduler {
    /// When somebody should look for slow workers: none if nobody is idle or nobody has a surplus.
    pub(crate) fn balance_timeout(&self) -> Option<Tick> {
        if !self.somebody_is_idle() {
            return None;
        }
        let slow = self.workers.iter().filter(|(_, entry)| has_surplus(entry));
        slow.map(|(_, entry)| entry.last_answer.plus_ns(SLOW_NS)).min()
    }

    fn somebody_is_idle(&self) -> bool {
        self.workers.iter().any(|(_, entry)| entry.is_idle())
    }

    /// Asks slow workers for what they have not started, while others are idle.
    pub(crate) fn take_back_from_slow_workers(&mut self) {
        if !self.somebody_is_idle() {
            return;
        }
        let now = self.now;
        let is_slow = |entry: &WorkerEntry| has_surplus(entry) && entry.last_answer.plus_ns(SLOW_NS) <= now;
        let slow: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(_, entry)| is_slow(entry))
            .map(|(number, _)| WorkerId(number))
            .collect();
        for worker in slow {
            self.take_back_unstarted(worker);
        }
    }

    /// Asks a worker to give back what it has not started.
    pub(crate) fn take_back_unstarted(&mut self, worker: WorkerId) {
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        let tasks = &self.tasks;
        let is_here = |run: &&RunId| tasks.current(**run).is_some_and(|task| task.is_processing_on(worker));
        let runs: Vec<RunId> = entry.given.iter().filter(is_here).copied().collect();
        for run in runs {
            entry.outbox.push_retract(run, false);
        }
        entry.retracting = true;
    }
}

/// It has more than its threads can be executing, and has not been asked for it since it last answered.
fn has_surplus(entry: &WorkerEntry) -> bool {
    entry.status == WorkerStatus::Running && !entry.retracting && entry.assigned > entry.description.nthreads
}
