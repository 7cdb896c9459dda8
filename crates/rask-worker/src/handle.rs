//! Starting a worker, and what everyone holds of it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rask_comm::{Acceptance, Address, Reactor};
use rask_types::msg::WorkerOp;
use rask_types::{Payload, RequestId, RunId, TaskError, WorkerId};

use crate::config::WorkerConfig;
use crate::driver::WorkerDriver;
use crate::errand::Errand;
use crate::page::ExecutingPage;
use crate::shared::{Note, Shared};
use crate::stop::StopReason;
use crate::thread::WorkerThread;

/// A worker that runs. Clones are the same worker; it ends by [`WorkerHandle::close`], or when the scheduler says so.
#[derive(Clone)]
pub struct WorkerHandle {
    shared: Arc<Shared>,
    reactor: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// Starts a worker: listens, begins to connect to the scheduler, and returns. [`WorkerHandle::wait_registered`] tells how that
/// went. The runtime then brings threads.
///
/// # Errors
/// If the system gives no poll or thread, the data address cannot be listened on, or the page is none.
pub fn start(config: WorkerConfig) -> io::Result<WorkerHandle> {
    let mut reactor = Reactor::new()?;
    let page = match &config.executing_page {
        Some(path) => ExecutingPage::open(path)?,
        None => ExecutingPage::unshared(),
    };
    let WorkerConfig { scheduler, credentials, listen, description, limits, on_thread_needed, .. } = config;
    if matches!(listen, Address::Memory(_)) {
        REACHED_IN_MEMORY.store(true, Ordering::Relaxed);
    }
    // Nobody gets in before the welcome brings the data secret.
    let acceptance = Acceptance::default();
    let listening = reactor.io().listen(&listen, acceptance.clone())?;
    let seats = description.nthreads;
    let shared = Arc::new(Shared::new(seats, page, on_thread_needed, reactor.handle()));
    let link = reactor.io().connect(&scheduler, rask_comm::Role::Worker, credentials);
    let driver = WorkerDriver::new(Arc::clone(&shared), link, description, listening, acceptance, limits);
    let end = End(Arc::clone(&shared));
    let name = "rask-worker".to_owned();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let _end = end;
        // Dropped here and now, so that what it kept is buried before the errands end.
        drop(reactor.run(driver));
    })?;
    Ok(WorkerHandle { shared, reactor: Arc::new(Mutex::new(Some(thread))) })
}

/// A worker of this process was reached in memory at some time.
static REACHED_IN_MEMORY: AtomicBool = AtomicBool::new(false);

/// Whether workers of this process are, or were, reached in memory: what is brought to such a worker is not copied on its way.
pub fn reached_in_memory() -> bool {
    REACHED_IN_MEMORY.load(Ordering::Relaxed)
}

/// The end of the reactor thread, whether it stopped or panicked: nobody waits for it any more.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.stop(StopReason::Broken);
        self.0.errands.stop();
    }
}

impl WorkerHandle {
    pub(crate) fn of(shared: Arc<Shared>) -> WorkerHandle {
        WorkerHandle { shared, reactor: Arc::default() }
    }

    /// Joins the calling thread to the pool.
    pub fn thread(&self) -> WorkerThread {
        WorkerThread::enter(Arc::clone(&self.shared))
    }

    /// Waits until the scheduler has accepted the worker, or it has stopped; `None` after `timeout`.
    pub fn wait_registered(&self, timeout: Duration) -> Option<Result<WorkerId, StopReason>> {
        self.shared.progress.wait_registered(timeout)
    }

    /// Waits until the worker has stopped; `None` after `timeout`.
    pub fn wait_stopped(&self, timeout: Duration) -> Option<StopReason> {
        self.shared.progress.wait_stopped(timeout)
    }

    /// Why it stopped, if it has.
    pub fn stopped_reason(&self) -> Option<StopReason> {
        self.shared.progress.reason()
    }

    /// Its number, once it is registered.
    pub fn worker_id(&self) -> Option<WorkerId> {
        self.shared.progress.me()
    }

    /// Where others fetch from it, once it is registered; empty before.
    pub fn address(&self) -> String {
        self.shared.progress.address()
    }

    /// Gives unstarted runs back, says goodbye, and stops. Returns at once.
    pub fn close(&self, reason: impl Into<String>) {
        self.shared.note(Note::Close { reason: reason.into() });
    }

    /// Waits for the reactor thread, after the worker stopped or while it does. Only the handle that [`start`] returned, or a
    /// clone of it, waits; and only the first to call.
    pub fn join(&self) {
        let thread = self.reactor.lock().take();
        if let Some(thread) = thread {
            // A panic of the reactor thread was printed; there is nobody to pass it on to.
            drop(thread.join());
        }
    }

    /// The next errand for the runtime, waited for without any lock of the runtime held; `None` once the worker has stopped.
    /// One thread that loops here is enough.
    pub fn next_errand(&self) -> Option<Errand> {
        self.shared.errands.next()
    }

    /// Answer to [`Errand::Encode`]. An error should be of kind `Unserializable`; `worker`, and `key` if it is empty, are filled in.
    pub fn encoded(&self, value: RunId, result: Result<Payload, TaskError>) {
        self.shared.note(Note::Encoded { value, result });
    }

    /// The next operation, waited for; `None` once the worker has stopped. Operations may take long and run at once: several
    /// threads may loop here.
    pub fn next_op(&self) -> Option<(RequestId, WorkerOp)> {
        self.shared.ops.next()
    }

    /// Answers an operation.
    pub fn reply(&self, request: RequestId, result: Result<Payload, TaskError>) {
        self.shared.note(Note::Reply { request, result });
    }

    /// Sends text to where users look: `topic` is `print`, `warn` or `log`.
    pub fn notice(&self, topic: impl Into<String>, text: impl Into<String>) {
        self.shared.note(Note::Notice { topic: topic.into(), text: text.into() });
    }

    /// How often threads woke the reactor, for measurements.
    pub fn wakes(&self) -> u64 {
        self.shared.wakes.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerHandle({:?}, {:?})", self.worker_id(), self.stopped_reason())
    }
}
