//! Runs come in.

use std::sync::Arc;

use rask_types::columns::ascending_to;
use rask_types::msg::WorkerToScheduler;
use rask_types::{ClassId, ComputeColumns, DepSource, ErrorKind, Payload, RunId, TaskError, WorkerId};

use crate::core::{Stage, WorkerCore, word};
use crate::effect::Effect;
use crate::task::{DepSlot, DepValue, ReadyRun, TaskName};
use crate::waiting::{Waiter, WaitingRun};
use crate::wanted::{Fetch, Place, Quest, Value, name};

impl<V: Clone> WorkerCore<V> {
    pub(crate) fn on_compute(&mut self, columns: ComputeColumns) {
        if let Some(text) = defect(&columns) {
            self.out.push(Effect::Violation { text: format!("a Compute message in which {text}") });
            return;
        }
        if self.stage != Stage::Open {
            self.given_back.extend(columns.runs);
            return;
        }
        let keep = if columns.keep_inline { word::HERE | word::KEEP_INLINE } else { word::HERE };
        let mut ready = Vec::with_capacity(columns.len());
        let mut names = columns.names.into_iter().peekable();
        let mut buffers = columns.args.buffers.into_iter().peekable();
        let (mut first, mut args_start, mut deps_start) = (0, 0, 0);
        for (class, count) in columns.classes {
            let priority = self.classes.get(&class).copied();
            for i in first..first + count as usize {
                let run = columns.runs[i];
                let args_end = columns.args.ends[i] as usize;
                let deps_end = columns.dep_ends[i] as usize;
                let args = Payload {
                    head: columns.args.blob.slice(args_start..args_end),
                    buffers: take_at(&mut buffers, i).unwrap_or_default(),
                    local: None,
                };
                let deps = &columns.deps[deps_start..deps_end];
                (args_start, deps_start) = (args_end, deps_end);
                let name = match take_at(&mut names, i) {
                    Some(canonical) => TaskName::Named(canonical),
                    None => TaskName::Token(columns.tokens.get(i).copied().unwrap_or_default()),
                };
                let Some(priority) = priority else {
                    self.refuse(run, class, &name);
                    continue;
                };
                if !self.runs.insert(run, keep | (ready.len() as u32) << word::INDEX_SHIFT) {
                    continue; // Said twice; it is answered once.
                }
                let order = columns.orders[i];
                if deps.is_empty() {
                    let deps = Vec::new();
                    ready.push(ReadyRun { run, class, priority, order, name, args, deps, followers: 0 });
                } else {
                    let deps_so_far = Vec::with_capacity(deps.len());
                    let waiting = WaitingRun {
                        run,
                        class,
                        priority,
                        order,
                        name,
                        args,
                        deps: deps_so_far,
                        unresolved: 0,
                        along: (0, 0),
                    };
                    self.gather_deps(waiting, deps, &columns.values, &mut ready);
                }
            }
            first += count as usize;
        }
        self.out.ready(ready);
    }

    /// Looks for each dependency. The run joins the batch if all are here, or are results of runs in it; else it waits.
    fn gather_deps(
        &mut self,
        mut waiting: WaitingRun<V>,
        deps: &[DepSource],
        small: &[Payload],
        batch: &mut Vec<ReadyRun<V>>,
    ) {
        let run = waiting.run;
        let index = self.waiting.next_index();
        let mut along = 0;
        for (position, source) in deps.iter().enumerate() {
            let slot = match source {
                DepSource::Inline(at) => DepSlot::Here(DepValue::Small(small[*at as usize].clone())),
                DepSource::Held { run: value, .. } if self.place_in(batch, *value).is_some() => {
                    along += 1;
                    DepSlot::Awaited(*value)
                }
                DepSource::Held { run: value, nbytes, workers } => {
                    let waiter = Waiter { index, run, position: position as u32 };
                    match self.want(*value, *nbytes, workers, waiter) {
                        Some(here) => DepSlot::Here(here),
                        None => DepSlot::Awaited(*value),
                    }
                }
            };
            waiting.unresolved += u32::from(matches!(slot, DepSlot::Awaited(_)));
            waiting.deps.push(slot);
        }
        if waiting.unresolved == along {
            return self.join(batch, waiting);
        }
        for (position, source) in deps.iter().enumerate() {
            if let DepSource::Held { run: value, nbytes, workers } = source
                && self.place_in(batch, *value).is_some()
            {
                self.want(*value, *nbytes, workers, Waiter { index, run, position: position as u32 });
            }
        }
        let flags = self.runs.get(run).unwrap_or(word::HERE) & word::FLAGS;
        self.runs.set(run, flags | word::WAITING | index << word::INDEX_SHIFT);
        let at = self.waiting.runs.insert(waiting);
        debug_assert_eq!(at as u32, index, "the index that waiters were told");
    }

