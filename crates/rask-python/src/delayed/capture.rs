//! What a lazy call captures of its arguments, at the moment of the call.

use std::sync::Arc;

use pyo3::exceptions::{PyRecursionError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use rask_types::value::{DEPTH_MAX, put_varint, tag};
use smallvec::SmallVec;

use super::class::Delayed;
use super::node::{Arguments, Node, Stamp};
use super::wrap;
use crate::codec::encode::scalar;

/// Longer strings and bytes are kept by reference: they cannot change, and a copy costs more than it saves.
const COPIED_TEXT_BYTES_MAX: usize = 1024;
/// Up to this many dependencies of one call are looked for one by one.
const FEW_DEPS: usize = 8;

/// The dependencies of one call, each once, in the order in which they were met.
#[derive(Default)]
struct DepList {
    nodes: SmallVec<[Arc<Node>; 1]>,
    /// Once there are many, each node carries its number under this stamp.
    stamp: Option<Stamp>,
}

impl DepList {
    fn number_of(&mut self, py: Python<'_>, node: &Arc<Node>) -> u32 {
        let next = self.nodes.len() as u32;
        let known = if self.nodes.len() <= FEW_DEPS {
            self.nodes.iter().position(|known| Arc::ptr_eq(known, node)).map(|at| at as u32)
        } else {
            let stamp = self.valid_stamp(py);
            let known = stamp.note_at(node);
            if known.is_none() {
                stamp.note(node, next);
            }
            known
        };
        known.unwrap_or_else(|| {
            self.nodes.push(node.clone());
            next
        })
    }

    /// The stamp, renewed if another walk has used the marks meanwhile (some arguments run Python code when looked at).
    fn valid_stamp(&mut self, py: Python<'_>) -> Stamp {
        match self.stamp {
            Some(stamp) if stamp.is_latest() => stamp,
            _ => {
                let stamp = Stamp::new(py);
                self.nodes.iter().enumerate().for_each(|(at, node)| stamp.note(node, at as u32));
                self.stamp = Some(stamp);
                stamp
            }
        }
    }
}

/// One capture under way.
struct Capture<'py> {
    py: Python<'py>,
    head: Vec<u8>,
    refs: Vec<(u32, Py<PyAny>)>,
    deps: DepList,
    /// The mutable containers around the one being walked.
    around: SmallVec<[*mut ffi::PyObject; 4]>,
    contains_itself: bool,
}

/// The arguments of a call.
#[inline]
pub fn capture_call(
    py: Python<'_>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Arguments> {
    let mut capture = Capture::new(py);
    put_varint(&mut capture.head, args.len() as u64);
    for arg in args.iter_borrowed() {
        capture.value(&arg, 0)?;
    }
    match kwargs {
        None => capture.head.push(0),
        Some(kwargs) => {
            put_varint(&mut capture.head, kwargs.len() as u64);
            for (name, value) in kwargs.iter() {
                capture.name(&name)?;
                capture.value(&value, 0)?;
            }
        }
    }
    capture.finish()
}

/// The arguments of a call of one node.
pub fn capture_node(node: &Arc<Node>) -> Arguments {
    Arguments {
        head: SmallVec::from_slice(&[1, tag::DEP, 0, 0]),
        refs: Box::default(),
        deps: smallvec::smallvec![node.clone()],
    }
}

/// The arguments of a call of two positional arguments.
pub fn capture_pair(
    py: Python<'_>,
    first: &Bound<'_, PyAny>,
    second: &Bound<'_, PyAny>,
) -> PyResult<Arguments> {
    let mut capture = Capture::new(py);
    capture.head.push(2);
    capture.value(first, 0)?;
    capture.value(second, 0)?;
    capture.head.push(0);
    capture.finish()
}

/// The arguments of a call with one argument, and whether that holds Delayed objects.
pub fn capture_one(value: &Bound<'_, PyAny>) -> PyResult<(Arguments, bool)> {
    let mut capture = Capture::new(value.py());
    capture.head.push(1);
    let holds_delayed = capture.value(value, 0)?;
    capture.head.push(0);
    Ok((capture.finish()?, holds_delayed))
}

