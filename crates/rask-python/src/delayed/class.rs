//! `Delayed`: a lazy value in Python.

use std::sync::Arc;

use pyo3::class::basic::CompareOp;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use pyo3::{PyTraverseError, PyTypeInfo, ffi, intern};

use super::attr::DelayedAttr;
use super::callee;
use super::capture::{capture_call, capture_node, capture_pair};
use super::key::{NodeKey, key_from_python};
use super::leaf::{DelayedLeaf, NO_LENGTH, immutable, record};
use super::node::{Node, What};
use super::{rows, view, wrap};
use crate::graph::source::GraphSource;
use crate::untrack::untrack;

/// A value to be computed: the output of one task of a lazy graph.
#[pyclass(frozen, subclass, module = "rask.delayed")]
pub struct Delayed {
    node: Arc<Node>,
    length: i64,
}

impl Delayed {
    /// The contents of an object.
    pub fn new_raw(node: Arc<Node>, length: i64) -> Delayed {
        Delayed { node, length }
    }

    /// A new object.
    #[inline]
    pub fn make(py: Python<'_>, node: Arc<Node>, length: i64) -> PyResult<Bound<'_, Delayed>> {
        let untracked = node.is_free_of_references();
        let object = Bound::new(py, Delayed { node, length })?;
        if untracked {
            untrack(&object);
        }
        Ok(object)
    }

    /// The node behind a Python object, if it is exactly a `Delayed`, `DelayedLeaf` or `DelayedAttr`.
    #[inline]
    pub fn node_of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Arc<Node>> {
        let py = object.py();
        // SAFETY: `object` is alive.
        let ty = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        let ours = ty == Delayed::type_object_raw(py)
            || ty == DelayedLeaf::type_object_raw(py)
            || ty == DelayedAttr::type_object_raw(py);
        // SAFETY: of the type or one that extends it.
        ours.then(|| &unsafe { object.cast_unchecked::<Delayed>() }.get().node)
    }

    /// The node.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    fn iterable_length(&self, error: &'static str) -> PyResult<i64> {
        if self.length == NO_LENGTH { Err(PyTypeError::new_err(error)) } else { Ok(self.length) }
    }
}

/// `module.function(first, second)`, lazily.
fn binary<'py>(
    function: &'static str,
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, Delayed>> {
    let py = first.py();
    let node = wrap::pure_call(py, "operator", function, capture_pair(py, first, second)?)?;
    Delayed::make(py, node, NO_LENGTH)
}

fn unary<'py>(function: &'static str, object: &Bound<'py, Delayed>) -> PyResult<Bound<'py, Delayed>> {
    let py = object.py();
    let node = wrap::pure_call(py, "operator", function, capture_node(&object.get().node))?;
    Delayed::make(py, node, NO_LENGTH)
}

fn power<'py>(
    base: &Bound<'py, PyAny>,
    exponent: &Bound<'py, PyAny>,
    modulo: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Delayed>> {
    let Some(modulo) = modulo.filter(|modulo| !modulo.is_none()) else {
        return binary("pow", base, exponent);
    };
    let py = base.py();
    let arguments = capture_call(py, &PyTuple::new(py, [base, exponent, modulo])?, None)?;
    Delayed::make(py, wrap::pure_call(py, "builtins", "pow", arguments)?, NO_LENGTH)
}

type Lazy<'py> = PyResult<Bound<'py, Delayed>>;

/// `rask.base.compute` or `persist` of one lazy value, whose insides are not searched for others.
fn of_this_alone<'py>(
    slf: &Bound<'py, Delayed>,
    function: &str,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let kwargs = kwargs.map_or_else(|| PyDict::new(py), Bound::clone);
    kwargs.set_item("traverse", false)?;
    py.import("rask.base")?.getattr(function)?.call((slf,), Some(&kwargs))?.get_item(0)
}

#[pymethods]
impl Delayed {
    /// The output `key` of a graph.
    #[new]
    #[pyo3(signature = (key, dsk, length=None, layer=None))]
    fn new(
        key: &Bound<'_, PyAny>,
        dsk: &Bound<'_, PyAny>,
        length: Option<i64>,
        layer: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Delayed> {
        let source = GraphSource::of(dsk, layer)?;
        let node = Node::new(What::InGraph(source), super::node::Arguments::default(), false);
        let node = node.with_key(NodeKey::Named(Box::new(key_from_python(key)?)));
        Ok(Delayed { node: Arc::new(node), length: length.unwrap_or(NO_LENGTH) })
    }

    /// The task's key.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.node.python_key(py)
    }

