//! Running a graph in this thread, one task after the other: `scheduler="synchronous"`, and the proof that chunks say all that
//! a worker needs.

use hashbrown::HashMap;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rask_types::{FunctionId, FutureId, GraphChunk, KeyId, KeyKind, Language, Payload, TaskClass};

use super::build::{BuildOptions, build};
use super::sink::GraphSink;
use crate::codec::call::invoke;
use crate::codec::{Capture, Views, decode_value};
use crate::delayed::class::Delayed;

/// Takes the chunks of one graph.
struct Collected {
    session: u64,
    functions: HashMap<FunctionId, Payload>,
    classes: Vec<TaskClass>,
    chunks: Vec<GraphChunk>,
    allocated: u64,
}

impl GraphSink for Collected {
    fn session(&self) -> u64 {
        self.session
    }

    fn known(&mut self, _key: KeyId) -> Option<FutureId> {
        None
    }

    fn future(&mut self, _future: &Bound<'_, PyAny>) -> PyResult<FutureId> {
        Err(PyTypeError::new_err(
            "a graph with futures in it can only be computed by the client that they belong to",
        ))
    }

    fn define_function(&mut self, id: FunctionId, payload: &Payload) -> PyResult<()> {
        self.functions.insert(id, payload.clone());
        Ok(())
    }

    fn define_class(&mut self, class: TaskClass) -> PyResult<u32> {
        self.classes.push(class);
        Ok(self.classes.len() as u32 - 1)
    }

    fn allocate(&mut self, count: u64) -> PyResult<FutureId> {
        let first = self.allocated;
        self.allocated += count;
        Ok(FutureId(first))
    }

    fn emit(&mut self, chunk: GraphChunk, _keys: Vec<(u32, KeyId)>) -> PyResult<()> {
        if let Some(defect) = chunk.defect() {
            return Err(PyRuntimeError::new_err(format!("a chunk is inconsistent: {defect}")));
        }
        self.chunks.push(chunk);
        Ok(())
    }
}

/// Builds the graph that the outputs need, as for a cluster: its chunks, functions and classes.
fn collect(
    py: Python<'_>,
    outputs: &[Bound<'_, Delayed>],
    fuse: bool,
) -> PyResult<(Collected, Vec<FutureId>)> {
    let session = getrandom::u64().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    let mut collected = Collected {
        session,
        functions: HashMap::new(),
        classes: Vec::new(),
        chunks: Vec::new(),
        allocated: 0,
    };
    let nodes: Vec<_> = outputs.iter().map(|output| output.get().node().clone()).collect();
    let options = BuildOptions { graph: 0, fuse, annotations: None, capture: Capture::Share, parent: None };
    let futures = build(py, &nodes, &options, &mut collected)?;
    Ok((collected, futures))
}

/// Computes lazy values in this thread, in the order in which a cluster would be told to; gives their values.
#[pyfunction]
#[pyo3(signature = (outputs, *, fuse=false))]
pub fn compute_inline<'py>(
    py: Python<'py>,
    outputs: Vec<Bound<'py, Delayed>>,
    fuse: bool,
) -> PyResult<Vec<Py<PyAny>>> {
    let (collected, futures) = collect(py, &outputs, fuse)?;
    let mut run = Run {
        py,
        functions: HashMap::new(),
        values: (0..collected.allocated).map(|_| None).collect(),
        uses: vec![0; collected.allocated as usize],
    };
    for chunk in &collected.chunks {
        chunk.deps.iter().for_each(|dep| run.uses[dep.0 as usize] += 1);
    }
    futures.iter().for_each(|output| run.uses[output.0 as usize] += 1);
    for chunk in &collected.chunks {
        run.chunk(&collected, chunk)?;
        py.check_signals()?;
    }
    futures.iter().map(|output| run.value(*output)).collect()
}

struct Run<'py> {
    py: Python<'py>,
    functions: HashMap<FunctionId, Bound<'py, PyAny>>,
    values: Vec<Option<Py<PyAny>>>,
    /// How many tasks and outputs still need each value.
    uses: Vec<u32>,
}

