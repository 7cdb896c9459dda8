//! What the codec leaves to pickle: the bridge to `rask._serialize`.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList};

use super::INLINE_BUFFER_BYTES_MAX;
use super::buffer::{self, SharedBuffer};
use super::decode::Views;
use super::dependencies::{Dependencies, Inside, collecting, with_values};
use super::encode::Capture;

/// A pickle with its out-of-band buffers.
pub struct Pickled<'py> {
    /// The pickle.
    pub bytes: Bound<'py, PyBytes>,
    /// Its buffers, in order.
    pub buffers: Vec<Bytes>,
}

/// `rask._serialize.dumps`: pickle, or cloudpickle where pickle cannot or would refer to `__main__`.
pub fn dumps<'py>(
    object: &Bound<'py, PyAny>,
    inside: Inside,
    capture: Capture,
    dependencies: &mut dyn Dependencies,
) -> PyResult<Pickled<'py>> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    let dumps = DUMPS.import(py, "rask._serialize", "dumps")?;
    let result = collecting(inside, dependencies, || dumps.call1((object, INLINE_BUFFER_BYTES_MAX)))?;
    let (bytes, raw): (Bound<'py, PyBytes>, Bound<'py, PyList>) = result.extract()?;
    let buffers = raw
        .iter()
        .map(|buffer| {
            // Memory that cannot be written to need not be copied to be captured.
            match capture {
                Capture::Copy | Capture::Lend if !is_read_only(&buffer)? => buffer::copy(&buffer),
                _ => buffer::share(&buffer),
            }
        })
        .collect::<PyResult<Vec<Bytes>>>()?;
    Ok(Pickled { bytes, buffers })
}

fn is_read_only(view: &Bound<'_, PyAny>) -> PyResult<bool> {
    // A read-only view of memory that its owner may write to is common (`memoryview(bytearray).toreadonly()`), so only
    // bytes count.
    let owner = view.getattr(pyo3::intern!(view.py(), "obj"))?;
    Ok(owner.is_exact_instance_of::<PyBytes>())
}

/// The object that a pickle holds. `deps` are the values that references to dependencies in it stand for.
pub fn loads<'py>(
    py: Python<'py>,
    bytes: &[u8],
    buffers: &[Bytes],
    deps: &[Py<PyAny>],
    views: Views,
) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static LOADS_WITH_BUFFERS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let load = || {
        let pickle = PyBytes::new(py, bytes);
        if buffers.is_empty() {
            return LOADS.import(py, "pickle", "loads")?.call1((pickle,));
        }
        let buffers = buffers
            .iter()
            .map(|buffer| views.of(buffer).and_then(|view| Bound::new(py, view)))
            .collect::<PyResult<Vec<Bound<'py, SharedBuffer>>>>()?;
        LOADS_WITH_BUFFERS.import(py, "rask._serialize", "loads")?.call1((pickle, buffers))
    };
    if deps.is_empty() {
        return load();
    }
    with_values(deps.iter().map(|value| value.clone_ref(py)).collect(), load)
}

/// The pickle of `buffers` numbered `first .. first + count`.
pub fn slice_of(buffers: &[Bytes], first: u64, count: u64) -> PyResult<&[Bytes]> {
    let range = usize::try_from(first).ok().zip(usize::try_from(count).ok());
    range
        .and_then(|(first, count)| buffers.get(first..first.checked_add(count)?))
        .ok_or_else(|| PyValueError::new_err("an encoded value names a buffer that did not come with it"))
}

/// Whether two pickles of `object` give one object, so that it may be met twice: functions, classes, modules.
pub fn identity_is_kept(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `object` is alive; only its type's address and flags are read.
    unsafe {
        let ty = ffi::Py_TYPE(object.as_ptr());
        ffi::PyType_HasFeature(ty, ffi::Py_TPFLAGS_TYPE_SUBCLASS) != 0
            || ty == &raw mut ffi::PyCFunction_Type
            || ty == &raw mut ffi::PyFunction_Type
            || ty == &raw mut ffi::PyModule_Type
    }
}
