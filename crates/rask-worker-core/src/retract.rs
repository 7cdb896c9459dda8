//! Runs are taken back: by the scheduler, or because the worker closes.

use rask_types::RunId;
use rask_types::msg::WorkerToScheduler;

use crate::core::{Stage, WorkerCore, word};
use crate::effect::Effect;

impl<V: Clone> WorkerCore<V> {
    /// Gives back what waits at once; about the rest the execution queue is asked. What executes by then is answered
    /// when it ends.
    pub(crate) fn on_retract(&mut self, runs: Vec<RunId>, discard: bool) {
        let mut queued = Vec::new();
        for run in runs {
            match self.runs.get(run) {
                None => {} // Its answer is under way.
                Some(flags) if flags & word::WAITING != 0 => self.give_back_waiting(flags),
                Some(flags) => {
                    if discard {
                        self.runs.set(run, flags | word::DISCARD);
                    }
                    queued.push(run);
                }
            }
        }
        if !queued.is_empty() && self.stage == Stage::Open {
            self.out.push(Effect::TakeBack { runs: queued });
        }
    }

    fn give_back_waiting(&mut self, flags: u32) {
        let index = flags >> word::INDEX_SHIFT;
        let run = self.waiting.runs[index as usize].run;
        let flags = self.stop_waiting(index);
        self.given_back.push(run);
        self.doom_if_watched(run, flags);
    }

    pub(crate) fn on_taken_back(&mut self, runs: &[RunId]) {
        for &run in runs {
            let waits = self.runs.get(run).is_some_and(|flags| flags & word::WAITING != 0);
            if waits {
                continue; // It was never in the queue.
            }
            if let Some(flags) = self.runs.remove(run) {
                self.given_back.push(run);
                self.doom_if_watched(run, flags);
            }
        }
    }

    pub(crate) fn on_close(&mut self, reason: String) {
        if self.stage != Stage::Open {
            return;
        }
        self.stage = Stage::Closing { reason };
        let waiting: Vec<u32> = self.waiting.runs.iter().map(|(index, _)| index as u32).collect();
        for index in waiting {
            let run = self.waiting.runs[index as usize].run;
            // Those who wait for it wait here, too, and have their own turn.
            self.stop_waiting(index);
            self.given_back.push(run);
        }
        self.out.push(Effect::TakeBackAll);
    }

    /// The execution queue is empty for good: says goodbye. What executes still is not waited for; the scheduler
    /// takes the goodbye as the answer.
    pub(crate) fn on_drained(&mut self, runs: &[RunId]) {
        self.on_taken_back(runs);
        if let Stage::Closing { reason } = &self.stage {
            let reason = reason.clone();
            let given_back = std::mem::take(&mut self.given_back);
            self.out.retracted(given_back);
            self.out.send(WorkerToScheduler::Goodbye { reason: reason.clone() });
            self.out.push(Effect::Leave { reason });
            self.stage = Stage::Left;
        }
    }
}
