//! `delayed(obj)`, and what else becomes a node: other collections, dataclasses, namedtuples.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyTuple, PyType};

use super::callee::{self, Callee};
use super::capture::{capture_call, capture_one};
use super::class::Delayed;
use super::key::{NodeKey, key_from_python};
use super::leaf::{DelayedLeaf, NO_LENGTH};
use super::node::{Arguments, Node, What};
use super::settings;

/// Makes a function or a value lazy.
///
/// A function so wrapped records its calls instead of making them; what they return are `Delayed` objects, on which
/// attributes, methods, items and operators are lazy too. `compute` runs what was recorded.
///
/// Parameters
/// ----------
/// obj : object
///     A function, or a value to be used in lazy calls. Delayed objects and other collections inside lists, tuples,
///     sets, dicts, slices, dataclasses and namedtuples are found.
/// name : str, optional
///     The key of the wrapped object itself. Calls get their keys by `dask_key_name` (or `rask_key_name`).
/// pure : bool, optional
///     Equal calls have equal keys, and are one task. If not given, the setting `delayed-pure`, which is False.
/// nout : int, optional
///     How many values a call returns; the result can then be unpacked.
/// traverse : bool
///     Whether to look for Delayed objects inside `obj`.
///
/// Examples
/// --------
/// >>> from rask import delayed
/// >>> @delayed
/// ... def inc(x):
/// ...     return x + 1
/// >>> inc(inc(1))  # doctest: +ELLIPSIS
/// Delayed('inc-...')
///
/// >>> @delayed(nout=2)
/// ... def two():
/// ...     return 1, 2
/// >>> a, b = two()
#[pyfunction]
#[pyo3(
    signature = (obj=Given(None), name=None, pure=None, nout=None, traverse=true),
    text_signature = "(obj, name=None, pure=None, nout=None, traverse=True)"
)]
pub fn delayed<'py>(
    py: Python<'py>,
    obj: Given<'py>,
    name: Option<&Bound<'py, PyAny>>,
    pure: Option<bool>,
    nout: Option<&Bound<'py, PyAny>>,
    traverse: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let length = length_from(nout)?;
    let Given(Some(obj)) = obj else { return decorator(py, name, pure, nout, traverse) };
    if Delayed::node_of(&obj).is_some() {
        return Ok(obj);
    }
    let name = name.map(key_from_python).transpose()?.map(|key| NodeKey::Named(Box::new(key)));
    let pure_here = || pure.map_or_else(|| settings::delayed_pure(py), Ok);
    if traverse && let Some(mut node) = taken_apart(&obj)? {
        if node.key.get().is_none() {
            node.pure = pure_here()?;
            node.annotations = settings::annotations(py)?;
            if let Some(name) = name {
                node = node.with_key(name);
            }
        }
        return Ok(Delayed::make(py, Arc::new(node), length)?.into_any());
    }
    let callee = Callee::of(&obj);
    let mut node = Node::new(What::Value(callee.clone()), Arguments::default(), pure_here()?);
    if let Some(name) = name {
        node = node.with_key(name);
    }
    Ok(DelayedLeaf::make(py, Arc::new(node), callee, pure, length)?.into_any())
}

/// An argument that may be missing, which is not the same as None.
pub struct Given<'py>(pub Option<Bound<'py, PyAny>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Given<'py> {
    type Error = PyErr;

    fn extract(object: pyo3::Borrowed<'a, 'py, PyAny>) -> PyResult<Given<'py>> {
        Ok(Given(Some(object.to_owned())))
    }
}

/// `@delayed(pure=True)`: the function that is to be applied to what is decorated.
fn decorator<'py>(
    py: Python<'py>,
    name: Option<&Bound<'py, PyAny>>,
    pure: Option<bool>,
    nout: Option<&Bound<'py, PyAny>>,
    traverse: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let given = PyDict::new(py);
    if let Some(name) = name {
        given.set_item("name", name)?;
    }
    given.set_item("pure", pure)?;
    given.set_item("nout", nout)?;
    given.set_item("traverse", traverse)?;
    let delayed = py.import("rask._core")?.getattr("delayed")?;
    py.import("functools")?.getattr("partial")?.call((delayed,), Some(&given))
}

