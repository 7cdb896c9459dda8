//! Graph chunks: built task by task, and cut to a size that lets the scheduler start early and stay fair.

use bytes::Bytes;
use rask_types::{ArgsColumn, FutureId, GraphChunk, KeyKind, RunId, TaskRun, Wants};

/// A chunk message carries at most this many tasks.
pub const CHUNK_TASKS_MAX: usize = 10_000;
/// A chunk message carries about this many bytes at most, unless one task alone is larger.
pub const CHUNK_BYTES_MAX: usize = 1 << 20;

/// The key of a task that is being submitted.
#[derive(Clone, Debug)]
pub enum NewKey {
    /// Impure: the future's number makes the key.
    Session,
    /// Pure: `prefix-<token>`.
    Token(u128),
    /// The canonical bytes of a key the user gave.
    Named(Bytes),
}

/// The arguments together no longer fit one chunk (4 GiB); submit what is there and begin another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkFull;

impl std::fmt::Display for ChunkFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the encoded arguments of one graph chunk exceed 4 GiB")
    }
}

impl std::error::Error for ChunkFull {}

/// Builds a [`GraphChunk`]. Per task: append its encoded arguments to [`ChunkBuilder::args`], then
/// [`ChunkBuilder::push`] the rest of it, or [`ChunkBuilder::abandon`] it.
#[derive(Debug)]
pub struct ChunkBuilder {
    first: FutureId,
    runs: Vec<TaskRun>,
    tokens: Vec<u128>,
    names: Vec<Bytes>,
    ends: Vec<u32>,
    blob: Vec<u8>,
    buffers: Vec<(u32, Vec<Bytes>)>,
    buffer_bytes: usize,
    dep_ends: Vec<u32>,
    deps: Vec<FutureId>,
    holds: Vec<(u32, FutureId)>,
    wants: Wants,
}

impl ChunkBuilder {
    /// A chunk whose first task is `first` (see `ClientCore::allocate`).
    pub fn new(first: FutureId) -> ChunkBuilder {
        ChunkBuilder {
            first,
            runs: Vec::new(),
            tokens: Vec::new(),
            names: Vec::new(),
            ends: Vec::new(),
            blob: Vec::new(),
            buffers: Vec::new(),
            buffer_bytes: 0,
            dep_ends: Vec::new(),
            deps: Vec::new(),
            holds: Vec::new(),
            wants: Wants::All,
        }
    }

    /// Makes room for `tasks` more tasks.
    pub fn reserve(&mut self, tasks: usize) {
        self.ends.reserve(tasks);
        self.dep_ends.reserve(tasks);
        self.blob.reserve(tasks * 8);
    }

    /// Tasks so far.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without tasks.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number that the next task gets.
    #[inline]
    pub fn next_id(&self) -> FutureId {
        FutureId(self.first.0 + self.ends.len() as u64)
    }

