//! The worker's state machine: no socket, thread, clock, file or entropy.
//!
//! A driver feeds [`Event`]s to [`WorkerCore::handle`], then drains [`WorkerCore::poll_effect`] until it is empty.
//!
//! ```text
//!             ┌─ dependencies missing ─▶ waiting ─┐ all here
//! Compute ────┤                                   ▼
//!             └─ none missing ──────────────────▶ ready ──(execution queue)──▶ executing ──▶ answered
//! ```
//!
//! *Waiting* runs and their dependencies live here. *Ready* runs are handed to the driver's execution queue at once, and
//! which of them a thread has begun only that queue knows; the core keeps eight bytes about each ([`RunTable`]). Every
//! run is **answered exactly once**: finished, erred, retracted or rescheduled; an event about a run that is not
//! here (any more) changes nothing.
//!
//! A dependency is awaited from one of two sides: it is a run of this same worker (*local*), or it is *fetched* from a
//! peer, once for all who want it. A run that awaits nothing but results of runs which become ready with it is ready,
//! too: the execution queue hands results on by itself. What was fetched is kept and reported `Stored` until the scheduler frees it.
//! When a dependency cannot be had, its dependents are given back, and theirs, without recursion.
//!
//! * [`event`], [`effect`]: all that goes in and comes out.
//! * [`task`]: a run that can start, and the values it takes.
//! * [`run_table`]: runs that are owed an answer.
//! * `core`: the machine; its handlers lie in `compute`, `batch`, `answer`, `retract`, `fetch`, `values`.
//! * `waiting`, `peers`, `wanted`, `outbox`: its parts.
//! * `invariants`: what must hold after every event.

mod answer;
mod batch;
mod compute;
mod core;
pub mod effect;
pub mod event;
mod fetch;
mod invariants;
mod outbox;
mod peers;
mod retract;
pub mod run_table;
pub mod task;
mod values;
mod waiting;
mod wanted;

pub use crate::core::{Counts, Limits, WorkerCore};
pub use effect::Effect;
pub use event::{Completion, Completions, Event, Failure, Product};
pub use run_table::RunTable;
pub use task::{DepSlot, DepValue, ReadyRun, TaskName};
