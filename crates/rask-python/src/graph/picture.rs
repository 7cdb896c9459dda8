//! What to draw of a graph, as Dask draws it: a box for each value, a circle with the function's name for each call.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::walk::{Link, reachable, walk};
use crate::delayed::class::Delayed;
use crate::delayed::node::{Node, What};
use rask_types::{FutureId, KeyId, Payload, TaskClass};

/// One node of a picture.
struct Shape {
    label: String,
    /// "box" for data, "circle" for functions.
    shape: &'static str,
    key: Py<PyAny>,
}

/// What to draw of the graph that `outputs` need.
///
/// Returns
/// -------
/// dict
///     `nodes`: a list of dicts with `label`, `shape` ("box" or "circle") and `key`; `edges`: a list of pairs of positions in
///     it, from what is used to what uses it; `outputs`: the positions of the boxes of the outputs; `tasks`: for each
///     task its key, prefix, and the positions of the tasks it depends on, in an order in which they can run.
#[pyfunction]
#[pyo3(signature = (outputs, *, verbose=false))]
pub fn graph_picture<'py>(
    py: Python<'py>,
    outputs: Vec<Bound<'py, Delayed>>,
    verbose: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let nodes: Vec<_> = outputs.iter().map(|output| output.get().node().clone()).collect();
    let mut nowhere = Nowhere { futures: Vec::new() };
    let walked = walk(py, &nodes, &mut nowhere)?;
    let mut shapes: Vec<Shape> = Vec::new();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    let tasks = PyList::empty(py);
    let mut known_boxes: HashMap<u32, usize> = HashMap::new();
    let mut boxes: Vec<usize> = Vec::with_capacity(walked.nodes.len());
    for (at, node) in walked.nodes.iter().enumerate() {
        let key = node.python_key(py)?;
        let mut task_deps = Vec::new();
        let circle = match &node.what {
            What::Call(callee) => {
                let text = &callee.call_prefix(py).text;
                shapes.push(Shape { label: text.to_string(), shape: "circle", key: key.clone().unbind() });
                Some(shapes.len() - 1)
            }
            _ => None,
        };
        for link in walked.deps_of(at as u32) {
            let from = match *link {
                Link::Task(dep) => {
                    task_deps.push(dep);
                    boxes[dep as usize]
                }
                Link::Known(known) => *known_boxes.entry(known).or_insert_with(|| {
                    let key = nowhere.futures.get(known as usize).map(|future| future.clone_ref(py));
                    shapes.push(Shape {
                        label: String::new(),
                        shape: "box",
                        key: key.unwrap_or_else(|| py.None()),
                    });
                    shapes.len() - 1
                }),
            };
            if let Some(circle) = circle {
                edges.push((from, circle));
            }
        }
        shapes.push(Shape { label: box_label(py, node, verbose)?, shape: "box", key: key.clone().unbind() });
        boxes.push(shapes.len() - 1);
        if let Some(circle) = circle {
            edges.push((circle, shapes.len() - 1));
        }
        let prefix = node.prefix(py).map_or("task", |prefix| &prefix.text);
        tasks.append((key, prefix, task_deps))?;
    }
    let picture = PyDict::new(py);
    let described = shapes.iter().map(|shape| {
        let dict = PyDict::new(py);
        dict.set_item("label", &shape.label)?;
        dict.set_item("shape", shape.shape)?;
        dict.set_item("key", &shape.key)?;
        Ok(dict)
    });
    picture.set_item("nodes", described.collect::<PyResult<Vec<_>>>()?)?;
    picture.set_item("edges", edges)?;
    let output_boxes = walked.outputs.iter().filter_map(|link| match link {
        Link::Task(at) => Some(boxes[*at as usize]),
        Link::Known(at) => known_boxes.get(at).copied(),
    });
    picture.set_item("outputs", output_boxes.collect::<Vec<_>>())?;
    picture.set_item("tasks", tasks)?;
    Ok(picture)
}

/// How many nodes a lazy value needs, itself included. Nothing is hashed and no key is made, so it is cheap for graphs of
/// any size; equal calls that will be one task count each.
///
/// Returns
/// -------
/// tuple of (dict, int, int)
///     Calls and values by prefix, futures, and parts of graphs that came as dicts.
#[pyfunction]
pub fn count_nodes<'py>(
    py: Python<'py>,
    delayed: &Bound<'py, Delayed>,
) -> PyResult<(Bound<'py, PyDict>, u64, u64)> {
    let mut by_callee: HashMap<(usize, bool), (u64, Arc<Node>)> = HashMap::new();
    let (mut futures, mut in_graphs) = (0, 0);
    for node in reachable(py, std::slice::from_ref(delayed.get().node())) {
        let place = match &node.what {
            What::Call(callee) => (Arc::as_ptr(callee) as usize, true),
            What::Value(callee) => (Arc::as_ptr(callee) as usize, false),
            What::InGraph(_) => {
                in_graphs += 1;
                continue;
            }
            What::Future(_) => {
                futures += 1;
                continue;
            }
        };
        by_callee.entry(place).or_insert_with(|| (0, node)).0 += 1;
    }
    // Names are asked for at the end: that may run Python code, which no walk survives.
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (count, node) in by_callee.values() {
        *counts.entry(node.prefix(py).map_or("", |prefix| &prefix.text)).or_default() += count;
    }
    let dict = PyDict::new(py);
    counts.into_iter().try_for_each(|(prefix, count)| dict.set_item(prefix, count))?;
    Ok((dict, futures, in_graphs))
}

/// What stands in a box: of a key such as `("x", 0, 1)` the numbers, else nothing, as in Dask; the whole key if `verbose`.
fn box_label(py: Python<'_>, node: &Node, verbose: bool) -> PyResult<String> {
    let key = node.python_key(py)?;
    if verbose {
        return Ok(key.str()?.to_string());
    }
    py.import("rask._tasks")?.getattr("box_label")?.call1((key,))?.extract()
}

/// A sink for walks that lead nowhere.
struct Nowhere {
    futures: Vec<Py<PyAny>>,
}

impl super::sink::GraphSink for Nowhere {
    fn session(&self) -> u64 {
        0
    }

    fn known(&mut self, _key: KeyId) -> Option<FutureId> {
        None
    }

    fn future(&mut self, future: &Bound<'_, PyAny>) -> PyResult<FutureId> {
        self.futures.push(future.getattr("key")?.unbind());
        Ok(FutureId(self.futures.len() as u64 - 1))
    }

    fn define_function(&mut self, _id: rask_types::FunctionId, _payload: &Payload) -> PyResult<()> {
        Ok(())
    }

    fn define_class(&mut self, _class: TaskClass) -> PyResult<u32> {
        Ok(0)
    }

    fn allocate(&mut self, _count: u64) -> PyResult<FutureId> {
        Ok(FutureId(0))
    }

    fn emit(&mut self, _chunk: rask_types::GraphChunk, _keys: Vec<(u32, KeyId)>) -> PyResult<()> {
        Ok(())
    }
}
