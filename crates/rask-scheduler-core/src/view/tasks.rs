//! Tasks in a list.

use std::fmt::Write;
use std::sync::Arc;

use rask_types::TaskId;
use serde::Serialize;

use super::Label;
use super::state_names::{StateNames, is_state};
use crate::scheduler::Scheduler;

/// Which tasks are asked for.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Part of the key, in capitals or not; empty means any.
    pub search: String,
    /// The whole prefix; `None` means any.
    pub prefix: Option<String>,
    /// The state; `None` means any.
    pub state: Option<String>,
}

impl TaskFilter {
    /// The state asked for is one.
    pub fn is_sound(&self) -> bool {
        self.state.as_deref().is_none_or(is_state)
    }
}

/// Some of them.
#[derive(Clone, Debug)]
pub struct TaskScan {
    /// Those found.
    pub rows: Vec<TaskRow>,
    /// Where to go on; `None` at the end.
    pub next: Option<u32>,
}

/// One.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct TaskRow {
    pub key: Label,
    pub prefix: Arc<str>,
    pub state: &'static str,
    pub worker: Option<String>,
    pub nbytes: u64,
    pub duration_s: Option<f64>,
}

impl Scheduler {
    /// Tasks that fit the filter among the `slots_max` places from `from` on, at most `rows_max` of them.
    pub fn scan_tasks(&self, from: u32, slots_max: u32, rows_max: usize, filter: &TaskFilter) -> TaskScan {
        let mut names = StateNames::new(self);
        let search = filter.search.to_lowercase();
        let mut rendered = String::new();
        let mut rows = Vec::new();
        for (id, task) in self.tasks.slice(from, slots_max) {
            if rows.len() == rows_max {
                return TaskScan { rows, next: Some(id.0) };
            }
            let prefix = self.watch.tallies.prefix_of(task.class);
            if filter.prefix.as_deref().is_some_and(|wanted| wanted != &**prefix) {
                continue;
            }
            let state = names.of(id);
            let fits = filter.state.as_deref().is_none_or(|wanted| wanted == state)
                && self.has_in_key(id, &search, &mut rendered);
            if fits {
                rows.push(self.task_row(id, state));
            }
        }
        TaskScan { rows, next: self.tasks.slot_after(from, slots_max) }
    }

    /// `search` is in lower case.
    fn has_in_key(&self, id: TaskId, search: &str, rendered: &mut String) -> bool {
        if search.is_empty() {
            return true;
        }
        rendered.clear();
        let _ = write!(rendered, "{}", self.label(id)); // a String takes all
        rendered.to_lowercase().contains(search)
    }

    fn task_row(&self, id: TaskId, state: &'static str) -> TaskRow {
        let task = &self.tasks[id];
        TaskRow {
            key: self.label(id),
            prefix: self.watch.tallies.prefix_of(task.class).clone(),
            state,
            worker: self.worker_names(id).into_iter().next(),
            nbytes: self.nbytes_of(id),
            duration_s: self.last_duration_s(id),
        }
    }
}
