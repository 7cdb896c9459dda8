//! Tasks and completions in columns: thousands to a message, a few bytes each.
//!
//! All columns of one struct describe the same tasks in the same order. `ends[i]` is where item `i` ends in what
//! it indexes; it begins where item `i - 1` ends.

use bytes::Bytes;

use crate::class::TaskClass;
use crate::id::{ClassId, FutureId, RunId, TypeId, WorkerId};
use crate::payload::Payload;

/// One encoded argument list (or literal value) per task: a slice of `blob`, and for few of them buffers beside it.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct ArgsColumn {
    /// Where each task's head ends in `blob`.
    pub ends: Vec<u32>,
    /// The heads, one after the other.
    pub blob: Bytes,
    /// `(task, its buffers)` for those that have any, ascending by task.
    pub buffers: Vec<(u32, Vec<Bytes>)>,
}

impl ArgsColumn {
    /// Number of tasks.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without tasks.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of head `i` within `blob`.
    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        start..self.ends[i] as usize
    }

    /// The buffers of task `i`, mostly none.
    pub fn buffers_of(&self, i: usize) -> &[Bytes] {
        match self.buffers.binary_search_by_key(&(i as u32), |entry| entry.0) {
            Ok(at) => &self.buffers[at].1,
            Err(_) => &[],
        }
    }

    /// Task `i`'s argument as a payload that shares the blob.
    pub fn payload(&self, i: usize) -> Payload {
        Payload { head: self.blob.slice(self.range(i)), buffers: self.buffers_of(i).to_vec(), local: None }
    }
}

/// How the keys of a run of tasks are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum KeyKind {
    /// Impure: the token is the client's session number in the high 64 bits and the task's [`FutureId`] in the low.
    Session = 0,
    /// Pure: a content token, in `GraphChunk::tokens`.
    Token = 1,
    /// Given by the user: canonical key bytes, in `GraphChunk::names`.
    Named = 2,
}

/// `count` neighbouring tasks of one class with one kind of key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskRun {
    /// The client's number of the class (see `ClientToScheduler::DefineClass`).
    pub class: u32,
    /// How many.
    pub count: u32,
    /// How their keys are given.
    pub keys: KeyKind,
}

/// Which tasks of a chunk the client holds futures for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wants {
    /// Every one.
    All,
    /// None: they only feed others.
    None,
    /// These, by position in the chunk, ascending.
    Some(Vec<u32>),
}

/// A piece of a graph on its way from a client. Tasks come in the order in which they should run, dependencies before
/// dependents; a task depends only on tasks that this client named before, in this chunk or earlier.
#[derive(Clone, PartialEq, Debug)]
pub struct GraphChunk {
    /// The client's number of the graph. Tasks of a graph are kept until its last chunk has come.
    pub graph: u32,
    /// Names the first task; the others follow without gaps.
    pub first: FutureId,
    /// Class and key kind of all tasks, in order.
    pub runs: Vec<TaskRun>,
    /// Tokens of the tasks in `KeyKind::Token` runs, in order.
    pub tokens: Vec<u128>,
    /// Canonical keys of the tasks in `KeyKind::Named` runs, in order.
    pub names: Vec<Bytes>,
    /// Arguments.
    pub args: ArgsColumn,
    /// Where each task's dependencies end in `deps`.
    pub dep_ends: Vec<u32>,
    /// Dependencies, without duplicates within a task; `Dep(i)` in a task's arguments means its `i`-th.
    pub deps: Vec<FutureId>,
    /// `(task position, future)`: futures delivered inside pickled arguments, kept alive as long as the task.
    pub holds: Vec<(u32, FutureId)>,
    /// Which of them the client holds futures for.
    pub wants: Wants,
    /// The graph is complete with this chunk.
    pub last: bool,
    /// The task during which this graph was submitted, if it was: its children run before its siblings.
    pub parent: Option<RunId>,
}

impl GraphChunk {
    /// Number of tasks.
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// True without tasks.
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// What is inconsistent about the columns, if anything: the receiver's check before it trusts an index.
    pub fn defect(&self) -> Option<&'static str> {
        let n = self.len();
        let counted: u64 = self.runs.iter().map(|run| u64::from(run.count)).sum();
        let of_kind = |kind| -> u64 {
            self.runs.iter().filter(|run| run.keys == kind).map(|run| u64::from(run.count)).sum()
        };
        if counted != n as u64 {
            return Some("runs do not add up to the number of tasks");
        }
        if of_kind(KeyKind::Token) != self.tokens.len() as u64
            || of_kind(KeyKind::Named) != self.names.len() as u64
        {
            return Some("keys do not match the runs");
        }
        if !ascending_to(&self.args.ends, self.args.blob.len()) {
            return Some("argument ends do not ascend to the end of the blob");
        }
        if self.dep_ends.len() != n || !ascending_to(&self.dep_ends, self.deps.len()) {
            return Some("dependency ends do not ascend to the number of dependencies");
        }
        if let Wants::Some(positions) = &self.wants
            && positions.iter().any(|&p| p as usize >= n)
        {
            return Some("a wanted position is outside the chunk");
        }
        if self.holds.iter().any(|hold| hold.0 as usize >= n)
            || self.args.buffers.iter().any(|entry| entry.0 as usize >= n)
        {
            return Some("a position is outside the chunk");
        }
        None
    }
}

