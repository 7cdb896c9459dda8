//! What becomes of an exception: an error that travels.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rask_types::{ErrorKind, Payload, TRACEBACK_TEXT_BYTES_MAX, TaskError, keep_ends};

/// The error that says what a task raised.
#[cold]
pub fn task_error(py: Python<'_>, kind: ErrorKind, key: String, error: &PyErr) -> TaskError {
    static DUMP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let dumped = DUMP
        .import(py, "rask._worker", "dump_failure")
        .and_then(|dump| dump.call1((error.clone_ref(py).into_value(py),)))
        .and_then(|dumped| dumped.extract::<(Vec<u8>, Vec<u8>, String, String)>());
    match dumped {
        Ok((exception, traceback, text, printed)) => TaskError {
            exception: Payload::from_head(exception),
            traceback: Payload::from_head(traceback),
            traceback_text: keep_ends(&printed, TRACEBACK_TEXT_BYTES_MAX),
            ..TaskError::new(kind, key, text)
        },
        // `dump_failure` never fails; if it does, the text is what is left.
        Err(failure) => TaskError::new(kind, key, format!("{error} (and describing it failed: {failure})")),
    }
}

/// Whether the exception is `Reschedule`: the task asks to run elsewhere.
pub fn asks_to_run_elsewhere(py: Python<'_>, error: &PyErr) -> bool {
    let name = error.get_type(py).qualname();
    name.is_ok_and(|name| name == "Reschedule")
        && error.get_type(py).module().is_ok_and(|module| module == "rask.distributed.errors")
}
