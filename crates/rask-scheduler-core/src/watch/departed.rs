//! Workers that are gone, as they were: what one said last is what people look for after it died.

use std::collections::VecDeque;
use std::sync::Arc;

use super::WorkerLog;
use crate::view::WorkerFacts;

/// Workers remembered.
const LEN_MAX: usize = 32;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Departed {
    pub(crate) facts: Arc<WorkerFacts>,
    /// When it left, in seconds of Unix time.
    pub(crate) at_s: f64,
    pub(crate) reason: String,
    pub(crate) log: WorkerLog,
}

/// The last of them.
#[derive(Debug, Default)]
pub(crate) struct DepartedWorkers(VecDeque<Departed>);

impl DepartedWorkers {
    pub(crate) fn push(&mut self, departed: Departed) {
        if self.0.len() == LEN_MAX {
            self.0.pop_front();
        }
        self.0.push_back(departed);
    }

    /// Those that are called so (by name, address or number), the last first.
    pub(crate) fn find(&self, word: &str) -> Option<&Departed> {
        self.0.iter().rev().find(|departed| departed.facts.is_called(word))
    }
}
