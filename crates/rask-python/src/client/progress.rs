//! How far futures are, and what they need: what progress bars show.
//!
//! Of its own futures a client knows what became of them. Of the tasks between them, in a graph, it only knows how many
//! it sent, by prefix; how many are left is the scheduler's to say.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use rask_client::{Client, Status};
use rask_types::FutureId;

use super::failure;
use super::future::Future;
use super::session::{Engine, Session};

/// So many graphs are remembered, the last ones.
const GRAPHS_MAX: usize = 64;

/// The tasks of one graph.
struct Graph {
    /// Numbers of its tasks.
    numbers: Vec<Range<u64>>,
    /// How many of each prefix.
    tasks: BTreeMap<String, u64>,
}

impl Graph {
    fn holds(&self, id: FutureId) -> bool {
        self.numbers.iter().any(|numbers| numbers.contains(&id.0))
    }
}

/// The graphs last submitted.
#[derive(Default)]
pub struct Graphs {
    last: Mutex<VecDeque<Graph>>,
}

impl Graphs {
    /// Remembers what was sent: the tasks' numbers, and how many there are of each class.
    pub fn note(&self, client: &Client, numbers: &[Range<u64>], sent: &BTreeMap<u32, u64>) {
        let mut tasks: BTreeMap<String, u64> = BTreeMap::new();
        for (&class, &count) in sent {
            if let Some(class) = client.class(class) {
                *tasks.entry(class.prefix).or_default() += count;
            }
        }
        if tasks.is_empty() {
            return;
        }
        let mut last = self.last.lock();
        last.truncate(GRAPHS_MAX - 1);
        last.push_front(Graph { numbers: numbers.to_vec(), tasks });
    }

    /// One more task belongs to the graph that `part` is from.
    fn extend(&self, part: FutureId, task: FutureId, prefix: String) {
        let mut last = self.last.lock();
        let graph = last.iter_mut().find(|graph| graph.holds(part));
        if let Some(graph) = graph {
            graph.numbers.push(task.0..task.0 + 1);
            *graph.tasks.entry(prefix).or_default() += 1;
        }
    }

    /// Tasks by prefix of the graphs that these futures are from.
    fn of(&self, ids: &[FutureId]) -> BTreeMap<String, u64> {
        let mut tasks: BTreeMap<String, u64> = BTreeMap::new();
        for graph in &*self.last.lock() {
            if ids.iter().any(|id| graph.holds(*id)) {
                for (prefix, count) in &graph.tasks {
                    *tasks.entry(prefix.clone()).or_default() += count;
                }
            }
        }
        tasks
    }
}

/// Futures of one session in groups, looked at again and again. It holds none of them.
#[pyclass(frozen, module = "rask._core")]
pub struct Watched {
    engine: Arc<Engine>,
    ids: Vec<FutureId>,
    /// The group of each.
    groups: Vec<u32>,
    groups_count: usize,
    /// How each ended, as far as seen: a future may be let go of when it is done.
    ends: Mutex<Vec<Option<Status>>>,
}

#[pymethods]
impl Session {
    /// A task that was submitted by itself is part of the graph that `part` is from, as progress bars count.
    fn extend_graph(&self, part: &Bound<'_, Future>, task: &Bound<'_, Future>) {
        let ids = part.get().id_in(&self.engine).zip(task.get().id_in(&self.engine));
        let Some((part, task)) = ids else { return };
        let prefix = self.engine.client.describe(task).map(|key| key.prefix());
        self.engine.graphs.extend(part, task, prefix.unwrap_or_else(|| "Other".to_owned()));
    }

    /// Futures of this session to be looked at; `groups` says of each the number of its group, counted from 0.
    fn watched(&self, futures: Vec<Bound<'_, Future>>, groups: Vec<u32>) -> PyResult<Watched> {
        let ids = futures.iter().filter_map(|future| future.get().id_in(&self.engine));
        let ids: Vec<FutureId> = ids.collect();
        if ids.len() != groups.len() {
            let text = "progress() shows futures of one client at a time";
            return Err(pyo3::exceptions::PyValueError::new_err(text));
        }
        let groups_count = groups.iter().max().map_or(0, |&max| max as usize + 1);
        let ends = Mutex::new(vec![None; ids.len()]);
        Ok(Watched { engine: self.engine.clone(), ids, groups, groups_count, ends })
    }
}

#[pymethods]
impl Watched {
    /// Of each group: how many futures are pending, finished, erred, and gone (cancelled, lost or let go of).
    fn count(&self, py: Python<'_>) -> PyResult<Vec<(u64, u64, u64, u64)>> {
        let statuses = py.detach(|| self.engine.client.statuses(&self.ids));
        let statuses = statuses.map_err(|error| failure::of_call(py, error))?;
        let mut counts = vec![(0, 0, 0, 0); self.groups_count];
        let mut ends = self.ends.lock();
        for ((now, end), &group) in statuses.into_iter().zip(&mut *ends).zip(&self.groups) {
            if let Some(Status::Finished | Status::Error) = now {
                *end = now;
            }
            let count = &mut counts[group as usize];
            match now.or(*end) {
                Some(Status::Pending) => count.0 += 1,
                Some(Status::Finished) => count.1 += 1,
                Some(Status::Error) => count.2 += 1,
                Some(Status::Cancelled | Status::Lost) | None => count.3 += 1,
            }
        }
        Ok(counts)
    }

    /// What their keys begin with, of each.
    fn prefixes(&self) -> Vec<String> {
        let prefix = |id: &FutureId| self.engine.client.describe(*id).map(|key| key.prefix());
        self.ids.iter().map(|id| prefix(id).unwrap_or_else(|| "Other".to_owned())).collect()
    }

    /// Tasks by prefix of the graphs that they are from, themselves included; empty for single calls.
    fn graph_tasks(&self) -> BTreeMap<String, u64> {
        self.engine.graphs.of(&self.ids)
    }

    /// The session is over.
    fn is_closed(&self) -> bool {
        self.engine.client.is_closed()
    }
}