    /// True when the chunk has the size of a message: submit it and begin another.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.ends.len() >= CHUNK_TASKS_MAX || self.blob.len() + self.buffer_bytes >= CHUNK_BYTES_MAX
    }

    /// Where the next task's encoded arguments are to be appended.
    #[inline]
    pub fn args(&mut self) -> &mut Vec<u8> {
        &mut self.blob
    }

    /// Takes back what was appended to `args` since the last task.
    pub fn abandon(&mut self) {
        self.blob.truncate(self.ends.last().map_or(0, |&end| end as usize));
    }

    /// Adds the task whose arguments were just appended. `deps` without duplicates. `wanted`: the client holds a future
    /// for it.
    ///
    /// # Errors
    /// If the chunk is full; the task is abandoned.
    #[inline]
    pub fn push(
        &mut self,
        class: u32,
        key: NewKey,
        deps: &[FutureId],
        wanted: bool,
    ) -> Result<FutureId, ChunkFull> {
        let (Ok(end), Ok(dep_end)) =
            (u32::try_from(self.blob.len()), u32::try_from(self.deps.len() + deps.len()))
        else {
            self.abandon();
            return Err(ChunkFull);
        };
        let id = self.next_id();
        let keys = match key {
            NewKey::Session => KeyKind::Session,
            NewKey::Token(token) => {
                self.tokens.push(token);
                KeyKind::Token
            }
            NewKey::Named(name) => {
                self.names.push(name);
                KeyKind::Named
            }
        };
        match self.runs.last_mut() {
            Some(run) if run.class == class && run.keys == keys => run.count += 1,
            _ => self.runs.push(TaskRun { class, count: 1, keys }),
        }
        self.note_want(wanted);
        self.ends.push(end);
        self.deps.extend_from_slice(deps);
        self.dep_ends.push(dep_end);
        Ok(id)
    }

    #[inline]
    fn note_want(&mut self, wanted: bool) {
        let position = self.ends.len() as u32;
        match (&mut self.wants, wanted) {
            (Wants::All, true) | (Wants::None, false) | (Wants::Some(_), false) if position > 0 => {}
            (wants, true) if position == 0 => *wants = Wants::All,
            (wants, false) if position == 0 => *wants = Wants::None,
            (Wants::Some(positions), _) => positions.push(position),
            (wants @ Wants::All, _) => *wants = Wants::Some((0..position).collect()),
            (wants @ Wants::None, _) => *wants = Wants::Some(vec![position]),
        }
    }

    /// Gives the task pushed last large buffers beside its arguments.
    pub fn add_buffers(&mut self, buffers: Vec<Bytes>) {
        if let (Some(position), false) = (self.ends.len().checked_sub(1), buffers.is_empty()) {
            self.buffer_bytes += buffers.iter().map(Bytes::len).sum::<usize>();
            self.buffers.push((position as u32, buffers));
        }
    }

    /// Says that the task pushed last has this future inside a pickled argument.
    pub fn add_hold(&mut self, future: FutureId) {
        if let Some(position) = self.ends.len().checked_sub(1) {
            self.holds.push((position as u32, future));
        }
    }

    /// The chunk. `graph` from `ClientCore::new_graph`; `last` if it completes that graph; `parent` is the task during
    /// which it is submitted.
    pub fn finish(mut self, graph: u32, last: bool, parent: Option<RunId>) -> GraphChunk {
        self.abandon();
        GraphChunk {
            graph,
            first: self.first,
            runs: self.runs,
            tokens: self.tokens,
            names: self.names,
            args: ArgsColumn { ends: self.ends, blob: Bytes::from(self.blob), buffers: self.buffers },
            dep_ends: self.dep_ends,
            deps: self.deps,
            holds: self.holds,
            wants: self.wants,
            last,
            parent,
        }
    }
}

/// Cuts `chunk` into pieces of at most [`CHUNK_TASKS_MAX`] tasks and about [`CHUNK_BYTES_MAX`] bytes; only the last
/// piece keeps `last`. The argument blob is shared, not copied. `chunk` must have no defect.
pub(crate) fn split(chunk: GraphChunk, mut piece: impl FnMut(GraphChunk)) {
    let cuts = cuts(&chunk);
    if cuts.len() <= 1 {
        piece(chunk);
        return;
    }
    let mut rest = Rest::new(chunk);
    for (i, &end) in cuts.iter().enumerate() {
        piece(rest.take_until(end, i + 1 == cuts.len()));
    }
}

/// Where the pieces end, as task positions.
fn cuts(chunk: &GraphChunk) -> Vec<usize> {
    let n = chunk.len();
    let payload: usize =
        chunk.args.blob.len() + chunk.args.buffers.iter().flat_map(|b| &b.1).map(Bytes::len).sum::<usize>();
    if n <= CHUNK_TASKS_MAX && payload <= CHUNK_BYTES_MAX {
        return vec![n];
    }
    let mut cuts = Vec::new();
    let (mut begin, mut bytes) = (0, 0);
    let mut buffers = chunk.args.buffers.iter().peekable();
    for i in 0..n {
        let beside = buffers.next_if(|entry| entry.0 as usize == i);
        let weight = chunk.args.range(i).len() + beside.map_or(0, |b| b.1.iter().map(Bytes::len).sum());
        if i > begin && (i - begin == CHUNK_TASKS_MAX || bytes + weight > CHUNK_BYTES_MAX) {
            cuts.push(i);
            (begin, bytes) = (i, 0);
        }
        bytes += weight;
    }
    cuts.push(n);
    cuts
}

/// What of a chunk has not been cut off yet.
struct Rest {
    chunk: GraphChunk,
    begin: usize,
    run: usize,
    /// Tasks of `run` already taken.
    run_taken: u32,
    tokens_taken: usize,
    names_taken: usize,
    wants_taken: usize,
    buffers: std::iter::Peekable<std::vec::IntoIter<(u32, Vec<Bytes>)>>,
    holds: std::iter::Peekable<std::vec::IntoIter<(u32, FutureId)>>,
}

impl Rest {
    fn new(mut chunk: GraphChunk) -> Rest {
        let buffers = std::mem::take(&mut chunk.args.buffers).into_iter().peekable();
        chunk.holds.sort_by_key(|hold| hold.0);
        let holds = std::mem::take(&mut chunk.holds).into_iter().peekable();
        Rest {
            chunk,
            begin: 0,
            run: 0,
            run_taken: 0,
            tokens_taken: 0,
            names_taken: 0,
            wants_taken: 0,
            buffers,
            holds,
        }
    }

