//! Facts that clients ask for, in the shapes in which Dask gives them.

use std::collections::BTreeMap;

use rask_types::msg::Query;
use rask_types::value::Value;
use rask_types::{Key, TaskId, WorkerId};
use smallvec::{SmallVec, smallvec};

use crate::scheduler::Scheduler;
use crate::story::Station;
use crate::task::{Task, TaskState};
use crate::view::NO_WORKER;
use crate::worker::WorkerEntry;

/// A key as a value: what Python programs use as the key.
pub(crate) fn key_value(key: &Key) -> Value {
    match key {
        Key::Str(text) => Value::str(text),
        Key::Bytes(bytes) => Value::Bytes(bytes.clone()),
        Key::Int(number) => Value::Int(*number),
        Key::Float(number) => Value::Float(*number),
        Key::Tuple(items) => Value::Tuple(items.iter().map(key_value).collect()),
    }
}

impl Scheduler {
    /// The answer to a question, or why there is none.
    pub(crate) fn answer(&self, query: &Query) -> Result<Value, String> {
        Ok(match query {
            Query::WhoHas(keys) => self.who_has(keys.as_deref())?,
            Query::HasWhat(words) => {
                let keys = self.keys_by_worker(|id, _| self.holders(id));
                self.per_worker(words.as_deref(), |id, _| listed(&keys, id))
            }
            Query::Processing(words) => {
                let keys = self.keys_by_worker(|_, task| match task.state {
                    TaskState::Processing { worker, .. } | TaskState::Following { worker, .. } => {
                        smallvec![worker]
                    }
                    _ => smallvec![],
                });
                self.per_worker(words.as_deref(), |id, _| listed(&keys, id))
            }
            Query::Nthreads(words) => self
                .per_worker(words.as_deref(), |_, entry| Value::Int(i64::from(entry.description.nthreads))),
            Query::Nbytes { keys, summary } => self.nbytes(keys.as_deref(), *summary)?,
            Query::Identity => self.identity(),
            Query::TaskCounts => self.task_counts(),
            Query::Story(keys) => self.stories(keys)?,
            Query::Explain(key) => {
                let (is_known, sentence) = match self.explain(&parse(key)?) {
                    Ok(sentence) => (true, sentence),
                    Err(sentence) => (false, sentence),
                };
                Value::Tuple(vec![Value::Bool(is_known), Value::Str(sentence)])
            }
        })
    }

    fn select(&self, keys: Option<&[bytes::Bytes]>) -> Result<Vec<TaskId>, String> {
        match keys {
            None => Ok(self.tasks.iter().map(|(id, _)| id).collect()),
            Some(keys) => {
                keys.iter().filter_map(|key| parse(key).map(|key| self.find(&key)).transpose()).collect()
            }
        }
    }

    fn who_has(&self, keys: Option<&[bytes::Bytes]>) -> Result<Value, String> {
        let entry = |id: TaskId| {
            let task = &self.tasks[id];
            let in_memory = matches!(task.state, TaskState::Memory { .. });
            let mut holders: Vec<Value> =
                self.holders(id).iter().filter_map(|worker| self.address(*worker)).collect();
            if in_memory && holders.is_empty() {
                holders.push(Value::str(&self.config.address));
            }
            (key_value(&self.key(id)), Value::Tuple(holders))
        };
        Ok(Value::Dict(self.select(keys)?.into_iter().map(entry).collect()))
    }

    /// The workers that a value is said to be on. Of a small value that is kept here it is the one that made it, if that
    /// one is still here: that is where users of Dask expect it.
    pub(crate) fn holders(&self, id: TaskId) -> SmallVec<[WorkerId; 4]> {
        let task = &self.tasks[id];
        if !task.replicas().is_empty() || !matches!(task.state, TaskState::Memory { .. }) {
            return task.replicas().into();
        }
        let last = self.story.last_of(id, task.birth, task.story);
        let maker = last.and_then(|entry| entry.cause.worker());
        maker.filter(|worker| self.workers.get(worker.0).is_some()).into_iter().collect()
    }

