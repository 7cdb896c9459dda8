//! Why is this task not running? One sentence, from state alone.

use rask_types::{Key, TaskId};

use crate::scheduler::Scheduler;
use crate::task::TaskState;

/// How many keys an explanation names before it only counts.
const NAMED_MAX: usize = 3;

impl Scheduler {
    /// Says where a task stands and what it waits for.
    pub(crate) fn explain(&self, key: &Key) -> String {
        let Some(id) = self.find(key) else {
            return format!("{key} is not known here: it was never submitted, or is already forgotten");
        };
        let task = &self.tasks[id];
        match task.state {
            TaskState::Free => format!("{key} is forgotten"),
            TaskState::Released => format!("{key} is released: nobody needs its value now"),
            TaskState::Arriving { worker } => {
                format!("{key} is being scattered to worker {}", self.address_of(worker.0))
            }
            TaskState::Waiting { on } => {
                let missing = |dep: &&TaskId| !matches!(self.tasks[**dep].state, TaskState::Memory { .. });
                let named: Vec<String> = task
                    .dependencies
                    .iter()
                    .filter(missing)
                    .take(NAMED_MAX)
                    .map(|&dep| format!("{} ({})", self.key(dep), self.state_name(dep)))
                    .collect();
                let more = (on as usize).saturating_sub(named.len());
                let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{key} waits for {}{tail}", named.join(", "))
            }
            TaskState::Queued => self.explain_queued(id, key),
            TaskState::Processing { worker, seceded, .. } => {
                let how = if seceded { "long-running on" } else { "assigned to" };
                format!("{key} is {how} worker {} (run {})", self.address_of(worker.0), task.attempt)
            }
            TaskState::Following { worker, .. } => format!(
                "{key} is assigned to worker {} (run {}) and waits there for what it depends on",
                self.address_of(worker.0),
                task.attempt
            ),
            TaskState::Memory { .. } => format!("{key} has finished; its value is in memory"),
            TaskState::Erred(error) => format!("{key} failed: {}", self.errors.get(error)),
        }
    }

    fn explain_queued(&self, id: TaskId, key: &Key) -> String {
        let class = &self.classes[self.tasks[id].class];
        if self.is_served(class.lane) {
            let ahead = self.lanes[class.lane.0 as usize].queue.entries();
            return format!(
                "{key} could run and waits for a free thread; about {ahead} tasks are queued with it"
            );
        }
        if self.worker_count() == 0 {
            return format!("{key} could run, but there are no workers");
        }
        let restriction = &self.lanes[class.lane.0 as usize].restriction;
        let mut wishes = Vec::new();
        if !restriction.workers.is_empty() {
            wishes.push(format!("one of the workers {}", restriction.workers.join(", ")));
        }
        if !restriction.resources.is_empty() {
            let amounts: Vec<String> =
                restriction.resources.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
            wishes.push(format!("the resources {}", amounts.join(", ")));
        }
        format!(
            "{key} could run, but no worker that is here offers what it asks for: {}",
            wishes.join(" and ")
        )
    }

    fn address_of(&self, worker: u32) -> &str {
        self.workers.get(worker).map_or("(gone)", |entry| entry.description.address.as_str())
    }
}
