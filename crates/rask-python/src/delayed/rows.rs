//! Pickling: a lazy value as rows, one per node, dependencies first, so that no depth of graph is a depth of recursion.

use std::sync::Arc;

use hashbrown::HashMap;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use smallvec::SmallVec;

use super::callee::Callee;
use super::class::Delayed;
use super::key::{NodeKey, key_from_python};
use super::leaf::NO_LENGTH;
use super::node::{Arguments, Node, Stamp, What};
use super::settings;
use crate::graph::source::GraphSource;
use crate::graph::walk::reachable;

const CALL: &str = "call";
const VALUE: &str = "value";
const IN_GRAPH: &str = "graph";
const FUTURE: &str = "future";

/// One node: kind, object, prefix, encoded arguments, references with their places, numbers of the rows it depends on,
/// key, purity, annotations.
type Row<'py> = (
    String,
    Bound<'py, PyAny>,
    Option<String>,
    Bound<'py, PyBytes>,
    Vec<(u32, Py<PyAny>)>,
    Vec<u32>,
    Bound<'py, PyAny>,
    bool,
    Option<Bound<'py, PyDict>>,
);

/// What `__reduce__` returns. Keys are made now, for the copy must have the same.
pub fn reduce<'py>(
    py: Python<'py>,
    node: &Arc<Node>,
    length: i64,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let nodes = reachable(py, std::slice::from_ref(node));
    for node in &nodes {
        node.key(py)?;
    }
    let numbers: Vec<Vec<u32>> = {
        let stamp = Stamp::new(py);
        nodes.iter().enumerate().for_each(|(at, node)| stamp.note(node, at as u32));
        let number = |dep: &Arc<Node>| stamp.note_at(dep).unwrap_or(u32::MAX);
        nodes.iter().map(|node| node.arguments.deps.iter().map(number).collect()).collect()
    };
    let rows = PyList::empty(py);
    for (node, deps) in nodes.iter().zip(numbers) {
        rows.append(row(py, node, deps)?)?;
    }
    let rebuild = py.import("rask._core")?.getattr("delayed_from_rows")?;
    Ok((rebuild, (rows, length).into_pyobject(py)?.into_any()))
}

fn row<'py>(py: Python<'py>, node: &Node, deps: Vec<u32>) -> PyResult<Row<'py>> {
    let (kind, object, prefix) = match &node.what {
        What::Call(callee) => {
            (CALL, callee.object.bind(py).clone(), Some(callee.call_prefix(py).text.to_string()))
        }
        What::Value(callee) => (VALUE, callee.object.bind(py).clone(), None),
        What::InGraph(source) => (IN_GRAPH, source.graph(py), None),
        What::Future(future) => (FUTURE, future.bind(py).clone(), None),
    };
    let annotations =
        node.annotations.as_ref().map(|found| settings::annotations_dict(py, found)).transpose()?;
    let refs = node.arguments.refs.iter().map(|(at, object)| (*at, object.clone_ref(py))).collect();
    let head = PyBytes::new(py, &node.arguments.head);
    Ok((kind.to_owned(), object, prefix, head, refs, deps, node.python_key(py)?, node.pure, annotations))
}

/// The lazy value that `reduce` took apart.
#[pyfunction]
pub fn delayed_from_rows<'py>(
    py: Python<'py>,
    rows: Vec<Row<'py>>,
    length: i64,
) -> PyResult<Bound<'py, Delayed>> {
    let mut callees: HashMap<usize, Arc<Callee>> = HashMap::new();
    let mut nodes: Vec<Arc<Node>> = Vec::with_capacity(rows.len());
    for (kind, object, prefix, head, refs, deps, key, pure, annotations) in rows {
        let mut callee = || {
            let known = callees.entry(object.as_ptr() as usize);
            known.or_insert_with(|| Callee::new(&object, prefix.as_deref())).clone()
        };
        let what = match kind.as_str() {
            CALL => What::Call(callee()),
            VALUE => What::Value(callee()),
            IN_GRAPH => What::InGraph(GraphSource::of(&object, None)?),
            FUTURE => What::Future(object.clone().unbind()),
            _ => return Err(PyValueError::new_err(format!("no kind of node: {kind:?}"))),
        };
        let dep = |&number: &u32| {
            let node = nodes.get(number as usize).cloned();
            node.ok_or_else(|| PyValueError::new_err("a row depends on one that comes after it"))
        };
        let head_bytes = head.as_bytes();
        if refs.iter().any(|(position, _)| *position as usize > head_bytes.len()) {
            return Err(PyValueError::new_err("a reference lies outside its row's arguments"));
        }
        let arguments = Arguments {
            head: SmallVec::from_slice(head_bytes),
            refs: refs.into_boxed_slice(),
            deps: deps.iter().map(dep).collect::<PyResult<_>>()?,
        };
        let mut node = Node::new(what, arguments, pure);
        if let Some(annotations) = annotations {
            node.annotations = Some((annotations, py.None()).into_pyobject(py)?.into_any().unbind());
        }
        let key = key_from_python(&key)?;
        let generated = match (key.parse_generated(), node.prefix(py)) {
            (Some((text, token)), Some(prefix)) if text == &*prefix.text => Some(NodeKey::token(token)),
            _ => None,
        };
        let key = generated.unwrap_or_else(|| NodeKey::Named(Box::new(key)));
        nodes.push(Arc::new(node.with_key(key)));
    }
    let node = nodes.pop().ok_or_else(|| PyValueError::new_err("no rows"))?;
    Delayed::make(py, node, if length < 0 { NO_LENGTH } else { length })
}
