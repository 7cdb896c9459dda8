//! Waits that let go of the interpreter and look for signals, so that Ctrl-C works.

use std::time::Duration;

use pyo3::prelude::*;

/// Runs `wait` without the interpreter. The `interrupt` it gets is to be called at least every 50 ms; it says true once a
/// signal handler raised, and that exception is then the result.
pub fn blocking<T: Send, E: Send>(
    py: Python<'_>,
    wait: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T, E> + Send,
    explain: impl FnOnce(Python<'_>, E) -> PyErr,
) -> PyResult<T> {
    let mut raised: Option<PyErr> = None;
    let result = py.detach(|| {
        wait(&mut || {
            raised = Python::attach(|py| py.check_signals().err());
            raised.is_some()
        })
    });
    match (result, raised) {
        (_, Some(raised)) => Err(raised),
        (Ok(value), None) => Ok(value),
        (Err(error), None) => Err(explain(py, error)),
    }
}

/// A time span in seconds from Python; negative ones are none at all.
pub fn span(timeout_s: Option<f64>) -> Option<Duration> {
    // Spans that no clock can measure are waits without end.
    timeout_s.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
}
