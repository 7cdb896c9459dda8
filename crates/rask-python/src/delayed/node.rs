//! One recorded call or value, and what it depends on.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use smallvec::SmallVec;

use super::callee::Callee;
use super::key::NodeKey;
use crate::graph::source::GraphSource;

/// What a node's value comes from.
pub enum What {
    /// Calling a function with the node's arguments.
    Call(Arc<Callee>),
    /// It is the object that the callee holds.
    Value(Arc<Callee>),
    /// A key of a graph that came as Python objects; the node's key says which.
    InGraph(Arc<GraphSource>),
    /// A future: its value exists, or is being made, on a cluster.
    Future(Py<PyAny>),
}

/// The encoded arguments of a call, with holes for the objects kept by reference.
#[derive(Default)]
pub struct Arguments {
    /// A call in the tagged codec. Where `refs` has a position, an object's encoding is to be inserted.
    pub head: SmallVec<[u8; 16]>,
    /// Objects kept by reference and where in `head` they belong, ascending.
    pub refs: Box<[(u32, Py<PyAny>)]>,
    /// Dependencies by number, each once.
    pub deps: SmallVec<[Arc<Node>; 1]>,
}

/// A node of a lazy graph.
pub struct Node {
    /// Where its value comes from.
    pub what: What,
    /// With what it is called.
    pub arguments: Arguments,
    /// Its key, once it has one: pure nodes and those whose key nobody has asked for have none before.
    pub key: OnceLock<NodeKey>,
    /// Equal calls are one task.
    pub pure: bool,
    /// The annotations in force when it was made: the value of `rask.annotations.current`.
    pub annotations: Option<Py<PyAny>>,
    /// Where walks over the graph note that they have been here; see [`Stamp`].
    mark: AtomicU64,
}

impl Node {
    /// A node without key or annotations.
    #[inline(always)]
    pub fn new(what: What, arguments: Arguments, pure: bool) -> Node {
        Node::annotated(what, arguments, pure, None)
    }

    /// A node without key.
    #[inline(always)]
    pub fn annotated(what: What, arguments: Arguments, pure: bool, annotations: Option<Py<PyAny>>) -> Node {
        Node { what, arguments, key: OnceLock::new(), pure, annotations, mark: AtomicU64::new(0) }
    }

    /// With a key that was given.
    #[inline]
    pub fn with_key(self, key: NodeKey) -> Node {
        // A node just made has none.
        let _ = self.key.set(key);
        self
    }

    /// Whether its value is an object rather than what a call returns.
    pub fn is_value(&self) -> bool {
        matches!(self.what, What::Value(_))
    }

    /// Whether it holds no Python objects of its own that could be part of a reference cycle.
    pub fn is_free_of_references(&self) -> bool {
        self.arguments.refs.is_empty()
            && self.annotations.is_none()
            && matches!(self.what, What::Call(_) | What::InGraph(_))
    }
}

impl Drop for Node {
    /// Frees the nodes that only this one kept, and those that only they kept, without recursion.
    fn drop(&mut self) {
        if self.arguments.deps.is_empty() {
            return;
        }
        let mut free: Vec<Arc<Node>> = self.arguments.deps.drain(..).collect();
        while let Some(node) = free.pop() {
            if let Some(mut last) = Arc::into_inner(node) {
                free.extend(last.arguments.deps.drain(..));
            }
        }
    }
}

/// A walk's own mark on the nodes it passes: cheaper than a hash map, and free to undo.
///
/// Two walks may not go on at the same time, so between a walk's first and last step nothing may run that starts another:
/// no Python code. The GIL, which every walk holds, sees to the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u32);

static LAST_STAMP: AtomicU32 = AtomicU32::new(0);

impl Stamp {
    /// The stamp of a new walk.
    pub fn new(_py: Python<'_>) -> Stamp {
        Stamp(LAST_STAMP.fetch_add(1, Relaxed).wrapping_add(1))
    }

    /// No walk has begun since this one.
    pub fn is_latest(self) -> bool {
        LAST_STAMP.load(Relaxed) == self.0
    }

    /// What this walk noted at `node`, if it was here.
    #[inline]
    pub fn note_at(self, node: &Node) -> Option<u32> {
        let mark = node.mark.load(Relaxed);
        ((mark >> 32) as u32 == self.0).then_some(mark as u32)
    }

    /// Notes `number` at `node`.
    #[inline]
    pub fn note(self, node: &Node, number: u32) {
        node.mark.store(u64::from(self.0) << 32 | u64::from(number), Relaxed);
    }
}
