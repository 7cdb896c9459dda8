//! States as users see them, for many tasks at once.

use std::collections::BTreeMap;

use rask_types::{ClassId, TaskId};

use crate::lane::LaneId;
use crate::scheduler::Scheduler;
use crate::story::Station;
use crate::task::TaskState;

/// Remembers which lanes are served: what is asked of each queued task, and costs a look at every worker.
pub(crate) struct StateNames<'a> {
    scheduler: &'a Scheduler,
    served: BTreeMap<LaneId, bool>,
}

impl<'a> StateNames<'a> {
    pub(crate) fn new(scheduler: &'a Scheduler) -> StateNames<'a> {
        StateNames { scheduler, served: BTreeMap::new() }
    }

    /// The state's name, as `Scheduler::state_name` gives it.
    pub(crate) fn of(&mut self, id: TaskId) -> &'static str {
        let task = &self.scheduler.tasks[id];
        match task.state == TaskState::Queued && !self.is_served(task.class) {
            true => NO_WORKER,
            false => task.state.name(),
        }
    }

    /// Whether a worker here may run tasks of this class.
    pub(crate) fn is_served(&mut self, class: ClassId) -> bool {
        let lane = self.scheduler.classes[class].lane;
        *self.served.entry(lane).or_insert_with(|| self.scheduler.is_served(lane))
    }
}

/// Queued, and no worker here may run it.
pub(crate) const NO_WORKER: &str = "no-worker";

/// A task that is not there any more.
pub(crate) const FORGOTTEN: &str = "forgotten";

/// The state may be asked for by this word.
pub(crate) fn is_state(word: &str) -> bool {
    word == NO_WORKER || Station::OF_TASKS.iter().any(|station| station.name() == word)
}
