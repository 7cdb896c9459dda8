//! rask's worker: the driver around `rask-worker-core`, and what a language runtime plugs into.
//!
//! One reactor thread owns the state machine, the sockets and the timers; it never runs user code, decodes a value or
//! takes a lock that a language runtime holds for long. The runtime (Python, or Rust functions) brings threads:
//!
//! ```text
//!  reactor thread                  shared, behind short locks              threads of the runtime
//!  ──────────────                  ──────────────────────────              ──────────────────────
//!  Effect::Ready ───────────────▶  pool: queue by priority  ────────────▶  next / try_next, run it,
//!  Event::Finished ◀────────────   lanes: one buffer a thread  ◀────────   finish
//!  a peer fetches an object ────▶  errands: encode, drop  ──────────────▶  next_errand, encoded
//!  SchedulerToWorker::Do ───────▶  ops  ────────────────────────────────▶  next_op, reply
//! ```
//!
//! Completions stay in their thread's lane until there is nothing more to add, or the oldest has waited 200 µs: a
//! thread wakes the reactor when it finds the queue empty or its lane that old; while completions may sit behind a
//! task that runs long, the reactor itself looks every 200 µs.
//!
//! * [`config`]: what a worker is told when it starts.
//! * [`handle`]: [`start`], and the handle that everyone holds.
//! * [`thread`]: one executing thread: next, finish, secede, rejoin.
//! * [`class`], [`kept`], [`outcome`]: what an execution refers to and what becomes of it.
//! * [`errand`], [`ops`]: other work for the runtime.
//! * [`page`]: which thread executes what, shared with the nanny.
//! * [`stop`]: why a worker stopped.
//! * `queue`, `pool`, `lane`, `shared`: between the threads.
//! * `driver`, `peers`, `serve`, `pulse`, `vitals`: on the reactor thread.

pub mod class;
pub mod config;
mod driver;
pub mod errand;
pub mod handle;
pub mod kept;
mod lane;
pub mod ops;
pub mod outcome;
pub mod page;
mod peers;
mod pool;
mod pulse;
mod queue;
mod serve;
mod shared;
pub mod stop;
pub mod thread;
mod vitals;

use std::sync::Arc;

pub use class::{ClassCache, ClassSlot, FunctionSlot};
pub use config::WorkerConfig;
pub use errand::Errand;
pub use handle::{WorkerHandle, reached_in_memory, start};
pub use kept::Kept;
pub use outcome::RunOutcome;
pub use page::ExecutingPage;
pub use rask_worker_core::{Limits, TaskName};
pub use stop::StopReason;
pub use thread::WorkerThread;

/// A run that a thread is to execute: its class by number (see [`ClassCache`]), name, arguments and dependencies.
pub type Execution = rask_worker_core::ReadyRun<Arc<Kept>>;

/// One dependency of an execution: it is here when a thread gets the execution.
pub type DepSlot = rask_worker_core::DepSlot<Arc<Kept>>;

/// The value of one dependency of an execution.
pub type DepValue = rask_worker_core::DepValue<Arc<Kept>>;
