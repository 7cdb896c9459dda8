//! Single calls and maps: captured, named and on their way before the caller goes on.

use bytes::Bytes;
use hashbrown::HashSet;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use rask_client::{ChunkBuilder, NewKey, NewTask};
use rask_types::{FutureId, Key, KeyId, Language, RunId, TaskClass};

use super::deps::CallDeps;
use super::failure;
use super::future::Future;
use super::options::TaskOptions;
use super::prepare::Prepared;
use super::session::{Engine, Session};
use crate::codec::call::append_call;
use crate::codec::token::call_token;
use crate::codec::{Capture, Encoded};
use crate::delayed::key::key_from_python;
use crate::worker::current;

/// The key of one call, and the future that shares it if there is one.
enum Named {
    Known(FutureId),
    New(NewKey),
}

fn name_call(
    py: Python<'_>,
    engine: &Engine,
    prepared: &Prepared,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Named> {
    let Some(function_token) = prepared.token else { return Ok(Named::New(NewKey::Session)) };
    let Some(token) = call_token(function_token, args, kwargs)? else {
        return Ok(Named::New(NewKey::Session));
    };
    let known = engine.client.lookup(KeyId(token ^ prepared.prefix_id));
    match known.map_err(|error| failure::of_call(py, error))? {
        Some(future) => Ok(Named::Known(future)),
        None => Ok(Named::New(NewKey::Token(token))),
    }
}

fn name_given(py: Python<'_>, engine: &Engine, key: &Bound<'_, PyAny>) -> PyResult<Named> {
    let key = check_key(key)?;
    let known = engine.client.lookup_key(&key).map_err(|error| failure::of_call(py, error))?;
    Ok(match known {
        Some(future) => Named::Known(future),
        None => Named::New(new_key(&key)),
    })
}

fn new_key(key: &Key) -> NewKey {
    NewKey::Named(Bytes::from(key.to_canonical()))
}

/// A user's key. Bytes are keys of graphs, but as in Dask not of calls.
fn check_key(key: &Bound<'_, PyAny>) -> PyResult<Key> {
    let key = key_from_python(key)?;
    if let Key::Bytes(_) = key {
        return Err(PyTypeError::new_err(
            "Unexpected key type bytes: use a str, an int, a float or a tuple of them",
        ));
    }
    Ok(key)
}

fn parent() -> Option<RunId> {
    current::current_run()
}

#[pymethods]
impl Session {
    /// Submits one call.
    #[allow(clippy::too_many_arguments)] // from one caller
    fn submit<'py>(
        &self,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
        key: Option<&Bound<'py, PyAny>>,
        pure: bool,
        options: Option<&TaskOptions>,
    ) -> PyResult<Bound<'py, Future>> {
        let engine = &self.engine;
        let kwargs = (!kwargs.is_empty()).then_some(kwargs);
        let given = key.map(check_key).transpose()?;
        let prefix = given.as_ref().map(Key::prefix);
        let prepared = self.prepare(function, prefix.as_deref(), options, pure && given.is_none())?;
        let named = match key {
            Some(key) => name_given(py, engine, key)?,
            None => name_call(py, engine, &prepared, args, kwargs)?,
        };
        let key = match named {
            Named::Known(id) => return Future::held(py, engine, id),
            Named::New(key) => key,
        };
        let mut deps = CallDeps::new(engine);
        let mut encoded = Encoded::default();
        append_call(&mut encoded, args, kwargs, Capture::Copy, &mut deps)?;
        warn_if_large(py, &encoded)?;
        let task = NewTask {
            class: prepared.class,
            key,
            args: &encoded.head,
            buffers: encoded.buffers,
            deps: &deps.deps,
            holds: &deps.holds,
            parent: parent(),
        };
        let id = engine.client.submit_task(task).map_err(|error| failure::of_call(py, error))?;
        deps.finish();
        Future::held(py, engine, id)
    }

    /// Submits one call per row of `columns`. `keys`: None, a prefix, or a list.
    #[pyo3(signature = (function, columns, kwargs, keys, pure, options))]
    #[allow(clippy::too_many_arguments)] // from one caller
    fn map<'py>(
        &self,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
        columns: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
        keys: Option<&Bound<'py, PyAny>>,
        pure: bool,
        options: Option<&TaskOptions>,
    ) -> PyResult<Bound<'py, PyList>> {
        let kwargs = (!kwargs.is_empty()).then_some(kwargs);
        let prefix = keys.and_then(|keys| keys.cast::<PyString>().ok()).map(|text| text.to_string());
        let listed = keys.and_then(|keys| keys.cast::<PyList>().ok()).cloned();
        let prepared = self.prepare(function, prefix.as_deref(), options, pure && listed.is_none())?;
        let shared = match kwargs {
            Some(kwargs) => Some(self.share_large(py, kwargs)?),
            None => None,
        };
        let mut rows = rows(columns)?;
        if let Some(listed) = &listed {
            rows = rows.min(listed.len());
        }
        let mut map = Map {
            session: self,
            prepared: &prepared,
            builder: None,
            deps: CallDeps::new(&self.engine),
            tokens: HashSet::new(),
            pending: Pending { engine: &self.engine, ids: Vec::new() },
            shared: shared.as_ref(),
            kwargs,
            largest: 0,
        };
        let futures = PyList::empty(py);
        let first_columns: Vec<Bound<'py, PyAny>> = columns.iter().collect();
        for row in 0..rows {
            let items: Vec<Bound<'py, PyAny>> =
                first_columns.iter().map(|column| item(column, row)).collect::<PyResult<_>>()?;
            let args = PyTuple::new(py, items)?;
            let key = listed.as_ref().map(|listed| listed.get_item(row)).transpose()?;
            map.add(py, &args, key.as_ref(), &futures)?;
        }
        map.flush(py, &futures)?;
        let largest = map.largest;
        map.deps.finish();
        warn_nbytes(py, largest)?;
        Ok(futures)
    }
}

