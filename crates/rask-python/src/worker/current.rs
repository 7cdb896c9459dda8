//! What a task can ask of the thread that runs it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pyo3::prelude::*;
use rask_types::RunId;
use rask_worker::{ClassSlot, TaskName, WorkerThread};

use crate::delayed::key::key_to_python;
use crate::detach::detach_here;

/// What a thread executes.
pub struct Current {
    /// The thread in its worker's pool.
    pub thread: Rc<WorkerThread>,
    /// The worker as Python knows it.
    pub face: Py<PyAny>,
    /// Which run.
    pub run: RunId,
    /// Its class.
    pub class: Arc<ClassSlot>,
    /// Its key.
    pub name: TaskName,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Sets what this thread executes; gives back what it executed.
pub fn replace(current: Option<Current>) -> Option<Current> {
    CURRENT.with(|cell| cell.replace(current))
}

/// The task that runs on this thread.
#[pyclass(frozen, module = "rask._core")]
pub struct RunningTask {
    #[pyo3(get)]
    worker: Py<PyAny>,
    #[pyo3(get)]
    key: Py<PyAny>,
    run: RunId,
}

impl RunningTask {
    /// Which run it is.
    pub fn run(&self) -> RunId {
        self.run
    }
}

#[pymethods]
impl RunningTask {
    /// Leaves the pool: another task may run in this one's place. False if it has left already.
    fn secede(&self) -> bool {
        thread_of(self.run).is_some_and(|thread| thread.secede())
    }

    /// Waits for a place in the pool, and takes it.
    fn rejoin(&self, py: Python<'_>) -> bool {
        match thread_of(self.run) {
            Some(thread) => detach_here(py, || thread.rejoin()),
            None => false,
        }
    }
}

fn thread_of(run: RunId) -> Option<Rc<WorkerThread>> {
    CURRENT.with(|cell| {
        cell.borrow().as_ref().filter(|current| current.run == run).map(|current| current.thread.clone())
    })
}

/// The task that runs on this thread, or None.
#[pyfunction]
pub fn current_task(py: Python<'_>) -> PyResult<Option<RunningTask>> {
    let found = CURRENT.with(|cell| {
        cell.borrow().as_ref().map(|current| {
            (current.face.clone_ref(py), current.run, current.name.key(&current.class.class.prefix))
        })
    });
    let Some((worker, run, key)) = found else { return Ok(None) };
    Ok(Some(RunningTask { worker, run, key: key_to_python(py, &key)?.unbind() }))
}

/// The run that executes on this thread, if one does.
pub fn current_run() -> Option<RunId> {
    CURRENT.with(|cell| cell.borrow().as_ref().map(|current| current.run))
}
