//! Where a built graph goes: what the client's engine offers to the builder.

use pyo3::prelude::*;
use rask_types::{FunctionId, FutureId, GraphChunk, KeyId, Payload, TaskClass};

/// Numbers classes and futures and takes the chunks. A graph is built under the GIL; no method may run Python code except
/// [`future`](GraphSink::future).
pub trait GraphSink {
    /// The client session's number: the high half of the tokens of impure tasks.
    fn session(&self) -> u64;

    /// The future of this client that has this key, if there is one: its task is not built again. Called at most once per key
    /// and graph; where it gives a number, the graph refers to it.
    fn known(&mut self, key: KeyId) -> Option<FutureId>;

    /// As [`known`](GraphSink::known), for a task that this session made without registering its key: the key is generated
    /// from `prefix` and a token whose high half is the session's number and whose low half is the future's.
    fn known_of_session(&mut self, prefix: &str, token: u128) -> Option<FutureId> {
        let _ = (prefix, token);
        None
    }

    /// The number of a Python future of this client.
    fn future(&mut self, future: &Bound<'_, PyAny>) -> PyResult<FutureId>;

    /// Makes a function known. Called once per function and graph.
    fn define_function(&mut self, id: FunctionId, payload: &Payload) -> PyResult<()>;

    /// The number of a class; the same for equal ones.
    fn define_class(&mut self, class: TaskClass) -> PyResult<u32>;

    /// Takes `count` numbers for new tasks, without gaps; gives the first.
    fn allocate(&mut self, count: u64) -> PyResult<FutureId>;

    /// Takes the next chunk. `keys` are the ids of its tasks with keys other than `KeyKind::Session`, by position.
    fn emit(&mut self, chunk: GraphChunk, keys: Vec<(u32, KeyId)>) -> PyResult<()>;
}