    fn address(&self, worker: WorkerId) -> Option<Value> {
        Some(Value::str(&self.workers.get(worker.0)?.description.address))
    }

    fn per_worker(&self, words: Option<&[String]>, value: impl Fn(WorkerId, &WorkerEntry) -> Value) -> Value {
        let asked = |entry: &WorkerEntry| {
            entry.is_here() && words.is_none_or(|words| words.iter().any(|word| entry.is_called(word)))
        };
        let entry = |(number, entry): (u32, &WorkerEntry)| {
            (Value::str(&entry.description.address), value(WorkerId(number), entry))
        };
        Value::Dict(self.workers.iter().filter(|(_, worker)| asked(worker)).map(entry).collect())
    }

    /// The keys of all tasks by the workers that `at` gives for them.
    fn keys_by_worker(
        &self,
        at: impl Fn(TaskId, &Task) -> SmallVec<[WorkerId; 4]>,
    ) -> BTreeMap<WorkerId, Vec<Value>> {
        let mut keys: BTreeMap<WorkerId, Vec<Value>> = BTreeMap::new();
        for (id, task) in self.tasks.iter() {
            for worker in at(id, task) {
                keys.entry(worker).or_default().push(key_value(&self.key(id)));
            }
        }
        keys
    }

    fn nbytes_value(&self, id: TaskId) -> Value {
        Value::Int(i64::try_from(self.nbytes_of(id)).unwrap_or(i64::MAX))
    }

    fn nbytes(&self, keys: Option<&[bytes::Bytes]>, summary: bool) -> Result<Value, String> {
        let in_memory = |id: &TaskId| matches!(self.tasks[*id].state, TaskState::Memory { .. });
        let tasks: Vec<TaskId> = self.select(keys)?.into_iter().filter(in_memory).collect();
        if !summary {
            let entry = |id| (key_value(&self.key(id)), self.nbytes_value(id));
            return Ok(Value::Dict(tasks.into_iter().map(entry).collect()));
        }
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for id in tasks {
            let sum = sums.entry(self.key(id).prefix()).or_default();
            *sum = sum.saturating_add(self.nbytes_of(id));
        }
        Ok(Value::Dict(
            sums.into_iter().map(|(prefix, sum)| (Value::Str(prefix), Value::Int(sum as i64))).collect(),
        ))
    }

    fn task_counts(&self) -> Value {
        let stranded = self.stranded();
        let mut states: BTreeMap<&str, i64> = BTreeMap::new();
        let mut prefixes: BTreeMap<&str, Value> = BTreeMap::new();
        let listed = |counts: BTreeMap<&str, i64>| {
            Value::Dict(
                counts.into_iter().map(|(name, count)| (Value::str(name), Value::Int(count))).collect(),
            )
        };
        for (number, tally) in self.watch.tallies.iter() {
            let no_worker = i64::from(stranded.get(&number).copied().unwrap_or(0));
            let mut counts: BTreeMap<&str, i64> = BTreeMap::from([(NO_WORKER, no_worker)]);
            for station in Station::OF_TASKS {
                counts.insert(station.name(), i64::from(tally.in_state(station)));
            }
            *counts.entry(Station::Queued.name()).or_default() -= no_worker;
            counts.retain(|_, count| *count > 0);
            if !counts.is_empty() {
                counts.iter().for_each(|(name, count)| *states.entry(name).or_default() += count);
                prefixes.insert(tally.prefix, listed(counts));
            }
        }
        let prefixes = prefixes.into_iter().map(|(prefix, counts)| (Value::str(prefix), counts)).collect();
        Value::dict([("states", listed(states)), ("prefixes", Value::Dict(prefixes))])
    }

