//! The arguments of one task of a graph: what was encoded when it was recorded, with the objects kept by reference put in.

use bytes::Bytes;
use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rask_types::FutureId;
use rask_types::value::{put_varint, tag};

use super::shared::{Shared, SharedObjects};
use super::sink::GraphSink;
use crate::codec::call::append_call;
use crate::codec::dependencies::Dependencies;
use crate::codec::encode::{Capture, Encoded, Encoder, Stop, append_value};
use crate::delayed::node::{Node, What};
use crate::delayed::view::arguments_with;

/// Stands for dependency `number` of the task whose arguments it is among.
#[pyclass(frozen, module = "rask._core")]
pub struct DependencySlot {
    #[pyo3(get)]
    number: u32,
}

#[pymethods]
impl DependencySlot {
    /// Marks it as something whose value takes its place.
    #[classattr]
    fn __dask_future__() -> bool {
        true
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (u32,))> {
        Ok((py.import("rask._serialize")?.getattr("dependency")?, (self.number,)))
    }
}

/// Where a task is in its chunk.
#[derive(Clone, Copy)]
pub struct Position {
    /// Its place.
    pub task: u32,
    /// Where its dependencies begin in the chunk's.
    pub deps_start: usize,
    /// The graph's first future, and so its first shared value.
    pub first: FutureId,
}

/// The columns of the chunk that arguments are written to.
pub struct Columns<'a> {
    /// Heads.
    pub head: &'a mut Vec<u8>,
    /// Buffers of the tasks that have any.
    pub buffers: &'a mut Vec<(u32, Vec<Bytes>)>,
    /// Dependencies.
    pub deps: &'a mut Vec<FutureId>,
    /// Futures inside pickles.
    pub holds: &'a mut Vec<(u32, FutureId)>,
}

/// Writes one task's arguments.
pub struct ArgumentEncoder<'a, 'py> {
    py: Python<'py>,
    position: Position,
    shared: &'a SharedObjects,
    capture: Capture,
    columns: Columns<'a>,
    sink: &'a mut dyn GraphSink,
}

impl<'a, 'py> ArgumentEncoder<'a, 'py> {
    /// An encoder for the task at `position`, whose recorded dependencies are in the columns already.
    pub fn new(
        py: Python<'py>,
        position: Position,
        shared: &'a SharedObjects,
        capture: Capture,
        columns: Columns<'a>,
        sink: &'a mut dyn GraphSink,
    ) -> ArgumentEncoder<'a, 'py> {
        ArgumentEncoder { py, position, shared, capture, columns, sink }
    }

    /// The arguments of a call, or the value of a value.
    pub fn arguments(mut self, node: &Node) -> PyResult<()> {
        let mut encoded = Encoded { head: std::mem::take(self.columns.head), buffers: Vec::new() };
        let start = encoded.head.len();
        let result = self.write(&mut encoded, node);
        if result.is_err() {
            encoded.head.truncate(start);
        }
        *self.columns.head = encoded.head;
        if !encoded.buffers.is_empty() {
            self.columns.buffers.push((self.position.task, encoded.buffers));
        }
        result.map_err(|error| explained(self.py, node, error))
    }

    fn write(&mut self, encoded: &mut Encoded, node: &Node) -> PyResult<()> {
        if let What::Value(callee) = &node.what {
            let object = callee.object.bind(self.py).clone();
            return append_value(encoded, &object, self.capture, &mut self.dependencies());
        }
        let recorded = self.columns.deps.len();
        let numbers = self.merge_twins();
        if numbers.is_none() {
            let start = encoded.head.len();
            match self.fill_holes(encoded, node) {
                Ok(()) => return Ok(()),
                Err(Stop::Raised(error)) => return Err(error),
                Err(Stop::PickleWhole) => {
                    encoded.head.truncate(start);
                    encoded.buffers.clear();
                    self.columns.deps.truncate(recorded);
                }
            }
        }
        // Objects of two holes share a part, or dependencies have new numbers: as objects, and encoded again.
        let (args, kwargs) = self.as_objects(node, numbers)?;
        append_call(encoded, &args, kwargs.as_ref(), self.capture, &mut self.dependencies())
    }

