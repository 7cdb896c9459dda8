//! Tasks and what they depend on, for a picture.

use std::sync::Arc;

use rask_types::TaskId;

use super::Label;
use super::state_names::{FORGOTTEN, StateNames};
use crate::scheduler::Scheduler;
use crate::story::Station;

/// Some tasks.
#[derive(Clone, Debug)]
pub struct GraphScan {
    /// Those found.
    pub tasks: Vec<GraphTask>,
    /// Where to go on; `None` at the end.
    pub next: Option<u32>,
}

/// One task of a picture.
#[derive(Clone, Debug)]
pub struct GraphTask {
    /// Names it, together with `birth`.
    pub id: u32,
    /// Tells it apart from others that have had its number.
    pub birth: u32,
    /// Its key.
    pub key: Label,
    /// Its group.
    pub prefix: Arc<str>,
    /// Its state now.
    pub state: &'static str,
    /// Place in the order of submission.
    pub order: u64,
    /// Ids of the tasks it depends on.
    pub dependencies: Vec<u32>,
}

/// The tasks of one prefix.
#[derive(Clone, Debug)]
pub struct Group {
    /// The prefix.
    pub prefix: Arc<str>,
    /// Tasks that exist.
    pub tasks: u64,
    /// Prefixes of tasks that these depend on.
    pub needs: Vec<Arc<str>>,
}

impl Scheduler {
    /// The tasks (of one group, or of all) among the `slots_max` places from `from` on, at most `tasks_max` of them.
    pub fn scan_graph(&self, from: u32, slots_max: u32, tasks_max: usize, group: Option<&str>) -> GraphScan {
        let mut names = StateNames::new(self);
        let mut tasks = Vec::new();
        for (id, task) in self.tasks.slice(from, slots_max) {
            let prefix = self.watch.tallies.prefix_of(task.class);
            if group.is_some_and(|group| group != &**prefix) {
                continue;
            }
            if tasks.len() == tasks_max {
                return GraphScan { tasks, next: Some(id.0) };
            }
            tasks.push(GraphTask {
                id: id.0,
                birth: task.birth,
                key: self.label(id),
                prefix: prefix.clone(),
                state: names.of(id),
                order: task.order,
                dependencies: task.dependencies.iter().map(|dependency| dependency.0).collect(),
            });
        }
        GraphScan { tasks, next: self.tasks.slot_after(from, slots_max) }
    }

    /// The states of tasks, given by id and birth.
    pub fn states_of(&self, tasks: &[(u32, u32)]) -> Vec<&'static str> {
        let mut names = StateNames::new(self);
        let state = |&(id, birth): &(u32, u32)| match self.tasks.get(TaskId(id)) {
            Some(task) if task.birth == birth => names.of(TaskId(id)),
            _ => FORGOTTEN,
        };
        tasks.iter().map(state).collect()
    }

    /// The groups that have tasks.
    pub fn groups(&self) -> Vec<Group> {
        let tallies = &self.watch.tallies;
        let group = |(_, tally): (u32, crate::watch::Tally<'_>)| {
            let tasks = Station::OF_TASKS.iter().map(|&state| u64::from(tally.in_state(state))).sum();
            let needs = tally.needs.iter().map(|&need| tallies.text_of(need).clone()).collect();
            (tasks > 0).then(|| Group { prefix: tally.prefix.clone(), tasks, needs })
        };
        tallies.iter().filter_map(group).collect()
    }
}