    fn identity(&self) -> Value {
        let summary = self.worker_summary();
        let workers = self.workers.iter().filter(|(_, entry)| entry.is_here());
        let workers = workers
            .map(|(number, entry)| {
                (Value::str(&entry.description.address), self.worker_identity(WorkerId(number), entry))
            })
            .collect();
        let mut services = Vec::new();
        if self.config.dashboard_port != 0 {
            services.push(("dashboard", Value::Int(i64::from(self.config.dashboard_port))));
        }
        Value::dict([
            ("type", Value::str("Scheduler")),
            ("id", Value::str(&self.config.name)),
            ("address", Value::str(&self.config.address)),
            ("services", Value::dict(services)),
            ("started", Value::Float(self.config.started_unix_s)),
            ("n_workers", Value::Int(i64::from(summary.n_workers))),
            ("total_threads", Value::Int(i64::from(summary.n_threads))),
            ("total_memory", Value::Int(summary.memory_bytes as i64)),
            ("workers", Value::Dict(workers)),
        ])
    }

    fn worker_identity(&self, worker: WorkerId, entry: &WorkerEntry) -> Value {
        let said = &entry.description;
        let metrics = &entry.metrics;
        let resources = said.resources.iter().map(|(name, amount)| (Value::str(name), Value::Float(*amount)));
        let last_seen_s = self.config.tick_zero_unix_s + entry.last_seen.0 as f64 / 1e9;
        let name = said.name.parse().map_or_else(|_| Value::str(&said.name), Value::Int);
        let metrics = Value::dict([
            ("cpu", Value::Float(f64::from(metrics.cpu_percent))),
            ("memory", Value::Int(metrics.rss_bytes as i64)),
            ("managed_bytes", Value::Int(metrics.managed_bytes as i64)),
            ("executing", Value::Int(i64::from(metrics.executing))),
            ("ready", Value::Int(i64::from(metrics.ready))),
            ("in_memory", Value::Int(i64::from(metrics.values))),
        ]);
        Value::dict([
            ("type", Value::str("Worker")),
            ("id", Value::str(format!("Worker-{}", worker.0))),
            ("host", Value::str(&said.host)),
            ("pid", Value::Int(i64::from(said.pid))),
            ("resources", Value::Dict(resources.collect())),
            ("local_directory", Value::str(&said.local_directory)),
            ("name", name),
            ("nthreads", Value::Int(i64::from(said.nthreads))),
            ("memory_limit", Value::Int(said.memory_limit_bytes as i64)),
            ("last_seen", Value::Float(last_seen_s)),
            ("status", Value::str(entry.status.name())),
            ("runtime", Value::str(&said.runtime)),
            ("version", Value::str(&said.version)),
            ("nanny", said.nanny_instance.map_or(Value::None, |instance| Value::Str(instance.to_string()))),
            ("services", Value::Dict(Vec::new())),
            ("metrics", metrics),
        ])
    }

    fn stories(&self, keys: &[bytes::Bytes]) -> Result<Value, String> {
        let mut lines = Vec::new();
        for key in keys {
            let key = parse(key)?;
            let Some(id) = self.find(&key) else { continue };
            let task = &self.tasks[id];
            for entry in self.story.of(id, task.birth, task.story) {
                let worker =
                    entry.cause.worker().and_then(|worker| self.address(worker)).unwrap_or(Value::None);
                lines.push(Value::Tuple(vec![
                    Value::Float(self.now.ns_since(entry.at) as f64 / 1e9),
                    key_value(&key),
                    Value::str(entry.to.name()),
                    Value::str(entry.cause.text()),
                    worker,
                ]));
            }
        }
        Ok(Value::List(lines))
    }
}

fn listed(keys: &BTreeMap<WorkerId, Vec<Value>>, worker: WorkerId) -> Value {
    Value::Tuple(keys.get(&worker).cloned().unwrap_or_default())
}

fn parse(key: &[u8]) -> Result<Key, String> {
    Key::from_canonical(key).map_err(|error| error.to_string())
}
