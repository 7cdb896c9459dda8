//! What stands for another task's value, and who collects it while arguments are encoded.
//!
//! An object is a dependency if its type has a true `__dask_future__`. Met in plain containers it is replaced by its value
//! (`DEP i`); met inside a pickle it is delivered as itself. Either way the task must keep it alive. Inside a pickle the
//! encoder cannot see it, so its `__reduce__` reports it to the [collector](collecting) of the thread.

use std::cell::RefCell;
use std::ptr::NonNull;

use pyo3::prelude::*;

/// Numbers the dependencies of one task.
pub trait Dependencies {
    /// The number of `object` among the task's dependencies, or `None` where it is to be treated as any other object.
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Option<u32>>;

    /// `object` is delivered inside a pickle: it must live as long as the task.
    fn hold(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()>;
}

/// For values that are no task's arguments: futures are pickled like anything else.
pub struct NoDependencies;

impl Dependencies for NoDependencies {
    fn number(&mut self, _object: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        Ok(None)
    }

    fn hold(&mut self, _object: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }
}

/// Keeps dependencies as a list of objects, each once by identity.
#[derive(Default)]
pub struct ObjectDependencies {
    /// Dependencies in the order of their numbers.
    pub objects: Vec<Py<PyAny>>,
    /// Held objects, each once.
    pub holds: Vec<Py<PyAny>>,
}

impl Dependencies for ObjectDependencies {
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        Ok(Some(position_or_push(&mut self.objects, object)))
    }

    fn hold(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        position_or_push(&mut self.holds, object);
        Ok(())
    }
}

fn position_or_push(objects: &mut Vec<Py<PyAny>>, object: &Bound<'_, PyAny>) -> u32 {
    match objects.iter().position(|known| known.as_ptr() == object.as_ptr()) {
        Some(at) => at as u32,
        None => {
            objects.push(object.clone().unbind());
            objects.len() as u32 - 1
        }
    }
}

/// What becomes of a future that reports itself from inside a pickle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// It is delivered as a future.
    Held,
    /// It is replaced by its value: plain containers had to be pickled as a whole to keep identities.
    Replaced,
}

struct Collector {
    inside: Inside,
    /// Borrowed for as long as this entry is on the stack; see [`collecting`].
    dependencies: NonNull<dyn Dependencies>,
}

thread_local! {
    static COLLECTORS: RefCell<Vec<Collector>> = const { RefCell::new(Vec::new()) };
    static VALUES: RefCell<Vec<Vec<Py<PyAny>>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `pickle` while futures that it meets on this thread report themselves to `dependencies`.
pub fn collecting<T>(
    inside: Inside,
    dependencies: &mut dyn Dependencies,
    pickle: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            COLLECTORS.with(|stack| stack.borrow_mut().pop());
        }
    }
    let dependencies: NonNull<dyn Dependencies + '_> = NonNull::from(dependencies);
    // SAFETY: only the lifetime changes. The pointer leaves the stack of collectors before this function returns (`Pop`
    // runs on every way out), so it is never used after the borrow that it was made from.
    let dependencies: NonNull<dyn Dependencies + 'static> = unsafe { std::mem::transmute(dependencies) };
    COLLECTORS.with(|stack| stack.borrow_mut().push(Collector { inside, dependencies }));
    let _pop = Pop;
    pickle()
}

/// Called by a future's `__reduce__`. Gives a number if the future is to be replaced by the value of that dependency
/// (it then reduces to `(rask._serialize.dependency, (number,))`), else None.
#[pyfunction]
pub fn report_future(future: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
    let innermost = COLLECTORS
        .with(|stack| stack.borrow().last().map(|collector| (collector.inside, collector.dependencies)));
    let Some((inside, mut dependencies)) = innermost else { return Ok(None) };
    // SAFETY: `collecting` is on this thread's stack below us and holds the exclusive borrow; whoever called it does
    // nothing with it until we return, and no other reference is made from the pointer while this one lives, for a
    // `Dependencies` never pickles.
    let dependencies = unsafe { dependencies.as_mut() };
    match inside {
        Inside::Held => dependencies.hold(future).map(|()| None),
        Inside::Replaced => dependencies.number(future),
    }
}

/// Runs `load` while [`dependency_value`] on this thread gives `values`.
pub fn with_values<T>(values: Vec<Py<PyAny>>, load: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            let values = VALUES.with(|stack| stack.borrow_mut().pop());
            drop(values);
        }
    }
    VALUES.with(|stack| stack.borrow_mut().push(values));
    let _pop = Pop;
    load()
}

/// The value of dependency `number` of the task whose arguments this thread is decoding.
#[pyfunction]
pub fn dependency_value(py: Python<'_>, number: usize) -> PyResult<Py<PyAny>> {
    VALUES.with(|stack| {
        let stack = stack.borrow();
        let value = stack.last().and_then(|values| values.get(number)).map(|value| value.clone_ref(py));
        value.ok_or_else(|| {
            pyo3::exceptions::PyRuntimeError::new_err(
                "a pickled reference to a task's dependency can only be loaded as that task's argument",
            )
        })
    })
}
