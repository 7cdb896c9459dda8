//! The process's clock.

use std::sync::OnceLock;
use std::time::Instant;

use rask_types::Tick;

/// The time now: nanoseconds since this process first asked. All reactors and threads of a process share the origin.
pub fn now() -> Tick {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    Tick(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64)
}
