//! `DelayedLeaf`: a function or value wrapped by `delayed`, which is called to record calls.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, intern};

use super::callee::Callee;
use super::capture::capture_call;
use super::class::Delayed;
use super::key::{NodeKey, key_from_python};
use super::node::{Node, What};
use super::{settings, wrap};

/// In place of a length: unknown.
pub const NO_LENGTH: i64 = -1;

// A lazy function or value. (No documentation for Python: `__doc__` is that of the wrapped object.)
#[allow(missing_docs)]
#[pyclass(frozen, extends = Delayed, subclass, module = "rask.delayed")]
pub struct DelayedLeaf {
    callee: Arc<Callee>,
    pure: Option<bool>,
    length: i64,
}

/// The arguments of a recorded call that are about the call itself.
pub struct CallOptions<'py> {
    /// The node's key, if one was given.
    pub key: Option<NodeKey>,
    /// `pure=`.
    pub pure: Option<Bound<'py, PyAny>>,
    /// The keyword arguments of the function.
    pub kwargs: Option<Bound<'py, PyDict>>,
}

impl<'py> CallOptions<'py> {
    /// Takes `pure`, `dask_key_name` and `rask_key_name` out of the keyword arguments.
    pub fn split(kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<CallOptions<'py>> {
        let Some(kwargs) = kwargs.filter(|kwargs| !kwargs.is_empty()) else {
            return Ok(CallOptions { key: None, pure: None, kwargs: None });
        };
        let py = kwargs.py();
        let take = |name: &Bound<'py, pyo3::types::PyString>| -> PyResult<Option<Bound<'py, PyAny>>> {
            let value = kwargs.get_item(name)?;
            if value.is_some() {
                kwargs.del_item(name)?; // the dict was made for this call
            }
            Ok(value)
        };
        let pure = take(intern!(py, "pure"))?;
        let (ours, dasks) = (take(intern!(py, "rask_key_name"))?, take(intern!(py, "dask_key_name"))?);
        let key = ours.filter(|key| !key.is_none()).or(dasks.filter(|key| !key.is_none()));
        let key = key.map(|key| key_from_python(&key)).transpose()?.map(|key| NodeKey::Named(Box::new(key)));
        Ok(CallOptions { key, pure, kwargs: Some(kwargs.clone()).filter(|kwargs| !kwargs.is_empty()) })
    }
}

/// Records a call of `callee`.
pub fn record<'py>(
    py: Python<'py>,
    callee: &Arc<Callee>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    pure: Option<bool>,
) -> PyResult<Arc<Node>> {
    let options = CallOptions::split(kwargs)?;
    let arguments = capture_call(py, args, options.kwargs.as_ref())?;
    let pure = wrap::purity(py, options.pure.as_ref(), pure)?;
    let annotations = settings::annotations(py)?;
    let node = Arc::new(Node::annotated(What::Call(callee.clone()), arguments, pure, annotations));
    if let Some(key) = options.key {
        let _ = node.key.set(key); // a node just made has none
    }
    Ok(node)
}

impl DelayedLeaf {
    /// The object for `node`, whose value is what `callee` holds.
    pub fn make<'py>(
        py: Python<'py>,
        node: Arc<Node>,
        callee: Arc<Callee>,
        pure: Option<bool>,
        length: i64,
    ) -> PyResult<Bound<'py, DelayedLeaf>> {
        // The length is that of what a call returns; of the wrapped object itself nothing is known.
        let base = PyClassInitializer::from(Delayed::new_raw(node, NO_LENGTH));
        Bound::new(py, base.add_subclass(DelayedLeaf { callee, pure, length }))
    }
}

#[pymethods]
impl DelayedLeaf {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Delayed>> {
        let this = slf.get();
        let node = record(slf.py(), &this.callee, args, kwargs, this.pure)?;
        Delayed::make(slf.py(), node, this.length)
    }

    /// The wrapped object.
    #[getter]
    fn __wrapped__(&self, py: Python<'_>) -> Py<PyAny> {
        self.callee.object.clone_ref(py)
    }

    #[getter]
    fn __name__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.callee
            .object
            .bind(py)
            .getattr(intern!(py, "__name__"))
            .map_err(|_| pyo3::exceptions::PyAttributeError::new_err("Attribute __name__ not found"))
    }

    #[getter]
    fn __doc__(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.callee.object.bind(py).getattr(intern!(py, "__doc__")).ok().map(Bound::unbind)
    }

    #[getter]
    fn _obj(&self, py: Python<'_>) -> Py<PyAny> {
        self.callee.object.clone_ref(py)
    }

    #[getter]
    fn _pure(&self) -> Option<bool> {
        self.pure
    }

    #[getter]
    fn _nout(&self) -> Option<i64> {
        Some(self.length).filter(|&length| length != NO_LENGTH)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = slf.py();
        let this = slf.get();
        let rebuild = py.import("rask.delayed")?.getattr("_rebuild_leaf")?;
        let key = slf.as_super().get().node().python_key(py)?;
        let nout = this._nout();
        let args = (this.callee.object.clone_ref(py), key, this.pure, nout).into_pyobject(py)?.into_any();
        Ok((rebuild, args))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The wrapped object is shared by the recorded calls, which the collector does not know. Only if there are none
        // (this object and its node have the two references) is ours the one reference that the object counts.
        if Arc::strong_count(&self.callee) <= 2 { visit.call(&self.callee.object) } else { Ok(()) }
    }
}

/// Refuses to be called with what only makes sense for functions.
#[cold]
pub fn immutable() -> PyErr {
    PyTypeError::new_err("Delayed objects are immutable")
}
