//! What can be looked at while the scheduler works: plain facts, in the shapes in which the dashboard gives them as JSON
//! (`docs/dashboard-api.md` says what each field means).
//!
//! Looking changes nothing, and each look is bounded: what could be long is given in pieces, so that nobody's work waits for it.
//! Before a look the driver says `Event::Look`, before a pulse `Event::TurnPage`. Keys are rendered when they are serialized, which
//! is elsewhere.
//!
//! * [`Scheduler::pulse`](crate::Scheduler::pulse): what has changed since the last one; a whole one to begin with.
//! * [`Scheduler::worker_page`](crate::Scheduler::worker_page), [`Scheduler::task_page`](crate::Scheduler::task_page).
//! * [`Scheduler::scan_tasks`](crate::Scheduler::scan_tasks), [`Scheduler::scan_graph`](crate::Scheduler::scan_graph): tasks, piece by
//!   piece. [`Scheduler::states_of`](crate::Scheduler::states_of): how they are now. [`Scheduler::groups`](crate::Scheduler::groups).
//! * [`Scheduler::counters`](crate::Scheduler::counters): what has been counted since the start, for collectors of metrics.

mod counters;
mod graph;
mod pulse;
mod rows;
mod state_names;
mod task_page;
mod tasks;
mod worker_page;

pub use counters::Counters;
pub use graph::{GraphScan, GraphTask, Group};
pub use pulse::{Pulse, Seen};
pub use rows::{
    BarRow, EventRow, ExecutingRow, LongRunRow, MoveRow, PrefixRow, SchedulerRow, WorkerFacts, WorkerRow,
};
pub use task_page::{ErrorFacts, KeyState, StoryLine, TaskPage, TransferFacts};
pub use tasks::{TaskFilter, TaskRow, TaskScan};
pub use worker_page::{Assigned, Earlier, Executing, Gone, LogRow, WorkerPage};

pub(crate) use state_names::NO_WORKER;
pub(crate) use worker_page::Named;

pub use crate::watch::Label;