    fn take_until(&mut self, end: usize, is_final: bool) -> GraphChunk {
        let begin = self.begin;
        let runs = self.take_runs((end - begin) as u32);
        let of_kind = |kind| runs.iter().filter(|run| run.keys == kind).map(|run| run.count as usize).sum();
        let (n_tokens, n_names): (usize, usize) = (of_kind(KeyKind::Token), of_kind(KeyKind::Named));
        let chunk = &self.chunk;
        let tokens = chunk.tokens[self.tokens_taken..self.tokens_taken + n_tokens].to_vec();
        let names = chunk.names[self.names_taken..self.names_taken + n_names].to_vec();
        self.tokens_taken += n_tokens;
        self.names_taken += n_names;
        let (ends, bytes) = rebased(&chunk.args.ends, begin, end);
        let (dep_ends, dep_range) = rebased(&chunk.dep_ends, begin, end);
        let (first, graph, parent) = (FutureId(chunk.first.0 + begin as u64), chunk.graph, chunk.parent);
        let (blob, deps) = (chunk.args.blob.slice(bytes), chunk.deps[dep_range].to_vec());
        let wants = self.take_wants(end);
        let mut buffers = Vec::new();
        while let Some((position, list)) = self.buffers.next_if(|entry| (entry.0 as usize) < end) {
            buffers.push((position - begin as u32, list));
        }
        let mut holds = Vec::new();
        while let Some((position, future)) = self.holds.next_if(|hold| (hold.0 as usize) < end) {
            holds.push((position - begin as u32, future));
        }
        self.begin = end;
        GraphChunk {
            graph,
            first,
            runs,
            tokens,
            names,
            args: ArgsColumn { ends, blob, buffers },
            dep_ends,
            deps,
            holds,
            wants,
            last: self.chunk.last && is_final,
            parent,
        }
    }

    fn take_runs(&mut self, mut count: u32) -> Vec<TaskRun> {
        let mut runs = Vec::new();
        while count > 0 {
            let run = self.chunk.runs[self.run];
            let taken = count.min(run.count - self.run_taken);
            if taken > 0 {
                runs.push(TaskRun { count: taken, ..run });
            }
            count -= taken;
            self.run_taken += taken;
            if self.run_taken == run.count {
                self.run += 1;
                self.run_taken = 0;
            }
        }
        runs
    }

    fn take_wants(&mut self, end: usize) -> Wants {
        let Wants::Some(positions) = &self.chunk.wants else { return self.chunk.wants.clone() };
        let rest = &positions[self.wants_taken..];
        let here = rest.partition_point(|&position| (position as usize) < end);
        self.wants_taken += here;
        match here {
            0 => Wants::None,
            n if n == end - self.begin => Wants::All,
            _ => Wants::Some(rest[..here].iter().map(|&position| position - self.begin as u32).collect()),
        }
    }
}

