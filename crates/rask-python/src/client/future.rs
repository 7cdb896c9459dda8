//! `Future`: a value on the cluster, or one that will be there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use pyo3::exceptions::{PyTimeoutError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use rask_client::{ClientError, Outcome, Status, WaitFor};
use rask_types::{FutureId, Key};

use super::blocking::{blocking, span};
use super::failure;
use super::fetch::{decode_fetched, decode_inline};
use super::session::{Engine, Session};
use crate::delayed::key::{key_from_python, key_to_python};
use crate::untrack::untrack;

/// A future's place in a session. Dropping it lets go of the value.
pub struct Hold {
    engine: Arc<Engine>,
    id: FutureId,
    released: AtomicBool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

impl Hold {
    fn release(&self) {
        if !self.released.swap(true, Ordering::Relaxed) {
            self.engine.client.release(self.id);
        }
    }
}

/// A value on the cluster, or one that will be there.
///
/// Futures come from `Client.submit`, `map`, `scatter` and `compute`. `Future(key)` makes one for a task that somebody
/// submitted before under that key.
#[pyclass(frozen, weakref, module = "rask.distributed")]
pub struct Future {
    hold: OnceLock<Hold>,
    /// Known from the start where the future was made from a key; kept when it lets go of its place.
    known_key: OnceLock<Box<Key>>,
}

impl Future {
    /// A future that has been counted already.
    pub fn held<'py>(py: Python<'py>, engine: &Arc<Engine>, id: FutureId) -> PyResult<Bound<'py, Future>> {
        let hold = Hold { engine: engine.clone(), id, released: AtomicBool::new(false) };
        let future = Bound::new(py, Future { hold: OnceLock::from(hold), known_key: OnceLock::new() })?;
        // Of Python's it holds the client alone, and that weakly.
        untrack(&future);
        Ok(future)
    }

    /// Its number in that session, if it belongs to it.
    pub fn id_in(&self, engine: &Arc<Engine>) -> Option<FutureId> {
        self.hold.get().filter(|hold| Arc::ptr_eq(&hold.engine, engine)).map(|hold| hold.id)
    }

    /// A future for the same task in another session.
    pub fn adopt<'py>(&self, py: Python<'py>, engine: &Arc<Engine>) -> PyResult<Bound<'py, Future>> {
        let key = self.key_text(py)?;
        let known = engine.client.lookup_key(&key).map_err(|error| failure::of_call(py, error))?;
        let id = match known {
            Some(id) => id,
            None => engine.client.want(&key).map_err(|error| failure::of_call(py, error))?,
        };
        Future::held(py, engine, id)
    }

    /// Its place, made on first use with the client of whoever asks.
    fn hold(&self, py: Python<'_>) -> PyResult<&Hold> {
        if let Some(hold) = self.hold.get() {
            return Ok(hold);
        }
        let client = py.import("rask.distributed.client")?.getattr("get_client")?.call0()?;
        let session: Bound<'_, Session> = client.getattr("_session")?.extract()?;
        let bound = self.adopt(py, &session.get().engine)?;
        let bound = bound.get().hold.get().expect("adopted");
        // The adopted one lets go of its count when it is dropped here, so this one takes another.
        let _ = bound.engine.client.retain(bound.id);
        let hold = Hold { engine: bound.engine.clone(), id: bound.id, released: AtomicBool::new(false) };
        Ok(self.hold.get_or_init(|| hold))
    }

    fn key_text(&self, py: Python<'_>) -> PyResult<Key> {
        if let Some(key) = self.known_key.get() {
            return Ok(Key::clone(key));
        }
        let hold = self.hold(py)?;
        hold.engine.client.describe(hold.id).ok_or_else(|| PyValueError::new_err("the future was released"))
    }

    fn status_now(&self) -> Option<Status> {
        let hold = self.hold.get()?;
        hold.engine.client.status(hold.id).ok().flatten().or(Some(Status::Cancelled))
    }

    fn is_asynchronous(&self) -> bool {
        self.hold.get().is_some_and(|hold| hold.engine.asynchronous.load(Ordering::Relaxed))
    }

    /// Waits until the future is done.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let hold = self.hold(py)?;
        let client = &hold.engine.client;
        let waited = blocking(
            py,
            |interrupt| match client.wait(&[hold.id], WaitFor::All, span(timeout), interrupt) {
                Err(ClientError::TimedOut) => Ok(false),
                other => other.map(|()| true),
            },
            failure::of_call,
        )?;
        if waited {
            return Ok(());
        }
        let key = self.key_text(py).map_or_else(|_| String::new(), |key| key.to_string());
        let text = format!("{key} timed out after {} s.", timeout.unwrap_or_default());
        Err(PyTimeoutError::new_err(text))
    }

    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let hold = self.hold(py)?;
        match hold.engine.client.outcome(hold.id).map_err(|error| failure::of_call(py, error))? {
            Outcome::Inline(bytes) => decode_inline(py, &bytes),
            Outcome::Erred(error) => Err(failure::of_task(py, &error, Some(self.key(py)?))),
            Outcome::Cancelled { reason } => Err(failure::cancelled(py, self.key(py)?, &reason)),
            Outcome::Lost { reason } => Err(failure::cancelled(py, self.key(py)?, &reason)),
            Outcome::Unknown => Err(failure::cancelled(py, self.key(py)?, "unknown")),
            Outcome::Held(_) | Outcome::Pending => {
                let client = &hold.engine.client;
                let fetched =
                    blocking(py, |interrupt| client.fetch(&[hold.id], None, interrupt), failure::of_call)?;
                match fetched.into_iter().next().expect("one was asked for") {
                    Ok(payload) => decode_fetched(py, &payload),
                    Err(error) => Err(failure::of_fetch(py, &error, self.key(py)?)),
                }
            }
        }
    }

    fn error(&self, py: Python<'_>) -> PyResult<Option<PyErr>> {
        let hold = self.hold(py)?;
        match hold.engine.client.outcome(hold.id).map_err(|error| failure::of_call(py, error))? {
            Outcome::Erred(error) => Ok(Some(failure::of_task(py, &error, Some(self.key(py)?)))),
            _ => Ok(None),
        }
    }
}

