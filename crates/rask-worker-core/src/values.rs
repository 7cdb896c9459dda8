//! Values come and go.

use std::sync::Arc;

use rask_types::msg::WorkerToScheduler;
use rask_types::{RunId, WorkerId};

use crate::core::{WorkerCore, word};
use crate::task::DepValue;
use crate::wanted::{Place, Quest, Value, name};

impl<V: Clone> WorkerCore<V> {
    /// A value is here: gives it to all who wait for it, and keeps it if it is to be kept.
    pub(crate) fn hand_over(&mut self, value: RunId, here: DepValue<V>, nbytes: u64, keep: bool) {
        let before = if keep {
            self.kept += 1;
            self.kept_bytes += nbytes;
            self.values.insert(name(value), Value::Kept { value: here.clone(), nbytes })
        } else {
            self.values.remove(&name(value))
        };
        let quest = match before {
            None => return,
            Some(Value::Kept { nbytes, .. }) => {
                self.kept -= 1;
                self.kept_bytes -= nbytes;
                return;
            }
            Some(Value::Local(quest)) => {
                if let Some(flags) = self.runs.get(value) {
                    self.runs.set(value, flags & !word::WATCHED);
                }
                quest
            }
            Some(Value::Fetch(fetch)) => {
                if let Place::Queued(worker) = fetch.at {
                    self.peers.unqueue(worker, fetch.quest.nbytes);
                }
                fetch.quest
            }
        };
        let mut ready = Vec::new();
        for waiter in &quest.waiters {
            if let Some(run) = self.waiting.resolve(waiter, here.clone()) {
                self.join(&mut ready, run);
            }
        }
        self.bring_along(&mut ready);
        self.out.ready(ready);
    }

    /// Drops values. One that is still awaited is no longer wanted for its own sake; those who wait get it.
    pub(crate) fn on_free(&mut self, values: &[RunId]) {
        for &value in values {
            match self.values.get_mut(&name(value)) {
                None | Some(Value::Local(_)) => {}
                Some(Value::Kept { nbytes, .. }) => {
                    self.kept -= 1;
                    self.kept_bytes -= *nbytes;
                    self.values.remove(&name(value));
                }
                Some(Value::Fetch(fetch)) => {
                    fetch.replicate = false;
                    let nbytes = fetch.quest.nbytes;
                    self.drop_if_idle_and_queued(value, nbytes);
                }
            }
        }
    }

    /// Fetches and keeps values. What is made here already will be here anyway.
    pub(crate) fn on_replicate(&mut self, sources: &[(RunId, Vec<WorkerId>)]) {
        for (value, workers) in sources {
            match self.values.get_mut(&name(*value)) {
                Some(Value::Kept { nbytes, .. }) => {
                    let nbytes = *nbytes;
                    self.say_stored(*value, nbytes, &Arc::from(""));
                }
                Some(Value::Local(_)) => {}
                Some(Value::Fetch(fetch)) => {
                    fetch.replicate = true;
                    fetch.quest.add_holders(workers);
                }
                None if self.runs.get(*value).is_some() => {}
                None => {
                    let mut quest = Quest::default();
                    quest.add_holders(workers);
                    self.fetch(*value, quest, true);
                }
            }
        }
    }

    /// Somebody brought a value.
    pub(crate) fn on_brought(&mut self, value: RunId, kept: DepValue<V>, nbytes: u64, type_name: &Arc<str>) {
        self.hand_over(value, kept, nbytes, true);
        self.say_stored(value, nbytes, type_name);
    }

    /// Tells the scheduler of a value that was not computed here. Of fetched ones the type is not known, nor needed:
    /// it was told where they were made.
    pub(crate) fn say_stored(&mut self, value: RunId, nbytes: u64, type_name: &Arc<str>) {
        let type_id = self.out.type_id(type_name);
        self.out.send(WorkerToScheduler::Stored { value, nbytes, type_id });
    }
}
