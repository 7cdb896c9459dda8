//! The chunks of a graph: tasks in columns, in the order in which they run.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rask_types::{ArgsColumn, FutureId, GraphChunk, Key, KeyId, KeyKind, RunId, TaskRun, Wants};

use super::classes::Classes;
use super::encode::{ArgumentEncoder, Columns, Position};
use super::plan::{Plan, plan};
use super::shared::SharedObjects;
use super::sink::GraphSink;
use super::walk::{Link, Walked, walk};
use crate::codec::Capture;
use crate::delayed::key::NodeKey;
use crate::delayed::node::Node;

/// A chunk is handed on when it has this many tasks …
const CHUNK_TASKS_MAX: usize = 16 * 1024;
/// … or when its heads take this many bytes.
const CHUNK_HEAD_BYTES_MAX: usize = 4 << 20;

/// How a graph is to be built.
pub struct BuildOptions<'py> {
    /// The client's number of the graph.
    pub graph: u32,
    /// Linear chains become one task each.
    pub fuse: bool,
    /// Annotations of all its tasks; a task's own weigh more.
    pub annotations: Option<Bound<'py, PyDict>>,
    /// Whether large arrays are copied, because the program may write to them before they are sent.
    pub capture: Capture,
    /// The task during which the graph is submitted.
    pub parent: Option<RunId>,
}

/// Builds the graph that `outputs` need and hands its chunks to `sink`; gives the futures of the outputs.
///
/// Impure nodes that have no key yet get theirs now: the session's number and the future's.
pub fn build(
    py: Python<'_>,
    outputs: &[Arc<Node>],
    options: &BuildOptions<'_>,
    sink: &mut dyn GraphSink,
) -> PyResult<Vec<FutureId>> {
    let walked = walk(py, outputs, sink)?;
    let plan = plan(&walked, options.fuse)?;
    let shared = SharedObjects::find(py, &walked, options.capture)?;
    let count = shared.hoisted() + plan.sequence.len();
    let first = sink.allocate(count as u64)?;
    let mut build = Build {
        py,
        walked: &walked,
        plan: &plan,
        shared: &shared,
        classes: Classes::new(py, options.annotations.clone()),
        session: sink.session(),
        first,
        wanted: wanted(&walked, &plan, shared.hoisted()),
        next_wanted: 0,
        chunk: OpenChunk::new(first),
        options,
        sink,
    };
    build.run()?;
    let future_of = |link: &Link| match *link {
        Link::Known(at) => walked.known[at as usize],
        Link::Task(at) => {
            FutureId(first.0 + (shared.hoisted() as u64) + u64::from(plan.position[at as usize]))
        }
    };
    Ok(walked.outputs.iter().map(future_of).collect())
}

