//! Lazy graphs on their way to a cluster: from nodes, or from Python's graph dicts, to [`rask_types::GraphChunk`]s.
//!
//! * [`source`], [`raw`]: graphs that come as Python objects, turned into nodes;
//! * [`walk`]: which nodes some outputs need, equal ones merged, known ones left out;
//! * [`plan`]: in which order they run, and which are fused;
//! * [`build`]: the chunks, handed to a [`sink::GraphSink`];
//! * [`picture`]: what to draw;
//! * [`inline`]: running a graph in this thread.

pub mod build;
pub mod classes;
pub mod encode;
pub mod inline;
pub mod picture;
pub mod plan;
pub mod raw;
pub mod shared;
pub mod sink;
pub mod source;
pub mod walk;

use pyo3::prelude::*;

/// Puts the functions into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<encode::DependencySlot>()?;
    module.add_function(wrap_pyfunction!(inline::compute_inline, module)?)?;
    module.add_function(wrap_pyfunction!(inline::build_only, module)?)?;
    module.add_function(wrap_pyfunction!(inline::describe_build, module)?)?;
    module.add_function(wrap_pyfunction!(picture::count_nodes, module)?)?;
    module.add_function(wrap_pyfunction!(picture::graph_picture, module)?)?;
    module.add_function(wrap_pyfunction!(source::delayed_from_graph, module)?)?;
    Ok(())
}
