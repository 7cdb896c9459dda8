//! Runs that wait for dependencies.

use rask_types::{ClassId, Payload, RunId};
use slab::Slab;

use crate::task::{DepSlot, DepValue, ReadyRun, TaskName};

/// A run and what it has so far.
#[derive(Debug)]
pub(crate) struct WaitingRun<V> {
    pub run: RunId,
    pub class: ClassId,
    pub priority: i32,
    pub order: u64,
    pub name: TaskName,
    pub args: Payload,
    pub deps: Vec<DepSlot<V>>,
    /// How many of `deps` are awaited.
    pub unresolved: u32,
    /// How many of those are results of runs in the batch of this number, which is on its way to the execution queue.
    pub along: (u64, u32),
}

impl<V> WaitingRun<V> {
    /// The run as the execution queue takes it, if nothing is awaited any more but what goes there with it.
    pub fn into_ready(self) -> ReadyRun<V> {
        let WaitingRun { run, class, priority, order, name, args, deps, .. } = self;
        ReadyRun { run, class, priority, order, name, args, deps, followers: 0 }
    }

    /// Values that this run awaits, once per place where it does.
    pub fn awaited(&self) -> impl Iterator<Item = RunId> {
        self.deps.iter().filter_map(|slot| match slot {
            DepSlot::Awaited(value) => Some(*value),
            DepSlot::Here(_) => None,
        })
    }
}

/// A place where a value is awaited: dependency `position` of the waiting run at `index`, unless another run or none
/// is there by now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiter {
    pub index: u32,
    pub run: RunId,
    pub position: u32,
}

/// All waiting runs.
#[derive(Debug)]
pub(crate) struct Waiting<V> {
    pub runs: Slab<WaitingRun<V>>,
}

impl<V> Waiting<V> {
    pub fn new() -> Waiting<V> {
        Waiting { runs: Slab::new() }
    }

    /// Where the next run will be.
    pub fn next_index(&self) -> u32 {
        self.runs.vacant_key() as u32
    }

    /// True if `waiter`'s run still waits.
    pub fn is_live(&self, waiter: &Waiter) -> bool {
        self.runs.get(waiter.index as usize).is_some_and(|waiting| waiting.run == waiter.run)
    }

    /// What a waiter waits for is made by a run in this batch. The run, which waits no longer, if that is true of all that
    /// it waits for.
    pub fn count_along(&mut self, waiter: &Waiter, batch: u64) -> Option<WaitingRun<V>> {
        let index = waiter.index as usize;
        let waiting = self.runs.get_mut(index).filter(|waiting| waiting.run == waiter.run)?;
        let before = if waiting.along.0 == batch { waiting.along.1 } else { 0 };
        waiting.along = (batch, before + 1);
        (waiting.along.1 == waiting.unresolved).then(|| self.runs.remove(index))
    }

    /// Gives a waiter its value. The run, which waits no longer, if that was the last it waited for.
    pub fn resolve(&mut self, waiter: &Waiter, value: DepValue<V>) -> Option<WaitingRun<V>> {
        let index = waiter.index as usize;
        let waiting = self.runs.get_mut(index).filter(|waiting| waiting.run == waiter.run)?;
        waiting.deps[waiter.position as usize] = DepSlot::Here(value);
        waiting.unresolved -= 1;
        (waiting.unresolved == 0).then(|| self.runs.remove(index))
    }
}
