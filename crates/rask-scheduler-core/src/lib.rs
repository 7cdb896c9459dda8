//! rask's scheduler as a pure state machine: events in, effects out. No socket, thread, clock, file or entropy; no
//! iteration whose order is not defined can reach an effect; payloads are opaque bytes.
//!
//! ```text
//! scheduler.handle(now, event);                                // any number of times: one turn of the driver's loop
//! while let Some(effect) = scheduler.poll_effect() { … }       // decides what to assign, then says what is to be said
//! let wake = scheduler.poll_timeout();                         // when to send Event::Tick at the latest
//! ```
//!
//! Messages are gathered over a turn, one outbox per worker and client, so that what happens together is said together.
//!
//! Where things are:
//!
//! * `task`: a task, its state, the slots. `links`, `task_list`: who depends on whom. `args`, `values`, `errors`: what tasks refer to.
//! * `class`: interned classes and what is known of their durations. `lane`, `blocks`: the queues.
//! * `client`, `worker`, `roster`: who is connected and what is to be said to them.
//! * `ingest`: graphs come in. `ready`: a task could run: which queue? `dispatch`: a worker has room: which task?
//! * `follow`: a task is assigned together with what it depends on.
//! * `finish`: answers of workers. `settle`: what nobody needs is given up. `loss`: workers and values that are gone.
//! * `scatter`, `ops`, `session`, `membership`, `nanny`: the rest of what clients, workers and nannies say.
//! * `retire`, `restart`: workers are to leave, everything is to begin anew.
//! * `balance`: runs taken back from workers that turned out slow. `query`, `explain`, `story`: what people ask.
//! * `watch`: what is kept for those who look on. `view`: what they can look at.
//! * `invariants`: what must hold between any two events, as code.

mod args;
mod balance;
mod blocks;
mod class;
mod client;
mod dispatch;
mod effect;
mod errors;
mod event;
mod explain;
mod finish;
mod follow;
mod ingest;
mod invariants;
mod known;
mod lane;
mod links;
mod loss;
mod membership;
mod nanny;
mod ops;
mod query;
mod ready;
mod restart;
mod retire;
mod roster;
mod scatter;
mod scheduler;
mod session;
mod settle;
mod story;
mod task;
mod task_list;
mod values;
pub mod view;
mod want;
mod watch;
mod worker;

pub use effect::Effect;
pub use event::{Event, NannyId};
pub use scheduler::{Scheduler, SchedulerConfig};
