//! Workers that are gone, as they were: what one said last is what people look for after it died.

use std::sync::Arc;

use rask_types::WorkerId;

use super::WorkerLog;
use super::ring::Ring;
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
#[derive(Debug)]
pub(crate) struct DepartedWorkers(Ring<Departed>);

impl Default for DepartedWorkers {
    fn default() -> DepartedWorkers {
        DepartedWorkers(Ring::new(LEN_MAX))
    }
}

impl DepartedWorkers {
    pub(crate) fn push(&mut self, departed: Departed) {
        self.0.push(departed);
    }

    /// The one that had this number.
    pub(crate) fn get(&self, worker: WorkerId) -> Option<&Departed> {
        self.0.iter().rev().find(|departed| departed.facts.id == worker.0)
    }

    /// Those that are remembered, in the order in which they left.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Departed> + Clone {
        self.0.iter()
    }

    /// The last that had this name, else this address.
    pub(crate) fn find(&self, word: &str) -> Option<&Departed> {
        WorkerFacts::first_called(word, self.iter().rev(), |departed| Some(&departed.facts))
    }
}
