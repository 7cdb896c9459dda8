//! Functions as they come: decoded once per process where calls cannot leave anything behind in them, else for each call.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rask_worker::FunctionSlot;

use crate::codec::{Views, decode_value};

/// A decoded function.
pub struct PyFunction {
    function: Py<PyAny>,
    /// It carries mutable state of its own (a default list, a closure over a dict): every call gets a fresh copy, so that
    /// computing twice gives the same answer twice.
    fresh: bool,
}

/// The function of a slot, for one call.
///
/// # Errors
/// If it cannot be unpickled here: what it refers to is not importable, or was made by another version of Python.
pub fn function_of<'py>(py: Python<'py>, slot: &FunctionSlot) -> PyResult<Bound<'py, PyAny>> {
    if let Some(known) = slot.decoded.get().and_then(|value| value.downcast_ref::<PyFunction>()) {
        return if known.fresh { load(py, slot) } else { Ok(known.function.bind(py).clone()) };
    }
    let function = load(py, slot)?;
    static HAS_STATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let has_state = HAS_STATE.import(py, "rask._worker", "has_mutable_state")?;
    let fresh = has_state.call1((&function,))?.is_truthy()?;
    // Whoever comes second has decoded an equal function; either will do.
    let _ = slot.decoded.set(Arc::new(PyFunction { function: function.clone().unbind(), fresh }));
    Ok(function)
}

fn load<'py>(py: Python<'py>, slot: &FunctionSlot) -> PyResult<Bound<'py, PyAny>> {
    decode_value(py, &slot.payload, &[], Views::Copies).map_err(|error| {
        let explained = py
            .import("rask._worker")
            .and_then(|module| module.getattr("explain_undecodable"))
            .and_then(|explain| explain.call1((error.value(py),)));
        explained.map_or_else(|failure| failure, PyErr::from_value)
    })
}
