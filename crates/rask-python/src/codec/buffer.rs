//! Bytes that Python and Rust share: Rust's [`Bytes`] as a Python buffer, a Python buffer as [`Bytes`].

use std::ffi::c_int;

use bytes::Bytes;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// Memory received from elsewhere, as an object with Python's buffer protocol.
#[pyclass(frozen, module = "rask._core")]
pub struct SharedBuffer {
    bytes: Bytes,
    writable: bool,
}

impl SharedBuffer {
    /// A read-only view.
    pub fn read_only(bytes: Bytes) -> SharedBuffer {
        SharedBuffer { bytes, writable: false }
    }

    /// A view through which Python may write.
    ///
    /// # Safety
    /// `bytes` lies in memory that may be written to, and nobody reads it through another `Bytes` while the view lives.
    pub unsafe fn writable(bytes: Bytes) -> SharedBuffer {
        SharedBuffer { bytes, writable: true }
    }
}

#[pymethods]
impl SharedBuffer {
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE && !this.writable {
            return Err(PyBufferError::new_err("this memory is shared and can only be read"));
        }
        let start = this.bytes.as_ptr().cast_mut().cast();
        let len = this.bytes.len() as ffi::Py_ssize_t;
        // SAFETY: `view` comes from the interpreter; the memory lives as long as `slf`, to which the view holds a
        // reference; it is written to only if whoever made this object promised that it may be.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, c_int::from(!this.writable), flags)
        };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }

    fn __len__(&self) -> usize {
        self.bytes.len()
    }

    fn __repr__(&self) -> String {
        format!("<SharedBuffer: {} bytes>", self.bytes.len())
    }
}

/// The memory of `object`, not copied. The caller answers for nobody writing to it while the bytes live.
pub fn share(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    // The memoryview keeps the memory in place. Unlike a `PyBuffer`, which attaches to the interpreter to release
    // itself, it can be dropped on a thread that must never wait for the interpreter.
    let view = PyMemoryView::from(object)?;
    let buffer = contiguous(&view)?;
    let (start, len) = (buffer.buf_ptr().cast::<u8>().cast_const(), buffer.len_bytes());
    drop(buffer);
    // SAFETY: the view lives as long as the `Owned`, and while it does the exporter may not move its memory; that nobody
    // writes to it is the caller's promise.
    Ok(Bytes::from_owner(unsafe { Owned::new(start, len, view.into_any().unbind()) }))
}

/// A copy of the memory of `object`.
pub fn copy(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    share(object).map(|bytes| Bytes::copy_from_slice(&bytes))
}

fn contiguous(object: &Bound<'_, PyAny>) -> PyResult<PyBuffer<u8>> {
    let buffer = PyBuffer::<u8>::get(object)?;
    if buffer.is_c_contiguous() || buffer.is_fortran_contiguous() {
        Ok(buffer)
    } else {
        Err(PyBufferError::new_err("the buffer is not contiguous"))
    }
}

/// An object whose memory `Bytes` point into, where it offers no buffer for it.
pub struct Owned {
    start: *const u8,
    len: usize,
    _owner: Py<PyAny>,
}

// SAFETY: the memory is only read, and the owner is only dropped, which PyO3 allows on any thread.
unsafe impl Send for Owned {}

impl Owned {
    /// `len` bytes from `start` within memory that `owner` keeps in place.
    ///
    /// # Safety
    /// The memory is valid as long as `owner` lives, and nobody writes to it while this lives.
    pub unsafe fn new(start: *const u8, len: usize, owner: Py<PyAny>) -> Owned {
        Owned { start, len, _owner: owner }
    }
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: promised by whoever called `new`.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}
