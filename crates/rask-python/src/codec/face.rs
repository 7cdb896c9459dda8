//! The codec as Python functions: for tests, tools and the Python parts of rask that store or send values.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use rask_types::Payload;

use super::buffer;
use super::call;
use super::dependencies::ObjectDependencies;
use super::encode::{Capture, Encoded, encode_value};
use super::{Views, decode_value, token};

/// An encoded value or call.
#[pyclass(frozen, module = "rask._core")]
pub struct EncodedValue {
    encoded: Encoded,
    dependencies: ObjectDependencies,
}

#[pymethods]
impl EncodedValue {
    /// The value in the tagged codec.
    #[getter]
    fn head<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.encoded.head)
    }

    /// What the head refers to by number.
    #[getter]
    fn buffers(&self) -> Vec<buffer::SharedBuffer> {
        self.encoded.buffers.iter().map(|bytes| buffer::SharedBuffer::read_only(bytes.clone())).collect()
    }

    /// The objects whose values are to take the place of themselves, by number.
    #[getter]
    fn dependencies(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.dependencies.objects.iter().map(|object| object.clone_ref(py)).collect()
    }

    /// The futures that are delivered as such.
    #[getter]
    fn holds(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.dependencies.holds.iter().map(|object| object.clone_ref(py)).collect()
    }

    /// Bytes that sending it moves.
    #[getter]
    fn nbytes(&self) -> usize {
        self.encoded.head.len() + self.encoded.buffers.iter().map(Bytes::len).sum::<usize>()
    }
}

fn capture(share: bool) -> Capture {
    if share { Capture::Share } else { Capture::Copy }
}

/// Encodes one value. `share`: large memory is borrowed instead of copied.
#[pyfunction]
#[pyo3(signature = (value, *, share=false))]
pub fn encode(value: &Bound<'_, PyAny>, share: bool) -> PyResult<EncodedValue> {
    let mut dependencies = ObjectDependencies::default();
    let encoded = encode_value(value, capture(share), &mut dependencies)?;
    Ok(EncodedValue { encoded, dependencies })
}

/// Encodes the arguments of a call.
#[pyfunction]
#[pyo3(signature = (args, kwargs=None, *, share=false))]
pub fn encode_call(
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    share: bool,
) -> PyResult<EncodedValue> {
    let mut dependencies = ObjectDependencies::default();
    let encoded = call::encode_call(args, kwargs, capture(share), &mut dependencies)?;
    Ok(EncodedValue { encoded, dependencies })
}

fn payload_of(head: &[u8], buffers: Vec<Bound<'_, PyAny>>) -> PyResult<Payload> {
    let buffers = buffers.iter().map(buffer::share).collect::<PyResult<_>>()?;
    Ok(Payload { head: Bytes::copy_from_slice(head), buffers, local: None })
}

fn views_named(name: &str) -> PyResult<Views> {
    match name {
        "copies" => Ok(Views::Copies),
        "read-only" => Ok(Views::ReadOnly),
        _ => Err(PyValueError::new_err(format!("views are \"copies\" or \"read-only\", not {name:?}"))),
    }
}

/// Decodes one value; `deps` are the values of its dependencies.
#[pyfunction]
#[pyo3(signature = (head, buffers=vec![], deps=vec![], *, views="copies"))]
pub fn decode<'py>(
    py: Python<'py>,
    head: &[u8],
    buffers: Vec<Bound<'py, PyAny>>,
    deps: Vec<Py<PyAny>>,
    views: &str,
) -> PyResult<Bound<'py, PyAny>> {
    decode_value(py, &payload_of(head, buffers)?, &deps, views_named(views)?)
}

/// Decodes the arguments of a call to a tuple and a dict.
#[pyfunction]
#[pyo3(signature = (head, buffers=vec![], deps=vec![], *, views="copies"))]
pub fn decode_call<'py>(
    py: Python<'py>,
    head: &[u8],
    buffers: Vec<Bound<'py, PyAny>>,
    deps: Vec<Py<PyAny>>,
    views: &str,
) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
    let payload = payload_of(head, buffers)?;
    let (args, kwargs) = call::decode_call(py, &payload, &deps, views_named(views)?)?;
    Ok((args, kwargs.unwrap_or_else(|| PyDict::new(py))))
}

/// Calls `function` with encoded arguments.
#[pyfunction]
#[pyo3(signature = (function, head, buffers=vec![], deps=vec![]))]
pub fn call_encoded<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    head: &[u8],
    buffers: Vec<Bound<'py, PyAny>>,
    deps: Vec<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    call::invoke(py, function, &payload_of(head, buffers)?, &deps, Views::Copies)?
}

/// The canonical 128-bit token of a value, or None if it has no deterministic one.
#[pyfunction]
pub fn value_token(value: &Bound<'_, PyAny>) -> PyResult<Option<u128>> {
    token::value_token(value)
}