/// The ends of items `begin..end`, counted from where the first of them begins, and the range they span.
fn rebased(ends: &[u32], begin: usize, end: usize) -> (Vec<u32>, std::ops::Range<usize>) {
    let start = if begin == 0 { 0 } else { ends[begin - 1] };
    let stop = ends[end - 1];
    (ends[begin..end].iter().map(|&e| e - start).collect(), start as usize..stop as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Task {
        id: u64,
        class: u32,
        kind: u8,
        key: u128,
        args: Vec<u8>,
        buffers: Vec<Bytes>,
        deps: Vec<u64>,
        holds: Vec<u64>,
        wanted: bool,
    }

    fn build(tasks: &[Task]) -> GraphChunk {
        let mut builder = ChunkBuilder::new(FutureId(100));
        for task in tasks {
            builder.args().extend_from_slice(&task.args);
            let key = match task.kind {
                0 => NewKey::Session,
                1 => NewKey::Token(task.key),
                _ => NewKey::Named(Bytes::from(task.key.to_be_bytes().to_vec())),
            };
            let deps: Vec<FutureId> = task.deps.iter().map(|&d| FutureId(d)).collect();
            builder.push(task.class, key, &deps, task.wanted).unwrap();
            builder.add_buffers(task.buffers.clone());
            task.holds.iter().for_each(|&hold| builder.add_hold(FutureId(hold)));
        }
        builder.finish(7, true, Some(RunId::new(1, 2)))
    }

    /// Reads the tasks back out of the columns.
    fn tasks_of(chunk: &GraphChunk) -> Vec<Task> {
        assert_eq!(chunk.defect(), None);
        let kinds: Vec<(u32, KeyKind)> = chunk
            .runs
            .iter()
            .flat_map(|run| std::iter::repeat_n((run.class, run.keys), run.count as usize))
            .collect();
        let (mut tokens, mut names) = (chunk.tokens.iter(), chunk.names.iter());
        let number = |name: &Bytes| u128::from_be_bytes(name[..].try_into().unwrap());
        (0..chunk.len())
            .map(|i| {
                let dep_begin = if i == 0 { 0 } else { chunk.dep_ends[i - 1] as usize };
                let deps = &chunk.deps[dep_begin..chunk.dep_ends[i] as usize];
                Task {
                    id: chunk.first.0 + i as u64,
                    class: kinds[i].0,
                    kind: kinds[i].1 as u8,
                    key: match kinds[i].1 {
                        KeyKind::Session => 0,
                        KeyKind::Token => *tokens.next().unwrap(),
                        KeyKind::Named => number(names.next().unwrap()),
                    },
                    args: chunk.args.payload(i).head.to_vec(),
                    buffers: chunk.args.buffers_of(i).to_vec(),
                    deps: deps.iter().map(|d| d.0).collect(),
                    holds: chunk.holds.iter().filter(|h| h.0 as usize == i).map(|h| h.1.0).collect(),
                    wanted: match &chunk.wants {
                        Wants::All => true,
                        Wants::None => false,
                        Wants::Some(positions) => positions.contains(&(i as u32)),
                    },
                }
            })
            .collect()
    }

    fn tasks(args_bytes: usize, n: usize) -> impl Strategy<Value = Vec<Task>> {
        let sized = |n| proptest::collection::vec(any::<u8>(), n);
        let task = (
            0..3_u32,
            0..3_u8,
            any::<u128>(),
            (0..args_bytes).prop_map(|n| vec![7; n]),
            proptest::option::weighted(0.1, sized(0..9)),
            proptest::collection::vec(any::<u64>(), 0..3),
            proptest::collection::vec(any::<u64>(), 0..2),
            any::<bool>(),
        );
        let task = task.prop_map(|(class, kind, key, args, buffer, deps, holds, wanted)| Task {
            id: 0,
            class,
            kind,
            key: if kind == 0 { 0 } else { key },
            args,
            buffers: buffer.into_iter().map(Bytes::from).collect(),
            deps,
            holds,
            wanted,
        });
        proptest::collection::vec(task, 1..n).prop_map(|mut tasks| {
            tasks.iter_mut().enumerate().for_each(|(i, task)| task.id = 100 + i as u64);
            tasks
        })
    }

    fn check_pieces(expected: &[Task]) {
        let mut got = Vec::new();
        let mut lasts = Vec::new();
        split(build(expected), |piece| {
            assert!(piece.len() <= CHUNK_TASKS_MAX);
            let buffers: usize = piece.args.buffers.iter().flat_map(|b| &b.1).map(Bytes::len).sum();
            assert!(piece.len() == 1 || piece.args.blob.len() + buffers <= CHUNK_BYTES_MAX);
            assert_eq!((piece.graph, piece.parent), (7, Some(RunId::new(1, 2))));
            lasts.push(piece.last);
            got.extend(tasks_of(&piece));
        });
        assert_eq!(got, expected);
        assert_eq!(lasts.pop(), Some(true));
        assert!(lasts.iter().all(|last| !last));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn pieces_together_are_the_whole(tasks in tasks(300_000, 30)) {
            check_pieces(&tasks);
        }
    }

    #[test]
    fn many_small_tasks_are_cut_by_number() {
        let task = |i: u64| Task {
            id: 100 + i,
            class: (i / 15_000) as u32,
            kind: u8::from(i.is_multiple_of(7)),
            key: if i.is_multiple_of(7) { u128::from(i) } else { 0 },
            args: vec![1],
            buffers: vec![],
            deps: if i > 0 { vec![100 + i - 1] } else { vec![] },
            holds: vec![],
            wanted: i % 1000 == 999,
        };
        let tasks: Vec<Task> = (0..25_000).map(task).collect();
        let mut sizes = Vec::new();
        split(build(&tasks), |piece| sizes.push(piece.len()));
        assert_eq!(sizes, [10_000, 10_000, 5_000]);
        check_pieces(&tasks);
    }

    #[test]
    fn an_abandoned_task_leaves_no_trace() {
        let mut builder = ChunkBuilder::new(FutureId(1));
        builder.args().extend_from_slice(b"abc");
        builder.push(0, NewKey::Session, &[], true).unwrap();
        builder.args().extend_from_slice(b"half");
        builder.abandon();
        builder.args().extend_from_slice(b"d");
        builder.push(0, NewKey::Session, &[FutureId(1)], true).unwrap();
        builder.args().extend_from_slice(b"never pushed");
        let chunk = builder.finish(0, true, None);
        assert_eq!(chunk.defect(), None);
        assert_eq!(&chunk.args.blob[..], b"abcd");
        assert_eq!(chunk.wants, Wants::All);
    }
}
