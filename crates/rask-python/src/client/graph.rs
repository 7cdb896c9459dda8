//! Graphs of Delayed objects and graph dicts, on their way to the scheduler.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashSet;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rask_types::{FunctionId, FutureId, GraphChunk, Key, KeyId, Payload, TaskClass};

use super::failure;
use super::future::Future;
use super::options::TaskOptions;
use super::session::{Engine, Session};
use super::submit::warn_nbytes;
use crate::codec::Capture;
use crate::delayed::class::Delayed;
use crate::delayed::node::{Node, What};
use crate::graph::build::{BuildOptions, build};
use crate::graph::sink::GraphSink;
use crate::graph::source::{GraphSource, node_in_graph};
use crate::worker::current;

/// Takes the chunks of one graph for a session.
pub struct SessionSink<'py> {
    py: Python<'py>,
    engine: Arc<Engine>,
    /// Holds on futures that the graph refers to, until it is submitted.
    adopted: Vec<Py<Future>>,
    /// Numbers of the graph's own tasks.
    allocated: Vec<std::ops::Range<u64>>,
    /// Bytes of the largest argument sent.
    pub nbytes: usize,
    /// Tasks sent, by the number of their class.
    sent: BTreeMap<u32, u64>,
}

impl<'py> SessionSink<'py> {
    /// A sink for one graph.
    pub fn new(py: Python<'py>, engine: &Arc<Engine>) -> SessionSink<'py> {
        SessionSink {
            py,
            engine: engine.clone(),
            adopted: Vec::new(),
            allocated: Vec::new(),
            nbytes: 0,
            sent: BTreeMap::new(),
        }
    }
}

impl GraphSink for SessionSink<'_> {
    fn session(&self) -> u64 {
        self.engine.client.session()
    }

    fn known(&mut self, key: KeyId) -> Option<FutureId> {
        let id = self.engine.client.lookup(key).ok().flatten()?;
        // The look-up counted; the count goes when the graph is submitted.
        self.adopted.extend(Future::held(self.py, &self.engine, id).map(Bound::unbind));
        Some(id)
    }

    fn known_of_session(&mut self, prefix: &str, token: u128) -> Option<FutureId> {
        let id = self.engine.client.lookup_key(&Key::generated(prefix, token)).ok().flatten()?;
        self.adopted.extend(Future::held(self.py, &self.engine, id).map(Bound::unbind));
        Some(id)
    }

    fn future(&mut self, future: &Bound<'_, PyAny>) -> PyResult<FutureId> {
        let future = future.cast::<Future>()?;
        if let Some(id) = future.get().id_in(&self.engine) {
            return Ok(id);
        }
        let adopted = future.get().adopt(future.py(), &self.engine)?;
        let id = adopted.get().id_in(&self.engine).expect("adopted by this session");
        self.adopted.push(adopted.unbind());
        Ok(id)
    }

    fn define_function(&mut self, _id: FunctionId, payload: &Payload) -> PyResult<()> {
        let defined = self.engine.client.define_function(payload);
        defined.map(drop).map_err(|error| failure::of_call(self.py, error))
    }

    fn define_class(&mut self, class: TaskClass) -> PyResult<u32> {
        self.engine.client.define_class(&class).map_err(|error| failure::of_call(self.py, error))
    }

    fn allocate(&mut self, count: u64) -> PyResult<FutureId> {
        let first = self.engine.client.allocate(count).map_err(|error| failure::of_call(self.py, error))?;
        self.allocated.push(first.0..first.0 + count);
        Ok(first)
    }

    fn emit(&mut self, chunk: GraphChunk, _keys: Vec<(u32, KeyId)>) -> PyResult<()> {
        let buffers = |buffers: &[bytes::Bytes]| buffers.iter().map(bytes::Bytes::len).sum::<usize>();
        let largest_head = (0..chunk.len()).map(|at| chunk.args.range(at).len()).max();
        let largest_buffers = chunk.args.buffers.iter().map(|(_, beside)| buffers(beside)).max();
        for run in &chunk.runs {
            *self.sent.entry(run.class).or_default() += u64::from(run.count);
        }
        self.nbytes = self.nbytes.max(largest_head.unwrap_or(0)).max(largest_buffers.unwrap_or(0));
        self.engine.client.submit(chunk).map_err(|error| failure::of_call(self.py, error))
    }
}

