//! Many small values at once: side by side in one allocation, in a few nanoseconds each.

use rask_types::FutureId;

use crate::core::ClientCore;

/// The inline values of a list of futures.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct InlineValues {
    blob: Vec<u8>,
    ends: Vec<usize>,
    /// Positions of the futures that have no inline value: pending, failed, or kept on workers.
    pub others: Vec<u32>,
}

impl InlineValues {
    /// Futures asked for.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if none was asked for.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The value of the future at `position`, in the tagged codec; `None` for those in `others`.
    #[inline]
    pub fn get(&self, position: usize) -> Option<&[u8]> {
        let begin = if position == 0 { 0 } else { self.ends[position - 1] };
        let value = &self.blob[begin..*self.ends.get(position)?];
        (!value.is_empty()).then_some(value) // no value encodes to nothing
    }
}

impl ClientCore {
    /// The inline values of `futures`.
    pub fn inline_values(&self, futures: &[FutureId]) -> InlineValues {
        let mut values = InlineValues::default();
        values.ends.reserve_exact(futures.len());
        values.blob.reserve(futures.len() * 8);
        for (&future, position) in futures.iter().zip(0..) {
            match self.table.get(future).and_then(|slot| slot.state.inline_value()) {
                Some(value) if !value.is_empty() => values.blob.extend_from_slice(value),
                _ => values.others.push(position),
            }
            values.ends.push(values.blob.len());
        }
        values
    }
}