/// True if `ends` never falls and ends at `total` (or is empty and `total` is 0).
pub fn ascending_to(ends: &[u32], total: usize) -> bool {
    ends.windows(2).all(|pair| pair[0] <= pair[1]) && ends.last().map_or(0, |&end| end as usize) == total
}

/// Where a worker finds one dependency of a task it is to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DepSource {
    /// A small value that came along: an index into `ComputeColumns::values`.
    Inline(u32),
    /// A value kept on workers. If the receiver is one of them, or was given that run earlier and has not finished it,
    /// it waits for its own copy; else it fetches from one of them.
    Held {
        /// Which value.
        run: RunId,
        /// Its size as measured where it was made.
        nbytes: u64,
        /// Who has it; addresses came with `SchedulerToWorker::DefinePeer`.
        workers: Vec<WorkerId>,
    },
}

/// Runs assigned to one worker, in the order in which they should start.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct ComputeColumns {
    /// The runs.
    pub runs: Vec<RunId>,
    /// Their classes, run-length: `(class, count)`. Classes came with `SchedulerToWorker::DefineClass`.
    pub classes: Vec<(ClassId, u32)>,
    /// Their places in the scheduler's order: lower runs sooner among equal user priority.
    pub orders: Vec<u64>,
    /// Tokens of generated keys; ignored for tasks in `names`.
    pub tokens: Vec<u128>,
    /// `(position, canonical key)` of the tasks whose keys users gave, ascending.
    pub names: Vec<(u32, Bytes)>,
    /// Arguments.
    pub args: ArgsColumn,
    /// Where each task's dependencies end in `deps`.
    pub dep_ends: Vec<u32>,
    /// Dependencies, in the order of the graph chunk.
    pub deps: Vec<DepSource>,
    /// Small values that `DepSource::Inline` refers to, each once.
    pub values: Vec<Payload>,
    /// True: the worker keeps every result until told to free it, also those small enough to ride in the completion.
    /// False: small results are the scheduler's once sent.
    pub keep_inline: bool,
}

impl ComputeColumns {
    /// Number of runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// True without runs.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Runs that a worker finished, in the order in which they ended.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct FinishedColumns {
    /// The runs.
    pub runs: Vec<RunId>,
    /// When each began, in nanoseconds of Unix time on the worker's clock.
    pub started_ns: Vec<u64>,
    /// How long the user's function took, in nanoseconds.
    pub duration_ns: Vec<u64>,
    /// On which of the worker's threads.
    pub threads: Vec<u16>,
    /// Where each inline value ends in `blob`; empty for results kept on the worker.
    pub value_ends: Vec<u32>,
    /// Inline values (heads only), one after the other.
    pub blob: Bytes,
    /// Those kept on the worker, ascending by position.
    pub held: Vec<HeldByWorker>,
}

/// A result that stays on its worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldByWorker {
    /// Position in the columns.
    pub position: u32,
    /// Its size in memory, in bytes, as the worker estimates it.
    pub nbytes: u64,
    /// Its type, in the sender's numbering (`DefineType`).
    pub type_id: TypeId,
}

/// Futures of one client that finished.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct DoneColumns {
    /// Which.
    pub futures: Vec<FutureId>,
    /// Where each inline value ends in `blob`; empty for results kept on workers.
    pub value_ends: Vec<u32>,
    /// Inline values (heads only), one after the other.
    pub blob: Bytes,
    /// Those kept on workers, ascending by position: what, which run, and a worker that has it.
    pub held: Vec<(HeldByWorker, RunId, WorkerId)>,
}

/// A class with the number its sender gives it.
#[derive(Clone, PartialEq, Debug)]
pub struct NumberedClass {
    /// The sender's number; used from now on.
    pub number: u32,
    /// The class.
    pub class: TaskClass,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk_of_two() -> GraphChunk {
        GraphChunk {
            graph: 0,
            first: FutureId(10),
            runs: vec![TaskRun { class: 0, count: 2, keys: KeyKind::Session }],
            tokens: vec![],
            names: vec![],
            args: ArgsColumn { ends: vec![1, 3], blob: Bytes::from_static(b"abc"), buffers: vec![] },
            dep_ends: vec![0, 1],
            deps: vec![FutureId(10)],
            holds: vec![],
            wants: Wants::Some(vec![1]),
            last: true,
            parent: None,
        }
    }

    #[test]
    fn a_sound_chunk_has_no_defect() {
        assert_eq!(chunk_of_two().defect(), None);
        assert_eq!(&chunk_of_two().args.payload(1).head[..], b"bc");
    }

    #[test]
    fn every_inconsistency_is_found() {
        let broken: [fn(&mut GraphChunk); 7] = [
            |c| c.runs[0].count = 3,
            |c| c.tokens.push(1),
            |c| c.args.ends = vec![1, 2],
            |c| c.args.ends = vec![3, 3, 2],
            |c| c.dep_ends = vec![0],
            |c| c.wants = Wants::Some(vec![2]),
            |c| c.holds.push((9, FutureId(1))),
        ];
        for (i, break_it) in broken.iter().enumerate() {
            let mut chunk = chunk_of_two();
            break_it(&mut chunk);
            assert!(chunk.defect().is_some(), "case {i}");
        }
    }
}