/// Rows that all columns have.
fn rows(columns: &Bound<'_, PyTuple>) -> PyResult<usize> {
    let mut rows = usize::MAX;
    for column in columns.iter() {
        rows = rows.min(column.len()?);
    }
    Ok(rows)
}

fn item<'py>(column: &Bound<'py, PyAny>, row: usize) -> PyResult<Bound<'py, PyAny>> {
    match column.cast::<PyList>() {
        Ok(list) => list.get_item(row),
        Err(_) => column.get_item(row),
    }
}

/// Futures of a map that nobody was given yet. If it fails on the way, they are let go.
struct Pending<'a> {
    engine: &'a Engine,
    ids: Vec<FutureId>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // Those of a chunk that was not sent are not held yet; letting go of them does nothing.
        self.ids.drain(..).for_each(|id| self.engine.client.release(id));
    }
}

/// A map under way.
struct Map<'a, 'py> {
    session: &'a Session,
    prepared: &'a Prepared,
    builder: Option<ChunkBuilder>,
    deps: CallDeps<'a>,
    /// Tokens in the open chunk.
    tokens: HashSet<u128>,
    /// Futures of the open chunk, and those between them that exist already.
    pending: Pending<'a>,
    /// The keyword arguments that are sent, large ones replaced by futures.
    shared: Option<&'a Bound<'py, PyDict>>,
    /// The keyword arguments as given, which make the key.
    kwargs: Option<&'a Bound<'py, PyDict>>,
    /// Bytes of the largest argument.
    largest: usize,
}

