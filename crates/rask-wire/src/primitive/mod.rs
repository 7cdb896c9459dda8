//! What messages are made of: numbers, bytes, and columns of numbers.

mod aligned;
mod column;
mod column_read;
mod reader;
mod token_column;
mod writer;

pub(crate) use aligned::AlignedBuffer;
pub(crate) use column::put_column;
pub(crate) use column_read::get_column;
pub(crate) use reader::Reader;
pub(crate) use token_column::{get_tokens, put_tokens};
pub(crate) use writer::Writer;

/// Buffers begin at multiples of this within a body, and a body that is received on its own begins at one in memory.
pub(crate) const ALIGN: usize = 64;

/// How many numbers a column may have that takes no byte for each. It bounds what a short frame can make its receiver
/// allocate.
pub(crate) const COLLAPSED_MAX: usize = 1 << 18;
