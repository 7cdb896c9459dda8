//! What was last made of Python objects, so that the same object soon after gives the same thing again.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use pyo3::prelude::*;

/// How many are remembered: enough for the functions of one loop.
const RECENT_MAX: usize = 8;

/// The things last made, each by the address of the object that it was made of.
///
/// `T` must keep that object alive: only then is an equal address the same object.
pub struct Recent<T>(Mutex<Vec<(usize, Weak<T>)>>);

impl<T> Recent<T> {
    /// Nothing yet.
    pub const fn new() -> Recent<T> {
        Recent(Mutex::new(Vec::new()))
    }

    /// What was made of `object`, if it was made lately and lives.
    pub fn get(&self, object: &Bound<'_, PyAny>) -> Option<Arc<T>> {
        let address = object.as_ptr() as usize;
        let mut recent = self.0.lock();
        let at = recent.iter().position(|(known, _)| *known == address)?;
        let made = recent[at].1.upgrade()?;
        recent.swap(0, at);
        Some(made)
    }

    /// Remembers what was made of `object`, in the place of what was made of it before.
    pub fn put(&self, object: &Bound<'_, PyAny>, made: &Arc<T>) {
        let address = object.as_ptr() as usize;
        let mut recent = self.0.lock();
        recent.retain(|(known, _)| *known != address);
        recent.truncate(RECENT_MAX - 1);
        recent.insert(0, (address, Arc::downgrade(made)));
    }
}
