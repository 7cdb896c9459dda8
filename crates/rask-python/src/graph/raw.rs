//! Graphs that came as Python objects, `{key: (function, argument, …)}`, turned into nodes.
//!
//! A computation is, as `rask.core` says: a task, a tuple that begins with a callable; a key of the graph; a list, tuple or set
//! of computations; an object that says its `dependencies` and can be called with their values (Dask's own task objects);
//! anything else, itself. A task with tasks among its arguments becomes one node, whose inner calls are one program.

use std::sync::Arc;

use hashbrown::HashMap;
use pyo3::exceptions::{PyRecursionError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use rask_types::KeyId;
use rask_types::value::{DEPTH_MAX, put_varint, tag};
use smallvec::SmallVec;

use crate::codec::encode::scalar;
use crate::codec::kinds::{Kind, kind_of};
use crate::delayed::callee::{self, Callee};
use crate::delayed::class::Delayed;
use crate::delayed::key::{NodeKey, key_from_python};
use crate::delayed::node::{Arguments, Node, What};

/// A computation taken apart, its dependencies still numbers of other entries.
enum Entry {
    Call { callee: Arc<Callee>, head: Vec<u8>, refs: Vec<(u32, Py<PyAny>)>, deps: Vec<Dep> },
    Value(Arc<Callee>),
    Future(Py<PyAny>),
    Alias(Dep),
}

/// What an argument stands for.
#[derive(Clone)]
enum Dep {
    /// Another entry of the graph.
    Entry(u32),
    /// A lazy value that was put into the graph.
    Node(Arc<Node>),
}

/// The nodes of a graph, by key.
pub fn nodes_of(graph: &Bound<'_, PyAny>) -> PyResult<HashMap<KeyId, Arc<Node>>> {
    let py = graph.py();
    let read = py.import("rask._tasks")?.getattr("graph_entries")?.call1((graph,))?;
    // Keys, computations and annotations, in the graph's order.
    let [keys, computations, annotations]: [Vec<Bound<'_, PyAny>>; 3] = read.extract()?;
    let numbers = PyDict::new(py);
    for (number, key) in keys.iter().enumerate() {
        numbers.set_item(key, number)?;
    }
    let reader = GraphReader { py, numbers, callees: std::cell::RefCell::default() };
    let entries =
        computations.iter().map(|computation| reader.entry(computation)).collect::<PyResult<Vec<_>>>()?;
    let order = order_of(py, &entries, &keys)?;
    let mut nodes: Vec<Option<Arc<Node>>> = entries.iter().map(|_| None).collect();
    let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    for at in order {
        let at = at as usize;
        let found = |dep: &Dep| match dep {
            Dep::Node(node) => Ok(node.clone()),
            Dep::Entry(number) => nodes[*number as usize].clone().ok_or_else(|| {
                PyRuntimeError::new_err("an entry of a graph was reached before one that it depends on")
            }),
        };
        let Some(entry) = entries[at].take() else { continue };
        let (what, arguments) = match entry {
            Entry::Alias(dep) => {
                nodes[at] = Some(found(&dep)?);
                continue;
            }
            Entry::Value(callee) => (What::Value(callee), Arguments::default()),
            Entry::Future(future) => (What::Future(future), Arguments::default()),
            Entry::Call { callee, head, refs, deps } => {
                let deps = deps.iter().map(found).collect::<PyResult<SmallVec<_>>>()?;
                let refs = refs.into_boxed_slice();
                (What::Call(callee), Arguments { head: SmallVec::from_vec(head), refs, deps })
            }
        };
        let mut node = Node::new(what, arguments, false);
        if !annotations[at].is_none() {
            let pair = (&annotations[at], py.None()).into_pyobject(py)?;
            node.annotations = Some(pair.into_any().unbind());
        }
        let key = key_from_python(&keys[at])?;
        nodes[at] = Some(Arc::new(node.with_key(NodeKey::Named(Box::new(key)))));
    }
    let mut by_key = HashMap::with_capacity(keys.len());
    for (key, node) in keys.iter().zip(nodes) {
        if let Some(node) = node {
            by_key.insert(key_from_python(key)?.id(), node);
        }
    }
    Ok(by_key)
}

/// All entries, each after those it depends on; a cycle is the user's error.
fn order_of(py: Python<'_>, entries: &[Entry], keys: &[Bound<'_, PyAny>]) -> PyResult<Vec<u32>> {
    let mut builder = rask_graph::CsrBuilder::with_capacity(entries.len(), entries.len());
    let number = |dep: &Dep| match dep {
        Dep::Entry(number) => Some(*number),
        Dep::Node(_) => None,
    };
    for entry in entries {
        match entry {
            Entry::Call { deps, .. } => builder.push(deps.iter().filter_map(number)),
            Entry::Alias(dep) => builder.push(number(dep)),
            Entry::Value(_) | Entry::Future(_) => builder.push([]),
        }
    }
    let graph = builder.finish().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    match rask_graph::topological_order(&graph) {
        Ok(order) => Ok(order),
        Err(_) => {
            let cycle = rask_graph::find_cycle(&graph).unwrap_or_default();
            let keys: Vec<_> = cycle.iter().map(|&at| keys[at as usize].clone()).collect();
            let message = py.import("rask._tasks")?.getattr("cycle_message")?.call1((keys,))?;
            Err(PyRuntimeError::new_err(message.extract::<String>()?))
        }
    }
}

struct GraphReader<'py> {
    py: Python<'py>,
    numbers: Bound<'py, PyDict>,
    /// One callee per function.
    callees: std::cell::RefCell<HashMap<usize, Arc<Callee>>>,
}

