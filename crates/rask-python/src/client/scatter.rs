//! Values of this process that become futures.

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use rask_client::ScatterValue;
use rask_types::msg::{KeyChoice, ScatterItem};
use rask_types::{FutureId, INLINE_BYTES_MAX, Payload};

use super::blocking::blocking;
use super::failure;
use super::future::Future;
use super::session::Session;
use crate::codec::token::value_token;
use crate::codec::{Capture, NoDependencies, encode_value};
use crate::delayed::key::{fresh_token, key_from_python};
use crate::worker::result::{TypeNames, nbytes};

#[pymethods]
impl Session {
    /// Brings values to workers; returns as many futures, finished.
    fn scatter<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyList>,
        keys: Option<&Bound<'py, PyList>>,
        hash: bool,
        workers: Vec<String>,
        broadcast: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        // The values have been sent when this returns, and nobody hears of them if it is interrupted. A worker in this process
        // would get what the caller has.
        let capture = if rask_worker::reached_in_memory() { Capture::Copy } else { Capture::Lend };
        let mut names = TypeNames::default();
        let mut prepared = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let key = match keys {
                Some(keys) => {
                    KeyChoice::Named(Bytes::from(key_from_python(&keys.get_item(at)?)?.to_canonical()))
                }
                None => KeyChoice::Generated { prefix: short_name(&value)?, token: token_of(&value, hash)? },
            };
            let payload = encode_value(&value, capture, &mut NoDependencies)?.into_payload();
            let small =
                payload.buffers.is_empty() && payload.head.len() <= INLINE_BYTES_MAX && workers.is_empty();
            let item = ScatterItem {
                key,
                nbytes: nbytes(&value),
                type_name: names.of(&value).to_string(),
                inline: (small && !broadcast).then(|| payload.head.clone()),
            };
            let payload = if item.inline.is_some() { Payload::default() } else { payload };
            prepared.push(ScatterValue { item, payload });
        }
        let client = &self.engine.client;
        let first = blocking(
            py,
            |interrupt| client.scatter(prepared, workers, broadcast, None, interrupt),
            failure::of_scatter,
        )?;
        let futures = PyList::empty(py);
        for at in 0..values.len() as u64 {
            futures.append(Future::held(py, &self.engine, FutureId(first.0 + at))?)?;
        }
        Ok(futures)
    }
}

fn short_name(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let name: Bound<'_, PyString> = value.get_type().name()?;
    Ok(name.to_string())
}

fn token_of(value: &Bound<'_, PyAny>, hash: bool) -> PyResult<u128> {
    if hash && let Some(token) = value_token(value)? {
        return Ok(token);
    }
    fresh_token()
}