/// Linear chains are fused if the configuration says so.
fn fuses(py: Python<'_>) -> PyResult<bool> {
    let get = py.import("rask.config")?.getattr("get")?;
    get.call1(("optimization.fuse.delayed", false))?.is_truthy()
}

impl Session {
    fn build<'py>(
        &self,
        py: Python<'py>,
        outputs: &[Arc<Node>],
        options: Option<&TaskOptions>,
        fuse: bool,
    ) -> PyResult<Vec<Bound<'py, Future>>> {
        let engine = &self.engine;
        // Computed again means run again, also on the heels of the last time.
        engine.client.forget_released().map_err(|error| failure::of_call(py, error))?;
        let graph = engine.client.new_graph().map_err(|error| failure::of_call(py, error))?;
        let annotations = options.map(|options| options.to_annotations(py)).transpose()?;
        let parent = current::current_run();
        let options = BuildOptions { graph, fuse, annotations, capture: Capture::Copy, parent };
        let mut sink = SessionSink::new(py, engine);
        let built = build(py, outputs, &options, &mut sink);
        let nbytes = sink.nbytes;
        let ids = match built {
            Ok(ids) => ids,
            Err(error) => {
                // Chunks that were sent already must not wait for a last one.
                let _ = engine.client.abort_graph(graph);
                return Err(error);
            }
        };
        let is_new = |id: &FutureId| sink.allocated.iter().any(|numbers| numbers.contains(&id.0));
        let mut counted = HashSet::new();
        let mut futures = Vec::with_capacity(ids.len());
        for id in ids {
            // A new task came with one count for its first future; every other future takes its own.
            if !is_new(&id) || !counted.insert(id) {
                engine.client.retain(id).map_err(|error| failure::of_call(py, error))?;
            }
            futures.push(Future::held(py, engine, id)?);
        }
        engine.graphs.note(&engine.client, &sink.allocated, &sink.sent);
        drop(sink);
        warn_nbytes(py, nbytes)?;
        Ok(futures)
    }
}

#[pymethods]
impl Session {
    /// Futures for the values of Delayed objects.
    fn compute<'py>(
        &self,
        py: Python<'py>,
        outputs: &Bound<'py, PyList>,
        options: Option<&TaskOptions>,
        optimize: bool,
    ) -> PyResult<Vec<Bound<'py, Future>>> {
        let node = |output: Bound<'py, PyAny>| {
            let node = Delayed::node_of(&output).cloned();
            node.ok_or_else(|| PyTypeError::new_err(format!("not a Delayed: {}", output.get_type())))
        };
        let nodes: Vec<Arc<Node>> = outputs.iter().map(node).collect::<PyResult<_>>()?;
        let fuse = optimize && fuses(py)?;
        self.build(py, &nodes, options, fuse)
    }

    /// Futures for some keys of a graph dict.
    fn compute_graph<'py>(
        &self,
        py: Python<'py>,
        graph: &Bound<'py, PyDict>,
        keys: &Bound<'py, PyList>,
        options: Option<&TaskOptions>,
    ) -> PyResult<Vec<Bound<'py, Future>>> {
        let source = GraphSource::of(graph.as_any(), None)?;
        let nodes: Vec<Arc<Node>> =
            keys.iter().map(|key| node_in_graph(&source, &key)).collect::<PyResult<_>>()?;
        self.build(py, &nodes, options, false)
    }
}

/// The futures that a lazy value stands for: its own, if it was persisted; none if it is still to be computed.
#[pyfunction]
pub fn delayed_futures<'py>(delayed: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, Future>>> {
    let py = delayed.py();
    let Some(node) = Delayed::node_of(delayed) else { return Ok(Vec::new()) };
    let object = match &node.what {
        What::Future(future) => future.bind(py).clone(),
        What::InGraph(source) => match source.graph(py).get_item(node.python_key(py)?) {
            Ok(found) => found,
            Err(_) => return Ok(Vec::new()),
        },
        What::Call(_) | What::Value(_) => return Ok(Vec::new()),
    };
    Ok(object.cast_into::<Future>().into_iter().collect())
}
