//! Lazy values: `Delayed`, as Rust classes over a graph of shared nodes.
//!
//! A [`node::Node`] is one recorded call, with what it was called with. Nodes refer to each other in Rust, so a graph of a million
//! calls is nothing to Python's garbage collector, and nothing here recurses over a graph's depth, dropping it included.
//! The Python classes ([`class`], [`leaf`], [`attr`]) are thin handles of nodes.
//!
//! What a call captures and when ([`capture`]): scalars and short strings are encoded at once; Delayed objects become
//! dependencies; lists, tuples, dicts, sets, slices, dataclasses and namedtuples are walked, and taken apart where they hold
//! Delayed objects; everything else is kept by reference and encoded when the graph is computed.

pub mod attr;
pub mod callee;
pub mod capture;
pub mod class;
pub mod key;
pub mod leaf;
pub mod node;
pub mod rows;
pub mod settings;
pub mod view;
pub mod wrap;

use pyo3::prelude::*;

/// Puts the classes and functions into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<class::Delayed>()?;
    module.add_class::<leaf::DelayedLeaf>()?;
    module.add_class::<attr::DelayedAttr>()?;
    module.add_function(wrap_pyfunction!(wrap::delayed, module)?)?;
    module.add_function(wrap_pyfunction!(rows::delayed_from_rows, module)?)?;
    Ok(())
}
