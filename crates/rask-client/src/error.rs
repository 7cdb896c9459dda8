//! Why a call did not do what it should.

use std::fmt;
use std::sync::Arc;

use rask_client_core::SubmitError;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientError {
    /// This process was forked from the one that made the client; only that one can use it.
    Forked,
    /// The client was closed, or lost its scheduler.
    Closed {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// The time that the caller gave is over.
    TimedOut,
    /// The caller's `interrupt` said so.
    Interrupted,
    /// Tasks, classes or values that cannot be submitted.
    Submit(SubmitError),
    /// The scheduler's answer is an error; its words.
    Refused(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Forked => f.write_str(
                "this process was forked from the one that made the client; make a client of its own here",
            ),
            ClientError::Closed { reason } => write!(f, "the client is closed: {reason}"),
            ClientError::TimedOut => f.write_str("the time is over"),
            ClientError::Interrupted => f.write_str("interrupted"),
            ClientError::Submit(error) => error.fmt(f),
            ClientError::Refused(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<SubmitError> for ClientError {
    fn from(error: SubmitError) -> ClientError {
        match error {
            SubmitError::Closed { reason } => ClientError::Closed { reason },
            other => ClientError::Submit(other),
        }
    }
}
