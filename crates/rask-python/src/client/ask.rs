//! Questions to the cluster, and calls on workers outside of the task system.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rask_types::Payload;
use rask_types::msg::{Query, WorkerOp};

use super::blocking::{blocking, span};
use super::failure::{self, Cause, Failure};
use super::fetch::decode_fetched;
use super::session::Session;
use crate::codec::decode::decode_head;
use crate::codec::{Capture, NoDependencies, encode_value};
use crate::delayed::key::key_from_python;
use crate::functions;

fn key_bytes(keys: &Bound<'_, PyAny>) -> PyResult<Vec<Bytes>> {
    keys.try_iter()?.map(|key| Ok(Bytes::from(key_from_python(&key?)?.to_canonical()))).collect()
}

fn optional_keys(keys: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<Bytes>>> {
    keys.map(key_bytes).transpose()
}

fn words(argument: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<String>>> {
    argument.map(|words| words.extract()).transpose()
}

fn query_of(name: &str, argument: Option<&Bound<'_, PyAny>>) -> PyResult<Query> {
    let required = || argument.ok_or_else(|| PyValueError::new_err(format!("{name} needs an argument")));
    Ok(match name {
        "who_has" => Query::WhoHas(optional_keys(argument)?),
        "has_what" => Query::HasWhat(words(argument)?),
        "processing" => Query::Processing(words(argument)?),
        "nthreads" => Query::Nthreads(words(argument)?),
        "nbytes" => {
            let (keys, summary): (Option<Bound<'_, PyAny>>, bool) = required()?.extract()?;
            Query::Nbytes { keys: optional_keys(keys.as_ref())?, summary }
        }
        "identity" => Query::Identity,
        "task_counts" => Query::TaskCounts,
        "story" => Query::Story(key_bytes(required()?)?),
        "explain" => Query::Explain(Bytes::from(key_from_python(required()?)?.to_canonical())),
        other => return Err(PyValueError::new_err(format!("no such question: {other}"))),
    })
}

#[pymethods]
impl Session {
    /// Asks the scheduler for a fact.
    fn query<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        argument: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = query_of(name, argument)?;
        let client = &self.engine.client;
        let answer = blocking(py, |interrupt| client.query(query, None, interrupt), failure::of_call)?;
        let answer = decode_head(py, &answer)?;
        // Whether the task is known stands before the sentence.
        if name == "explain" { answer.get_item(1) } else { Ok(answer) }
    }

    /// Calls a function on workers (None: all); a list of `(address, value or Failure)`, or None without waiting.
    fn run<'py>(
        &self,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
        workers: Option<Vec<String>>,
        wait: bool,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let dumped = functions::dump(function)?;
        let pickled = PyBytes::new(py, &dumped.payload.head);
        let call = PyTuple::new(py, [pickled.as_any(), args.as_any(), kwargs.as_any()])?;
        let payload = encode_value(call.as_any(), Capture::Copy, &mut NoDependencies)?.into_payload();
        let op = WorkerOp::Call(payload);
        if wait {
            return self.do_on_workers(py, workers, false, op).map(Some);
        }
        let client = &self.engine.client;
        client.broadcast_and_forget(workers, false, op).map_err(|error| failure::of_call(py, error))?;
        Ok(None)
    }

    /// Brings a file to all workers, present and future.
    fn upload_file<'py>(
        &self,
        py: Python<'py>,
        name: String,
        content: Vec<u8>,
        load: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let op = WorkerOp::UploadFile { name, content: content.into(), load };
        self.do_on_workers(py, None, true, op)
    }

    /// Cancels futures.
    fn cancel(&self, py: Python<'_>, futures: &Bound<'_, PyList>, force: bool, reason: &str) -> PyResult<()> {
        let (ids, _adopted) = self.ids(py, futures)?;
        self.engine.client.cancel(&ids, force, reason).map_err(|error| failure::of_call(py, error))
    }

    /// Runs failed tasks again.
    fn retry(&self, py: Python<'_>, futures: &Bound<'_, PyList>) -> PyResult<()> {
        let (ids, _adopted) = self.ids(py, futures)?;
        self.engine.client.retry(&ids).map_err(|error| failure::of_call(py, error))
    }

    /// Lets tasks run to their end although nobody holds their futures.
    fn fire_and_forget(&self, py: Python<'_>, futures: &Bound<'_, PyList>) -> PyResult<()> {
        let (ids, _adopted) = self.ids(py, futures)?;
        self.engine.client.fire_and_forget(&ids).map_err(|error| failure::of_call(py, error))
    }

    /// Cancels everything and starts every worker process anew.
    fn restart(&self, py: Python<'_>) -> PyResult<()> {
        let client = &self.engine.client;
        blocking(py, |interrupt| client.restart(None, interrupt), failure::of_call).map(drop)
    }

    /// Lets workers go once what they hold has moved; their addresses.
    fn retire_workers<'py>(&self, py: Python<'py>, workers: Vec<String>) -> PyResult<Bound<'py, PyAny>> {
        let client = &self.engine.client;
        let answer = blocking(
            py,
            |interrupt| client.retire_workers(workers, span(Some(60.0)), interrupt),
            failure::of_call,
        )?;
        decode_head(py, &answer)
    }
}

impl Session {
    fn do_on_workers<'py>(
        &self,
        py: Python<'py>,
        workers: Option<Vec<String>>,
        and_future_workers: bool,
        op: WorkerOp,
    ) -> PyResult<Bound<'py, PyList>> {
        let client = &self.engine.client;
        let replies = blocking(
            py,
            |interrupt| client.broadcast(workers, and_future_workers, op, None, interrupt),
            failure::of_call,
        )?;
        let list = PyList::empty(py);
        for (address, reply) in replies {
            let value = match reply {
                Ok(payload) => decode_reply(py, &payload)?,
                Err(error) => Bound::new(py, Failure::new(Cause::Worker(error)))?.into_any(),
            };
            list.append((address, value))?;
        }
        Ok(list)
    }
}

fn decode_reply<'py>(py: Python<'py>, payload: &Payload) -> PyResult<Bound<'py, PyAny>> {
    decode_fetched(py, payload)
}