fn seconds(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<f64>> {
    let Some(timeout) = timeout.filter(|timeout| !timeout.is_none()) else { return Ok(None) };
    if let Ok(number) = timeout.extract::<f64>() {
        return Ok(Some(number));
    }
    timeout.py().import("rask.distributed.waiting")?.getattr("seconds")?.call1((timeout,))?.extract()
}

fn helper<'py>(
    slf: &Bound<'py, Future>,
    name: &str,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    slf.py().import("rask.distributed.futures")?.getattr(name)?.call1(arguments)
}

#[pymethods]
impl Future {
    /// Marks futures for whoever looks through arguments.
    #[classattr]
    #[pyo3(name = "__dask_future__")]
    const DASK_FUTURE: bool = true;

    #[new]
    #[pyo3(signature = (key, client=None, state=None))]
    fn new(
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        client: Option<&Bound<'_, PyAny>>,
        state: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Future> {
        let _ = state;
        let future =
            Future { hold: OnceLock::new(), known_key: OnceLock::from(Box::new(key_from_python(key)?)) };
        if let Some(client) = client {
            let session: Bound<'_, Session> = client.getattr("_session")?.extract()?;
            let adopted = future.adopt(py, &session.get().engine)?;
            let bound = adopted.get().hold.get().expect("adopted");
            let _ = bound.engine.client.retain(bound.id);
            let hold = Hold { engine: bound.engine.clone(), id: bound.id, released: AtomicBool::new(false) };
            let _ = future.hold.set(hold);
        }
        Ok(future)
    }

    /// The task's key.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        key_to_python(py, &self.key_text(py)?)
    }

