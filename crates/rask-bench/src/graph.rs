//! The graphs that are measured, as the chunks in which a client sends them. Every task has its own key and arguments,
//! and a future holds it.

use rask_types::{ArgsColumn, FutureId, GraphChunk, KeyKind, TaskRun, Wants};

/// Tasks to a chunk, as many as a client puts into one.
pub const CHUNK_TASKS: usize = rask_client_core::CHUNK_TASKS_MAX;

/// Bytes of each task's arguments: a call with one integer.
const ARGS_BYTES: usize = 12;

/// Tasks beside each other in the stencil.
const STENCIL_WIDTH: usize = 1_000;

/// How tasks depend on each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Not at all.
    Independent,
    /// Each adds two earlier ones: leaves first, the root last.
    Tree,
    /// Each needs its own predecessor and those of its neighbours: three.
    Stencil,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 3] = [Shape::Independent, Shape::Tree, Shape::Stencil];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Independent => "independent",
            Shape::Tree => "tree",
            Shape::Stencil => "stencil",
        }
    }

    /// How many tasks a graph of this shape has that is to have about `n`.
    pub fn tasks(self, n: usize) -> usize {
        match self {
            Shape::Independent => n,
            Shape::Tree => 2 * n.div_ceil(2) - 1,
            Shape::Stencil => n.next_multiple_of(STENCIL_WIDTH),
        }
    }

    /// Appends what task `i` of `tasks` depends on.
    fn dependencies(self, i: usize, tasks: usize, into: &mut Vec<FutureId>) {
        let mut on = |task: usize| into.push(FutureId(task as u64));
        match self {
            Shape::Independent => {}
            Shape::Tree => {
                if let Some(inner) = i.checked_sub(tasks.div_ceil(2)) {
                    on(2 * inner);
                    on(2 * inner + 1);
                }
            }
            Shape::Stencil => {
                let Some(above) = i.checked_sub(STENCIL_WIDTH) else { return };
                let column = i % STENCIL_WIDTH;
                if column > 0 {
                    on(above - 1);
                }
                on(above);
                if column + 1 < STENCIL_WIDTH {
                    on(above + 1);
                }
            }
        }
    }

    /// The chunks of a graph of about `n` tasks of class 0.
    pub fn chunks(self, n: usize) -> Vec<GraphChunk> {
        let tasks = self.tasks(n);
        let first_of_chunks = (0..tasks).step_by(CHUNK_TASKS);
        first_of_chunks.map(|first| self.chunk(first, CHUNK_TASKS.min(tasks - first), tasks)).collect()
    }

    fn chunk(self, first: usize, len: usize, tasks: usize) -> GraphChunk {
        let mut deps = Vec::new();
        let mut dep_ends = Vec::with_capacity(len);
        let mut blob = Vec::with_capacity(len * ARGS_BYTES);
        let mut ends = Vec::with_capacity(len);
        for i in first..first + len {
            self.dependencies(i, tasks, &mut deps);
            dep_ends.push(deps.len() as u32);
            blob.extend_from_slice(&[7; ARGS_BYTES - 8]);
            blob.extend_from_slice(&(i as u64).to_le_bytes());
            ends.push(blob.len() as u32);
        }
        GraphChunk {
            graph: 0,
            first: FutureId(first as u64),
            runs: vec![TaskRun { class: 0, count: len as u32, keys: KeyKind::Session }],
            tokens: vec![],
            names: vec![],
            args: ArgsColumn { ends, blob: blob.into(), buffers: vec![] },
            dep_ends,
            deps,
            holds: vec![],
            wants: Wants::All,
            last: first + len == tasks,
            parent: None,
        }
    }
}
