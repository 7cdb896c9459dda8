//! Everything that goes into a function's pickle, remembered, to see later whether it is still the same.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyFunction, PyModule, PyString, PyTuple};

use super::reference::Reference;

/// How many functions one pickle may drag in before it is not worth watching.
const FUNCTIONS_MAX: usize = 64;
/// How deep tuples are looked into.
const TUPLE_DEPTH_MAX: usize = 16;

/// A function with all that it refers to, deeply.
pub struct Captured {
    root: FunctionState,
    /// Functions that it refers to and that travel by value with it.
    others: Vec<(Py<PyFunction>, FunctionState)>,
    /// Importable objects that it refers to.
    references: Vec<Reference>,
}

/// What one function consists of. All objects are held, so that their addresses stay their own.
struct FunctionState {
    code: Py<PyAny>,
    globals: Py<PyAny>,
    qualname: Py<PyAny>,
    module: Option<Py<PyAny>>,
    defaults: Vec<Py<PyAny>>,
    kwdefaults: Vec<(Py<PyAny>, Py<PyAny>)>,
    cells: Vec<Option<Py<PyAny>>>,
    /// The globals that the code may read; None for names that are not there (builtins, mostly).
    names: Vec<(Py<PyString>, Option<Py<PyAny>>)>,
}

impl Captured {
    /// The state of `function`, or None if it refers to something that may change within. Runs Python code.
    pub fn of(function: &Bound<'_, PyAny>) -> PyResult<Option<Captured>> {
        let Ok(function) = function.cast_exact::<PyFunction>() else { return Ok(None) };
        let mut to_do = vec![function.clone()];
        let mut states: Vec<(Py<PyFunction>, FunctionState)> = Vec::new();
        let mut references = Vec::new();
        while let Some(function) = to_do.pop() {
            if states.iter().any(|(known, _)| known.as_ptr() == function.as_ptr()) {
                continue;
            }
            if states.len() >= FUNCTIONS_MAX {
                return Ok(None);
            }
            let Some(state) = FunctionState::of(&function)? else { return Ok(None) };
            for value in state.values() {
                if !watch(value.bind(function.py()), &mut to_do, &mut references, 0)? {
                    return Ok(None);
                }
            }
            states.push((function.unbind(), state));
        }
        let root = states.remove(0).1;
        Ok(Some(Captured { root, others: states, references }))
    }

    /// Whether pickling `function` would give the same as when this was captured. Runs no Python code of the user's.
    pub fn holds(&self, function: &Bound<'_, PyAny>) -> bool {
        let py = function.py();
        self.root.holds(py, function.as_ptr())
            && self.others.iter().all(|(other, state)| state.holds(py, other.as_ptr()))
            && self.references.iter().all(|reference| reference.holds(py))
    }
}

