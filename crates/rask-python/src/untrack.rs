//! Objects that the cyclic garbage collector need not look at.

use pyo3::ffi;
use pyo3::prelude::*;

/// Takes an object out of the garbage collector's sight: one look at each of a million futures or lazy calls costs more than
/// making them. Only for an object of ours that refers to no Python object which could lead back to it.
#[inline]
pub fn untrack(object: &Bound<'_, PyAny>) {
    // SAFETY: a live object, whose type says that it has the collector's header.
    unsafe {
        if ffi::PyObject_IS_GC(object.as_ptr()) != 0 {
            ffi::PyObject_GC_UnTrack(object.as_ptr().cast());
        }
    }
}
