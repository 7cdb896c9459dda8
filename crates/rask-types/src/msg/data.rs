//! What is said on data connections: someone fetches values from a worker, or brings it some.

use std::sync::Arc;

use crate::error::TaskError;
use crate::id::{RequestId, RunId};
use crate::payload::Payload;

/// To the worker that keeps values.
#[derive(Clone, PartialEq, Debug)]
pub enum ToData {
    /// Send these values. Each is answered by one `FromData::Value`, in any order.
    Fetch {
        /// Names the question.
        request: RequestId,
        /// Which values.
        values: Vec<RunId>,
    },
    /// Keep this value. Answered by `FromData::Stored`.
    Put {
        /// Names the question.
        request: RequestId,
        /// Its identity, from the scheduler's `ScatterPlan`.
        value: RunId,
        /// The value.
        payload: Payload,
        /// Its type's name.
        type_name: String,
    },
}

/// Why a value was not sent.
#[derive(Clone, PartialEq, Debug)]
pub enum FetchFailure {
    /// The worker does not have it (any more).
    Missing,
    /// It has it but cannot encode it.
    Unserializable(Arc<TaskError>),
}

/// From the worker that keeps values.
#[derive(Clone, PartialEq, Debug)]
pub enum FromData {
    /// One fetched value.
    Value {
        /// The question.
        request: RequestId,
        /// Which value.
        value: RunId,
        /// It.
        result: Result<Payload, FetchFailure>,
    },
    /// A value that was brought is kept.
    Stored {
        /// The question.
        request: RequestId,
    },
}
