//! The client's engine as Python holds it.
//!
//! * [`session`]: the class `Session`: connecting, leaving, facts about the session.
//! * [`future`]: the class `Future`.
//! * [`submit`]: single calls and maps.
//! * [`graph`]: graphs of Delayed objects and graph dicts.
//! * [`fetch`]: waiting for futures and bringing their values.
//! * [`scatter`]: values of this process that become futures.
//! * [`ask`]: questions to the cluster, and calls on workers outside of the task system.
//! * [`queue`]: the class `CompletionQueue`, for those who are told of ends; what tasks print.
//! * [`progress`]: how far futures are, and what they need.
//! * [`deps`]: futures among arguments.
//! * [`options`]: the class `TaskOptions`.
//! * [`failure`]: errors of the engine as Python exceptions.
//! * [`blocking`]: waits that look for signals.

pub mod ask;
pub mod blocking;
pub mod deps;
pub mod failure;
pub mod fetch;
pub mod future;
pub mod graph;
pub mod options;
pub mod prepare;
pub mod progress;
pub mod queue;
pub mod scatter;
pub mod session;
pub mod submit;

use pyo3::prelude::*;

/// Puts the client's Python names into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<session::Session>()?;
    module.add_class::<future::Future>()?;
    module.add_class::<options::TaskOptions>()?;
    module.add_class::<failure::Failure>()?;
    module.add_class::<queue::CompletionQueue>()?;
    module.add_class::<queue::Notices>()?;
    module.add_class::<progress::Watched>()?;
    module.add_function(wrap_pyfunction!(graph::delayed_futures, module)?)
}