/// Notes what must be looked at to be sure that `value` is the same as now; false if one cannot be.
fn watch<'py>(
    value: &Bound<'py, PyAny>,
    functions: &mut Vec<Bound<'py, PyFunction>>,
    references: &mut Vec<Reference>,
    depth: usize,
) -> PyResult<bool> {
    if is_atom(value) || value.is_instance_of::<PyModule>() {
        return Ok(true);
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        for item in tuple.iter() {
            if depth >= TUPLE_DEPTH_MAX || !watch(&item, functions, references, depth + 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
        return Ok(set.iter().all(|item| is_atom(&item)));
    }
    if let Some(reference) = Reference::to(value)? {
        references.push(reference);
        return Ok(true);
    }
    if let Ok(function) = value.cast_exact::<PyFunction>() {
        functions.push(function.clone());
        return Ok(true);
    }
    Ok(false)
}

/// Python's own immutable types.
fn is_atom(value: &Bound<'_, PyAny>) -> bool {
    let py = value.py();
    // SAFETY: alive; the addresses of static types are compared.
    let ty = unsafe { ffi::Py_TYPE(value.as_ptr()) };
    value.is(py.None())
        || value.is(py.Ellipsis())
        || [
            &raw mut ffi::PyLong_Type,
            &raw mut ffi::PyFloat_Type,
            &raw mut ffi::PyUnicode_Type,
            &raw mut ffi::PyBytes_Type,
            &raw mut ffi::PyBool_Type,
            &raw mut ffi::PyComplex_Type,
        ]
        .contains(&ty)
}

impl FunctionState {
    fn of(function: &Bound<'_, PyFunction>) -> PyResult<Option<FunctionState>> {
        static NAMES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = function.py();
        // SAFETY: exactly a function; its fields are objects or null, and alive as long as it.
        let raw = unsafe { &*function.as_ptr().cast::<ffi::PyFunctionObject>() };
        let optional = |pointer: *mut ffi::PyObject| {
            // SAFETY: a field of the function: an object or null.
            unsafe { Bound::from_borrowed_ptr_or_opt(py, pointer) }
        };
        if optional(raw.func_dict).is_some_and(|dict| dict.len().unwrap_or(1) > 0) {
            return Ok(None);
        }
        let (Some(code), Some(globals), Some(qualname)) =
            (optional(raw.func_code), optional(raw.func_globals), optional(raw.func_qualname))
        else {
            return Ok(None);
        };
        let mut names = Vec::new();
        let globals_dict = globals.cast::<PyDict>()?;
        for name in NAMES.import(py, "rask._serialize", "referenced_globals")?.call1((&code,))?.try_iter()? {
            let name = name?.cast_into::<PyString>()?;
            let value = globals_dict.get_item(&name)?;
            names.push((name.unbind(), value.map(Bound::unbind)));
        }
        let mut kwdefaults = Vec::new();
        if let Some(dict) = optional(raw.func_kwdefaults) {
            for (name, value) in dict.cast::<PyDict>()?.iter() {
                kwdefaults.push((name.unbind(), value.unbind()));
            }
        }
        Ok(Some(FunctionState {
            names,
            kwdefaults,
            defaults: items_of(optional(raw.func_defaults))?.into_iter().map(Bound::unbind).collect(),
            cells: items_of(optional(raw.func_closure))?.iter().map(|cell| content(cell)).collect(),
            module: optional(raw.func_module).map(Bound::unbind),
            qualname: qualname.unbind(),
            code: code.unbind(),
            globals: globals.unbind(),
        }))
    }

    /// The objects that go into the pickle, besides code and names.
    fn values(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.defaults
            .iter()
            .chain(self.kwdefaults.iter().map(|(_, value)| value))
            .chain(self.cells.iter().flatten())
            .chain(self.names.iter().filter_map(|(_, value)| value.as_ref()))
    }

    /// Whether `function`, which is exactly a Python function, consists of these very objects.
    fn holds(&self, py: Python<'_>, function: *mut ffi::PyObject) -> bool {
        // SAFETY: a live function; its fields are objects or null, and no Python code runs while they are read.
        let raw = unsafe { &*function.cast::<ffi::PyFunctionObject>() };
        if raw.func_code != self.code.as_ptr()
            || raw.func_globals != self.globals.as_ptr()
            || raw.func_qualname != self.qualname.as_ptr()
            || raw.func_module != self.module.as_ref().map_or(std::ptr::null_mut(), |module| module.as_ptr())
        {
            return false;
        }
        let borrowed = |pointer: *mut ffi::PyObject| {
            // SAFETY: as above.
            unsafe { Bound::from_borrowed_ptr_or_opt(py, pointer) }
        };
        let same_items = |tuple: Option<Bound<'_, PyAny>>, expected: &[Py<PyAny>]| match tuple {
            None => expected.is_empty(),
            Some(tuple) => tuple.cast::<PyTuple>().is_ok_and(|tuple| {
                tuple.len() == expected.len()
                    && tuple.iter_borrowed().zip(expected).all(|(a, b)| a.as_ptr() == b.as_ptr())
            }),
        };
        let same_kwdefaults = match borrowed(raw.func_kwdefaults) {
            None => self.kwdefaults.is_empty(),
            Some(dict) => dict.cast::<PyDict>().is_ok_and(|dict| {
                dict.len() == self.kwdefaults.len()
                    && self.kwdefaults.iter().all(|(name, value)| is_item(dict, name.bind(py), Some(value)))
            }),
        };
        let same_cells = match borrowed(raw.func_closure) {
            None => self.cells.is_empty(),
            Some(cells) => cells.cast::<PyTuple>().is_ok_and(|cells| {
                cells.len() == self.cells.len()
                    && cells.iter_borrowed().zip(&self.cells).all(|(cell, expected)| {
                        content(&cell).map(|now| now.as_ptr()) == expected.as_ref().map(|then| then.as_ptr())
                    })
            }),
        };
        let same_globals = self.globals.bind(py).cast::<PyDict>().is_ok_and(|globals| {
            self.names.iter().all(|(name, value)| is_item(globals, name.bind(py), value.as_ref()))
        });
        let no_attributes = borrowed(raw.func_dict).is_none_or(|dict| dict.len().is_ok_and(|len| len == 0));
        same_items(borrowed(raw.func_defaults), &self.defaults)
            && same_kwdefaults
            && same_cells
            && same_globals
            && no_attributes
    }
}

fn is_item(dict: &Bound<'_, PyDict>, name: &Bound<'_, PyAny>, expected: Option<&Py<PyAny>>) -> bool {
    match dict.get_item(name) {
        Ok(found) => found.map(|found| found.as_ptr()) == expected.map(|expected| expected.as_ptr()),
        Err(_) => false,
    }
}

fn items_of(tuple: Option<Bound<'_, PyAny>>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    tuple.map_or(Ok(Vec::new()), |tuple| tuple.try_iter()?.collect())
}

/// What a closure's cell holds, if it holds something.
fn content(cell: &Bound<'_, PyAny>) -> Option<Py<PyAny>> {
    // SAFETY: a function's closure consists of cells; gives a new reference or null, without an error for an empty cell.
    unsafe { Bound::from_owned_ptr_or_opt(cell.py(), ffi::PyCell_Get(cell.as_ptr())).map(Bound::unbind) }
}
