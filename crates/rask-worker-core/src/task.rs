//! A run that can start, and the values it takes.

use bytes::Bytes;
use rask_types::{ClassId, Key, Payload, RunId};

/// How a run's key is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TaskName {
    /// Generated: the class's prefix and this token.
    Token(u128),
    /// Given by the user: canonical bytes.
    Named(Bytes),
}

impl TaskName {
    /// The key of a task of a class with this prefix.
    pub fn key(&self, prefix: &str) -> Key {
        match self {
            TaskName::Token(token) => Key::generated(prefix, *token),
            // Canonical bytes that are none can only be shown, and that is all a worker does with keys.
            TaskName::Named(canonical) => Key::from_canonical(canonical)
                .unwrap_or_else(|_| Key::Str(String::from_utf8_lossy(canonical).into_owned())),
        }
    }
}

/// The value of one dependency. `V` is whatever the driver keeps values as; the core never looks into it.
#[derive(Clone, PartialEq, Debug)]
pub enum DepValue<V> {
    /// Small enough to be decoded anew for each consumer.
    Small(Payload),
    /// Kept by this worker and shared among consumers.
    Kept(V),
}

/// One dependency of a run.
#[derive(Clone, PartialEq, Debug)]
pub enum DepSlot<V> {
    /// Its value.
    Here(DepValue<V>),
    /// The run whose result it will be.
    Awaited(RunId),
}

/// A run whose dependencies are all here, or will be as soon as runs end that go into the execution queue with it.
#[derive(Clone, PartialEq, Debug)]
pub struct ReadyRun<V> {
    /// Which.
    pub run: RunId,
    /// Its class, defined before.
    pub class: ClassId,
    /// The class's priority: higher runs sooner.
    pub priority: i32,
    /// Place in the scheduler's order: lower runs sooner among equal priority.
    pub order: u64,
    /// Its key.
    pub name: TaskName,
    /// Its arguments.
    pub args: Payload,
    /// What `Dep(i)` in the arguments stands for. Those awaited are results of runs in the same [`Effect::Ready`]: the
    /// queue holds the run back until they have ended, and gives it back if one of them comes to nothing.
    ///
    /// [`Effect::Ready`]: crate::Effect::Ready
    pub deps: Vec<DepSlot<V>>,
    /// How many slots in all await this run's result.
    pub followers: u32,
}
