//! The scheduler's driver: turns links and time into events for `rask-scheduler-core`, and its effects into messages. It
//! decides nothing.
//!
//! ```no_run
//! use rask_scheduler::{SchedulerOptions, start};
//! let scheduler = start(SchedulerOptions::new("tcp://127.0.0.1:8786".parse()?))?;
//! println!("listening at {}", scheduler.addresses()[0]);
//! scheduler.wait();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod driver;
mod handle;
mod views;

pub use handle::{SchedulerHandle, SchedulerOptions, start};
pub use rask_scheduler_core::{Scheduler, SchedulerConfig, view};
pub use views::{Look, Views};
