//! `.dask`: the graph of a lazy value as Python objects, made when someone looks.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

use super::node::{Node, What};
use crate::codec::Views;
use crate::codec::call::decode_call;
use crate::graph::walk::reachable;

/// The name of the layer that holds the node's task.
pub fn layer_name<'py>(py: Python<'py>, node: &Arc<Node>) -> PyResult<Bound<'py, PyAny>> {
    match &node.what {
        What::InGraph(source) => match source.layer(py) {
            Some(layer) => Ok(layer),
            None => node.python_key(py),
        },
        _ => node.python_key(py),
    }
}

/// A `HighLevelGraph` with one layer for each recorded call that `node` needs, itself included, dependencies first.
pub fn layered_graph<'py>(py: Python<'py>, node: &Arc<Node>) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("rask.highlevelgraph")?;
    let (layer_class, graph_class) =
        (module.getattr("MaterializedLayer")?, module.getattr("HighLevelGraph")?);
    if let What::InGraph(source) = &node.what {
        let layer = layer_name(py, node)?;
        return py.import("rask.delayed")?.getattr("_as_layered")?.call1((source.graph(py), layer));
    }
    let (layers, dependencies) = (PyDict::new(py), PyDict::new(py));
    let mut merged = Vec::new();
    for node in reachable(py, std::slice::from_ref(node)) {
        if let What::InGraph(_) = &node.what {
            merged.push(layered_graph(py, &node)?);
            continue;
        }
        let key = node.python_key(py)?;
        let tasks = PyDict::new(py);
        tasks.set_item(&key, computation(py, &node)?)?;
        let annotations = match &node.annotations {
            Some(annotations) => super::settings::annotations_dict(py, annotations)?,
            None => PyDict::new(py),
        };
        // An empty mapping would make the layer take the annotations in force now.
        let layer = layer_class.call1((tasks, &annotations))?;
        layer.setattr("annotations", if annotations.is_empty() { None } else { Some(&annotations) })?;
        let below = PySet::empty(py)?;
        for dep in &node.arguments.deps {
            below.add(layer_name(py, dep)?)?;
        }
        layers.set_item(&key, layer)?;
        dependencies.set_item(&key, below)?;
    }
    if merged.is_empty() {
        return graph_class.call1((layers, dependencies));
    }
    for graph in merged {
        for (name, layer) in graph.getattr("layers")?.cast_into::<PyDict>()?.iter() {
            layers.set_item(name, layer)?;
        }
        for item in graph.getattr("dependencies")?.call_method0("items")?.try_iter()? {
            let (name, below): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
            dependencies.set_item(name, below)?;
        }
    }
    graph_class.call1((layers, dependencies))
}

/// What a graph has for the node's key: `(function, argument, …)`, a literal, or a future.
pub fn computation<'py>(py: Python<'py>, node: &Node) -> PyResult<Bound<'py, PyAny>> {
    match &node.what {
        What::Future(future) => Ok(future.bind(py).clone()),
        What::InGraph(source) => source.graph(py).get_item(node.python_key(py)?),
        What::Value(callee) => py.import("rask.core")?.getattr("quote")?.call1((callee.object.bind(py),)),
        What::Call(callee) => {
            let (args, kwargs) = arguments(py, node)?;
            let as_computation = py.import("rask._tasks")?.getattr("as_computation")?;
            as_computation.call1((callee.object.bind(py), args, kwargs))
        }
    }
}

/// The node's arguments as Python objects, with `rask._tasks.KeyOf` in the places of dependencies.
pub fn arguments<'py>(
    py: Python<'py>,
    node: &Node,
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let stand_in = py.import("rask._tasks")?.getattr("KeyOf")?;
    let deps = node
        .arguments
        .deps
        .iter()
        .map(|dep| Ok(stand_in.call1((dep.python_key(py)?,))?.unbind()))
        .collect::<PyResult<Vec<_>>>()?;
    arguments_with(py, node, deps)
}

/// The node's arguments as Python objects, with `deps` in the places of dependencies.
pub fn arguments_with<'py>(
    py: Python<'py>,
    node: &Node,
    mut deps: Vec<Py<PyAny>>,
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let arguments = &node.arguments;
    // Objects kept by reference are put into their holes as if they were dependencies too.
    let mut head = Vec::with_capacity(arguments.head.len() + 8);
    let mut copied = 0;
    for (position, object) in &arguments.refs {
        head.extend_from_slice(&arguments.head[copied..*position as usize]);
        copied = *position as usize;
        head.push(rask_types::value::tag::DEP);
        rask_types::value::put_varint(&mut head, deps.len() as u64);
        deps.push(object.clone_ref(py));
    }
    head.extend_from_slice(&arguments.head[copied..]);
    let payload = rask_types::Payload::from_head(Bytes::from(head));
    decode_call(py, &payload, &deps, Views::Copies)
}