/// The arguments of one computation being read.
#[derive(Default)]
struct Reading {
    head: Vec<u8>,
    refs: Vec<(u32, Py<PyAny>)>,
    deps: Vec<Dep>,
    numbers: HashMap<usize, u32>,
}

impl Reading {
    fn dependency(&mut self, dep: Dep) {
        let identity = match &dep {
            Dep::Entry(number) => *number as usize,
            Dep::Node(node) => Arc::as_ptr(node) as usize,
        };
        let next = self.deps.len() as u32;
        let number = *self.numbers.entry(identity).or_insert(next);
        if number == next {
            self.deps.push(dep);
        }
        self.head.push(tag::DEP);
        put_varint(&mut self.head, u64::from(number));
    }

    fn reference(&mut self, object: &Bound<'_, PyAny>) {
        self.refs.push((self.head.len() as u32, object.clone().unbind()));
    }
}

impl<'py> GraphReader<'py> {
    fn callee(&self, function: &Bound<'py, PyAny>) -> Arc<Callee> {
        let mut callees = self.callees.borrow_mut();
        callees.entry(function.as_ptr() as usize).or_insert_with(|| Callee::new(function, None)).clone()
    }

    /// One computation.
    fn entry(&self, computation: &Bound<'py, PyAny>) -> PyResult<Entry> {
        if let Some(dep) = self.dep(computation)? {
            return Ok(Entry::Alias(dep));
        }
        if let Some((function, args)) = task(computation)? {
            if args.is_empty() && is_literal(&function)? {
                return Ok(Entry::Value(Callee::new(&function.getattr("data")?, None)));
            }
            return self.call(&function, &args);
        }
        if kind_of(computation)? == Kind::Dependency {
            return Ok(Entry::Future(computation.clone().unbind()));
        }
        if let Some(args) = task_object(computation)? {
            // `run_task(task, keys, *values)`: the keys are what the task calls its dependencies.
            let run = callee::shared(self.py, "rask._tasks", "run_task")?;
            let mut reading = Reading::default();
            let (task, keys): (Bound<'py, PyAny>, Bound<'py, PyTuple>) = args.extract()?;
            put_varint(&mut reading.head, 2 + keys.len() as u64);
            reading.reference(&task);
            reading.reference(keys.as_any());
            for key in keys.iter() {
                match self.dep(&key)? {
                    Some(dep) => reading.dependency(dep),
                    None => {
                        let key = key.repr()?;
                        return Err(pyo3::exceptions::PyKeyError::new_err(format!(
                            "a task needs {key}, which the graph lacks"
                        )));
                    }
                }
            }
            reading.head.push(0);
            return Ok(finish(run, reading));
        }
        let mut reading = Reading::default();
        reading.head.push(1);
        if self.value(&mut reading, computation, 0)? {
            reading.head.push(0);
            let same = self.py.import("rask._tasks")?.getattr("same")?;
            let prefix = computation.get_type().name()?.to_string();
            return Ok(finish(Callee::new(&same, Some(&prefix)), reading));
        }
        Ok(Entry::Value(Callee::new(computation, None)))
    }

    fn call(&self, function: &Bound<'py, PyAny>, args: &Bound<'py, PyTuple>) -> PyResult<Entry> {
        static FLATTEN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = self.py;
        if has_inner_tasks(args, 0)? || is_apply(function)? {
            // One program, and what it is called with.
            let flatten = FLATTEN.import(py, "rask._tasks", "flatten_task")?;
            let flat = flatten.call1((function, args, &self.numbers))?;
            let (callee_object, leaves, prefix): (Bound<'py, PyAny>, Bound<'py, PyTuple>, Option<String>) =
                flat.extract()?;
            let callee = match prefix {
                Some(prefix) => Callee::new(&callee_object, Some(&prefix)),
                None => self.callee(&callee_object),
            };
            return self.flat_call(callee, &leaves);
        }
        self.flat_call(self.callee(function), args)
    }

    fn flat_call(&self, callee: Arc<Callee>, args: &Bound<'py, PyTuple>) -> PyResult<Entry> {
        let mut reading = Reading::default();
        put_varint(&mut reading.head, args.len() as u64);
        for arg in args.iter_borrowed() {
            self.value(&mut reading, &arg, 0)?;
        }
        reading.head.push(0);
        Ok(finish(callee, reading))
    }