    /// The value if it is here; else `waiter` will be told.
    fn want(
        &mut self,
        value: RunId,
        nbytes: u64,
        workers: &[WorkerId],
        waiter: Waiter,
    ) -> Option<DepValue<V>> {
        if let Some(known) = self.values.get_mut(&name(value)) {
            if let Value::Kept { value, .. } = known {
                return Some(value.clone());
            }
            if let Some(quest) = known.quest_mut() {
                quest.waiters.push(waiter);
                quest.live += 1;
                quest.add_holders(workers);
            }
            return None;
        }
        let mut quest = Quest { waiters: vec![waiter], live: 1, holders: Vec::new(), nbytes };
        quest.add_holders(workers);
        match self.runs.get(value) {
            Some(flags) if value != waiter.run => {
                self.runs.set(value, flags | word::WATCHED);
                self.values.insert(name(value), Value::Local(quest));
            }
            _ => self.fetch(value, quest, false),
        }
        None
    }

    /// Begins to fetch a value, or dooms it if nobody named can be asked.
    pub(crate) fn fetch(&mut self, value: RunId, quest: Quest, replicate: bool) {
        let fetch = Fetch { quest, replicate, at: Place::Nowhere };
        self.values.insert(name(value), Value::Fetch(fetch));
        self.choose_place(value);
    }

    fn refuse(&mut self, run: RunId, class: ClassId, name: &TaskName) {
        let key = name.key("task").to_string();
        let text = format!("the scheduler assigned a task of class {class:?}, which it never defined");
        let error = TaskError::new(ErrorKind::Refused, key, text);
        self.out.send(WorkerToScheduler::Erred {
            run,
            started_ns: 0,
            duration_ns: 0,
            thread: 0,
            error: Arc::new(error),
        });
    }
}

type Placed<T> = std::iter::Peekable<std::vec::IntoIter<(u32, T)>>;

/// What `column` has for position `i`, if it has something; positions are asked for in ascending order.
#[inline]
fn take_at<T>(column: &mut Placed<T>, i: usize) -> Option<T> {
    column.next_if(|entry| entry.0 as usize == i).map(|entry| entry.1)
}

/// What is inconsistent about the columns, if anything: every index is trusted after this.
fn defect(columns: &ComputeColumns) -> Option<&'static str> {
    let n = columns.len();
    let counted: u64 = columns.classes.iter().map(|class| u64::from(class.1)).sum();
    let args = &columns.args.ends;
    if counted != n as u64 {
        return Some("classes do not add up to the number of runs");
    }
    if columns.orders.len() != n || !(columns.tokens.len() == n || columns.names.len() == n) {
        return Some("orders or tokens do not match the runs");
    }
    if args.len() != n || !ascending_to(args, columns.args.blob.len()) {
        return Some("argument ends do not ascend to the end of the blob");
    }
    if columns.dep_ends.len() != n || !ascending_to(&columns.dep_ends, columns.deps.len()) {
        return Some("dependency ends do not ascend to the number of dependencies");
    }
    if !positions_ascend(&columns.names, n) || !positions_ascend(&columns.args.buffers, n) {
        return Some("positions of names or buffers do not ascend within the runs");
    }
    let values = columns.values.len();
    if columns.deps.iter().any(|dep| matches!(dep, DepSource::Inline(at) if *at as usize >= values)) {
        return Some("a dependency refers to a value that did not come along");
    }
    None
}

fn positions_ascend<T>(column: &[(u32, T)], n: usize) -> bool {
    column.windows(2).all(|pair| pair[0].0 < pair[1].0)
        && column.last().is_none_or(|last| (last.0 as usize) < n)
}