fn length_from(nout: Option<&Bound<'_, PyAny>>) -> PyResult<i64> {
    let Some(nout) = nout else { return Ok(NO_LENGTH) };
    let length = if nout.is_exact_instance_of::<PyInt>() { nout.extract::<i64>().ok() } else { None };
    length.filter(|&length| length >= 0).ok_or_else(|| {
        let shown = nout.str().map_or_else(|_| "?".to_owned(), |text| text.to_string());
        PyValueError::new_err(format!("nout must be None or a non-negative integer, got {shown}"))
    })
}

/// The node that makes `obj`, if it is a collection or a container that holds Delayed objects.
fn taken_apart(obj: &Bound<'_, PyAny>) -> PyResult<Option<Node>> {
    let py = obj.py();
    // SAFETY: `obj` is alive.
    let ty = unsafe { ffi::Py_TYPE(obj.as_ptr()) };
    let walked = [
        &raw mut ffi::PyList_Type,
        &raw mut ffi::PyTuple_Type,
        &raw mut ffi::PyDict_Type,
        &raw mut ffi::PySet_Type,
        &raw mut ffi::PySlice_Type,
    ];
    if walked.contains(&ty) {
        let (arguments, holds_delayed) = capture_one(obj)?;
        if !holds_delayed {
            return Ok(None);
        }
        let same = py.import("rask._tasks")?.getattr("same")?;
        let prefix = obj.get_type().name()?.to_string();
        return Ok(Some(Node::new(What::Call(Callee::new(&same, Some(&prefix))), arguments, false)));
    }
    match unpacked(obj)? {
        Unpacked::Node(node) => Ok(Arc::into_inner(node)),
        Unpacked::Items(items) => taken_apart(&items),
        Unpacked::Opaque => Ok(None),
    }
}

/// What an object that is no plain container is to a capture.
pub enum Unpacked<'py> {
    /// Nothing special; kept by reference.
    Opaque,
    /// This node makes it.
    Node(Arc<Node>),
    /// An iterator over a list, tuple or set, with what is left in it.
    Items(Bound<'py, PyAny>),
}

/// How instances of a type are unpacked.
#[derive(Clone, Copy)]
enum Way {
    Opaque,
    Collection,
    Dataclass,
    NamedTuple,
    Iterator(&'static str),
}

struct KnownType {
    way: Way,
    /// Keeps the address from being reused.
    _keep: Py<PyType>,
}

static WAYS: Mutex<Option<HashMap<usize, KnownType>>> = Mutex::new(None);
const WAYS_MAX: usize = 1024;

/// Looks at an object that is no plain container. May run Python code.
pub fn unpacked<'py>(object: &Bound<'py, PyAny>) -> PyResult<Unpacked<'py>> {
    // SAFETY: `object` is alive.
    let address = unsafe { ffi::Py_TYPE(object.as_ptr()) } as usize;
    let known = WAYS.lock().as_ref().and_then(|ways| ways.get(&address)).map(|known| known.way);
    let way = match known {
        Some(way) => way,
        None => learn(&object.get_type())?,
    };
    match way {
        Way::Opaque => Ok(Unpacked::Opaque),
        Way::Collection => collection(object),
        Way::Dataclass => rebuilt(object, "dataclass_fields", "rebuild_dataclass"),
        Way::NamedTuple => rebuilt(object, "namedtuple_items", "rebuild_namedtuple"),
        Way::Iterator(builtin) => {
            Ok(Unpacked::Items(object.py().import("builtins")?.getattr(builtin)?.call1((object,))?))
        }
    }
}

