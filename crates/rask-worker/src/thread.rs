//! One thread that executes runs.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use rask_types::{Payload, RunId};

use crate::class::ClassCache;
use crate::handle::WorkerHandle;
use crate::kept::{Kept, Origin};
use crate::lane::Lane;
use crate::outcome::RunOutcome;
use crate::pool::Turn;
use crate::shared::{Note, Shared};
use crate::{DepValue, Execution};

/// A thread of the runtime in the worker's pool. It loops:
///
/// ```text
/// while let Some(execution) = thread.next() {             // blocks
///     let mut execution = execution;
///     loop {                                              // a batch
///         …run it…
///         thread.finish(execution.run, started_ns, duration_ns, outcome);
///         match thread.try_next() { Some(next) => execution = next, None => break }
///     }
/// }                                                       // the thread ends
/// ```
///
/// Methods take `&self`, so that a runtime can keep it where the code of a task finds it (a thread-local `Rc`), for `secede`
/// and `rejoin`. Dropping it leaves the pool.
pub struct WorkerThread {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    number: u16,
    seated: Cell<bool>,
    /// There may be something in the lane of which the reactor does not know.
    dirty: Cell<bool>,
    /// What it executes.
    current: RefCell<Option<Origin>>,
    /// How many slots in the queue await the result of that.
    followers: Cell<u32>,
}

impl WorkerThread {
    pub(crate) fn enter(shared: Arc<Shared>) -> WorkerThread {
        let (number, seated) = shared.pool.enter();
        let lane = Arc::new(Lane::new(number));
        shared.lanes.lock().push(Arc::clone(&lane));
        WorkerThread {
            shared,
            lane,
            number,
            seated: Cell::new(seated),
            dirty: Cell::new(false),
            current: RefCell::new(None),
            followers: Cell::new(0),
        }
    }

    /// Its number, unique among the threads that are there.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// This thread's view of the classes.
    pub fn classes(&self) -> ClassCache {
        ClassCache::new(Arc::clone(&self.shared.classes))
    }

    /// A handle of the worker.
    pub fn handle(&self) -> WorkerHandle {
        WorkerHandle::of(Arc::clone(&self.shared))
    }

    /// The next run, waited for without any lock of the runtime held. `None`: this thread ends, because the worker stopped
    /// or its seat went to another thread.
    pub fn next(&self) -> Option<Execution> {
        loop {
            self.flush();
            if !self.seated.get() {
                return None;
            }
            match self.shared.pool.next() {
                Turn::Execute(execution) => return Some(self.begin(execution)),
                Turn::GivenBack(runs) => self.give_back(runs),
                Turn::Nothing => {}
                Turn::End => self.seated.set(false),
            }
        }
    }

    /// The next run if there is one at once. `None` may also mean that the thread must end: [`WorkerThread::next`] says.
    #[inline]
    pub fn try_next(&self) -> Option<Execution> {
        while self.seated.get() {
            match self.shared.pool.try_next() {
                Turn::Execute(execution) => return Some(self.begin(execution)),
                Turn::GivenBack(runs) => self.give_back(runs),
                Turn::Nothing => break,
                Turn::End => self.seated.set(false),
            }
        }
        self.flush();
        None
    }

    #[inline]
    fn begin(&self, execution: Execution) -> Execution {
        self.followers.set(execution.followers);
        self.shared.page.begin(self.number, execution.run);
        self.current.replace(Some((execution.class, execution.name.clone())));
        execution
    }

    /// Says what became of a run that this thread got. Times are Unix time and duration, in nanoseconds.
    #[inline]
    pub fn finish(&self, run: RunId, started_ns: u64, duration_ns: u64, outcome: RunOutcome<'_>) {
        let followers = self.followers.take();
        let mut made = match outcome {
            RunOutcome::Inline(value) if followers > 0 => {
                Some(DepValue::Small(Payload::from_head(Bytes::copy_from_slice(value))))
            }
            _ => None,
        };
        let keep = |object, nbytes| {
            let errands = Arc::clone(&self.shared.errands);
            let kept = Arc::new(Kept::from_object(object, nbytes, self.current.take(), errands));
            if followers > 0 {
                made = Some(DepValue::Kept(Arc::clone(&kept)));
            }
            kept
        };
        let is_due = self.lane.leave(run, started_ns, duration_ns, outcome, keep);
        self.shared.page.end(self.number);
        self.dirty.set(true);
        if followers > 0 {
            self.shared.pool.ended(run, made, followers, self.seated.get());
        }
        if is_due {
            self.flush();
        } else {
            self.shared.wake_unless_watched();
        }
    }

    /// Runs came out of the queue that nobody will execute.
    #[cold]
    fn give_back(&self, runs: Vec<RunId>) {
        self.lane.give_back(runs);
        self.dirty.set(true);
        self.shared.wake_unless_watched();
    }

    /// Nothing more to add for now: lets the reactor take what is there.
    fn flush(&self) {
        if self.dirty.take() && !self.lane.is_empty() {
            self.shared.wake();
        }
    }

    /// The run that this thread executes leaves the pool: another thread takes its seat, and this one ends with the run unless
    /// it rejoins. False, and nothing happens, if it has left already or executes nothing.
    pub fn secede(&self) -> bool {
        let Some(run) = self.shared.page.of(self.number) else { return false };
        if !self.seated.take() {
            return false;
        }
        self.shared.note(Note::Seceded(run));
        if self.shared.pool.secede() {
            (self.shared.on_thread_needed)();
        }
        true
    }

    /// Comes back into the pool; waits until there is a seat, so call it without any lock of the runtime held. True if this
    /// thread has a seat now.
    pub fn rejoin(&self) -> bool {
        if self.seated.get() {
            return true;
        }
        self.seated.set(self.shared.pool.rejoin());
        if self.seated.get()
            && let Some(run) = self.shared.page.of(self.number)
        {
            self.shared.note(Note::Rejoined(run));
        }
        self.seated.get()
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.flush();
        self.shared.page.end(self.number);
        self.shared.pool.leave(self.number, self.seated.get());
    }
}

impl fmt::Debug for WorkerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerThread({}, seated: {})", self.number, self.seated.get())
    }
}
