//! Why is this task not running? One sentence, from state alone.

use rask_types::{ErrorKind, Key, TaskId, WorkerId};

use crate::lane::LaneId;
use crate::scheduler::Scheduler;
use crate::task::TaskState;

/// How many keys an explanation names before it only counts.
const NAMED_MAX: usize = 3;

/// How far down an explanation looks for what a task waits for in the end.
const DEPTH_MAX: usize = 10_000;

impl Scheduler {
    /// Says where a task stands and what it waits for.
    ///
    /// # Errors
    /// With a sentence as well, if there is no such task.
    pub fn explain(&self, key: &Key) -> Result<String, String> {
        self.find_meant(key).map(|id| self.explain_task(id)).ok_or_else(|| Scheduler::unknown(key))
    }

    /// What is said of a key that no task has.
    pub fn unknown(key: &Key) -> String {
        format!("{key} is not known here: it was never submitted, or is already forgotten")
    }

    /// The task of this key, or of the one that a string may mean as well.
    pub(crate) fn find_meant(&self, key: &Key) -> Option<TaskId> {
        match key {
            Key::Str(text) => Key::candidates(text).find_map(|key| self.find(&key)),
            key => self.find(key),
        }
    }

    pub(crate) fn explain_task(&self, id: TaskId) -> String {
        let task = &self.tasks[id];
        let key = self.key(id);
        match task.state {
            TaskState::Free => format!("{key} is forgotten"),
            TaskState::Released { .. } => format!("{key} is released: nobody needs its value now"),
            TaskState::Arriving { worker } => {
                format!("{key} is being scattered to worker {}", self.place_of(worker))
            }
            TaskState::Waiting { on } => self.explain_waiting(id, on as usize),
            TaskState::Queued => self.explain_queued(id, &key),
            TaskState::Processing { worker, seceded, .. } => {
                let place = self.place_of(worker);
                match self.executing_for_s(id) {
                    Some(seconds) => format!("{key} has been executing on worker {place} for {seconds:.0} s"),
                    None if seceded => format!("{key} is long-running on worker {place}"),
                    None => format!("{key} is assigned to worker {place}"),
                }
            }
            TaskState::Following { worker, on, .. } => {
                let place = self.place_of(worker);
                let missing = self.name_missing(id, usize::from(on));
                format!("{key} is assigned to worker {place} and waits there for {missing}")
            }
            TaskState::Memory { .. } => format!("{key} has finished; its value is in memory"),
            TaskState::Erred(error) => {
                let error = self.errors.get(error);
                let place = match (error.worker.as_str(), &error.kind) {
                    // The text says which workers it killed.
                    ("", _) | (_, ErrorKind::KilledWorker { .. }) => String::new(),
                    (address, _) => format!(" on worker {}", self.place_at(address)),
                };
                if error.key.is_empty() || error.key == key.to_string() {
                    format!("{key} failed{place}: {}", error.text)
                } else {
                    format!(
                        "{key} failed because {}, which it needs, failed{place}: {}",
                        error.key, error.text
                    )
                }
            }
        }
    }

    /// What a task waits for, and how it stands with the first of all that it needs.
    fn explain_waiting(&self, id: TaskId, on: usize) -> String {
        let mut text = format!("{} waits for {}", self.key(id), self.name_missing(id, on));
        let mut first = id;
        for _ in 0..DEPTH_MAX {
            match self.missing(first).next() {
                Some(dep) if matches!(self.tasks[first].state, TaskState::Waiting { .. }) => first = dep,
                _ => break,
            }
        }
        if !matches!(self.tasks[first].state, TaskState::Waiting { .. }) {
            text.push_str("; first of all, ");
            text.push_str(&self.explain_task(first));
        }
        text
    }

    /// The first of the `on` dependencies that are not in memory, with their states.
    fn name_missing(&self, id: TaskId, on: usize) -> String {
        let name = |dep| format!("{} ({})", self.key(dep), self.state_name(dep));
        let named: Vec<String> = self.missing(id).take(NAMED_MAX).map(name).collect();
        let more = on.saturating_sub(named.len());
        let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{tail}", named.join(", "))
    }

    /// Dependencies that are not in memory.
    fn missing(&self, id: TaskId) -> impl Iterator<Item = TaskId> {
        let dependencies = self.tasks[id].dependencies.iter().copied();
        dependencies.filter(|&dep| !matches!(self.tasks[dep].state, TaskState::Memory { .. }))
    }

    fn explain_queued(&self, id: TaskId, key: &Key) -> String {
        let class = &self.classes[self.tasks[id].class];
        if self.is_served(class.lane) {
            let ahead = self.lanes[class.lane.0 as usize].queue.entries();
            let wishes = self.wishes_of(class.lane);
            let place =
                if wishes.is_empty() { String::new() } else { format!(" where it may run: {wishes}") };
            let others =
                if ahead > 1 { format!("; about {ahead} tasks are queued with it") } else { String::new() };
            return format!("{key} could run and waits for a free thread{place}{others}");
        }
        if self.worker_count() == 0 {
            return format!("{key} could run, but there are no workers");
        }
        let wishes = self.wishes_of(class.lane);
        format!("{key} could run, but no worker that is here offers what it asks for: {wishes}")
    }

    /// What the tasks of a lane ask for, in words.
    fn wishes_of(&self, lane: LaneId) -> String {
        let restriction = &self.lanes[lane.0 as usize].restriction;
        let mut wishes = Vec::new();
        if !restriction.workers.is_empty() {
            wishes.push(format!("one of the workers {}", restriction.workers.join(", ")));
        }
        if !restriction.resources.is_empty() {
            let amounts: Vec<String> =
                restriction.resources.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
            wishes.push(format!("the resources {}", amounts.join(", ")));
        }
        wishes.join(" and ")
    }

    /// How long a task has been executing, if its worker has said that it is.
    fn executing_for_s(&self, id: TaskId) -> Option<f64> {
        let run = self.tasks.run(id);
        let TaskState::Processing { worker, .. } = self.tasks[id].state else { return None };
        let since = self.workers.get(worker.0)?.executing_since(run)?;
        Some(self.now.ns_since(since) as f64 / 1e9)
    }

    /// A worker's name and address: people know it by the one, programs by the other.
    fn place_of(&self, worker: WorkerId) -> String {
        let said = self.workers.get(worker.0).map(|entry| &entry.description);
        said.map_or_else(|| "(gone)".to_owned(), |said| place(&said.name, &said.address))
    }

    /// The same of the worker that has, or last had, this address.
    fn place_at(&self, address: &str) -> String {
        let here = self.workers.iter().map(|(_, entry)| &entry.description);
        let name = here.filter(|said| said.address == address).map(|said| said.name.as_str()).next();
        let name = name.or_else(|| Some(self.watch.departed.find(address)?.facts.name.as_str()));
        place(name.unwrap_or(address), address)
    }
}

fn place(name: &str, address: &str) -> String {
    if name == address { address.to_owned() } else { format!("{name} at {address}") }
}
