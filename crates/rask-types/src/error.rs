//! Why a task failed, as it travels from a worker to whoever asks.

use std::fmt;

use crate::payload::Payload;

/// What kind of failure it was, for the one who must raise the right exception.
#[derive(Clone, PartialEq, Debug)]
pub enum ErrorKind {
    /// The user's function raised: `exception` and `traceback` are what it raised, encoded.
    Exception,
    /// The task was running on this many workers when they died.
    KilledWorker {
        /// Address of the last worker that died with it.
        last_worker: String,
        /// How many deaths were allowed.
        allowed_failures: u32,
        /// One line per death: worker, exit status, what is known.
        deaths: Vec<String>,
    },
    /// An argument or the function could not be decoded on the worker.
    Undecodable,
    /// The result exists on its worker but cannot be encoded to travel.
    Unserializable,
    /// The scheduler refused the task; `text` says why.
    Refused,
}

/// One failure. Dependents of a failed task carry the same error; `key` names the task that is to blame.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskError {
    /// What kind it was.
    pub kind: ErrorKind,
    /// The key, as users read it, of the task whose own failure this is.
    pub key: String,
    /// One line: what happened, for logs and for faces that cannot decode `exception`.
    pub text: String,
    /// The exception object, encoded; empty when there is none.
    pub exception: Payload,
    /// The traceback: an encoded object of the worker's language; empty when there is none.
    pub traceback: Payload,
    /// Address of the worker where it happened; empty when it was none.
    pub worker: String,
}

impl TaskError {
    /// An error that carries text only.
    pub fn new(kind: ErrorKind, key: impl Into<String>, text: impl Into<String>) -> TaskError {
        TaskError {
            kind,
            key: key.into(),
            text: text.into(),
            exception: Payload::default(),
            traceback: Payload::default(),
            worker: String::new(),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {:?}: {}", self.key, self.text)
    }
}
