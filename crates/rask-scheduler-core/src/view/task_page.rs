//! All about one task.

use std::collections::BTreeMap;
use std::sync::Arc;

use rask_types::{ErrorKind, Key, TaskId};
use serde::Serialize;

use super::Label;
use super::state_names::StateNames;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::TaskState;

/// Dependencies and dependents that are named.
const NEIGHBOURS_MAX: usize = 100;

/// What the story says of each assignment.
const ASSIGNED: &str = Cause::Assigned(rask_types::WorkerId(0)).text();

/// A task.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // The document of the JSON says what they mean.
pub struct TaskPage {
    pub key: Label,
    pub prefix: Arc<str>,
    pub state: &'static str,
    pub explain: String,
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    pub nbytes: u64,
    pub workers: Vec<String>,
    pub kept_by_scheduler: bool,
    pub attempt: u32,
    pub retries: u32,
    pub resources: BTreeMap<String, f64>,
    pub allowed_workers: Vec<String>,
    pub priority: i32,
    pub clients: Vec<String>,
    pub dependencies: Vec<KeyState>,
    pub dependents: Vec<KeyState>,
    pub n_dependencies: u32,
    pub n_dependents: u32,
    pub duration_s: Option<f64>,
    pub transfers: Vec<TransferFacts>,
    pub story: Vec<StoryLine>,
    pub error: Option<ErrorFacts>,
}

/// A neighbour.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct KeyState {
    pub key: Label,
    pub state: &'static str,
}

/// Its value went from one worker to another.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct TransferFacts {
    pub from: Option<String>,
    pub to: Option<String>,
    pub start: f64,
    pub duration_s: f64,
    pub nbytes: u64,
}

/// A transition.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct StoryLine {
    pub at: f64,
    pub state: &'static str,
    pub cause: &'static str,
    pub worker: Option<String>,
    pub worker_id: Option<u32>,
    pub duration_s: Option<f64>,
}

/// Why it failed.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ErrorFacts {
    pub kind: &'static str,
    pub text: String,
    pub traceback: String,
    pub key: String,
    pub worker: String,
}

impl Scheduler {
    /// All about the task with this key, or with the one that a string may mean as well.
    pub fn task_page(&self, key: &Key) -> Option<TaskPage> {
        let id = self.find_meant(key)?;
        let task = &self.tasks[id];
        let class = &self.classes[task.class].class;
        let mut names = StateNames::new(self);
        let mut neighbour = |id: TaskId| KeyState { key: self.label(id), state: names.of(id) };
        let type_name = task.kept.as_ref().map(|kept| self.type_names[kept.type_id.0 as usize].clone());
        let mut clients: Vec<String> =
            task.wants.all().iter().filter_map(|want| self.client_name(want.client)).collect();
        clients.sort();
        clients.dedup();
        let story = self.story_lines(id);
        Some(TaskPage {
            key: self.label(id),
            prefix: self.watch.tallies.prefix_of(task.class).clone(),
            state: self.state_name(id),
            explain: self.explain_task(id),
            type_name: type_name.filter(|_| task.is_in_memory()),
            nbytes: self.nbytes_of(id),
            workers: self.worker_names(id),
            kept_by_scheduler: matches!(task.state, TaskState::Memory { inline: Some(_) }),
            attempt: story.iter().filter(|line| line.cause == ASSIGNED).count() as u32,
            retries: class.retries,
            resources: class.resources.iter().cloned().collect(),
            allowed_workers: class.workers.clone(),
            priority: class.priority,
            clients,
            dependencies: task.dependencies.iter().take(NEIGHBOURS_MAX).map(|&id| neighbour(id)).collect(),
            dependents: self.tasks.dependents(id).take(NEIGHBOURS_MAX).map(&mut neighbour).collect(),
            n_dependencies: task.dependencies.len() as u32,
            n_dependents: task.live_dependents,
            duration_s: self.last_duration_s(id),
            transfers: self.transfers_of(id),
            story,
            error: self.error_facts(id),
        })
    }

    fn client_name(&self, client: rask_types::ClientId) -> Option<String> {
        self.clients.get(client.0).map(|entry| entry.name.clone())
    }

    fn worker_name(&self, worker: rask_types::WorkerId) -> Option<String> {
        let name = match self.workers.get(worker.0) {
            Some(entry) => &entry.description.name,
            None => &self.watch.departed.get(worker)?.facts.name,
        };
        Some(name.to_owned())
    }

    /// The workers that have a task's value, or made it, or execute it.
    pub(crate) fn worker_names(&self, id: TaskId) -> Vec<String> {
        match self.tasks[id].state {
            TaskState::Processing { worker, .. }
            | TaskState::Following { worker, .. }
            | TaskState::Arriving { worker } => self.worker_name(worker).into_iter().collect(),
            TaskState::Memory { .. } => {
                self.holders(id).iter().filter_map(|&worker| self.worker_name(worker)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How long its last execution took, as far as it is remembered.
    pub(crate) fn last_duration_s(&self, id: TaskId) -> Option<f64> {
        let task = &self.tasks[id];
        let last = self.story.last_of(id, task.birth, task.story)?;
        last.duration_s().or_else(|| {
            self.story.of(id, task.birth, task.story).iter().rev().find_map(|entry| entry.duration_s())
        })
    }

    fn transfers_of(&self, id: TaskId) -> Vec<TransferFacts> {
        let run = self.tasks.run(id);
        let facts = |moved: &crate::watch::Move| TransferFacts {
            from: self.worker_name(moved.from),
            to: self.worker_name(moved.to),
            start: moved.start_s,
            duration_s: moved.duration_s,
            nbytes: moved.nbytes,
        };
        self.watch.moves.last.iter().filter(|moved| moved.value == run).map(facts).collect()
    }

    fn story_lines(&self, id: TaskId) -> Vec<StoryLine> {
        let task = &self.tasks[id];
        let line = |entry: &crate::story::Transition| StoryLine {
            at: self.unix_s(entry.at),
            state: entry.to.name(),
            cause: entry.cause.text(),
            worker: entry.cause.worker().and_then(|worker| self.worker_name(worker)),
            worker_id: entry.cause.worker().map(|worker| worker.0),
            duration_s: entry.duration_s(),
        };
        self.story.of(id, task.birth, task.story).iter().map(line).collect()
    }

    fn error_facts(&self, id: TaskId) -> Option<ErrorFacts> {
        let TaskState::Erred(error) = self.tasks[id].state else { return None };
        let error = self.errors.get(error);
        let kind = match error.kind {
            ErrorKind::Exception => "exception",
            ErrorKind::KilledWorker { .. } => "killed-worker",
            ErrorKind::Undecodable => "undecodable",
            ErrorKind::Unserializable => "unserializable",
            ErrorKind::Refused => "refused",
        };
        Some(ErrorFacts {
            kind,
            text: error.text.clone(),
            traceback: error.traceback_text.clone(),
            key: error.key.clone(),
            worker: error.worker.clone(),
        })
    }
}
