//! Where one thread leaves its completions for the reactor.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

use rask_types::{RunId, TaskError};
use rask_worker_core::{Completion, Completions, Product};

use crate::kept::Kept;
use crate::outcome::RunOutcome;

/// How long a completion may wait for company.
pub(crate) const WAIT_NS_MAX: u64 = 200_000;

/// One thread's buffer. Padded, so that threads do not share its cache line.
#[repr(align(128))]
pub(crate) struct Lane {
    pub thread: u16,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    runs: Vec<Completion>,
    blob: Vec<u8>,
    kept: Vec<(u32, Product<Arc<Kept>>)>,
    endings: Vec<Ending>,
    /// When the oldest of them ended, in Unix time.
    since_ns: u64,
}

/// A run that ended without a result.
pub(crate) enum Ending {
    Failed {
        run: RunId,
        started_ns: u64,
        duration_ns: u64,
        error: Box<TaskError>,
    },
    Rescheduled {
        run: RunId,
    },
    /// Runs that came out of the queue but will not be executed.
    GivenBack {
        runs: Vec<RunId>,
    },
}

/// What a lane held.
pub(crate) struct Load {
    pub completions: Completions<Arc<Kept>>,
    pub endings: Vec<Ending>,
}

impl Lane {
    pub fn new(thread: u16) -> Lane {
        Lane { thread, buffer: Mutex::new(Buffer::default()) }
    }

    /// Leaves one completion. True if the oldest has waited long enough, once until the lane is unloaded.
    #[inline]
    pub fn leave(
        &self,
        run: RunId,
        started_ns: u64,
        duration_ns: u64,
        outcome: RunOutcome<'_>,
        keep: impl FnOnce(rask_types::LocalObject, u64) -> Arc<Kept>,
    ) -> bool {
        let ended_ns = started_ns.saturating_add(duration_ns);
        let mut buffer = self.buffer.lock();
        if buffer.is_empty() {
            buffer.since_ns = ended_ns;
        }
        match outcome {
            RunOutcome::Inline(value) => {
                buffer.blob.extend_from_slice(value);
                buffer.complete(run, started_ns, duration_ns);
            }
            RunOutcome::Kept { object, nbytes, type_name } => {
                let position = buffer.runs.len() as u32;
                let value = keep(object, nbytes);
                buffer.kept.push((position, Product { value, nbytes, type_name }));
                buffer.complete(run, started_ns, duration_ns);
            }
            RunOutcome::Failed(error) => {
                buffer.endings.push(Ending::Failed { run, started_ns, duration_ns, error });
            }
            RunOutcome::Reschedule => buffer.endings.push(Ending::Rescheduled { run }),
        }
        let is_due = ended_ns.saturating_sub(buffer.since_ns) >= WAIT_NS_MAX;
        if is_due {
            buffer.since_ns = u64::MAX; // said once
        }
        is_due
    }

    /// Leaves runs that nobody will execute.
    pub fn give_back(&self, runs: Vec<RunId>) {
        self.buffer.lock().endings.push(Ending::GivenBack { runs });
    }

    pub fn is_empty(&self) -> bool {
        self.buffer.lock().is_empty()
    }

    /// Takes everything out, if there is something.
    pub fn unload(&self) -> Option<Load> {
        let mut buffer = self.buffer.lock();
        if buffer.is_empty() {
            return None;
        }
        let Buffer { runs, blob, kept, endings, .. } = std::mem::take(&mut *buffer);
        drop(buffer);
        Some(Load {
            completions: Completions { thread: self.thread, runs, blob: Bytes::from(blob), kept },
            endings,
        })
    }
}

impl Buffer {
    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.endings.is_empty()
    }

    #[inline]
    fn complete(&mut self, run: RunId, started_ns: u64, duration_ns: u64) {
        let value_end = self.blob.len() as u32;
        self.runs.push(Completion { run, started_ns, duration_ns, value_end });
    }
}
