//! A session with a scheduler.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rask_client::{Address, Client, ConnectOptions, Role, Secret};
use rask_cluster::SecretSource;

use super::blocking::{blocking, span};
use super::failure;
use super::prepare::Known;
use super::progress::Graphs;
use super::queue::Notices;
use crate::cluster::LocalCluster;

/// How long a session may take to end in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What futures share of their session.
pub struct Engine {
    /// The engine itself.
    pub client: Client,
    /// The Python client, as a weak reference.
    face: Mutex<Option<Py<PyAny>>>,
    /// The Python client is for use inside an event loop.
    pub asynchronous: AtomicBool,
    address: String,
    /// The functions last called.
    pub(super) known: Known,
    /// The graphs last submitted.
    pub(super) graphs: Graphs,
}

impl Engine {
    /// The Python client; None once it is gone.
    pub fn face<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let weak = self.face.lock().as_ref().map(|weak| weak.clone_ref(py));
        let face = weak.map(|weak| weak.call0(py)).transpose()?;
        Ok(face.map(|face| face.into_bound(py)).filter(|face| !face.is_none()))
    }
}

/// A session with a scheduler.
#[pyclass(frozen, module = "rask._core", weakref)]
pub struct Session {
    /// What its futures share.
    pub engine: Arc<Engine>,
}

fn runtime(py: Python<'_>) -> String {
    let version = py.version_info();
    format!("python {}.{}.{}", version.major, version.minor, version.patch)
}

impl Session {
    /// Wraps an engine that futures hold.
    pub fn of(engine: Arc<Engine>) -> Session {
        Session { engine }
    }

    fn new(client: Client, address: String) -> Session {
        let engine = Engine {
            client,
            face: Mutex::new(None),
            asynchronous: AtomicBool::new(false),
            address,
            known: Known::default(),
            graphs: Graphs::default(),
        };
        Session { engine: Arc::new(engine) }
    }
}

#[pymethods]
impl Session {
    /// Connects to a scheduler.
    #[staticmethod]
    #[pyo3(signature = (address, *, secret, access_file, name, timeout, for_task=false))]
    fn connect(
        py: Python<'_>,
        address: &str,
        secret: Option<Vec<u8>>,
        access_file: Option<PathBuf>,
        name: String,
        timeout: f64,
        for_task: bool,
    ) -> PyResult<Session> {
        let address: Address = address
            .parse()
            .map_err(|error: rask_comm::AddressParseError| PyValueError::new_err(error.to_string()))?;
        let role = if for_task { Role::TaskClient } else { Role::Client };
        let source = SecretSource { secret: secret.map(Secret::new), access_file };
        let lookup = source.lookup(role);
        let mut options = ConnectOptions::with_lookup(address.clone(), lookup);
        options.role = role;
        options.name = name;
        options.runtime = runtime(py);
        options.timeout = span(Some(timeout)).unwrap_or(Duration::MAX);
        let client = blocking(py, |interrupt| Client::connect(options, interrupt), failure::of_connect)?;
        Ok(Session::new(client, address.to_string()))
    }

    /// Connects to the scheduler of a local cluster, within this process.
    #[staticmethod]
    fn attach(py: Python<'_>, cluster: &LocalCluster, name: &str) -> PyResult<Session> {
        let (reactor, address) = cluster.scheduler()?;
        let runtime = runtime(py);
        let client = blocking(
            py,
            |interrupt| Client::attach(&reactor, name, &runtime, interrupt),
            failure::of_connect,
        )?;
        Ok(Session::new(client, address))
    }

    #[setter]
    fn set_face(&self, face: Py<PyAny>) {
        *self.engine.face.lock() = Some(face);
    }

    #[setter]
    fn set_asynchronous(&self, asynchronous: bool) {
        self.engine.asynchronous.store(asynchronous, Ordering::Relaxed);
    }

    /// The scheduler's address.
    #[getter]
    fn address(&self) -> &str {
        &self.engine.address
    }

    /// Link to the dashboard.
    #[getter]
    fn dashboard_link(&self) -> String {
        self.engine.client.welcome().map_or_else(String::new, |welcome| welcome.dashboard_link)
    }

    /// Identity of the scheduler.
    #[getter]
    fn scheduler_name(&self) -> String {
        self.engine.client.welcome().map_or_else(String::new, |welcome| welcome.scheduler_name)
    }

    /// What is known of the workers without asking.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let summary = self.engine.client.worker_summary();
        let dict = PyDict::new(py);
        dict.set_item("n_workers", summary.n_workers)?;
        dict.set_item("n_threads", summary.n_threads)?;
        dict.set_item("memory_bytes", summary.memory_bytes)?;
        dict.set_item("runtimes", summary.runtimes)?;
        dict.set_item("versions", summary.versions)?;
        Ok(dict)
    }

    /// Waits until so many workers are there; False when the time is over.
    #[pyo3(signature = (n_workers, timeout))]
    fn wait_for_workers(&self, py: Python<'_>, n_workers: u32, timeout: Option<f64>) -> PyResult<bool> {
        let client = &self.engine.client;
        blocking(
            py,
            |interrupt| match client.wait_for_workers(n_workers, span(timeout), interrupt) {
                Err(rask_client::ClientError::TimedOut) => Ok(false),
                other => other.map(|()| true),
            },
            failure::of_call,
        )
    }

    /// What comes for the user's eyes.
    fn notices(&self) -> Notices {
        Notices { queue: self.engine.client.notices() }
    }

    /// The session is over.
    fn is_closed(&self) -> bool {
        self.engine.client.is_closed()
    }

    /// Ends the session. Its futures are cancelled.
    fn close(&self, py: Python<'_>) {
        // In a forked child there is nothing to close.
        let _ = py.detach(|| self.engine.client.close(CLOSE_TIMEOUT));
    }

    /// Ends the whole cluster.
    fn shutdown(&self, py: Python<'_>) {
        let _ = py.detach(|| self.engine.client.shutdown(CLOSE_TIMEOUT));
    }
}