    #[getter]
    fn _key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.node.python_key(py)
    }

    #[getter]
    fn _length(&self) -> Option<i64> {
        Some(self.length).filter(|&length| length != NO_LENGTH)
    }

    #[getter]
    fn _layer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        view::layer_name(py, &self.node)
    }

    /// The graph, in layers: one per recorded call.
    #[getter]
    fn dask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        view::layered_graph(py, &self.node)
    }

    fn __dask_graph__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        view::layered_graph(py, &self.node)
    }

    fn __dask_keys__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, [self.node.python_key(py)?])
    }

    fn __dask_layers__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [view::layer_name(py, &self.node)?])
    }

    fn __dask_tokenize__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.node.python_key(py)
    }

    fn __dask_postcompute__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        Ok((py.import("rask.delayed")?.getattr("single_key")?, PyTuple::empty(py)))
    }

    fn __dask_postpersist__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        Ok((slf.getattr(intern!(slf.py(), "_rebuild"))?, PyTuple::empty(slf.py())))
    }

    /// This value on another graph, such as one whose tasks are done.
    #[pyo3(signature = (dsk, *, rename=None))]
    fn _rebuild<'py>(
        slf: &Bound<'py, Self>,
        dsk: &Bound<'py, PyAny>,
        rename: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let rebuild = py.import("rask.delayed")?.getattr("_rebuild_delayed")?;
        let this = slf.get();
        rebuild.call1((this.key(py)?, dsk, this._length(), rename))
    }

    #[getter]
    fn __dask_optimize__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.import("rask.delayed")?.getattr("optimize")?.unbind())
    }

    #[getter]
    fn __dask_scheduler__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.import("rask.delayed")?.getattr("default_get")?.unbind())
    }

    /// Computes the value.
    ///
    /// Parameters
    /// ----------
    /// scheduler : str, callable or Client, optional
    ///     Where to run; if not given, the default client, or the engine inside this process.
    /// optimize_graph : bool, optional
    ///     Whether to optimize the graph first; it is by default.
    /// **kwargs
    ///     Further arguments for the scheduler.
    #[pyo3(signature = (**kwargs))]
    fn compute<'py>(
        slf: &Bound<'py, Self>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        of_this_alone(slf, "compute", kwargs)
    }

    /// Computes the value and leaves it where it was made: a lazy value whose work is done, or under way.
    #[pyo3(signature = (**kwargs))]
    fn persist<'py>(
        slf: &Bound<'py, Self>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        of_this_alone(slf, "persist", kwargs)
    }

    /// Draws the graph.
    ///
    /// Parameters
    /// ----------
    /// filename : str or None
    ///     Where to write the picture; None writes no file.
    /// format : str, optional
    ///     Such as "png" or "svg"; else what the file name says, else "png".
    /// optimize_graph : bool
    ///     Whether to optimize the graph first.
    /// **kwargs
    ///     See `rask.visualize`.
    #[pyo3(signature = (filename=wrap::Given(None), format=None, optimize_graph=false, **kwargs), text_signature = "($self, filename='mydask', format=None, optimize_graph=False, **kwargs)")]
    fn visualize<'py>(
        slf: &Bound<'py, Self>,
        filename: wrap::Given<'py>,
        format: Option<&Bound<'py, PyAny>>,
        optimize_graph: bool,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let kwargs = kwargs.map_or_else(|| PyDict::new(py), Bound::clone);
        let filename = match filename {
            wrap::Given(None) => PyString::new(py, "mydask").into_any(),
            wrap::Given(Some(filename)) => filename,
        };
        kwargs.set_item("filename", filename)?;
        kwargs.set_item("format", format)?;
        kwargs.set_item("optimize_graph", optimize_graph)?;
        kwargs.set_item("traverse", false)?;
        py.import("rask.base")?.getattr("visualize")?.call((slf,), Some(&kwargs))
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("rask.base")?.getattr("DaskMethodsMixin")?.getattr("__await__")?.call1((slf,))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Lazy<'py> {
        let py = slf.py();
        let with_function = std::iter::once(slf.as_any().clone()).chain(args.iter());
        let args = PyTuple::new(py, with_function.collect::<Vec<_>>())?;
        let apply = callee::shared(py, "rask._tasks", "apply_first")?;
        Delayed::make(py, record(py, &apply, &args, kwargs, None)?, NO_LENGTH)
    }

    fn __getattr__<'py>(slf: &Bound<'py, Self>, attr: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        if attr.to_str()?.starts_with('_') {
            return Err(PyAttributeError::new_err(format!("Attribute {attr} not found")));
        }
        if attr == "visualise" {
            let warnings = slf.py().import("warnings")?;
            let text = "rask.delayed objects have no `visualise` method. Perhaps you meant `visualize`?";
            warnings.call_method1("warn", (text,))?;
        }
        Ok(DelayedAttr::make(slf, attr)?.into_any())
    }

    fn __setattr__(&self, _attr: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(immutable())
    }

    fn __setitem__(&self, _index: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(immutable())
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("getitem", slf.as_any(), index)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let length = slf.get().iterable_length("Delayed objects of unspecified length are not iterable")?;
        let items = (0..length)
            .map(|at| binary("getitem", slf.as_any(), at.into_pyobject(slf.py())?.as_any()))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(slf.py(), items)?.try_iter()?.into_any())
    }

    fn __len__(&self) -> PyResult<usize> {
        let length = self.iterable_length("Delayed objects of unspecified length have no len()")?;
        Ok(length as usize)
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("Truth of Delayed objects is not supported"))
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: Option<&Bound<'py, PyAny>>,
        _owner: Option<&Bound<'py, PyType>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match instance.filter(|instance| !instance.is_none()) {
            None => Ok(slf.as_any().clone()),
            Some(instance) => {
                let method = slf.py().import("types")?.getattr("MethodType")?;
                method.call1((slf, instance))
            }
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Delayed({})", self.node.python_key(py)?.repr()?))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("rask._delayed_html")?.getattr("delayed_html")?.call1((slf,))
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.node.python_key(py)?.hash()
    }

    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        py.import("builtins")?.getattr("dir")?.call1((slf.get_type(),))
    }

    fn __richcmp__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>, op: CompareOp) -> Lazy<'py> {
        let function = match op {
            CompareOp::Lt => "lt",
            CompareOp::Le => "le",
            CompareOp::Eq => "eq",
            CompareOp::Ne => "ne",
            CompareOp::Gt => "gt",
            CompareOp::Ge => "ge",
        };
        binary(function, slf.as_any(), other)
    }

    fn __abs__<'py>(slf: &Bound<'py, Self>) -> Lazy<'py> {
        unary("abs", slf)
    }
    fn __neg__<'py>(slf: &Bound<'py, Self>) -> Lazy<'py> {
        unary("neg", slf)
    }
    fn __pos__<'py>(slf: &Bound<'py, Self>) -> Lazy<'py> {
        unary("pos", slf)
    }
    fn __invert__<'py>(slf: &Bound<'py, Self>) -> Lazy<'py> {
        unary("invert", slf)
    }
    fn __add__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("add", slf.as_any(), other)
    }
    fn __radd__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("add", other, slf.as_any())
    }
    fn __sub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("sub", slf.as_any(), other)
    }
    fn __rsub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("sub", other, slf.as_any())
    }
    fn __mul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("mul", slf.as_any(), other)
    }
    fn __rmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("mul", other, slf.as_any())
    }
    fn __matmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("matmul", slf.as_any(), other)
    }
    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("matmul", other, slf.as_any())
    }
    fn __truediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("truediv", slf.as_any(), other)
    }
    fn __rtruediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("truediv", other, slf.as_any())
    }
    fn __floordiv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("floordiv", slf.as_any(), other)
    }
    fn __rfloordiv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("floordiv", other, slf.as_any())
    }
    fn __mod__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("mod", slf.as_any(), other)
    }
    fn __rmod__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("mod", other, slf.as_any())
    }
    fn __and__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("and_", slf.as_any(), other)
    }
    fn __rand__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("and_", other, slf.as_any())
    }
    fn __or__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("or_", slf.as_any(), other)
    }
    fn __ror__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("or_", other, slf.as_any())
    }
    fn __xor__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("xor", slf.as_any(), other)
    }
    fn __rxor__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("xor", other, slf.as_any())
    }
    fn __lshift__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("lshift", slf.as_any(), other)
    }
    fn __rlshift__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("lshift", other, slf.as_any())
    }
    fn __rshift__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("rshift", slf.as_any(), other)
    }
    fn __rrshift__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Lazy<'py> {
        binary("rshift", other, slf.as_any())
    }
    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        modulo: Option<&Bound<'py, PyAny>>,
    ) -> Lazy<'py> {
        power(slf.as_any(), other, modulo)
    }
    fn __rpow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        modulo: Option<&Bound<'py, PyAny>>,
    ) -> Lazy<'py> {
        power(other, slf.as_any(), modulo)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        rows::reduce(slf.py(), &slf.get().node, slf.get().length)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A node's objects are counted once, by the node. Only if nothing else has the node do its references count as
        // this object's.
        if Arc::strong_count(&self.node) > 1 {
            return Ok(());
        }
        self.node.arguments.refs.iter().try_for_each(|(_, object)| visit.call(object))
    }
}
