//! Python objects among the values that a worker keeps.

use std::sync::Arc;

use pyo3::prelude::*;
use rask_types::LocalObject;
use rask_worker::Kept;

use crate::codec::{Views, decode_value};

/// A Python object as a value of the worker's runtime.
pub struct PyValue(pub Py<PyAny>);

/// Wraps an object.
pub fn local(object: &Bound<'_, PyAny>) -> LocalObject {
    Arc::new(PyValue(object.clone().unbind()))
}

/// The object in a runtime's value.
///
/// # Errors
/// If it is no Python object: it came from a worker of another language within this process.
pub fn object_of<'py>(py: Python<'py>, value: &LocalObject) -> PyResult<Bound<'py, PyAny>> {
    match value.downcast_ref::<PyValue>() {
        Some(value) => Ok(value.0.bind(py).clone()),
        None => Err(pyo3::exceptions::PyTypeError::new_err("the value is not a Python object")),
    }
}

/// The object of a kept value, decoded if it came encoded; then all consumers share it.
pub fn kept_object<'py>(py: Python<'py>, kept: &Kept) -> PyResult<Bound<'py, PyAny>> {
    if let Some(value) = kept.object() {
        return object_of(py, value);
    }
    let Some(payload) = kept.encoded() else {
        // Another thread decoded it between the two questions.
        let value = kept.object().expect("a kept value is an object or encoded");
        return object_of(py, value);
    };
    // SAFETY: the payload came from another process in memory of its own, and is dropped below.
    let views = unsafe { Views::exclusive() };
    let object = decode_value(py, &payload, &[], views)?;
    object_of(py, kept.decoded(local(&object), false))
}
