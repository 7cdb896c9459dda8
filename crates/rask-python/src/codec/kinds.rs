//! What an object is to the codec when it is none of Python's own plain types, looked up once per type.

use hashbrown::HashMap;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{ffi, intern};

use super::numpy::{self, Scalar};

/// How objects of one type are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It stands for another task's value.
    Dependency,
    /// Exactly `numpy.ndarray`.
    Array,
    /// One of NumPy's scalar types.
    Scalar(Scalar),
    /// Left to pickle.
    Opaque,
}

/// Types beyond this number are forgotten, all at once: a program that makes classes in a loop must not leak them here.
const TYPES_MAX: usize = 1024;

struct Known {
    kind: Kind,
    /// Keeps the address from being reused for another type.
    _keep: Py<PyType>,
}

static KINDS: Mutex<Option<HashMap<usize, Known>>> = Mutex::new(None);

/// What `object` is. Runs Python code the first time a type is seen.
#[inline]
pub fn kind_of(object: &Bound<'_, PyAny>) -> PyResult<Kind> {
    // SAFETY: `object` is alive.
    let address = unsafe { ffi::Py_TYPE(object.as_ptr()) } as usize;
    if let Some(known) = KINDS.lock().as_ref().and_then(|kinds| kinds.get(&address)) {
        return Ok(known.kind);
    }
    learn(&object.get_type())
}

#[cold]
fn learn(ty: &Bound<'_, PyType>) -> PyResult<Kind> {
    let py = ty.py();
    let future = ty.getattr_opt(intern!(py, "__dask_future__"))?;
    let kind = if future.is_some_and(|mark| mark.is_truthy().unwrap_or(false)) {
        Kind::Dependency
    } else {
        numpy::kind_of_type(ty)?.unwrap_or(Kind::Opaque)
    };
    let known = Known { kind, _keep: ty.clone().unbind() };
    let mut forgotten = None;
    {
        let mut kinds = KINDS.lock();
        let kinds = kinds.get_or_insert_with(HashMap::new);
        if kinds.len() >= TYPES_MAX {
            forgotten = Some(std::mem::take(kinds));
        }
        kinds.insert(ty.as_ptr() as usize, known);
    }
    drop(forgotten); // may run Python code, so not under the lock
    Ok(kind)
}
