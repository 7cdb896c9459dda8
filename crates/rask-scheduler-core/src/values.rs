//! Small results that the scheduler keeps itself: opaque bytes, counted and bounded. They feed dependents and clients
//! without a trip and survive the worker that made them.

/// A value kept here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ValueId(u32);

/// Shorter values lie in place: with them an entry takes sixteen bytes.
const IN_PLACE_BYTES_MAX: usize = 14;

/// A value's bytes.
#[derive(Debug)]
enum Value {
    Short { len: u8, bytes: [u8; IN_PLACE_BYTES_MAX] },
    Long(Box<Box<[u8]>>),
}

impl Default for Value {
    fn default() -> Self {
        Value::Short { len: 0, bytes: [0; IN_PLACE_BYTES_MAX] }
    }
}

impl Value {
    fn new(bytes: &[u8]) -> Value {
        if bytes.len() > IN_PLACE_BYTES_MAX {
            return Value::Long(Box::new(bytes.into()));
        }
        let mut in_place = [0; IN_PLACE_BYTES_MAX];
        in_place[..bytes.len()].copy_from_slice(bytes);
        Value::Short { len: bytes.len() as u8, bytes: in_place }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Value::Short { len, bytes } => &bytes[..usize::from(*len)],
            Value::Long(bytes) => bytes,
        }
    }
}

/// What a kept value costs beside its bytes.
const OVERHEAD_BYTES: u64 = 40;

/// All of them.
#[derive(Debug)]
pub(crate) struct ValueStore {
    values: Vec<Value>,
    free: Vec<u32>,
    nbytes: u64,
    nbytes_max: u64,
}

impl ValueStore {
    /// A store that takes about `nbytes_max` bytes.
    pub(crate) fn new(nbytes_max: u64) -> ValueStore {
        ValueStore { values: Vec::new(), free: Vec::new(), nbytes: 0, nbytes_max }
    }

    /// What is kept, in bytes, with what keeping it costs.
    pub(crate) fn nbytes(&self) -> u64 {
        self.nbytes
    }

    /// Keeps a value.
    pub(crate) fn insert(&mut self, bytes: &[u8]) -> ValueId {
        self.nbytes += bytes.len() as u64 + OVERHEAD_BYTES;
        let value = Value::new(bytes);
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
        self.nbytes -= value.bytes().len() as u64 + OVERHEAD_BYTES;
        self.free.push(id.0);
    }

    /// The value's bytes.
    pub(crate) fn get(&self, id: ValueId) -> &[u8] {
        self.values[id.0 as usize].bytes()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_length_come_back() {
        let mut store = ValueStore::new(1 << 20);
        let values: Vec<Vec<u8>> = (0..40_u8).map(|len| vec![len; usize::from(len)]).collect();
        let ids: Vec<ValueId> = values.iter().map(|value| store.insert(value)).collect();
        for (id, value) in ids.iter().zip(&values) {
            assert_eq!(store.get(*id), &value[..]);
        }
        ids.into_iter().for_each(|id| store.remove(id));
        assert_eq!((store.len(), store.nbytes), (0, 0));
        assert_eq!(size_of::<Value>(), 16);
    }
}
