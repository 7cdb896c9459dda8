//! rask's vocabulary: what the cores, the wire and the drivers talk about, as plain data.
//!
//! Nothing here does I/O, reads a clock or knows how a message becomes bytes (that is `rask-wire`).
//!
//! * [`id`]: dense numbers by which processes name tasks, runs, workers, clients, classes.
//! * [`key`]: a task's identity as users see it, and its 128-bit [`KeyId`].
//! * [`class`]: what many tasks share (function, resources, restrictions …), interned once.
//! * [`payload`]: encoded values as they travel: a head and large buffers beside it.
//! * [`value`]: the tagged codec for what Python programs mostly pass.
//! * [`error`]: why a task failed, as it travels.
//! * [`columns`]: tasks and completions in columns, thousands to a message.
//! * [`msg`]: every message of every connection, as closed enums.

pub mod class;
pub mod columns;
pub mod error;
pub mod id;
pub mod key;
pub mod msg;
pub mod payload;
pub mod tick;
pub mod value;

pub use class::{FunctionId, Language, TaskClass};
pub use columns::{
    ArgsColumn, ComputeColumns, DepSource, DoneColumns, FinishedColumns, GraphChunk, HeldByWorker, KeyKind,
    TaskRun, Wants,
};
pub use error::{ErrorKind, TRACEBACK_TEXT_BYTES_MAX, TaskError, keep_ends};
pub use id::{ClassId, ClientId, FutureId, RequestId, RunId, TaskId, TypeId, WorkerId};
pub use key::{Key, KeyId, KeyParseError};
pub use payload::{LocalObject, Payload};
pub use tick::Tick;

/// A result of at most this many encoded bytes rides inside its completion instead of staying on its worker.
pub const INLINE_BYTES_MAX: usize = 1024;

/// Version of everything that is said on a connection. Peers of another version refuse each other by name.
pub const PROTOCOL_VERSION: u16 = 1;
