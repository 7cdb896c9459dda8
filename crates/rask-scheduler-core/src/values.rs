//! Small results that the scheduler keeps itself: opaque bytes, counted and bounded. They feed dependents and clients
//! without a trip and survive the worker that made them.

use smallvec::SmallVec;

/// A value kept here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ValueId(u32);

/// What a kept value costs beside its bytes.
const OVERHEAD_BYTES: u64 = 40;

/// All of them.
#[derive(Debug)]
pub(crate) struct ValueStore {
    values: Vec<SmallVec<[u8; 16]>>,
    free: Vec<u32>,
    nbytes: u64,
    nbytes_max: u64,
}

impl ValueStore {
    /// A store that takes about `nbytes_max` bytes.
    pub(crate) fn new(nbytes_max: u64) -> ValueStore {
        ValueStore { values: Vec::new(), free: Vec::new(), nbytes: 0, nbytes_max }
    }

    /// Keeps a value.
    pub(crate) fn insert(&mut self, bytes: &[u8]) -> ValueId {
        self.nbytes += bytes.len() as u64 + OVERHEAD_BYTES;
        let value = SmallVec::from_slice(bytes);
        match self.free.pop() {
            Some(id) => {
                self.values[id as usize] = value;
                ValueId(id)
            }
            None => {
                self.values.push(value);
                ValueId(self.values.len() as u32 - 1)
            }
        }
    }

    /// Drops a value.
    pub(crate) fn remove(&mut self, id: ValueId) {
        let value = std::mem::take(&mut self.values[id.0 as usize]);
        self.nbytes -= value.len() as u64 + OVERHEAD_BYTES;
        self.free.push(id.0);
    }

    /// The value's bytes.
    pub(crate) fn get(&self, id: ValueId) -> &[u8] {
        &self.values[id.0 as usize]
    }

    /// Values kept.
    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Whether `count` more values, each as large as may ride in a completion, would fit.
    pub(crate) fn has_room_for(&self, count: u64) -> bool {
        self.nbytes + count * (rask_types::INLINE_BYTES_MAX as u64 + OVERHEAD_BYTES) <= self.nbytes_max
    }
}