#[cold]
fn learn(ty: &Bound<'_, PyType>) -> PyResult<Way> {
    let py = ty.py();
    let name = ty.name()?.to_string();
    let way = if ty.hasattr("__dask_graph__")? {
        Way::Collection
    } else if ty.hasattr("__dataclass_fields__")? {
        Way::Dataclass
    } else if ty.is_subclass_of::<pyo3::types::PyTuple>()? && ty.hasattr("_fields")? {
        Way::NamedTuple
    } else if ty.module().is_ok_and(|module| module == "builtins") {
        match name.as_str() {
            "list_iterator" => Way::Iterator("list"),
            "tuple_iterator" => Way::Iterator("tuple"),
            "set_iterator" => Way::Iterator("set"),
            _ => Way::Opaque,
        }
    } else {
        Way::Opaque
    };
    let mut forgotten = None;
    {
        let mut ways = WAYS.lock();
        let ways = ways.get_or_insert_with(HashMap::new);
        if ways.len() >= WAYS_MAX {
            forgotten = Some(std::mem::take(ways));
        }
        ways.insert(ty.as_ptr() as usize, KnownType { way, _keep: ty.clone().unbind() });
    }
    drop(forgotten);
    let _ = py;
    Ok(way)
}

/// A dataclass instance or namedtuple is taken apart if a field holds a Delayed object.
fn rebuilt<'py>(object: &Bound<'py, PyAny>, parts: &str, rebuild: &str) -> PyResult<Unpacked<'py>> {
    let py = object.py();
    let module = py.import("rask._tasks")?;
    let parts = module.getattr(parts)?.call1((object,))?;
    if !capture_one(&parts)?.1 {
        return Ok(Unpacked::Opaque);
    }
    let prefix = object.get_type().name()?.to_string();
    let callee = Callee::new(&module.getattr(rebuild)?, Some(&prefix));
    if rebuild == "rebuild_dataclass" {
        module.getattr("check_dataclass")?.call1((object,))?;
    }
    let arguments = capture_call(py, &PyTuple::new(py, [object.get_type().as_any(), &parts])?, None)?;
    Ok(Unpacked::Node(Arc::new(Node::new(What::Call(callee), arguments, false))))
}

/// Another collection: a call of its own finalizer on the values of its keys.
fn collection<'py>(object: &Bound<'py, PyAny>) -> PyResult<Unpacked<'py>> {
    static PARTS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    let parts = PARTS.import(py, "rask._tasks", "collection_parts")?.call1((object,))?;
    if parts.is_none() {
        return Ok(Unpacked::Opaque);
    }
    // The function that makes the value, and what it is called with: nested lists of Delayed objects, and more.
    let (finalize, args): (Bound<'py, PyAny>, Bound<'py, PyTuple>) = parts.extract()?;
    let arguments = capture_call(py, &args, None)?;
    let callee = Callee::new(&finalize, Some("finalize"));
    Ok(Unpacked::Node(Arc::new(Node::new(What::Call(callee), arguments, false))))
}

/// A node that calls a function of the standard library's on one or two arguments, as attributes and operators do.
pub fn pure_call(
    py: Python<'_>,
    module: &'static str,
    function: &'static str,
    arguments: Arguments,
) -> PyResult<Arc<Node>> {
    let mut node = Node::new(What::Call(callee::shared(py, module, function)?), arguments, true);
    node.annotations = settings::annotations(py)?;
    Ok(Arc::new(node))
}

/// Whether a `pure=` argument, else a default, else the setting, says that a call is pure.
pub fn purity(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, default: Option<bool>) -> PyResult<bool> {
    match given {
        Some(pure) if !pure.is_none() => match pure.cast::<PyBool>() {
            Ok(pure) => Ok(pure.is_true()),
            Err(_) => pure.is_truthy(),
        },
        _ => default.map_or_else(|| settings::delayed_pure(py), Ok),
    }
}
