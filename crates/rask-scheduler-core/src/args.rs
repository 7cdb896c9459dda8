//! Arguments of tasks: the chunks they arrived in, kept until the last task of the chunk is forgotten.

use std::num::NonZeroU32;

use bytes::Bytes;
use rask_types::ArgsColumn;

/// One task's argument: which chunk, which position in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ArgsRef {
    /// One more than the chunk's index, so that an absent reference takes no room.
    chunk: NonZeroU32,
    position: u32,
}

impl ArgsRef {
    /// It is this position of this chunk.
    pub(crate) fn is_at(self, chunk: ChunkId, position: u32) -> bool {
        (self.index(), self.position) == (chunk.0 as usize, position)
    }

    fn index(self) -> usize {
        self.chunk.get() as usize - 1
    }
}

#[derive(Debug, Default)]
struct Chunk {
    column: ArgsColumn,
    live: u32,
}

/// All chunks.
#[derive(Debug, Default)]
pub(crate) struct ArgsStore {
    chunks: Vec<Chunk>,
    free: Vec<u32>,
}

impl ArgsStore {
    /// Keeps a chunk's arguments; tasks take hold of theirs until the chunk is sealed.
    pub(crate) fn insert(&mut self, column: ArgsColumn) -> ChunkId {
        // Whoever takes the chunk in holds it once, until it is sealed.
        let chunk = Chunk { column, live: 1 };
        match self.free.pop() {
            Some(id) => {
                self.chunks[id as usize] = chunk;
                ChunkId(id)
            }
            None => {
                self.chunks.push(chunk);
                ChunkId(self.chunks.len() as u32 - 1)
            }
        }
    }

    /// A task takes hold of its argument.
    pub(crate) fn hold(&mut self, chunk: ChunkId, position: u32) -> ArgsRef {
        self.chunks[chunk.0 as usize].live += 1;
        ArgsRef { chunk: NonZeroU32::MIN.saturating_add(chunk.0), position }
    }

    /// The chunk is complete: forgets it if no task took hold.
    pub(crate) fn seal(&mut self, chunk: ChunkId) {
        self.chunks[chunk.0 as usize].live -= 1;
        self.drop_if_dead(chunk.0);
    }

    /// A task lets go of its argument.
    pub(crate) fn release(&mut self, args: ArgsRef) {
        self.chunks[args.index()].live -= 1;
        self.drop_if_dead(args.index() as u32);
    }

    fn drop_if_dead(&mut self, chunk: u32) {
        let entry = &mut self.chunks[chunk as usize];
        if entry.live == 0 {
            entry.column = ArgsColumn::default();
            self.free.push(chunk);
        }
    }

    /// The argument's head.
    pub(crate) fn head(&self, args: ArgsRef) -> &[u8] {
        let column = &self.chunks[args.index()].column;
        &column.blob[column.range(args.position as usize)]
    }

    /// The argument's buffers, mostly none.
    pub(crate) fn buffers(&self, args: ArgsRef) -> &[Bytes] {
        self.chunks[args.index()].column.buffers_of(args.position as usize)
    }

    /// Bytes of arguments that are kept.
    pub(crate) fn nbytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.column.blob.len()).sum()
    }

    /// How many tasks hold on to arguments.
    pub(crate) fn holds(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.live)).sum()
    }
}

/// A chunk being taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChunkId(u32);