    /// ``pending``, ``finished``, ``error``, ``cancelled`` or ``lost``; None for a future that was made from a key and not
    /// used yet.
    #[getter]
    fn status(&self) -> Option<&'static str> {
        self.status_now().map(Status::as_str)
    }

    /// The client.
    #[getter]
    fn client<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.hold(py)?.engine.face(py)
    }

    /// The client, as `concurrent.futures` knows executors.
    #[getter]
    fn executor<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.client(py)
    }

    /// The type of the result; None before it is there.
    #[getter]
    fn r#type<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf, "type_of", (slf,))
    }

    /// Name of the type of the result, such as ``numpy.ndarray``; None before it is there.
    fn _type_name(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let Some(hold) = self.hold.get() else { return Ok(None) };
        let client = &hold.engine.client;
        Ok(match client.outcome(hold.id) {
            Ok(Outcome::Inline(bytes)) => {
                let kind = decode_inline(py, &bytes)?.get_type();
                let name = kind.qualname()?.to_string();
                let module = kind.module()?.to_string();
                Some(if module == "builtins" { name } else { format!("{module}.{name}") })
            }
            Ok(Outcome::Held(held)) => client.type_name(held.type_id).map(|name| name.to_string()),
            _ => None,
        })
    }

    /// Whether it is finished, failed or cancelled.
    fn done(&self) -> bool {
        !matches!(self.status_now(), None | Some(Status::Pending))
    }

    /// Whether it was cancelled.
    fn cancelled(&self) -> bool {
        matches!(self.status_now(), Some(Status::Cancelled | Status::Lost))
    }

    /// Waits for the result and returns it.
    ///
    /// Raises the task's own exception if it failed, ``TimeoutError`` if it is not done within `timeout` seconds, and
    /// ``FutureCancelledError`` if it was cancelled. With an asynchronous client: an awaitable of all that.
    #[pyo3(signature = (timeout=None))]
    fn result<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        if this.is_asynchronous() {
            return helper(slf, "result_async", (slf, timeout));
        }
        let hold = this.hold(py)?;
        if let Ok(Outcome::Inline(bytes)) = hold.engine.client.outcome(hold.id) {
            return decode_inline(py, &bytes);
        }
        this.wait(py, seconds(timeout)?)?;
        this.value(py)
    }

    /// The value is here: asking for it does not block.
    fn _is_here(&self) -> bool {
        let Some(hold) = self.hold.get() else { return false };
        !matches!(hold.engine.client.outcome(hold.id), Ok(Outcome::Held(_) | Outcome::Pending))
    }

    /// The value or the exception, of a future that is done.
    fn _result_now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.value(py)
    }

    /// Waits, and returns the exception of a failed task, or None.
    #[pyo3(signature = (timeout=None))]
    fn exception<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        if slf.get().is_asynchronous() {
            return helper(slf, "exception_async", (slf, timeout)).map(Some);
        }
        slf.get().wait(py, seconds(timeout)?)?;
        slf.get()._exception_now(py)
    }

    /// The exception, of a future that is done.
    fn _exception_now<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.error(py)?.map(|error| error.value(py).clone().into_any()))
    }

    /// Waits, and returns the traceback of a failed task, or None.
    #[pyo3(signature = (timeout=None))]
    fn traceback<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        if slf.get().is_asynchronous() {
            return helper(slf, "traceback_async", (slf, timeout)).map(Some);
        }
        slf.get().wait(py, seconds(timeout)?)?;
        let traceback = slf.get().error(py)?.and_then(|error| error.traceback(py));
        Ok(traceback.map(Bound::into_any))
    }

    /// Why it was cancelled, in words; None if it was not.
    fn _reason(&self) -> Option<String> {
        let hold = self.hold.get()?;
        match hold.engine.client.outcome(hold.id) {
            Ok(Outcome::Cancelled { reason } | Outcome::Lost { reason }) => Some(reason.to_string()),
            _ => None,
        }
    }

    /// Gives the task up.
    #[pyo3(signature = (reason=None, msg=None, **kwargs))]
    fn cancel<'py>(
        slf: &Bound<'py, Self>,
        reason: Option<Bound<'py, PyAny>>,
        msg: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = kwargs;
        helper(slf, "cancel", (slf, reason, msg))
    }

    /// Runs a failed task again.
    #[pyo3(signature = (**kwargs))]
    fn retry<'py>(
        slf: &Bound<'py, Self>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = kwargs;
        helper(slf, "retry", (slf,))
    }

    /// Calls ``fn(future)``, on a thread for that, once the future is done.
    fn add_done_callback<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        helper(slf, "add_done_callback", (slf, r#fn))
    }

    /// A sentence that says why the task is not running, or what became of it.
    fn explain<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf, "explain", (slf,))
    }

    /// Lets go of the result: if nobody else holds it, it is forgotten.
    fn release(&self) {
        if let Some(hold) = self.hold.get() {
            if let Some(key) = hold.engine.client.describe(hold.id) {
                let _ = self.known_key.set(Box::new(key));
            }
            hold.release();
        }
    }

    /// The session, for rask's own modules.
    fn _session(&self, py: Python<'_>) -> PyResult<Session> {
        Ok(Session::of(self.hold(py)?.engine.clone()))
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf, "await_future", (slf,))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        if let Some(number) = crate::codec::dependencies::report_future(slf.as_any())? {
            let stand_in = py.import("rask._serialize")?.getattr("dependency")?;
            return Ok((stand_in, PyTuple::new(py, [number])?));
        }
        let kind: Bound<'_, PyType> = slf.get_type();
        Ok((kind.into_any(), PyTuple::new(py, [slf.get().key(py)?])?))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let status = self.status().unwrap_or("None");
        let kind = self._type_name(py)?.map_or_else(String::new, |name| format!(" type: {name},"));
        let key = self.key_text(py).map_or_else(|_| "?".to_owned(), |key| key.to_string());
        Ok(format!("<Future: {status},{kind} key: {key}>"))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf, "html", (slf,))
    }

    fn __iter__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a Future is not iterable: ask for its result() first"))
    }

    /// The future's key, as tokens see it.
    fn __dask_tokenize__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyAny>)> {
        Ok((PyString::new(slf.py(), "Future"), slf.get().key(slf.py())?))
    }
}
