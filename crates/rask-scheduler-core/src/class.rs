//! Classes and functions as the scheduler interned them, and what it has learned of their durations.

use std::collections::BTreeMap;

use rask_types::{ClassId, FunctionId, KeyId, Payload, TaskClass};

use crate::lane::LaneId;

/// How much the newest completions weigh in a class's mean duration.
const NEWEST_WEIGHT: f64 = 0.5;

/// A class with what the scheduler knows of it.
#[derive(Debug)]
pub(crate) struct ClassEntry {
    pub(crate) class: TaskClass,
    /// The queue its ready tasks wait in.
    pub(crate) lane: LaneId,
    /// `KeyId::of_prefix(class.prefix)`.
    pub(crate) prefix_hash: u128,
    /// Mean duration of its runs, in nanoseconds, newest weighing most; `None` until one has finished.
    pub(crate) mean_ns: Option<f64>,
    /// Runs that finished.
    pub(crate) finished: u64,
}

impl ClassEntry {
    /// Takes in that `count` runs took `total_ns` together.
    pub(crate) fn learn(&mut self, count: u64, total_ns: u64) {
        let mean = total_ns as f64 / count as f64;
        self.mean_ns = Some(match self.mean_ns {
            None => mean,
            Some(known) => known + NEWEST_WEIGHT * (mean - known),
        });
        self.finished += count;
    }
}

/// All classes and functions.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    entries: Vec<ClassEntry>,
    /// Classes by function and prefix, to find an equal one without comparing with all.
    by_function: BTreeMap<(FunctionId, String), Vec<ClassId>>,
    functions: BTreeMap<FunctionId, Payload>,
}

impl Classes {
    /// Keeps a function's code.
    pub(crate) fn define_function(&mut self, id: FunctionId, payload: Payload) {
        self.functions.entry(id).or_insert(payload);
    }

    /// A function's code.
    pub(crate) fn function(&self, id: FunctionId) -> Option<&Payload> {
        self.functions.get(&id)
    }

    /// The number of this class, a new one unless an equal class is known; `lane` is asked of new ones.
    pub(crate) fn intern(
        &mut self,
        class: TaskClass,
        lane: impl FnOnce(ClassId, &TaskClass) -> LaneId,
    ) -> ClassId {
        let index = self.by_function.entry((class.function, class.prefix.clone())).or_default();
        if let Some(&known) = index.iter().find(|id| self.entries[id.0 as usize].class == class) {
            return known;
        }
        let id = ClassId(self.entries.len() as u32);
        index.push(id);
        self.entries.push(ClassEntry {
            lane: lane(id, &class),
            prefix_hash: KeyId::of_prefix(&class.prefix),
            class,
            mean_ns: None,
            finished: 0,
        });
        id
    }
}

impl std::ops::Index<ClassId> for Classes {
    type Output = ClassEntry;
    fn index(&self, id: ClassId) -> &ClassEntry {
        &self.entries[id.0 as usize]
    }
}

impl std::ops::IndexMut<ClassId> for Classes {
    fn index_mut(&mut self, id: ClassId) -> &mut ClassEntry {
        &mut self.entries[id.0 as usize]
    }
}
