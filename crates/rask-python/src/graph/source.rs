//! A graph that came as Python objects, and the nodes it stands for once someone needs them.

use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rask_types::{Key, KeyId};

use super::raw;
use crate::delayed::class::Delayed;
use crate::delayed::key::{NodeKey, key_from_python, key_to_python};
use crate::delayed::leaf::NO_LENGTH;
use crate::delayed::node::{Arguments, Node, What};
use crate::recent::Recent;

/// A mapping from keys to computations.
pub struct GraphSource {
    graph: Py<PyAny>,
    layer: Option<Py<PyAny>>,
    nodes: OnceLock<HashMap<KeyId, Arc<Node>>>,
}

/// The sources last made: `[Delayed(key, graph) for key in keys]` shares one.
static RECENT: Recent<GraphSource> = Recent::new();

impl GraphSource {
    /// The source for `graph`. Its nodes are made when first needed.
    pub fn of(graph: &Bound<'_, PyAny>, layer: Option<&Bound<'_, PyAny>>) -> PyResult<Arc<GraphSource>> {
        let py = graph.py();
        if let Some(source) = RECENT.get(graph) {
            let same_layer = match (&source.layer, layer) {
                (None, None) => true,
                (Some(ours), Some(theirs)) => ours.bind(py).is(theirs),
                _ => false,
            };
            // A dict may have been changed since its nodes were made.
            let fresh = !source.is_expanded() || !graph.is_instance_of::<PyDict>();
            if same_layer && fresh {
                return Ok(source);
            }
        }
        let source = Arc::new(GraphSource {
            graph: graph.clone().unbind(),
            layer: layer.map(|layer| layer.clone().unbind()),
            nodes: OnceLock::new(),
        });
        RECENT.put(graph, &source);
        Ok(source)
    }

    /// The graph.
    pub fn graph<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.graph.bind(py).clone()
    }

    /// The name of the layer that the keys asked for are in, if it was given.
    pub fn layer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.layer.as_ref().map(|layer| layer.bind(py).clone())
    }

    /// True once [`expand`](GraphSource::expand) was called.
    pub fn is_expanded(&self) -> bool {
        self.nodes.get().is_some()
    }

    /// Makes the nodes. Runs Python code.
    pub fn expand(&self, py: Python<'_>) -> PyResult<()> {
        if self.nodes.get().is_none() {
            let nodes = raw::nodes_of(self.graph.bind(py))?;
            let _ = self.nodes.set(nodes);
        }
        Ok(())
    }

    /// The node for `key`, once the source is expanded.
    pub fn node(&self, py: Python<'_>, key: &Key) -> PyResult<&Arc<Node>> {
        match self.nodes.get().and_then(|nodes| nodes.get(&key.id())) {
            Some(node) => Ok(node),
            None => Err(PyKeyError::new_err(key_to_python(py, key)?.unbind())),
        }
    }
}

/// The node of one key of a graph.
pub fn node_in_graph(source: &Arc<GraphSource>, key: &Bound<'_, PyAny>) -> PyResult<Arc<Node>> {
    let node = Node::new(What::InGraph(source.clone()), Arguments::default(), false);
    Ok(Arc::new(node.with_key(NodeKey::Named(Box::new(key_from_python(key)?)))))
}

/// Lazy values for some keys of a graph: how `Client.get` and collections compute.
#[pyfunction]
pub fn delayed_from_graph<'py>(
    py: Python<'py>,
    graph: &Bound<'py, PyAny>,
    keys: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, Delayed>>> {
    let source = GraphSource::of(graph, None)?;
    keys.iter().map(|key| Delayed::make(py, node_in_graph(&source, key)?, NO_LENGTH)).collect()
}
