//! A worker as Python holds it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use rask_comm::{Address, Credentials};
use rask_types::msg::WorkerOp;
use rask_types::{ErrorKind, RequestId};
use rask_worker::{Errand, StopReason, WorkerConfig, WorkerHandle};

use crate::codec::{Capture, NoDependencies, Views, encode_value};

use super::execute::run_thread;
use super::failure::task_error;
use super::object::object_of;

/// How often a wait looks for signals.
const SIGNALS_MS: u64 = 50;

/// A running worker. `rask._worker` brings the threads.
#[pyclass(frozen, module = "rask._core")]
pub struct WorkerCore {
    handle: WorkerHandle,
}

/// One operation for the runtime: number, kind, and its arguments.
type Op = (u32, &'static str, Py<PyAny>);

#[pymethods]
impl WorkerCore {
    /// Starts a worker and returns at once.
    #[new]
    #[pyo3(signature = (*, scheduler, secret, listen, name, host, nthreads, memory_limit, resources, runtime,
        local_directory, instance, page, on_thread_needed))]
    #[allow(clippy::too_many_arguments)] // keyword-only, from one caller
    fn start(
        scheduler: &str,
        secret: Vec<u8>,
        listen: &str,
        name: String,
        host: String,
        nthreads: u32,
        memory_limit: u64,
        resources: Vec<(String, f64)>,
        runtime: String,
        local_directory: String,
        instance: Option<u64>,
        page: Option<PathBuf>,
        on_thread_needed: Py<PyAny>,
    ) -> PyResult<WorkerCore> {
        let address =
            |text: &str| text.parse::<Address>().map_err(|error| PyValueError::new_err(error.to_string()));
        let credentials = Credentials::secret(secret);
        let mut config = WorkerConfig::new(address(scheduler)?, credentials, address(listen)?, nthreads);
        config.description.name = name;
        config.description.host = host;
        config.description.memory_limit_bytes = memory_limit;
        config.description.resources = resources;
        config.description.runtime = runtime;
        config.description.local_directory = local_directory;
        config.description.nanny_instance = instance;
        config.executing_page = page;
        config.on_thread_needed = Arc::new(move || {
            Python::attach(|py| {
                if let Err(error) = on_thread_needed.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        });
        let handle = rask_worker::start(config).map_err(PyOSError::new_err)?;
        Ok(WorkerCore { handle })
    }

    /// Waits until the scheduler has accepted the worker. Returns None when it has, else why it stopped, or
    /// `"timed out"`.
    fn wait_registered(&self, py: Python<'_>, timeout_s: f64) -> PyResult<Option<String>> {
        let mut left_ms = (timeout_s * 1_000.0) as u64;
        loop {
            let step = Duration::from_millis(left_ms.min(SIGNALS_MS));
            match py.detach(|| self.handle.wait_registered(step)) {
                Some(Ok(_)) => return Ok(None),
                Some(Err(reason)) => return Ok(Some(reason.to_string())),
                None if left_ms <= SIGNALS_MS => return Ok(Some("timed out".to_owned())),
                None => left_ms -= SIGNALS_MS,
            }
            py.check_signals()?;
        }
    }

    /// Waits until the worker has stopped; returns `(code, reason)`, or None when `timeout_s` is over. The code is 0 if
    /// it was told to, 1 if it lost its scheduler, 2 if it was not let in.
    fn wait_stopped(&self, py: Python<'_>, timeout_s: f64) -> PyResult<Option<(u8, String)>> {
        let wait = Duration::from_secs_f64(timeout_s.min(SIGNALS_MS as f64 / 1_000.0));
        let reason = py.detach(|| self.handle.wait_stopped(wait));
        py.check_signals()?;
        Ok(reason.map(|reason| (code_of(&reason), reason.to_string())))
    }

    /// Where others fetch from it.
    #[getter]
    fn address(&self) -> String {
        self.handle.address()
    }

    /// Its number; None before it is registered.
    #[getter]
    fn number(&self) -> Option<u32> {
        self.handle.worker_id().map(|id| id.0)
    }

    /// Executes tasks on this thread until the worker stops. `face` is the worker as tasks see it.
    fn run_thread(&self, py: Python<'_>, face: Py<PyAny>) {
        run_thread(py, &self.handle, face);
    }

    /// Encodes and drops values on this thread until the worker stops.
    fn run_errands(&self, py: Python<'_>) {
        while let Some(errand) = py.detach(|| self.handle.next_errand()) {
            match errand {
                Errand::Drop(objects) => drop(objects),
                Errand::Encode { value, kept } => {
                    let object = kept.object().expect("what is to be encoded is an object");
                    let encoded = object_of(py, object)
                        .and_then(|object| encode_value(&object, Capture::Share, &mut NoDependencies));
                    let result = encoded
                        .map(crate::codec::Encoded::into_payload)
                        .map_err(|error| task_error(py, ErrorKind::Unserializable, String::new(), &error));
                    self.handle.encoded(value, result);
                }
            }
        }
    }

    /// The next operation; None once the worker has stopped.
    fn next_op(&self, py: Python<'_>) -> PyResult<Option<Op>> {
        let Some((request, op)) = py.detach(|| self.handle.next_op()) else { return Ok(None) };
        Ok(Some(match op {
            WorkerOp::Call(payload) => {
                let call = crate::codec::decode_value(py, &payload, &[], Views::Copies);
                match call {
                    Ok(call) => (request.0, "call", call.unbind()),
                    Err(error) => (request.0, "undecodable", error.into_value(py).into_any()),
                }
            }
            WorkerOp::UploadFile { name, content, load } => {
                let arguments = (name, PyBytes::new(py, &content), load).into_pyobject(py)?;
                (request.0, "upload_file", arguments.into_any().unbind())
            }
        }))
    }

    /// Answers an operation with a value.
    fn reply(&self, py: Python<'_>, request: u32, value: &Bound<'_, PyAny>) {
        let encoded = encode_value(value, Capture::Copy, &mut NoDependencies);
        let result = encoded
            .map(crate::codec::Encoded::into_payload)
            .map_err(|error| task_error(py, ErrorKind::Unserializable, String::new(), &error));
        self.handle.reply(RequestId(request), result);
    }

    /// Answers an operation with an exception.
    fn reply_error(&self, py: Python<'_>, request: u32, error: &Bound<'_, PyAny>) {
        let error = PyErr::from_value(error.clone());
        let error = task_error(py, ErrorKind::Exception, String::new(), &error);
        self.handle.reply(RequestId(request), Err(error));
    }

    /// Tells the scheduler something about this worker: `topic` is `log`, `print` or `warn`.
    fn notice(&self, topic: &str, text: &Bound<'_, PyString>) {
        // Halves of surrogate pairs are no text elsewhere.
        self.handle.notice(topic, text.to_string_lossy());
    }

    /// Says goodbye and stops.
    fn close(&self, reason: String) {
        self.handle.close(reason);
    }

    /// Waits for the worker's own thread.
    fn join(&self, py: Python<'_>) {
        py.detach(|| self.handle.join());
    }
}

fn code_of(reason: &StopReason) -> u8 {
    match reason {
        StopReason::Closed(_) | StopReason::Left(_) => 0,
        StopReason::NotConnected(_) | StopReason::Refused(_) => 2,
        StopReason::SchedulerLost(_) | StopReason::Violation(_) | StopReason::Broken => 1,
    }
}