impl<'py> Map<'_, 'py> {
    fn add(
        &mut self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        key: Option<&Bound<'py, PyAny>>,
        futures: &Bound<'py, PyList>,
    ) -> PyResult<()> {
        let engine = &self.session.engine;
        let mut named = match key {
            Some(key) => name_given(py, engine, key)?,
            None => name_call(py, engine, self.prepared, args, self.kwargs)?,
        };
        if let Named::New(NewKey::Token(token)) = named
            && !self.tokens.insert(token)
        {
            // An equal call is in the open chunk. Once that is sent, its future is found.
            self.flush(py, futures)?;
            named = name_call(py, engine, self.prepared, args, self.kwargs)?;
        }
        let key = match named {
            Named::Known(id) => {
                self.pending.ids.push(id);
                return Ok(());
            }
            Named::New(key) => key,
        };
        self.deps.clear();
        let mut encoded = Encoded::default();
        append_call(&mut encoded, args, self.shared, Capture::Copy, &mut self.deps)?;
        let buffers = encoded.buffers.iter().map(Bytes::len).sum::<usize>();
        self.largest = self.largest.max(encoded.head.len() + buffers);
        let is_plain =
            encoded.buffers.is_empty() && self.deps.holds.is_empty() && !matches!(key, NewKey::Named(_));
        if is_plain {
            return self.push(py, &encoded, key, futures);
        }
        self.flush(py, futures)?;
        let task = NewTask {
            class: self.prepared.class,
            key,
            args: &encoded.head,
            buffers: encoded.buffers,
            deps: &self.deps.deps,
            holds: &self.deps.holds,
            parent: parent(),
        };
        let id = engine.client.submit_task(task).map_err(|error| failure::of_call(py, error))?;
        self.pending.ids.push(id);
        Ok(())
    }

    /// Adds a task to the open chunk.
    fn push(
        &mut self,
        py: Python<'py>,
        encoded: &Encoded,
        key: NewKey,
        futures: &Bound<'py, PyList>,
    ) -> PyResult<()> {
        let client = &self.session.engine.client;
        let builder = match &mut self.builder {
            Some(builder) => builder,
            None => {
                // Numbers are taken as tasks come; the chunk's are those that follow each other.
                let first = client.allocate(CHUNK_TASKS).map_err(|error| failure::of_call(py, error))?;
                self.builder.insert(ChunkBuilder::new(first))
            }
        };
        builder.args().extend_from_slice(&encoded.head);
        let pushed = builder.push(self.prepared.class, key, &self.deps.deps, true);
        let id = pushed.map_err(|full| PyTypeError::new_err(full.to_string()))?;
        self.pending.ids.push(id);
        if builder.is_due() || builder.len() as u64 == CHUNK_TASKS {
            self.flush(py, futures)?;
        }
        Ok(())
    }

    /// Sends the open chunk, and makes futures of what is pending.
    fn flush(&mut self, py: Python<'py>, futures: &Bound<'py, PyList>) -> PyResult<()> {
        let engine = &self.session.engine;
        self.tokens.clear();
        if let Some(builder) = self.builder.take()
            && !builder.is_empty()
        {
            let graph = engine.client.new_graph().map_err(|error| failure::of_call(py, error))?;
            let chunk = builder.finish(graph, true, parent());
            engine.client.submit(chunk).map_err(|error| failure::of_call(py, error))?;
        }
        for id in self.pending.ids.drain(..) {
            futures.append(Future::held(py, engine, id)?)?;
        }
        Ok(())
    }
}

/// Numbers taken at once for a chunk; those left over name nothing.
const CHUNK_TASKS: u64 = 10_000;

/// Keyword arguments of a map larger than this are sent once, as a task of their own.
const SHARED_BYTES_MIN: usize = 64 * 1024;

impl Session {
    /// The keyword arguments of a map, large ones as futures.
    fn share_large<'py>(&self, py: Python<'py>, kwargs: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let shared = PyDict::new(py);
        for (name, value) in kwargs.iter() {
            let size = crate::worker::result::nbytes(&value) as usize;
            if size < SHARED_BYTES_MIN || value.cast::<Future>().is_ok() {
                shared.set_item(name, value)?;
                continue;
            }
            shared.set_item(name, self.literal(py, &value)?)?;
        }
        Ok(shared)
    }

    /// A value as a task of its own.
    fn literal<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Future>> {
        let client = &self.engine.client;
        let prefix = value.get_type().name()?.to_string();
        let class = TaskClass::plain(prefix, rask_types::FunctionId::LITERAL, Language::Literal);
        let class = client.define_class(&class).map_err(|error| failure::of_call(py, error))?;
        let mut deps = CallDeps::new(&self.engine);
        let mut encoded = Encoded::default();
        crate::codec::encode::append_value(&mut encoded, value, Capture::Copy, &mut deps)?;
        warn_if_large(py, &encoded)?;
        let task = NewTask {
            class,
            key: NewKey::Session,
            args: &encoded.head,
            buffers: encoded.buffers,
            deps: &deps.deps,
            holds: &deps.holds,
            parent: parent(),
        };
        let id = client.submit_task(task).map_err(|error| failure::of_call(py, error))?;
        deps.finish();
        Future::held(py, &self.engine, id)
    }
}

/// Arguments beyond this many bytes are worth a look at the configuration: is a warning due?
const LOOK_BYTES_MIN: usize = 1 << 20;

fn warn_if_large(py: Python<'_>, encoded: &Encoded) -> PyResult<()> {
    warn_nbytes(py, encoded.head.len() + encoded.buffers.iter().map(Bytes::len).sum::<usize>())
}

/// Warns of arguments that should have been scattered.
pub fn warn_nbytes(py: Python<'_>, nbytes: usize) -> PyResult<()> {
    if nbytes >= LOOK_BYTES_MIN {
        py.import("rask.distributed.submission")?.getattr("warn_if_large")?.call1((nbytes,))?;
    }
    Ok(())
}
