//! What becomes of a run.

use std::fmt;
use std::sync::Arc;

use rask_types::{LocalObject, TaskError};

/// What a thread says of a run that it executed.
pub enum RunOutcome<'a> {
    /// A result small enough to ride in the completion (see [`rask_types::INLINE_BYTES_MAX`]): a head in the tagged
    /// codec, without buffers.
    Inline(&'a [u8]),
    /// A result that stays here.
    Kept {
        /// It.
        object: LocalObject,
        /// Its size in memory, as far as the runtime can tell.
        nbytes: u64,
        /// Its type, such as `numpy.ndarray`; worth interning, one pointer is compared before the text.
        type_name: Arc<str>,
    },
    /// It raised, or its function or arguments could not be decoded. `worker` is filled in.
    Failed(Box<TaskError>),
    /// It asks to run elsewhere.
    Reschedule,
}

impl fmt::Debug for RunOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunOutcome::Inline(value) => write!(f, "Inline({} B)", value.len()),
            RunOutcome::Kept { nbytes, type_name, .. } => write!(f, "Kept({nbytes} B of {type_name})"),
            RunOutcome::Failed(error) => write!(f, "Failed({error})"),
            RunOutcome::Reschedule => f.write_str("Reschedule"),
        }
    }
}
