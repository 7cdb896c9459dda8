//! The engine behind `Client` in Python and in Rust.
//!
//! [`Client`] is a handle whose calls any thread may make and which needs no language runtime. Behind it are the pure
//! [`ClientCore`](rask_client_core::ClientCore) under a lock, and one reactor thread that carries its messages. A call
//! that only says something to the scheduler appends to the core's stream and returns; a call that waits parks its
//! thread, asks the caller's `interrupt` every 50 ms at most whether to go on, and holds no lock meanwhile.
//!
//! * [`client`]: making, closing, and the calls that do not wait.
//! * [`waiting`]: the calls that wait: `wait`, `fetch`, `scatter`, questions.
//! * [`connect`]: how one gets in, and why one does not.
//! * [`queue`]: completions and notices for whoever consumes them on a thread of its own.
//! * `link`, `data`: the reactor's side: the scheduler's link, and links to workers opened on demand.
//! * `fork`, `park`, `released`, `shared`: what all of that stands on.

pub mod client;
pub mod connect;
mod data;
mod error;
mod fork;
mod link;
mod park;
pub mod queue;
mod released;
mod shared;
pub mod waiting;

pub use client::Client;
pub use connect::{ConnectError, ConnectOptions, SecretLookup};
pub use error::ClientError;
pub use queue::{BlockingQueue, CompletionQueue, Notice};
pub use rask_client_core::{
    CHUNK_BYTES_MAX, CHUNK_TASKS_MAX, ChunkBuilder, ChunkFull, FetchError, Held, InlineValues, NewKey,
    NewTask, Outcome, ScatterValue, Status, SubmitError, WaitFor, Welcome, session_token,
};
pub use rask_comm::{Address, ClusterId, ReactorHandle, Role, Secret};
