//! Failures that tasks carry. Dependents of a failed task carry the same one, so they are counted, not copied.

use std::sync::Arc;

use rask_types::TaskError;

/// A failure kept here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ErrorId(u32);

#[derive(Debug)]
struct Entry {
    error: Arc<TaskError>,
    tasks: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
}

impl Errors {
    /// Keeps a failure that no task carries yet.
    pub(crate) fn insert(&mut self, error: Arc<TaskError>) -> ErrorId {
        let entry = Some(Entry { error, tasks: 0 });
        match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                ErrorId(id)
            }
            None => {
                self.entries.push(entry);
                ErrorId(self.entries.len() as u32 - 1)
            }
        }
    }

    /// One more task carries it.
    pub(crate) fn hold(&mut self, id: ErrorId) {
        self.entry(id).tasks += 1;
    }

    /// One task less carries it.
    pub(crate) fn release(&mut self, id: ErrorId) {
        let entry = self.entry(id);
        entry.tasks -= 1;
        if entry.tasks == 0 {
            self.entries[id.0 as usize] = None;
            self.free.push(id.0);
        }
    }

    /// The failure.
    pub(crate) fn get(&self, id: ErrorId) -> &Arc<TaskError> {
        &self.entries[id.0 as usize].as_ref().expect("a carried error is kept").error
    }

    /// Tasks that carry one, over all.
    pub(crate) fn holds(&self) -> u64 {
        self.entries.iter().flatten().map(|entry| u64::from(entry.tasks)).sum()
    }

    fn entry(&mut self, id: ErrorId) -> &mut Entry {
        self.entries[id.0 as usize].as_mut().expect("a carried error is kept")
    }
}
