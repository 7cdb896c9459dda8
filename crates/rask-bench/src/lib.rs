//! What rask's parts cost without Python. Programs, not tests: nothing here fails because a machine is slow.
//!
//! ```text
//! cargo bench -p rask-bench                                   # the scheduler's core: ns, tasks per second, bytes per task
//! cargo run --release -p rask-bench --bin zero_worker         # client, wire and scheduler; the worker costs nothing
//! make instructions                                           # instructions per task, against the committed figures
//! ```
//!
//! * [`graph`]: the graphs that are measured, as a client's chunks. [`stage`]: a scheduler's core and those around it.
//! * [`meter`]: how calls into a core are measured. [`allocated`]: bytes in use.
//! * [`paths`]: the hot paths whose instructions are counted. [`callgrind`] counts them, [`figures`] compares.
//! * [`stand_in`]: a worker that answers at once.

pub mod allocated;
pub mod callgrind;
pub mod figures;
pub mod graph;
pub mod meter;
pub mod paths;
pub mod stage;
pub mod stand_in;