    /// What `object` stands for, if it is a key of the graph or a lazy value.
    fn dep(&self, object: &Bound<'py, PyAny>) -> PyResult<Option<Dep>> {
        if let Some(node) = Delayed::node_of(object) {
            return Ok(Some(Dep::Node(node.clone())));
        }
        // SAFETY: `object` is alive.
        let ty = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        let may_be_key = ty == &raw mut ffi::PyUnicode_Type
            || ty == &raw mut ffi::PyTuple_Type
            || ty == &raw mut ffi::PyLong_Type
            || ty == &raw mut ffi::PyFloat_Type
            || ty == &raw mut ffi::PyBytes_Type;
        if !may_be_key {
            return Ok(None);
        }
        // A tuple with something unhashable in it is no key.
        let number = self.numbers.get_item(object).ok().flatten();
        number.map(|number| Ok(Dep::Entry(number.extract()?))).transpose()
    }

    /// Writes one argument; true if it is or holds a dependency.
    fn value(&self, reading: &mut Reading, object: &Bound<'py, PyAny>, depth: usize) -> PyResult<bool> {
        if let Some(dep) = self.dep(object)? {
            reading.dependency(dep);
            return Ok(true);
        }
        if scalar(&mut reading.head, object) {
            return Ok(false);
        }
        // SAFETY: `object` is alive.
        let ty = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        if ty == &raw mut ffi::PyUnicode_Type
            // SAFETY: exactly a str.
            && let Ok(text) = unsafe { object.cast_unchecked::<PyString>() }.to_str()
            && text.len() <= 1024
        {
            reading.head.push(tag::STR);
            put_varint(&mut reading.head, text.len() as u64);
            reading.head.extend_from_slice(text.as_bytes());
            return Ok(false);
        }
        let tag = if ty == &raw mut ffi::PyList_Type {
            tag::LIST
        } else if ty == &raw mut ffi::PyTuple_Type {
            tag::TUPLE
        } else if ty == &raw mut ffi::PySet_Type {
            tag::SET
        } else {
            reading.reference(object);
            return Ok(false);
        };
        if depth >= DEPTH_MAX {
            return Err(PyRecursionError::new_err("a computation is nested too deep, or contains itself"));
        }
        let (head_len, refs_len) = (reading.head.len(), reading.refs.len());
        reading.head.push(tag);
        put_varint(&mut reading.head, object.len()? as u64);
        let mut holds = false;
        for item in object.try_iter()? {
            holds |= self.value(reading, &item?, depth + 1)?;
        }
        if !holds {
            reading.head.truncate(head_len);
            reading.refs.truncate(refs_len);
            reading.reference(object);
        }
        Ok(holds)
    }
}

fn finish(callee: Arc<Callee>, reading: Reading) -> Entry {
    Entry::Call { callee, head: reading.head, refs: reading.refs, deps: reading.deps }
}

/// Function and arguments of a task, a tuple that begins with a callable.
fn task<'py>(computation: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>> {
    let Ok(tuple) = computation.cast_exact::<PyTuple>() else { return Ok(None) };
    let Ok(first) = tuple.get_item(0) else { return Ok(None) };
    Ok(if first.is_callable() { Some((first, tuple.get_slice(1, tuple.len()))) } else { None })
}

/// Whether a task is among the arguments of a task, within lists, tuples and sets too.
fn has_inner_tasks(items: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    if depth >= DEPTH_MAX {
        return Err(PyRecursionError::new_err("a computation is nested too deep, or contains itself"));
    }
    for item in items.try_iter()? {
        let item = item?;
        // SAFETY: `item` is alive.
        let ty = unsafe { ffi::Py_TYPE(item.as_ptr()) };
        let is_tuple = ty == &raw mut ffi::PyTuple_Type;
        if is_tuple && task(&item)?.is_some() {
            return Ok(true);
        }
        let container = is_tuple || ty == &raw mut ffi::PyList_Type || ty == &raw mut ffi::PySet_Type;
        if container && has_inner_tasks(&item, depth + 1)? {
            return Ok(true);
        }
        if !container && task_object(&item)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Data that is to be taken as it is, whatever it looks like.
fn is_literal(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    static LITERAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = function.py();
    Ok(function.get_type().is(LITERAL.import(py, "rask.core", "literal")?))
}

/// `apply` in a task means a call with keyword arguments.
fn is_apply(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    static APPLY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(function.is(APPLY.import(function.py(), "rask._tasks", "apply")?))
}

/// `(task, keys)` for an object that says its `dependencies` and can be called with their values.
fn task_object<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    static PARTS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    if !object.is_callable() || object.getattr_opt(pyo3::intern!(py, "dependencies"))?.is_none() {
        return Ok(None);
    }
    let parts = PARTS.import(py, "rask._tasks", "task_object_parts")?.call1((object,))?;
    Ok(Some(parts).filter(|parts| !parts.is_none()))
}
