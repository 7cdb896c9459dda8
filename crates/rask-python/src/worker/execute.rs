//! The loop of an executing thread, and one execution.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rask_types::{ErrorKind, Language, TaskError};
use rask_worker::{ClassSlot, DepSlot, DepValue, Execution, RunOutcome, WorkerHandle, WorkerThread};

use crate::codec::call::invoke;
use crate::codec::{Encoded, Views, decode_value};
use crate::detach::detach_here;

use super::current::{self, Current};
use super::failure::{asks_to_run_elsewhere, task_error};
use super::function::function_of;
use super::object::{kept_object, local};
use super::result::{TypeNames, encode_small, nbytes};

/// Unix time from a clock that never goes back.
struct Clock {
    origin: Instant,
    origin_unix_ns: u64,
}

impl Clock {
    fn new() -> Clock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { origin: Instant::now(), origin_unix_ns: unix.as_nanos() as u64 }
    }

    fn now_ns(&self) -> u64 {
        self.origin_unix_ns + self.origin.elapsed().as_nanos() as u64
    }
}

/// What a thread keeps from one execution to the next.
struct Bench {
    thread: Rc<WorkerThread>,
    face: Py<PyAny>,
    clock: Clock,
    type_names: TypeNames,
    small: Encoded,
}

/// How an execution came out.
enum Outcome<'py> {
    Value(Bound<'py, PyAny>),
    Failed(Box<TaskError>),
    Reschedule,
}

/// Executes what the worker has until it stops, or this thread's place in the pool is gone.
pub fn run_thread(py: Python<'_>, handle: &WorkerHandle, face: Py<PyAny>) {
    let thread = Rc::new(handle.thread());
    let mut classes = thread.classes();
    let mut bench = Bench {
        thread: thread.clone(),
        face,
        clock: Clock::new(),
        type_names: TypeNames::default(),
        small: Encoded::default(),
    };
    while let Some(first) = detach_here(py, || thread.next()) {
        let mut started_ns = bench.clock.now_ns();
        let mut next = Some(first);
        while let Some(execution) = next {
            let class = classes.get(execution.class).clone();
            started_ns = bench.execute(py, class, execution, started_ns);
            next = thread.try_next();
        }
    }
}

impl Bench {
    /// One execution, its answer included; gives the time at its end.
    fn execute(
        &mut self,
        py: Python<'_>,
        class: Arc<ClassSlot>,
        execution: Execution,
        started_ns: u64,
    ) -> u64 {
        let run = execution.run;
        let before = current::replace(Some(Current {
            thread: self.thread.clone(),
            face: self.face.clone_ref(py),
            run,
            class: class.clone(),
            name: execution.name.clone(),
        }));
        let outcome = outcome(py, &class, &execution, &self.face);
        // Arguments die before the answer is given, so that memory is free when others hear of the end.
        drop(execution);
        let ended_ns = self.clock.now_ns();
        self.answer(run, started_ns, ended_ns - started_ns, outcome);
        current::replace(before);
        ended_ns
    }

    fn answer(&mut self, run: rask_types::RunId, started_ns: u64, duration_ns: u64, outcome: Outcome<'_>) {
        let finish = |outcome: RunOutcome<'_>| self.thread.finish(run, started_ns, duration_ns, outcome);
        match outcome {
            Outcome::Value(value) if encode_small(&value, &mut self.small) => {
                finish(RunOutcome::Inline(&self.small.head))
            }
            Outcome::Value(value) => {
                let type_name = self.type_names.of(&value);
                finish(RunOutcome::Kept { object: local(&value), nbytes: nbytes(&value), type_name });
            }
            Outcome::Failed(error) => finish(RunOutcome::Failed(error)),
            Outcome::Reschedule => finish(RunOutcome::Reschedule),
        }
    }
}

fn outcome<'py>(py: Python<'py>, class: &ClassSlot, execution: &Execution, face: &Py<PyAny>) -> Outcome<'py> {
    let undecodable = |error: &PyErr| {
        let error = task_error(py, ErrorKind::Undecodable, class.key_text(&execution.name), error);
        Outcome::Failed(Box::new(error))
    };
    let deps = match dependencies(py, execution) {
        Ok(deps) => deps,
        Err(error) => return undecodable(&error),
    };
    let returned = match class.class.language {
        Language::Literal => decode_value(py, &execution.args, &deps, Views::Copies).map(Ok),
        Language::Python => function_of(py, &class.function)
            .and_then(|function| invoke(py, &function, &execution.args, &deps, Views::Copies)),
        Language::Rust => {
            Err(PyRuntimeError::new_err("this worker runs Python functions only, not Rust functions"))
        }
    };
    match returned {
        Err(error) => undecodable(&error),
        Ok(Ok(value)) if is_coroutine(&value) => match await_coroutine(&value, face) {
            Ok(value) => Outcome::Value(value),
            Err(error) => failed(py, class, execution, &error),
        },
        Ok(Ok(value)) => Outcome::Value(value),
        Ok(Err(error)) => failed(py, class, execution, &error),
    }
}

fn failed<'py>(py: Python<'py>, class: &ClassSlot, execution: &Execution, error: &PyErr) -> Outcome<'py> {
    if asks_to_run_elsewhere(py, error) {
        return Outcome::Reschedule;
    }
    Outcome::Failed(Box::new(task_error(py, ErrorKind::Exception, class.key_text(&execution.name), error)))
}

fn dependencies(py: Python<'_>, execution: &Execution) -> PyResult<Vec<Py<PyAny>>> {
    let object = |slot: &DepSlot| match slot {
        DepSlot::Here(DepValue::Small(payload)) => {
            decode_value(py, payload, &[], Views::Copies).map(Bound::unbind)
        }
        DepSlot::Here(DepValue::Kept(kept)) => kept_object(py, kept).map(Bound::unbind),
        DepSlot::Awaited(run) => unreachable!("the queue gave out a run that awaits {run:?}"),
    };
    execution.deps.iter().map(object).collect()
}

/// What an `async def` function returns when it is called.
fn is_coroutine(value: &Bound<'_, PyAny>) -> bool {
    static COROUTINE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let kind = COROUTINE.import(value.py(), "types", "CoroutineType");
    kind.is_ok_and(|kind| value.get_type().is(kind))
}

/// Runs a coroutine on the worker's event loop, and waits for it here.
fn await_coroutine<'py>(coroutine: &Bound<'py, PyAny>, face: &Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
    face.bind(coroutine.py()).call_method1("run_coroutine", (coroutine,))
}
