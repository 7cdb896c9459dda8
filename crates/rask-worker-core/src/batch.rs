//! Runs on their way to the execution queue, and those that go along because they wait for nothing but results of these:
//! the queue passes results on by itself, so that a chain does not come back here between two links.

use rask_types::RunId;

use crate::core::{WorkerCore, word};
use crate::task::ReadyRun;
use crate::waiting::WaitingRun;
use crate::wanted::{Value, name};

impl<V: Clone> WorkerCore<V> {
    /// Where a run lies in the batch at hand, if it does.
    #[inline]
    pub(crate) fn place_in(&self, batch: &[ReadyRun<V>], run: RunId) -> Option<usize> {
        let flags = self.runs.get(run)?;
        // Of a run that went with another batch this is where it lay there.
        let at = (flags >> word::INDEX_SHIFT) as usize;
        let is_there = flags & word::WAITING == 0 && batch.get(at).is_some_and(|ready| ready.run == run);
        is_there.then_some(at)
    }

    /// A run that does not wait, or no longer, becomes the last of the batch. What it still awaits is in there.
    pub(crate) fn join(&mut self, batch: &mut Vec<ReadyRun<V>>, run: WaitingRun<V>) {
        if run.unresolved > 0 {
            for value in run.awaited() {
                let at = self.place_in(batch, value).expect("it follows what is in the batch");
                batch[at].followers += 1;
            }
        }
        let flags = self.runs.get(run.run).unwrap_or(word::HERE) & word::FLAGS & !word::WAITING;
        self.runs.set(run.run, flags | (batch.len() as u32) << word::INDEX_SHIFT);
        batch.push(run.into_ready());
    }

    /// Adds to the batch whatever waits only for what is in it.
    pub(crate) fn bring_along(&mut self, batch: &mut Vec<ReadyRun<V>>) {
        self.batch += 1;
        let mut next = 0;
        while let Some(run) = batch.get(next).map(|ready| ready.run) {
            next += 1;
            let Some(Value::Local(quest)) = self.values.get(&name(run)) else { continue };
            for waiter in quest.waiters.clone() {
                if let Some(follower) = self.waiting.count_along(&waiter, self.batch) {
                    follower.awaited().for_each(|value| self.stop_wanting(value));
                    self.join(batch, follower);
                }
            }
        }
    }
}
