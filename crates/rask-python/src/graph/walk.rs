//! Which nodes some outputs need: depth first and iterative, equal nodes merged, known ones left out.

use std::sync::Arc;

use hashbrown::HashMap;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rask_types::{FutureId, KeyId};

use super::sink::GraphSink;
use super::source::GraphSource;
use crate::delayed::key::NodeKey;
use crate::delayed::node::{Node, Stamp, What};

/// What an edge leads to: a task of the graph, or something that exists already.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Link {
    /// A task, by its place in [`Walked::nodes`].
    Task(u32),
    /// A future, by its place in [`Walked::known`].
    Known(u32),
}

const KNOWN_BIT: u32 = 1 << 31;

impl Link {
    fn to_note(self) -> u32 {
        match self {
            Link::Task(at) => at,
            Link::Known(at) => at | KNOWN_BIT,
        }
    }

    fn from_note(note: u32) -> Link {
        if note & KNOWN_BIT == 0 { Link::Task(note) } else { Link::Known(note & !KNOWN_BIT) }
    }
}

/// The part of a lazy graph that is to be run.
#[derive(Default)]
pub struct Walked<'a> {
    /// The tasks, each after its dependencies.
    pub nodes: Vec<&'a Arc<Node>>,
    /// Where each task's dependencies end in `deps`.
    pub dep_ends: Vec<u32>,
    /// Dependencies, in the order of their numbers in the arguments. Two may be the same, where equal nodes were merged.
    pub deps: Vec<Link>,
    /// Futures that exist.
    pub known: Vec<FutureId>,
    /// The outputs asked for.
    pub outputs: Vec<Link>,
    /// No task depends on one that has dependencies itself.
    pub is_flat: bool,
    /// Different nodes turned out to be one task.
    pub merged: bool,
}

impl Walked<'_> {
    /// Makes links to one future equal.
    fn name_futures_once(&mut self) {
        let mut first: HashMap<FutureId, u32> = HashMap::new();
        let once: Vec<u32> = self
            .known
            .iter()
            .enumerate()
            .map(|(at, known)| *first.entry(*known).or_insert(at as u32))
            .collect();
        for link in &mut self.deps {
            if let Link::Known(at) = link {
                *at = once[*at as usize];
            }
        }
    }

    /// What task `at` depends on.
    pub fn deps_of(&self, at: u32) -> &[Link] {
        let at = at as usize;
        let start = if at == 0 { 0 } else { self.dep_ends[at - 1] as usize };
        &self.deps[start..self.dep_ends[at] as usize]
    }
}

/// All nodes that `outputs` need, themselves included, each once and after its dependencies, as they are recorded.
pub fn reachable(py: Python<'_>, outputs: &[Arc<Node>]) -> Vec<Arc<Node>> {
    let stamp = Stamp::new(py);
    let mut nodes = Vec::new();
    let mut path: Vec<(&Arc<Node>, usize)> = Vec::new();
    for output in outputs {
        if stamp.note_at(output).is_none() {
            stamp.note(output, 0);
            path.push((output, 0));
        }
        while let Some((node, next)) = path.last_mut() {
            if let Some(dep) = node.arguments.deps.get(*next) {
                *next += 1;
                if stamp.note_at(dep).is_none() {
                    stamp.note(dep, 0);
                    path.push((dep, 0));
                }
            } else {
                nodes.push((*node).clone());
                path.pop();
            }
        }
    }
    nodes
}

/// Walks from `outputs`.
pub fn walk<'a>(py: Python<'_>, outputs: &'a [Arc<Node>], sink: &mut dyn GraphSink) -> PyResult<Walked<'a>> {
    let mut asked = HashMap::new();
    loop {
        let mut walk = Walk {
            py,
            stamp: Stamp::new(py),
            walked: Walked { is_flat: true, ..Walked::default() },
            by_key: HashMap::new(),
            futures: Vec::new(),
            sources: Vec::new(),
            keyless: Vec::new(),
            asked: &mut asked,
        };
        walk.outputs(outputs, sink)?;
        let Walk { stamp, mut walked, futures, sources, keyless, .. } = walk;
        if sources.is_empty() && keyless.is_empty() && stamp.is_latest() {
            for (at, future) in futures {
                walked.known[at] = sink.future(future.bind(py))?;
            }
            if walked.merged {
                walked.name_futures_once();
            }
            return Ok(walked);
        }
        // What these need may run Python code, which must not happen while nodes carry this walk's marks.
        sources.iter().try_for_each(|source| source.expand(py))?;
        keyless.iter().try_for_each(|node| node.key(py).map(drop))?;
    }
}

struct Walk<'a, 'b, 'py> {
    py: Python<'py>,
    stamp: Stamp,
    walked: Walked<'a>,
    by_key: HashMap<KeyId, Link>,
    /// Python futures, and which of the known ones they are.
    futures: Vec<(usize, &'a Py<PyAny>)>,
    /// Graphs whose nodes must be made first.
    sources: Vec<&'a Arc<GraphSource>>,
    /// Pure nodes whose keys must be made first.
    keyless: Vec<&'a Arc<Node>>,
    /// What the sink said, over all attempts at this walk.
    asked: &'b mut HashMap<KeyId, Option<FutureId>>,
}

