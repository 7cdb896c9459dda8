//! What the program has set that calls look at: the setting `delayed-pure` and the annotations in force.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The setting `delayed-pure`. It is looked up for each call, so it is read straight from the dict in force.
#[inline]
pub fn delayed_pure(py: Python<'_>) -> PyResult<bool> {
    static CONFIG: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let config = CONFIG.get_or_try_init(py, || {
        py.import("rask.config")?
            .getattr("config")?
            .cast_into::<PyDict>()
            .map(Bound::unbind)
            .map_err(PyErr::from)
    })?;
    let config = config.bind(py);
    let set = match config.get_item(intern!(py, "delayed-pure"))? {
        Some(set) => Some(set),
        None => config.get_item(intern!(py, "delayed_pure"))?,
    };
    set.map_or(Ok(false), |pure| pure.is_truthy())
}

/// The annotations in force, as `rask.annotations.current` has them: mostly none.
#[inline]
pub fn annotations(py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let current = CURRENT.import(py, "rask.annotations", "current")?;
    let mut value = std::ptr::null_mut();
    // SAFETY: a context variable (a wrong type is an error, not a fault); gives a new reference or null.
    let value = unsafe {
        if ffi::PyContextVar_Get(current.as_ptr(), std::ptr::null_mut(), &mut value) < 0 {
            return Err(PyErr::fetch(py));
        }
        Bound::from_owned_ptr_or_opt(py, value)
    };
    Ok(value.filter(|value| !value.is_none()).map(Bound::unbind))
}

/// The dict in what [`annotations`] gave.
pub fn annotations_dict<'py>(py: Python<'py>, annotations: &Py<PyAny>) -> PyResult<Bound<'py, PyDict>> {
    Ok(annotations.bind(py).get_item(0)?.cast_into::<PyDict>()?)
}
