//! Letting go of the interpreter while Rust waits.

use pyo3::prelude::*;

/// Carries a closure through `Python::detach`.
struct Here<T>(T);

// SAFETY: `detach` runs the closure on the thread that calls it, before it returns; nothing moves between threads. What the
// closure captures is only ever seen by that thread.
unsafe impl<T> Send for Here<T> {}

impl<T> Here<T> {
    fn take(self) -> T {
        self.0
    }
}

/// `py.detach` for closures that borrow what may not leave this thread. The closure must not touch Python objects.
pub fn detach_here<T: Send>(py: Python<'_>, wait: impl FnOnce() -> T) -> T {
    let wait = Here(wait);
    py.detach(move || wait.take()())
}
