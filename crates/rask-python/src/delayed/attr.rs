//! `DelayedAttr`: an attribute of a lazy value, which may be called as a method.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::callee;
use super::capture::capture_pair;
use super::class::Delayed;
use super::leaf::{NO_LENGTH, record};
use super::node::Node;
use super::wrap;

/// A lazy attribute.
#[pyclass(frozen, extends = Delayed, subclass, module = "rask.delayed")]
pub struct DelayedAttr {
    object: Arc<Node>,
    attr: Py<PyString>,
}

impl DelayedAttr {
    /// The attribute `attr` of a lazy value.
    pub fn make<'py>(
        object: &Bound<'py, Delayed>,
        attr: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, DelayedAttr>> {
        let py = object.py();
        let node =
            wrap::pure_call(py, "builtins", "getattr", capture_pair(py, object.as_any(), attr.as_any())?)?;
        let base = PyClassInitializer::from(Delayed::new_raw(node, NO_LENGTH));
        let this = DelayedAttr { object: object.get().node().clone(), attr: attr.clone().unbind() };
        Bound::new(py, base.add_subclass(this))
    }
}

#[pymethods]
impl DelayedAttr {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Delayed>> {
        let py = slf.py();
        let this = slf.get();
        let object = Delayed::make(py, this.object.clone(), NO_LENGTH)?.into_any();
        let with_object = std::iter::once(object).chain(args.iter());
        let args = PyTuple::new(py, with_object.collect::<Vec<_>>())?;
        let node = record(py, &callee::method(this.attr.bind(py))?, &args, kwargs, None)?;
        Delayed::make(py, node, NO_LENGTH)
    }

    #[getter]
    fn _obj<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Delayed>> {
        Delayed::make(py, self.object.clone(), NO_LENGTH)
    }

    #[getter]
    fn _attr(&self, py: Python<'_>) -> Py<PyString> {
        self.attr.clone_ref(py)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = slf.py();
        let getattr = py.import("builtins")?.getattr("getattr")?;
        let args = (slf.get()._obj(py)?, slf.get()._attr(py)).into_pyobject(py)?.into_any();
        Ok((getattr, args))
    }
}