/// Places of the outputs in the whole graph's sequence, ascending.
fn wanted(walked: &Walked<'_>, plan: &Plan, hoisted: usize) -> Vec<u32> {
    let mut wanted: Vec<u32> = walked
        .outputs
        .iter()
        .filter_map(|link| match link {
            Link::Task(at) => Some(hoisted as u32 + plan.position[*at as usize]),
            Link::Known(_) => None,
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// One graph under construction.
struct Build<'a, 'py> {
    py: Python<'py>,
    walked: &'a Walked<'a>,
    plan: &'a Plan,
    shared: &'a SharedObjects,
    classes: Classes<'py>,
    session: u64,
    first: FutureId,
    wanted: Vec<u32>,
    next_wanted: usize,
    chunk: OpenChunk,
    options: &'a BuildOptions<'py>,
    sink: &'a mut dyn GraphSink,
}

/// The chunk to which tasks are added.
struct OpenChunk {
    first: FutureId,
    runs: Vec<TaskRun>,
    tokens: Vec<u128>,
    names: Vec<Bytes>,
    keys: Vec<(u32, KeyId)>,
    head: Vec<u8>,
    head_ends: Vec<u32>,
    buffers: Vec<(u32, Vec<Bytes>)>,
    deps: Vec<FutureId>,
    dep_ends: Vec<u32>,
    holds: Vec<(u32, FutureId)>,
}

impl OpenChunk {
    fn new(first: FutureId) -> OpenChunk {
        OpenChunk {
            first,
            runs: Vec::new(),
            tokens: Vec::new(),
            names: Vec::new(),
            keys: Vec::new(),
            head: Vec::new(),
            head_ends: Vec::new(),
            buffers: Vec::new(),
            deps: Vec::new(),
            dep_ends: Vec::new(),
            holds: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.head_ends.len()
    }

    fn is_full(&self) -> bool {
        self.len() >= CHUNK_TASKS_MAX || self.head.len() >= CHUNK_HEAD_BYTES_MAX
    }

    /// Notes class and kind of key of the next task.
    #[inline]
    fn add_to_run(&mut self, class: u32, keys: KeyKind) {
        match self.runs.last_mut() {
            Some(run) if run.class == class && run.keys == keys => run.count += 1,
            _ => self.runs.push(TaskRun { class, count: 1, keys }),
        }
    }

    /// Notes where the columns of the task just added end.
    #[inline]
    fn end_task(&mut self) {
        self.head_ends.push(self.head.len() as u32);
        self.dep_ends.push(self.deps.len() as u32);
    }
}

impl Build<'_, '_> {
    fn run(&mut self) -> PyResult<()> {
        for number in 0..self.shared.hoisted() {
            self.add_hoisted(number)?;
        }
        for place in 0..self.plan.sequence.len() {
            let at = self.plan.sequence[place];
            let node = self.walked.nodes[at as usize];
            match self.plan.chain_of.get(at as usize).copied().flatten() {
                Some(chain) => self.add_chain(chain, node)?,
                None => self.add(at, node)?,
            }
            if self.chunk.is_full() && place + 1 < self.plan.sequence.len() {
                self.flush(false)?;
            }
        }
        self.flush(true)
    }

    /// A value that several tasks share, as a task of its own.
    fn add_hoisted(&mut self, number: usize) -> PyResult<()> {
        let class = self.classes.literal(self.shared.prefix(number), self.sink)?;
        self.chunk.add_to_run(class, KeyKind::Session);
        let position = self.chunk.len() as u32;
        let value = self.shared.value(number);
        self.chunk.head.extend_from_slice(&value.head);
        if !value.buffers.is_empty() {
            self.chunk.buffers.push((position, value.buffers.clone()));
        }
        self.chunk.end_task();
        if self.chunk.is_full() { self.flush(false) } else { Ok(()) }
    }

    #[inline]
    fn add(&mut self, at: u32, node: &Node) -> PyResult<()> {
        let class = self.classes.number(node, self.sink)?;
        self.add_key(class, node)?;
        let (walked, plan, hoisted) = (self.walked, self.plan, self.shared.hoisted() as u64);
        let base = self.first.0 + hoisted;
        let start = self.chunk.deps.len();
        for link in walked.deps_of(at) {
            self.chunk.deps.push(match *link {
                Link::Task(dep) => FutureId(base + u64::from(plan.position[dep as usize])),
                Link::Known(known) => walked.known[known as usize],
            });
        }
        if node.arguments.refs.is_empty() && !node.is_value() && !self.has_twins(at) {
            self.chunk.head.extend_from_slice(&node.arguments.head);
        } else {
            self.encoder(start).arguments(node)?;
        }
        self.chunk.end_task();
        Ok(())
    }

    /// Whether two dependencies of a task turned out to be the same, so that its arguments must be renumbered.
    fn has_twins(&self, at: u32) -> bool {
        self.walked.merged && {
            let mut deps = self.walked.deps_of(at).to_vec();
            deps.sort_unstable();
            deps.windows(2).any(|pair| pair[0] == pair[1])
        }
    }

    /// A fused chain: one task that calls one function after the other.
    fn add_chain(&mut self, chain: u32, last: &Node) -> PyResult<()> {
        let members = &self.plan.chains[chain as usize];
        let nodes: Vec<&Node> = members.iter().map(|&at| &**self.walked.nodes[at as usize]).collect();
        let class = self.classes.chain(&nodes, last, self.sink)?;
        self.add_key(class, last)?;
        let (walked, plan, base) = (self.walked, self.plan, self.first.0 + self.shared.hoisted() as u64);
        let start = self.chunk.deps.len();
        for link in walked.deps_of(members[0]) {
            self.chunk.deps.push(match *link {
                Link::Task(dep) => FutureId(base + u64::from(plan.position[dep as usize])),
                Link::Known(known) => walked.known[known as usize],
            });
        }
        self.encoder(start).chain(&nodes)?;
        self.chunk.end_task();
        Ok(())
    }

    /// The encoder for the arguments of the task being added, whose dependencies begin at `start`.
    fn encoder(&mut self, start: usize) -> ArgumentEncoder<'_, '_> {
        let position = self.chunk.len() as u32;
        ArgumentEncoder::new(
            self.py,
            Position { task: position, deps_start: start, first: self.first },
            self.shared,
            self.options.capture,
            Columns {
                head: &mut self.chunk.head,
                buffers: &mut self.chunk.buffers,
                deps: &mut self.chunk.deps,
                holds: &mut self.chunk.holds,
            },
            self.sink,
        )
    }

    #[inline]
    fn add_key(&mut self, class: u32, node: &Node) -> PyResult<()> {
        let position = self.chunk.len() as u32;
        let kind = match node.key.get() {
            None => {
                let future = self.chunk.first.0 + u64::from(position);
                // Set by another thread meanwhile? Then that is its key, and the task has one of its own.
                let _ = node.key.set(NodeKey::Token(self.session, future));
                KeyKind::Session
            }
            Some(NodeKey::Token(high, low)) => {
                self.chunk.tokens.push(u128::from(*high) << 64 | u128::from(*low));
                KeyKind::Token
            }
            Some(NodeKey::Named(key)) => self.named(key),
        };
        if kind != KeyKind::Session
            && let Some(id) = node.key_id_if_known(self.py)
        {
            self.chunk.keys.push((position, id));
        }
        self.chunk.add_to_run(class, kind);
        Ok(())
    }

    fn named(&mut self, key: &Key) -> KeyKind {
        self.chunk.names.push(key.to_canonical().into());
        KeyKind::Named
    }

    fn flush(&mut self, last: bool) -> PyResult<()> {
        let len = self.chunk.len();
        let first = self.chunk.first;
        let chunk = std::mem::replace(&mut self.chunk, OpenChunk::new(FutureId(first.0 + len as u64)));
        let begin = (first.0 - self.first.0) as u32;
        let end = begin + len as u32;
        let here = self.wanted[self.next_wanted..].iter().take_while(|&&place| place < end);
        let positions: Vec<u32> = here.map(|place| place - begin).collect();
        self.next_wanted += positions.len();
        let wants = match positions.len() {
            0 => Wants::None,
            n if n == len => Wants::All,
            _ => Wants::Some(positions),
        };
        let built = GraphChunk {
            graph: self.options.graph,
            first,
            runs: chunk.runs,
            tokens: chunk.tokens,
            names: chunk.names,
            args: ArgsColumn { ends: chunk.head_ends, blob: chunk.head.into(), buffers: chunk.buffers },
            dep_ends: chunk.dep_ends,
            deps: chunk.deps,
            holds: chunk.holds,
            wants,
            last,
            parent: self.options.parent,
        };
        debug_assert_eq!(built.defect(), None);
        self.sink.emit(built, chunk.keys)
    }
}
