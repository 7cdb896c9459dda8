//! Errors of the engine as Python exceptions. Which exception is which is said in `rask.distributed.failures`.

use std::sync::Arc;

use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use rask_client::{ClientError, ConnectError, FetchError, SubmitError};
use rask_types::{ErrorKind, TaskError};

/// Why there is no value.
pub enum Cause {
    /// It could not be brought; with the future's key.
    Fetch(FetchError, Py<PyAny>),
    /// A worker did not do what it was asked to.
    Worker(Arc<TaskError>),
    /// It came and could not be decoded.
    Raised(PyErr),
}

/// Stands where a value would. The exception is made when someone asks for it: its traceback refers to the frames that run
/// at that time, and through them to what they hold.
#[pyclass(frozen, module = "rask._core")]
pub struct Failure {
    cause: Cause,
}

#[pymethods]
impl Failure {
    /// Raises the exception.
    fn reraise(&self, py: Python<'_>) -> PyResult<()> {
        Err(self.error(py))
    }

    /// The exception, with its traceback.
    #[getter]
    fn exception<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.error(py).into_value(py).into_bound(py).into_any()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Failure: {}>", self.exception(py).repr()?))
    }
}

impl Failure {
    /// The failure with this cause.
    pub fn new(cause: Cause) -> Failure {
        Failure { cause }
    }

    fn error(&self, py: Python<'_>) -> PyErr {
        match &self.cause {
            Cause::Fetch(error, key) => of_fetch(py, error, key.bind(py).clone()),
            Cause::Worker(error) => of_worker(py, error),
            Cause::Raised(error) => error.clone_ref(py),
        }
    }
}

fn made<'py>(py: Python<'py>, name: &str, arguments: impl pyo3::call::PyCallArgs<'py>) -> PyErr {
    let make = || py.import("rask.distributed.failures")?.getattr(name)?.call1(arguments);
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The exception that a failed task raises where its value is asked for.
pub fn of_task<'py>(py: Python<'py>, error: &TaskError, key: Option<Bound<'py, PyAny>>) -> PyErr {
    let key = key.unwrap_or_else(|| pyo3::types::PyString::new(py, &error.key).into_any());
    match &error.kind {
        ErrorKind::KilledWorker { last_worker, allowed_failures, deaths } => {
            made(py, "killed_worker", (&error.key, last_worker, allowed_failures, deaths.clone()))
        }
        ErrorKind::Refused => made(py, "cancelled", (key, &error.text)),
        ErrorKind::Exception | ErrorKind::Undecodable | ErrorKind::Unserializable => {
            static LOAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let exception = PyBytes::new(py, &error.exception.head);
            let traceback = PyBytes::new(py, &error.traceback.head);
            let loaded = LOAD
                .import(py, "rask._serialize", "load_exception")
                .and_then(|load| load.call1((exception, traceback, &error.text)));
            match loaded {
                Ok(exception) => {
                    name_in_note(&exception, error);
                    PyErr::from_value(exception)
                }
                Err(failure) => failure,
            }
        }
    }
}

/// Says in a note, where Python has notes (from 3.11 on), which task raised, and where.
fn name_in_note(exception: &Bound<'_, PyAny>, error: &TaskError) {
    let place = if error.worker.is_empty() { String::new() } else { format!(" on worker {}", error.worker) };
    let note = format!("Raised by task {:?}{place}.", error.key);
    // What has no notes, or refuses one, is raised without.
    let _ = exception.call_method1("add_note", (note,));
}

/// The exception of a future that will never have a value.
pub fn cancelled<'py>(py: Python<'py>, key: Bound<'py, PyAny>, reason: &str) -> PyErr {
    made(py, "cancelled", (key, reason))
}

/// The exception of a value that could not be brought.
pub fn of_fetch<'py>(py: Python<'py>, error: &FetchError, key: Bound<'py, PyAny>) -> PyErr {
    match error {
        FetchError::Erred(error) | FetchError::Unserializable(error) => of_task(py, error, Some(key)),
        FetchError::Cancelled { reason } | FetchError::Lost { reason } => cancelled(py, key, reason),
        FetchError::Unreachable { reason } => made(py, "unreachable", (key, reason.to_string())),
        FetchError::Closed { reason } => closed(py, reason),
        FetchError::Unknown => cancelled(py, key, "already forgotten"),
    }
}

/// The exception of a client that can do nothing any more.
pub fn closed(py: Python<'_>, reason: &Arc<str>) -> PyErr {
    made(py, "closed", (reason.to_string(),))
}

/// The exception of a call that failed.
pub fn of_call(py: Python<'_>, error: ClientError) -> PyErr {
    match error {
        ClientError::Closed { reason } | ClientError::Submit(SubmitError::Closed { reason }) => {
            closed(py, &reason)
        }
        ClientError::Forked => made(py, "closed", (error.to_string(),)),
        ClientError::TimedOut => PyTimeoutError::new_err(()),
        ClientError::Interrupted => pyo3::exceptions::PyKeyboardInterrupt::new_err(()),
        ClientError::Refused(text) => PyValueError::new_err(text),
        ClientError::Submit(error) => PyValueError::new_err(error.to_string()),
    }
}

/// The exception of a client that was not let in.
pub fn of_connect(py: Python<'_>, error: ConnectError) -> PyErr {
    let kind = match &error {
        ConnectError::WrongSecret { .. } | ConnectError::NoSecret { .. } => "access_denied",
        ConnectError::VersionMismatch { .. } => "version_mismatch",
        _ => "unreachable_scheduler",
    };
    made(py, kind, (error.to_string(),))
}

/// The exception of values that could not be placed.
pub fn of_scatter(py: Python<'_>, error: ClientError) -> PyErr {
    match error {
        ClientError::Refused(text) => pyo3::exceptions::PyKeyError::new_err(text),
        other => of_call(py, other),
    }
}

/// The exception of a worker that did not do what it was asked to.
pub fn of_worker(py: Python<'_>, error: &TaskError) -> PyErr {
    match error.kind {
        ErrorKind::Refused => made(py, "lost_worker", (&error.text,)),
        _ => of_task(py, error, None),
    }
}
