//! The client's state machine: which futures there are and what became of them, what the scheduler must be told, and
//! who waits for what.
//!
//! Pure: no socket, thread, clock or entropy. A driver (`rask-client`) calls it under a lock:
//!
//! * users' wishes: [`ClientCore::submit`], [`ClientCore::release`], [`ClientCore::begin_wait`],
//!   [`ClientCore::begin_fetch`] …
//! * what happens: [`ClientCore::on_message`], [`ClientCore::on_data`], [`ClientCore::on_data_link_lost`],
//!   [`ClientCore::disconnect`];
//! * and then drains [`ClientCore::take_messages`] (one ordered stream to the scheduler), [`ClientCore::take_effects`]
//!   and [`ClientCore::take_completions`].
//!
//! A future is a number ([`rask_types::FutureId`]) with a count of its holders. When the count falls to 0 its slot is
//! vacated at once and the scheduler is told; numbers are never used twice, so whatever is still said of it matches nothing.

mod chunk;
mod classes;
mod core;
mod done;
mod fetch;
mod inline;
mod invariants;
mod keys;
mod requests;
mod scatter;
mod slot;
mod submit;
mod subscribe;
mod table;
mod wait;

pub use chunk::{CHUNK_BYTES_MAX, CHUNK_TASKS_MAX, ChunkBuilder, ChunkFull, NewKey};
pub use core::{ClientCore, Effect, Session, Welcome};
pub use fetch::{Fetch, FetchError, FetchId};
pub use inline::InlineValues;
pub use requests::Answer;
pub use scatter::{ScatterId, ScatterValue};
pub use slot::{Held, Outcome, Status, session_token};
pub use submit::{NewTask, SubmitError};
pub use subscribe::{Completion, QueueId};
pub use wait::{WaitFor, WaiterId};