    /// The recorded head with the objects' encodings in its holes.
    fn fill_holes(&mut self, encoded: &mut Encoded, node: &Node) -> Result<(), Stop> {
        let head = &node.arguments.head;
        let mut copied = 0;
        let (shared, first, py, capture) = (self.shared, self.position.first, self.py, self.capture);
        let mut dependencies = self.dependencies();
        // One encoder for all holes, for it knows what it has seen.
        let mut hoisted: Vec<Option<u32>> = Vec::new();
        for (_, object) in &node.arguments.refs {
            hoisted.push(match shared.get(object) {
                Some(Shared::Hoisted(number)) => {
                    Some(dependencies.number_of(FutureId(first.0 + u64::from(*number))))
                }
                _ => None,
            });
        }
        let mut encoder = Encoder::new(encoded, capture, &mut dependencies);
        for ((position, object), hoisted) in node.arguments.refs.iter().zip(hoisted) {
            let position = *position as usize;
            encoder.out.head.extend_from_slice(&head[copied..position]);
            copied = position;
            match (hoisted, shared.get(object)) {
                (Some(number), _) => {
                    encoder.out.head.push(tag::DEP);
                    put_varint(&mut encoder.out.head, u64::from(number));
                }
                (None, Some(Shared::Inline(bytes))) => encoder.out.head.extend_from_slice(bytes),
                (None, _) => encoder.value(object.bind(py), false, 0)?,
            }
        }
        encoder.out.head.extend_from_slice(&head[copied..]);
        Ok(())
    }

    /// Leaves one of each of the recorded dependencies. Gives their new numbers if any were the same.
    fn merge_twins(&mut self) -> Option<Vec<u32>> {
        let start = self.position.deps_start;
        let mut first_number: HashMap<u64, u32> = HashMap::new();
        let mut numbers = Vec::new();
        for dep in &self.columns.deps[start..] {
            let next = first_number.len() as u32;
            numbers.push(*first_number.entry(dep.0).or_insert(next));
        }
        if first_number.len() == numbers.len() {
            return None;
        }
        let mut kept = 0;
        let deps = &mut *self.columns.deps;
        for (at, &number) in numbers.iter().enumerate() {
            if number == kept {
                deps[start + kept as usize] = deps[start + at];
                kept += 1;
            }
        }
        deps.truncate(start + kept as usize);
        Some(numbers)
    }

    /// The arguments as objects, with slots in the places of dependencies.
    fn as_objects(
        &mut self,
        node: &Node,
        numbers: Option<Vec<u32>>,
    ) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
        let py = self.py;
        let numbers = numbers.unwrap_or_else(|| (0..node.arguments.deps.len() as u32).collect());
        let slots = numbers
            .into_iter()
            .map(|number| Ok(Py::new(py, DependencySlot { number })?.into_any()))
            .collect::<PyResult<Vec<_>>>()?;
        arguments_with(py, node, slots)
    }

    /// The calls of a fused chain: `(heads, buffers, *dependencies)` for `rask._tasks.Chain`.
    pub fn chain(mut self, nodes: &[&Node]) -> PyResult<()> {
        let py = self.py;
        let heads = PyList::empty(py);
        let buffers = PyList::empty(py);
        let mut deps_count = 0;
        for (at, node) in nodes.iter().enumerate() {
            let mut encoded = Encoded::default();
            // All but the first depend on the one before alone, whose value is their dependency 0; futures inside their
            // arguments are delivered as futures.
            let result = if at == 0 {
                let result = self.write(&mut encoded, node);
                deps_count = self.columns.deps.len() - self.position.deps_start;
                result
            } else {
                self.write_link(&mut encoded, node)
            };
            result.map_err(|error| explained(py, node, error))?;
            heads.append(PyBytes::new(py, &encoded.head))?;
            buffers.append(PyList::new(py, encoded.buffers.iter().map(|bytes| PyBytes::new(py, bytes)))?)?;
        }
        let slots = (0..deps_count as u32).map(|number| Bound::new(py, DependencySlot { number }));
        let slots = PyList::new(py, slots.collect::<PyResult<Vec<_>>>()?)?;
        let args = PyTuple::new(py, [heads.as_any(), buffers.as_any(), slots.as_any()])?;
        let mut encoded = Encoded { head: std::mem::take(self.columns.head), buffers: Vec::new() };
        let result = append_call(&mut encoded, &args, None, self.capture, &mut self.dependencies());
        *self.columns.head = encoded.head;
        if !encoded.buffers.is_empty() {
            self.columns.buffers.push((self.position.task, encoded.buffers));
        }
        result
    }

    fn write_link(&mut self, encoded: &mut Encoded, node: &Node) -> PyResult<()> {
        let (args, kwargs) = self.as_objects(node, None)?;
        append_call(
            encoded,
            &args,
            kwargs.as_ref(),
            self.capture,
            &mut SlotsOnly { inner: self.dependencies() },
        )
    }

    fn dependencies(&mut self) -> TaskDependencies<'_> {
        TaskDependencies {
            deps: self.columns.deps,
            start: self.position.deps_start,
            many: HashMap::new(),
            holds: self.columns.holds,
            task: self.position.task,
            sink: self.sink,
        }
    }
}