/// A node on the path from an output, and which of its dependencies is next.
struct Step<'a> {
    node: &'a Arc<Node>,
    /// Its key, if it has one that others may share.
    key: Option<KeyId>,
    next: usize,
}

impl<'a> Walk<'a, '_, '_> {
    fn outputs(&mut self, outputs: &'a [Arc<Node>], sink: &mut dyn GraphSink) -> PyResult<()> {
        let mut path = Vec::new();
        for output in outputs {
            if let Some(link) = self.enter(output, &mut path, sink)? {
                self.walked.outputs.push(link);
                continue;
            }
            let mut last = None;
            while let Some(step) = path.last_mut() {
                let node = step.node;
                let dep = self.dep_at(node, step.next)?;
                if let Some(dep) = dep {
                    step.next += 1;
                    self.enter(dep, &mut path, sink)?;
                    continue;
                }
                let step = path.pop().expect("there was a last one");
                last = Some(self.leave(&step)?);
            }
            self.walked.outputs.extend(last);
        }
        Ok(())
    }

    /// Dependency `number` of a node: what it was called with, or the node that an entry of a graph stands for.
    fn dep_at(&self, node: &'a Arc<Node>, number: usize) -> PyResult<Option<&'a Arc<Node>>> {
        match &node.what {
            What::InGraph(source) => match node.key.get() {
                Some(NodeKey::Named(key)) if number == 0 && source.is_expanded() => {
                    source.node(self.py, key).map(Some)
                }
                _ => Ok(None),
            },
            _ => Ok(node.arguments.deps.get(number)),
        }
    }

    /// The link of a node that was met before or exists elsewhere; else the node is on the path now.
    #[inline]
    fn enter(
        &mut self,
        node: &'a Arc<Node>,
        path: &mut Vec<Step<'a>>,
        sink: &mut dyn GraphSink,
    ) -> PyResult<Option<Link>> {
        if let Some(note) = self.stamp.note_at(node) {
            return Ok(Some(Link::from_note(note)));
        }
        let key = if node.key.get().is_some() { node.key_id_if_known(self.py) } else { None };
        if let Some(key) = key {
            if let Some(link) = self.by_key.get(&key).copied().or_else(|| self.existing(node, key, sink)) {
                self.stamp.note(node, link.to_note());
                self.walked.merged = true;
                return Ok(Some(link));
            }
        } else if node.pure {
            self.keyless.push(node);
        }
        match &node.what {
            What::Future(future) => {
                self.futures.push((self.walked.known.len(), future));
                let link = self.add_known(FutureId(0));
                self.walked.merged = true; // two nodes may have one future
                self.stamp.note(node, link.to_note());
                return Ok(Some(link));
            }
            What::InGraph(source) if !source.is_expanded() => self.sources.push(source),
            _ => {}
        }
        path.push(Step { node, key, next: 0 });
        Ok(None)
    }

    fn existing(&mut self, node: &Node, key: KeyId, sink: &mut dyn GraphSink) -> Option<Link> {
        let py = self.py;
        let ask = || match node.key.get() {
            Some(NodeKey::Token(high, low)) if *high == sink.session() => {
                let token = u128::from(*high) << 64 | u128::from(*low);
                let of_session = sink.known_of_session(&node.prefix(py)?.text, token);
                of_session.or_else(|| sink.known(key))
            }
            _ => sink.known(key),
        };
        let future = (*self.asked.entry(key).or_insert_with(ask))?;
        let link = self.add_known(future);
        self.by_key.insert(key, link);
        Some(link)
    }

    fn add_known(&mut self, future: FutureId) -> Link {
        self.walked.known.push(future);
        Link::Known(self.walked.known.len() as u32 - 1)
    }

    /// Gives a node its place: all that it depends on has one.
    fn leave(&mut self, step: &Step<'a>) -> PyResult<Link> {
        let node = step.node;
        let link = if let What::InGraph(_) = node.what {
            // It is whatever it stands for; if that could not be looked up yet, this walk is not the last.
            let inner = self.dep_at(node, 0)?.and_then(|inner| self.stamp.note_at(inner));
            inner.map_or(Link::Task(0), Link::from_note)
        } else {
            let link = Link::Task(self.walked.nodes.len() as u32);
            self.walked.nodes.push(node);
            for dep in &node.arguments.deps {
                let note = self.stamp.note_at(dep).unwrap_or(0);
                self.walked.deps.push(Link::from_note(note));
                self.walked.is_flat &= dep.arguments.deps.is_empty();
            }
            self.walked.dep_ends.push(self.walked.deps.len() as u32);
            link
        };
        self.stamp.note(node, link.to_note());
        if let Some(key) = step.key
            && let Some(below) = self.by_key.insert(key, link)
            && below != link
        {
            // Met while its dependencies were walked.
            let key = node.python_key(self.py)?.repr()?;
            return Err(PyRuntimeError::new_err(format!(
                "Cycle detected in graph: the task with the key {key} depends on another with the same key"
            )));
        }
        Ok(link)
    }
}
