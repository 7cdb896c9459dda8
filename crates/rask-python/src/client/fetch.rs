//! Waiting for futures, and bringing their values.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use rask_client::{ClientError, FetchError, WaitFor};
use rask_types::{FutureId, Payload};

use super::blocking::{blocking, span};
use super::failure::{self, Cause, Failure};
use super::future::Future;
use super::session::Session;
use crate::codec::decode::decode_head;
use crate::codec::{Views, decode_value};
use crate::worker::object::object_of;

/// A small value.
#[inline]
pub fn decode_inline<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    decode_head(py, bytes)
}

/// A value that was brought: by reference within the process, else encoded.
pub fn decode_fetched<'py>(py: Python<'py>, payload: &Payload) -> PyResult<Bound<'py, PyAny>> {
    match &payload.local {
        Some(value) => object_of(py, value),
        None => {
            // SAFETY: the payload came from another process for this caller, who drops it after decoding.
            let views = unsafe { Views::exclusive() };
            decode_value(py, payload, &[], views)
        }
    }
}

/// What to do with futures that have no value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Errors {
    Raise,
    Skip,
    Return,
}

impl Session {
    /// Numbers of futures of this session.
    pub fn ids(
        &self,
        py: Python<'_>,
        futures: &Bound<'_, PyList>,
    ) -> PyResult<(Vec<FutureId>, Vec<Py<Future>>)> {
        let mut ids = Vec::with_capacity(futures.len());
        let mut adopted = Vec::new();
        for item in futures.iter() {
            let future = item
                .cast::<Future>()
                .map_err(|_| PyTypeError::new_err(format!("expected a future, got {}", item.get_type())))?;
            match future.get().id_in(&self.engine) {
                Some(id) => ids.push(id),
                None => {
                    let ours = future.get().adopt(py, &self.engine)?;
                    ids.push(ours.get().id_in(&self.engine).expect("adopted by this session"));
                    adopted.push(ours.unbind());
                }
            }
        }
        Ok((ids, adopted))
    }
}

#[pymethods]
impl Session {
    /// Waits until all (or any) futures are done; False when the time is over.
    #[pyo3(signature = (futures, everyone, timeout))]
    fn wait(
        &self,
        py: Python<'_>,
        futures: &Bound<'_, PyList>,
        everyone: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        let (ids, _adopted) = self.ids(py, futures)?;
        let wait_for = if everyone { WaitFor::All } else { WaitFor::Any };
        let client = &self.engine.client;
        blocking(
            py,
            |interrupt| match client.wait(&ids, wait_for, span(timeout), interrupt) {
                Err(ClientError::TimedOut) => Ok(false),
                other => other.map(|()| true),
            },
            failure::of_call,
        )
    }

    /// Waits for futures and returns their values. `errors`: ``"raise"`` (the first failure is returned, for the caller to
    /// raise once it holds no futures), ``"skip"``, or ``"return"`` failures in place of values.
    fn gather<'py>(
        &self,
        py: Python<'py>,
        futures: &Bound<'py, PyList>,
        errors: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let errors = match errors {
            "raise" => Errors::Raise,
            "skip" => Errors::Skip,
            "return" => Errors::Return,
            other => return Err(PyValueError::new_err(format!("errors={other:?} is not known"))),
        };
        let (ids, _adopted) = self.ids(py, futures)?;
        let client = &self.engine.client;
        let wait_for = if errors == Errors::Raise { WaitFor::AllOrFirstError } else { WaitFor::All };
        blocking(py, |interrupt| client.wait(&ids, wait_for, None, interrupt), failure::of_call)?;
        let inline = client.inline_values(&ids).map_err(|error| failure::of_call(py, error))?;
        let others: Vec<FutureId> = inline.others.iter().map(|&at| ids[at as usize]).collect();
        let fetched = match others.is_empty() {
            true => Vec::new(),
            false => blocking(
                py,
                |interrupt| fetch_or_first_error(client, &others, errors == Errors::Raise, interrupt),
                failure::of_call,
            )?,
        };
        let mut fetched = fetched.into_iter();
        let values = PyList::empty(py);
        for at in 0..ids.len() {
            if let Some(bytes) = inline.get(at) {
                values.append(decode_inline(py, bytes)?)?;
                continue;
            }
            let value = match fetched.next().expect("one for each that is not inline") {
                Ok(payload) => decode_fetched(py, &payload).map_err(Cause::Raised),
                Err(error) => Err(Cause::Fetch(error, futures.get_item(at)?.getattr("key")?.unbind())),
            };
            match (value, errors) {
                (Ok(value), _) => values.append(value)?,
                (Err(cause), Errors::Raise) => return Ok(Bound::new(py, Failure::new(cause))?.into_any()),
                (Err(_), Errors::Skip) => {}
                (Err(cause), Errors::Return) => values.append(Bound::new(py, Failure::new(cause))?)?,
            }
        }
        Ok(values.into_any())
    }
}

/// Brings values. With `first_error`, futures that are still pending behind one that failed are not waited for.
fn fetch_or_first_error(
    client: &rask_client::Client,
    ids: &[FutureId],
    first_error: bool,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<Result<Payload, FetchError>>, ClientError> {
    if first_error {
        use rask_client::Status;
        let statuses = client.statuses(ids)?;
        let failed = |status: &Option<Status>| !matches!(status, Some(Status::Pending | Status::Finished));
        if let Some(at) = statuses.iter().position(failed) {
            let failure = client.fetch(&ids[at..=at], None, interrupt)?.remove(0);
            // Whoever comes before it in the list is not looked at: the failure is raised.
            return Ok(vec![failure]);
        }
    }
    client.fetch(ids, None, interrupt)
}