/// Collects the dependencies of one task, on top of those recorded.
struct TaskDependencies<'a> {
    deps: &'a mut Vec<FutureId>,
    start: usize,
    /// Number by future, once there are many.
    many: HashMap<u64, u32>,
    holds: &'a mut Vec<(u32, FutureId)>,
    task: u32,
    sink: &'a mut dyn GraphSink,
}

/// Up to this many dependencies are looked for one by one.
const FEW_DEPS: usize = 16;

impl TaskDependencies<'_> {
    fn number_of(&mut self, future: FutureId) -> u32 {
        let deps = &self.deps[self.start..];
        let next = deps.len() as u32;
        let known = if deps.len() <= FEW_DEPS {
            deps.iter().position(|dep| *dep == future).map(|at| at as u32)
        } else {
            if self.many.len() < deps.len() {
                self.many.extend(deps.iter().enumerate().map(|(at, dep)| (dep.0, at as u32)));
            }
            self.many.get(&future.0).copied()
        };
        known.unwrap_or_else(|| {
            self.deps.push(future);
            if next as usize > FEW_DEPS {
                self.many.insert(future.0, next);
            }
            next
        })
    }
}

impl Dependencies for TaskDependencies<'_> {
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        if let Ok(slot) = object.cast_exact::<DependencySlot>() {
            return Ok(Some(slot.get().number));
        }
        let future = self.sink.future(object)?;
        Ok(Some(self.number_of(future)))
    }

    fn hold(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let held = (self.task, self.sink.future(object)?);
        let of_this_task = self.holds.iter().rev().take_while(|hold| hold.0 == self.task);
        if !of_this_task.into_iter().any(|hold| *hold == held) {
            self.holds.push(held);
        }
        Ok(())
    }
}

/// For the later links of a chain: the only dependency there is is the value of the link before.
struct SlotsOnly<'a> {
    inner: TaskDependencies<'a>,
}

impl Dependencies for SlotsOnly<'_> {
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        Ok(object.cast_exact::<DependencySlot>().ok().map(|slot| slot.get().number))
    }

    fn hold(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.hold(object)
    }
}

/// Names the task, and the path to what cannot be pickled.
#[cold]
fn explained(py: Python<'_>, node: &Node, error: PyErr) -> PyErr {
    let better = || -> PyResult<PyErr> {
        let module = py.import("rask._serialize")?;
        let deps = node.arguments.deps.iter().map(|_| py.None()).collect();
        let (args, kwargs) = match &node.what {
            What::Value(callee) => (PyTuple::new(py, [callee.object.bind(py)])?, None),
            _ => arguments_with(py, node, deps)?,
        };
        let kwargs = kwargs.unwrap_or_else(|| PyDict::new(py));
        let args = (node.python_key(py)?, args, kwargs, error.value(py));
        Ok(PyErr::from_value(module.call_method1("explain_task", args)?))
    };
    better().unwrap_or(error)
}