impl<'py> Run<'py> {
    fn chunk(&mut self, collected: &Collected, chunk: &GraphChunk) -> PyResult<()> {
        let mut at = 0;
        for run in &chunk.runs {
            let class = &collected.classes[run.class as usize];
            for _ in 0..run.count {
                let value = self.task(collected, class, chunk, at)?;
                self.values[chunk.first.0 as usize + at] = Some(value);
                for dep in deps_of(chunk, at) {
                    let uses = &mut self.uses[dep.0 as usize];
                    *uses -= 1;
                    if *uses == 0 {
                        self.values[dep.0 as usize] = None;
                    }
                }
                at += 1;
            }
        }
        Ok(())
    }

    fn task(
        &mut self,
        collected: &Collected,
        class: &TaskClass,
        chunk: &GraphChunk,
        at: usize,
    ) -> PyResult<Py<PyAny>> {
        let payload = chunk.args.payload(at);
        let deps = deps_of(chunk, at).iter().map(|dep| self.value(*dep)).collect::<PyResult<Vec<_>>>()?;
        if class.language == Language::Literal {
            return Ok(decode_value(self.py, &payload, &deps, Views::Copies)?.unbind());
        }
        let function = match self.functions.get(&class.function) {
            Some(function) => function.clone(),
            None => {
                let payload = &collected.functions[&class.function];
                let function = decode_value(self.py, payload, &[], Views::Copies)?;
                self.functions.insert(class.function, function.clone());
                function
            }
        };
        Ok(invoke(self.py, &function, &payload, &deps, Views::Copies)??.unbind())
    }

    fn value(&self, future: FutureId) -> PyResult<Py<PyAny>> {
        let value = self.values.get(future.0 as usize).and_then(Option::as_ref);
        value.map(|value| value.clone_ref(self.py)).ok_or_else(|| {
            PyRuntimeError::new_err(format!("task {} of a graph comes after one that needs it", future.0))
        })
    }
}

fn deps_of(chunk: &GraphChunk, at: usize) -> &[FutureId] {
    let start = if at == 0 { 0 } else { chunk.dep_ends[at - 1] as usize };
    &chunk.deps[start..chunk.dep_ends[at] as usize]
}

/// Builds the graph that the outputs need and throws it away; gives the number of chunks: for measurements.
#[pyfunction]
pub fn build_only(py: Python<'_>, outputs: Vec<Bound<'_, Delayed>>) -> PyResult<usize> {
    Ok(collect(py, &outputs, false)?.0.chunks.len())
}

/// Builds the graph that the outputs need and says what came out, without running it: for tests and measurements.
#[pyfunction]
#[pyo3(signature = (outputs, *, fuse=false))]
pub fn describe_build<'py>(
    py: Python<'py>,
    outputs: Vec<Bound<'py, Delayed>>,
    fuse: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (collected, futures) = collect(py, &outputs, fuse)?;
    let described = PyDict::new(py);
    let chunks = &collected.chunks;
    let lens = || chunks.iter().map(GraphChunk::len);
    described.set_item("tasks", lens().sum::<usize>())?;
    described.set_item("chunks", lens().collect::<Vec<_>>())?;
    described.set_item("functions", collected.functions.len())?;
    described.set_item("classes", collected.classes.iter().map(|class| &class.prefix).collect::<Vec<_>>())?;
    described.set_item("outputs", futures.iter().map(|future| future.0).collect::<Vec<_>>())?;
    let head_bytes: usize = chunks.iter().map(|chunk| chunk.args.blob.len()).sum();
    described.set_item("head_bytes", head_bytes)?;
    let deps: Vec<Vec<u64>> = chunks
        .iter()
        .flat_map(|chunk| (0..chunk.len()).map(|at| deps_of(chunk, at).iter().map(|dep| dep.0).collect()))
        .collect();
    described.set_item("deps", deps)?;
    let kinds = chunks.iter().flat_map(|chunk| &chunk.runs).map(|run| {
        let kind = match run.keys {
            KeyKind::Session => "session",
            KeyKind::Token => "token",
            KeyKind::Named => "named",
        };
        (&*collected.classes[run.class as usize].prefix, kind, run.count)
    });
    described.set_item("runs", kinds.collect::<Vec<_>>())?;
    let priorities: Vec<_> = collected
        .classes
        .iter()
        .map(|class| (class.priority, class.retries, class.workers.clone(), class.allow_other_workers))
        .collect();
    described.set_item("class_options", priorities)?;
    let resources: Vec<_> = collected.classes.iter().map(|class| class.resources.clone()).collect();
    described.set_item("class_resources", resources)?;
    Ok(described)
}
