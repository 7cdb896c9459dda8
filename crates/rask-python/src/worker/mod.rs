//! The Python runtime of a worker: threads that execute tasks, encode what travels, and answer operations.
//!
//! `rask._worker` makes the threads; what they do is here:
//!
//! * [`face`]: the class `WorkerCore`, a worker as Python holds it.
//! * [`execute`]: the loop of an executing thread, and one execution.
//! * [`current`]: what a task can ask of the thread that runs it.
//! * [`function`]: functions as they come, decoded once or for each call.
//! * [`result`]: what becomes of a value: sent at once, or kept.
//! * [`failure`]: what becomes of an exception.
//! * [`object`]: Python objects among the values that a worker keeps.

pub mod current;
pub mod execute;
pub mod face;
pub mod failure;
pub mod function;
pub mod object;
pub mod result;

use pyo3::prelude::*;

/// Puts the worker's Python names into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<face::WorkerCore>()?;
    module.add_class::<current::RunningTask>()?;
    module.add_function(wrap_pyfunction!(current::current_task, module)?)
}
