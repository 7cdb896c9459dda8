//! Objects that other processes can import: a module and a name in it, and a quick check that it still is so.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// Where an object can be imported from.
pub struct Reference {
    /// Kept alive, so that its address stays its own.
    object: Py<PyAny>,
    module: Py<PyString>,
    /// The qualified name, at dots.
    path: Vec<Py<PyString>>,
    name: String,
}

impl Reference {
    /// The reference to `object`, if it can be imported. Runs Python code.
    pub fn to(object: &Bound<'_, PyAny>) -> PyResult<Option<Reference>> {
        static NAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = object.py();
        let found = match NAME.import(py, "rask._serialize", "importable_name")?.call1((object,)) {
            Ok(found) => found,
            Err(_) => return Ok(None), // what claims to be importable need not be
        };
        let Ok((module, name)) = found.extract::<(Bound<'_, PyString>, String)>() else { return Ok(None) };
        let path = name.split('.').map(|part| PyString::intern(py, part).unbind()).collect();
        Ok(Some(Reference { object: object.clone().unbind(), module: module.unbind(), path, name }))
    }

    /// Whether the name still leads to the object (its module may have been reloaded).
    pub fn holds(&self, py: Python<'_>) -> bool {
        static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
        let modules = MODULES.get_or_try_init(py, || {
            let modules = py.import("sys")?.getattr("modules")?;
            modules.cast_into::<PyDict>().map(Bound::unbind).map_err(PyErr::from)
        });
        let Ok(modules) = modules else { return false };
        let Ok(Some(mut found)) = modules.bind(py).get_item(self.module.bind(py)) else { return false };
        for part in &self.path {
            match found.getattr(part.bind(py)) {
                Ok(next) => found = next,
                Err(_) => return false,
            }
        }
        found.is(self.object.bind(py))
    }

    /// A token that depends on the name alone.
    pub fn token(&self, py: Python<'_>) -> u128 {
        super::token_of_name(py, self.module.bind(py).to_str().unwrap_or("?"), &self.name)
    }
}
