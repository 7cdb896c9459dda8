//! What a node calls, or is: a Python object, with the names that are derived from it.

use std::sync::{Arc, OnceLock, Weak};

use hashbrown::HashMap;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::{OnceLockExt, PyOnceLock};
use pyo3::types::PyString;
use rask_types::KeyId;

use crate::recent::Recent;

/// A function, or a value wrapped by `delayed`.
pub struct Callee {
    /// The object.
    pub object: Py<PyAny>,
    call_prefix: OnceLock<Prefix>,
    value_prefix: OnceLock<Prefix>,
}

/// What generated keys begin with.
pub struct Prefix {
    /// The text before the dash.
    pub text: Box<str>,
    /// What it contributes to a key's id.
    pub id: u128,
}

impl Prefix {
    fn new(text: String) -> Prefix {
        Prefix { id: KeyId::of_prefix(&text), text: text.into() }
    }
}

/// The callees last made, so that `delayed(f)` in a loop is one callee, and its calls one class.
static RECENT: Recent<Callee> = Recent::new();

impl Callee {
    /// The callee for `object`; the same one as before if it was made lately and lives.
    pub fn of(object: &Bound<'_, PyAny>) -> Arc<Callee> {
        RECENT.get(object).unwrap_or_else(|| {
            let callee = Callee::new(object, None);
            RECENT.put(object, &callee);
            callee
        })
    }

    /// A callee of its own; `prefix` where it is not what its name says.
    pub fn new(object: &Bound<'_, PyAny>, prefix: Option<&str>) -> Arc<Callee> {
        let callee = Callee {
            object: object.clone().unbind(),
            call_prefix: OnceLock::new(),
            value_prefix: OnceLock::new(),
        };
        if let Some(prefix) = prefix {
            let _ = callee.call_prefix.set(Prefix::new(prefix.to_owned()));
        }
        Arc::new(callee)
    }

    /// What keys of calls begin with.
    pub fn call_prefix(&self, py: Python<'_>) -> &Prefix {
        self.call_prefix.get_or_init_py_attached(py, || {
            static NAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let named = NAME
                .import(py, "rask._tasks", "call_prefix")
                .and_then(|name| name.call1((self.object.bind(py),))?.extract::<String>());
            Prefix::new(named.unwrap_or_else(|_| "task".to_owned()))
        })
    }

    /// What the key of the object itself as a lazy value begins with.
    pub fn value_prefix(&self, py: Python<'_>) -> &Prefix {
        self.value_prefix.get_or_init_py_attached(py, || {
            let object = self.object.bind(py);
            let named = |object: &Bound<'_, PyAny>| object.getattr("__name__")?.extract::<String>();
            let text = named(object).or_else(|_| named(object.get_type().as_any()));
            Prefix::new(text.unwrap_or_else(|_| "value".to_owned()))
        })
    }

    /// The token of the object, or None if it has no deterministic one. Not kept: what a function refers to may change.
    pub fn token(&self, py: Python<'_>) -> PyResult<Option<u128>> {
        crate::functions::token(self.object.bind(py))
    }
}

/// A callee of the standard library's, or of rask's own, that many nodes share.
pub fn shared(py: Python<'_>, module: &'static str, name: &'static str) -> PyResult<Arc<Callee>> {
    type ByName = HashMap<(&'static str, &'static str), Arc<Callee>>;
    static SHARED: Mutex<Option<ByName>> = Mutex::new(None);
    if let Some(callee) = SHARED.lock().as_ref().and_then(|known| known.get(&(module, name))) {
        return Ok(callee.clone());
    }
    let callee = Callee::new(&py.import(module)?.getattr(name)?, None);
    SHARED.lock().get_or_insert_with(HashMap::new).insert((module, name), callee.clone());
    Ok(callee)
}

/// The callee that calls the method `name` of its first argument.
pub fn method(name: &Bound<'_, PyString>) -> PyResult<Arc<Callee>> {
    static METHODS: Mutex<Option<HashMap<String, Weak<Callee>>>> = Mutex::new(None);
    let text = name.to_str()?;
    if let Some(callee) = METHODS.lock().as_ref().and_then(|known| known.get(text)?.upgrade()) {
        return Ok(callee);
    }
    let caller = name.py().import("rask._tasks")?.getattr("methodcaller")?.call1((name,))?;
    let callee = Callee::new(&caller, Some(text));
    let mut methods = METHODS.lock();
    let methods = methods.get_or_insert_with(HashMap::new);
    if methods.len() > 1000 {
        methods.retain(|_, callee| callee.strong_count() > 0);
    }
    methods.insert(text.to_owned(), Arc::downgrade(&callee));
    Ok(callee)
}