thread_local! {
    /// The buffer in which heads are written before they find their place in a node.
    static SCRATCH: std::cell::Cell<Vec<u8>> = const { std::cell::Cell::new(Vec::new()) };
}

impl<'py> Capture<'py> {
    fn new(py: Python<'py>) -> Capture<'py> {
        let mut head = SCRATCH.take();
        head.clear();
        Capture {
            py,
            head,
            refs: Vec::new(),
            deps: DepList::default(),
            around: SmallVec::new(),
            contains_itself: false,
        }
    }

    #[inline]
    fn finish(&mut self) -> PyResult<Arguments> {
        let arguments = Arguments {
            head: SmallVec::from_slice(&self.head),
            refs: if self.refs.is_empty() { Box::default() } else { std::mem::take(&mut self.refs).into() },
            deps: std::mem::take(&mut self.deps.nodes),
        };
        if self.head.capacity() <= 1 << 16 {
            SCRATCH.set(std::mem::take(&mut self.head));
        }
        if self.contains_itself && !arguments.deps.is_empty() {
            return Err(PyRecursionError::new_err("a container that holds Delayed objects contains itself"));
        }
        if arguments.head.len() > u32::MAX as usize {
            return Err(PyRuntimeError::new_err("the arguments of one call take more than 4 GiB"));
        }
        Ok(arguments)
    }

    /// Writes one argument; true if it is or holds a Delayed object.
    #[inline]
    fn value(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> PyResult<bool> {
        if scalar(&mut self.head, object) {
            return Ok(false);
        }
        if let Some(node) = Delayed::node_of(object) {
            self.dependency(node);
            return Ok(true);
        }
        self.beyond_scalars(object, depth)
    }

    #[inline]
    fn dependency(&mut self, node: &Arc<Node>) {
        let number = self.deps.number_of(self.py, node);
        self.head.push(tag::DEP);
        put_varint(&mut self.head, u64::from(number));
    }

    fn beyond_scalars(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> PyResult<bool> {
        // SAFETY: `object` is alive.
        let ty = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        if ty == &raw mut ffi::PyUnicode_Type {
            // SAFETY: exactly a str.
            match unsafe { object.cast_unchecked::<PyString>() }.to_str() {
                Ok(text) if text.len() <= COPIED_TEXT_BYTES_MAX => self.sized(tag::STR, text.as_bytes()),
                _ => self.reference(object),
            }
            Ok(false)
        } else if ty == &raw mut ffi::PyBytes_Type {
            // SAFETY: exactly bytes.
            match unsafe { object.cast_unchecked::<PyBytes>() }.as_bytes() {
                bytes if bytes.len() <= COPIED_TEXT_BYTES_MAX => self.sized(tag::BYTES, bytes),
                _ => self.reference(object),
            }
            Ok(false)
        } else if ty == &raw mut ffi::PyList_Type
            || ty == &raw mut ffi::PyTuple_Type
            || ty == &raw mut ffi::PyDict_Type
            || ty == &raw mut ffi::PySet_Type
            || ty == &raw mut ffi::PySlice_Type
        {
            self.container(object, ty, depth)
        } else {
            match wrap::unpacked(object)? {
                wrap::Unpacked::Opaque => {
                    self.reference(object);
                    Ok(false)
                }
                wrap::Unpacked::Node(node) => {
                    self.dependency(&node);
                    Ok(true)
                }
                wrap::Unpacked::Items(items) => self.value(&items, depth),
            }
        }
    }

    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        self.head.push(tag);
        put_varint(&mut self.head, bytes.len() as u64);
        self.head.extend_from_slice(bytes);
    }

    fn name(&mut self, name: &Bound<'py, PyAny>) -> PyResult<()> {
        let name = name.cast::<PyString>()?.to_str()?;
        self.sized(tag::STR, name.as_bytes());
        Ok(())
    }

    /// Leaves a hole for `object`.
    fn reference(&mut self, object: &Bound<'py, PyAny>) {
        self.refs.push((self.head.len() as u32, object.clone().unbind()));
    }

    /// Takes a container apart if it holds Delayed objects; else it is kept by reference, as any other object.
    fn container(
        &mut self,
        object: &Bound<'py, PyAny>,
        ty: *mut ffi::PyTypeObject,
        depth: usize,
    ) -> PyResult<bool> {
        if self.around.contains(&object.as_ptr()) {
            self.contains_itself = true;
            self.reference(object);
            return Ok(false);
        }
        if depth >= DEPTH_MAX {
            self.reference(object);
            return Ok(false);
        }
        let (head_len, refs_len) = (self.head.len(), self.refs.len());
        self.around.push(object.as_ptr());
        let holds_delayed = if ty == &raw mut ffi::PyList_Type {
            self.list(object, depth + 1)
        } else if ty == &raw mut ffi::PyDict_Type {
            self.dict(object, depth + 1)
        } else if ty == &raw mut ffi::PySlice_Type {
            self.head.push(tag::SLICE);
            self.attributes(object, &["start", "stop", "step"], depth + 1)
        } else {
            let tag = if ty == &raw mut ffi::PyTuple_Type { tag::TUPLE } else { tag::SET };
            self.iterable(object, tag, depth + 1)
        };
        self.around.pop();
        let holds_delayed = holds_delayed?;
        if !holds_delayed {
            self.head.truncate(head_len);
            self.refs.truncate(refs_len);
            self.reference(object);
        }
        Ok(holds_delayed)
    }

    fn list(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> PyResult<bool> {
        // SAFETY: exactly a list.
        let list = unsafe { object.cast_unchecked::<PyList>() };
        let len = list.len();
        self.head.push(tag::LIST);
        put_varint(&mut self.head, len as u64);
        let mut holds_delayed = false;
        for at in 0..len {
            if list.len() != len {
                return Err(PyRuntimeError::new_err("a list changed its size while a call captured it"));
            }
            // SAFETY: within bounds, and alive, for the list has it.
            let item = unsafe {
                let item = ffi::PyList_GET_ITEM(object.as_ptr(), at as ffi::Py_ssize_t);
                pyo3::Borrowed::from_ptr(self.py, item)
            };
            if scalar(&mut self.head, &item) {
                continue;
            }
            if let Some(node) = Delayed::node_of(&item) {
                self.dependency(node);
                holds_delayed = true;
            } else {
                let kept = (*item).clone(); // looking at it may run Python code that takes it out of the list
                holds_delayed |= self.beyond_scalars(&kept, depth)?;
            }
        }
        Ok(holds_delayed)
    }

    fn dict(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> PyResult<bool> {
        // SAFETY: exactly a dict.
        let dict = unsafe { object.cast_unchecked::<PyDict>() };
        self.head.push(tag::DICT);
        put_varint(&mut self.head, dict.len() as u64);
        let mut holds_delayed = false;
        for (key, value) in dict.iter() {
            holds_delayed |= self.value(&key, depth)?;
            holds_delayed |= self.value(&value, depth)?;
        }
        Ok(holds_delayed)
    }

    fn iterable(&mut self, object: &Bound<'py, PyAny>, tag: u8, depth: usize) -> PyResult<bool> {
        self.head.push(tag);
        put_varint(&mut self.head, object.len()? as u64);
        let mut holds_delayed = false;
        for item in object.try_iter()? {
            holds_delayed |= self.value(&item?, depth)?;
        }
        Ok(holds_delayed)
    }

    fn attributes(&mut self, object: &Bound<'py, PyAny>, names: &[&str], depth: usize) -> PyResult<bool> {
        let mut holds_delayed = false;
        for name in names {
            holds_delayed |= self.value(&object.getattr(*name)?, depth)?;
        }
        Ok(holds_delayed)
    }
}
