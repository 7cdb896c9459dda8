//! What the reactor thread and the runtime's threads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use parking_lot::Mutex;
use rask_comm::ReactorHandle;
use rask_types::{Payload, RequestId, RunId, TaskError};

use crate::class::Classes;
use crate::errand::Errands;
use crate::lane::Lane;
use crate::ops::Ops;
use crate::page::ExecutingPage;
use crate::pool::Pool;
use crate::stop::{Progress, StopReason};

/// Shared by one worker's threads. Locks are held for moments and never while user code runs.
pub(crate) struct Shared {
    pub pool: Pool,
    pub lanes: Mutex<Vec<Arc<Lane>>>,
    pub classes: Arc<Classes>,
    pub page: ExecutingPage,
    pub errands: Arc<Errands>,
    pub ops: Ops,
    pub progress: Progress,
    pub on_thread_needed: Arc<dyn Fn() + Send + Sync>,
    notes: Mutex<Vec<Note>>,
    reactor: ReactorHandle,
    /// The reactor will look at the lanes soon: by itself, or because a thread has woken it for that.
    watching: AtomicBool,
    /// Times that threads woke the reactor, for measurements.
    pub wakes: AtomicU64,
}

/// What a thread of the runtime tells the reactor, beside completions.
pub(crate) enum Note {
    Encoded { value: RunId, result: Result<Payload, TaskError> },
    Reply { request: RequestId, result: Result<Payload, TaskError> },
    Seceded(RunId),
    Rejoined(RunId),
    Notice { topic: String, text: String },
    Close { reason: String },
}

impl Shared {
    pub fn new(
        seats: u32,
        page: ExecutingPage,
        on_thread_needed: Arc<dyn Fn() + Send + Sync>,
        reactor: ReactorHandle,
    ) -> Shared {
        Shared {
            pool: Pool::new(seats),
            lanes: Mutex::new(Vec::new()),
            classes: Arc::new(Classes::default()),
            page,
            errands: Arc::new(Errands::default()),
            ops: Ops::default(),
            progress: Progress::default(),
            on_thread_needed,
            notes: Mutex::new(Vec::new()),
            reactor,
            watching: AtomicBool::new(false),
            wakes: AtomicU64::new(0),
        }
    }

    pub fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.reactor.wake();
    }

    /// After a thread put something into its lane: wakes the reactor unless it will look anyway.
    #[inline]
    pub fn wake_unless_watched(&self) {
        // Pairs with the fence in `stop_watching`: either this thread sees that nobody watches, or the reactor sees
        // what is in the lane.
        fence(Ordering::SeqCst);
        if !self.watching.load(Ordering::Relaxed) && !self.watching.swap(true, Ordering::Relaxed) {
            self.wake();
        }
    }

    /// The reactor will look by itself.
    pub fn watch(&self) {
        self.watching.store(true, Ordering::Relaxed);
    }

    /// The reactor will not look by itself any more. True if something came in between.
    pub fn stop_watching(&self) -> bool {
        if !self.watching.swap(false, Ordering::Relaxed) {
            return false;
        }
        fence(Ordering::SeqCst);
        let lanes = self.lanes.lock();
        lanes.iter().any(|lane| !lane.is_empty())
    }

    pub fn note(&self, note: Note) {
        self.notes.lock().push(note);
        self.wake();
    }

    pub fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.notes.lock())
    }

    /// Ends everything that waits, but for errands: objects are still to be dropped. The first reason counts.
    pub fn stop(&self, reason: StopReason) {
        self.progress.stopped(reason);
        self.pool.stop();
        self.ops.stop();
    }
}
