//! What a worker is told when it starts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rask_comm::{Address, Credentials};
use rask_types::msg::WorkerDescription;
use rask_worker_core::Limits;

/// How to be a worker.
pub struct WorkerConfig {
    /// Where the scheduler listens.
    pub scheduler: Address,
    /// What to show there: the worker secret.
    pub credentials: Credentials,
    /// Where to listen for data connections. A TCP address without host listens on all interfaces and is told to others as
    /// the address from which the scheduler was reached; port 0 lets the system choose.
    pub listen: Address,
    /// What to say of oneself. `address` is filled in; `nthreads` is how many seats the pool has.
    pub description: WorkerDescription,
    /// The file, made by the nanny with [`ExecutingPage::create`](crate::ExecutingPage::create), that says what executes.
    pub executing_page: Option<PathBuf>,
    /// Bounds of what is fetched at once.
    pub limits: Limits,
    /// Called, on the thread that seceded, when the pool has a seat and no thread: the runtime starts one that calls
    /// [`WorkerHandle::thread`](crate::WorkerHandle::thread).
    pub on_thread_needed: Arc<dyn Fn() + Send + Sync>,
}

impl WorkerConfig {
    /// A worker of `nthreads` threads without anything special.
    pub fn new(scheduler: Address, credentials: Credentials, listen: Address, nthreads: u32) -> WorkerConfig {
        let description = WorkerDescription {
            pid: std::process::id(),
            nthreads,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..WorkerDescription::default()
        };
        WorkerConfig {
            scheduler,
            credentials,
            listen,
            description,
            executing_page: None,
            limits: Limits::default(),
            on_thread_needed: Arc::new(|| {}),
        }
    }
}

impl fmt::Debug for WorkerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerConfig")
            .field("scheduler", &self.scheduler)
            .field("listen", &self.listen)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}
