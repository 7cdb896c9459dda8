//! A local cluster as Python holds it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rask_cluster::local::{LocalWorker, Protocol};
use rask_cluster::spawn::OutputSink;
use rask_cluster::{LocalCluster as Cluster, LocalClusterOptions, Output, WorkerCommand};
use rask_comm::ReactorHandle;
use rask_scheduler::SchedulerConfig;

/// A running local cluster.
#[pyclass(frozen, module = "rask._core")]
pub struct LocalCluster {
    cluster: Mutex<Option<Cluster>>,
    address: String,
    memory_address: String,
    folder: PathBuf,
    dashboard_link: String,
    access_file: Option<PathBuf>,
}

/// The link to a dashboard as users are told it; `served` is that to where it is served, `template` the setting.
///
/// # Errors
/// `ValueError` if the template cannot be filled.
#[pyfunction]
pub fn told_dashboard_link(served: &str, template: &str) -> PyResult<String> {
    let variable = |name: &str| std::env::var(name).ok();
    rask_dashboard::told_link(served, template, variable).map_err(PyValueError::new_err)
}

fn sink(on_output: Py<PyAny>) -> OutputSink {
    Arc::new(move |output, bytes| {
        let stream = match output {
            Output::Stdout => 1,
            Output::Stderr => 2,
        };
        Python::try_attach(|py| {
            if let Err(error) = on_output.call1(py, (stream, PyBytes::new(py, bytes))) {
                error.write_unraisable(py, None);
            }
        });
    })
}

#[pymethods]
impl LocalCluster {
    /// Starts a scheduler, and a nanny if workers are to be processes.
    #[new]
    #[pyo3(signature = (*, host, port, unix, processes, program, arguments, environment, runtime_settings,
        allowed_failures, dashboard, on_output))]
    #[allow(clippy::too_many_arguments)] // keyword-only, from one caller
    fn start(
        py: Python<'_>,
        host: String,
        port: u16,
        unix: bool,
        processes: bool,
        program: PathBuf,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        runtime_settings: &str,
        allowed_failures: u32,
        dashboard: Option<(String, u16)>,
        on_output: Option<Py<PyAny>>,
    ) -> PyResult<LocalCluster> {
        let runtime_settings = serde_json::from_str(runtime_settings)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let command = WorkerCommand { program, arguments, environment, runtime_settings };
        let options = LocalClusterOptions {
            host,
            scheduler_port: port,
            dashboard,
            protocol: if unix { Protocol::Unix } else { Protocol::Tcp },
            command: processes.then_some(command),
            sink: on_output.map(sink),
            config: SchedulerConfig { allowed_failures, ..SchedulerConfig::default() },
        };
        let cluster = py.detach(|| Cluster::start(options)).map_err(explain)?;
        Ok(LocalCluster {
            address: cluster.address().to_string(),
            memory_address: cluster.memory_address().to_string(),
            folder: cluster.folder().to_owned(),
            access_file: cluster.access_path().map(ToOwned::to_owned),
            dashboard_link: cluster
                .dashboard()
                .map_or_else(String::new, |dashboard| dashboard.link().to_owned()),
            cluster: Mutex::new(Some(cluster)),
        })
    }

    /// Starts one more worker process.
    fn add_worker(
        &self,
        name: String,
        nthreads: u32,
        memory_limit: u64,
        resources: std::collections::BTreeMap<String, f64>,
    ) -> PyResult<()> {
        let resources = resources.into_iter().collect();
        let worker = LocalWorker { name, nthreads, memory_limit_bytes: memory_limit, resources };
        match self.cluster.lock().as_ref() {
            Some(cluster) => cluster.add_worker(&worker).map_err(explain),
            None => Err(closed()),
        }
    }

    /// Process ids by worker name.
    fn pids(&self) -> Vec<(String, u32)> {
        let cluster = self.cluster.lock();
        cluster.as_ref().and_then(Cluster::nanny).map(|nanny| nanny.pids()).unwrap_or_default()
    }

    /// Where clients of other processes connect.
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Where workers and clients of this process connect.
    #[getter]
    fn memory_address(&self) -> &str {
        &self.memory_address
    }

    /// The folder of its sockets and files.
    #[getter]
    fn folder(&self) -> OsString {
        // As text: for a path, `pathlib` would be imported.
        self.folder.clone().into_os_string()
    }

    /// Link to the dashboard.
    #[getter]
    fn dashboard_link(&self) -> &str {
        &self.dashboard_link
    }

    /// The file that lets other processes of this user in.
    #[getter]
    fn access_file(&self) -> Option<OsString> {
        self.access_file.clone().map(PathBuf::into_os_string)
    }

    /// Why a worker was not started again, if one was given up.
    fn given_up(&self) -> Option<String> {
        self.cluster.lock().as_ref()?.nanny()?.given_up()
    }

    /// Ends workers and scheduler. Idempotent.
    fn close(&self, py: Python<'_>) {
        let cluster = self.cluster.lock().take();
        // Workers' last words are printed on threads that need the interpreter.
        py.detach(|| drop(cluster));
    }
}

impl LocalCluster {
    /// The scheduler's reactor and address.
    ///
    /// # Errors
    /// If the cluster is closed.
    pub fn scheduler(&self) -> PyResult<(ReactorHandle, String)> {
        let cluster = self.cluster.lock();
        let reactor = cluster.as_ref().and_then(|cluster| cluster.scheduler_reactor().cloned());
        reactor.map(|reactor| (reactor, self.address.clone())).ok_or_else(closed)
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("the cluster is closed: start another one")
}

fn explain(error: io::Error) -> PyErr {
    PyOSError::new_err(error)
}
