//! Functions as payloads: by reference where other processes can import them, else by value, and when a pickle may be used
//! again.
//!
//! A function's pickle is kept and used again only while everything that went into it is the same, and cannot have changed
//! within: code, defaults, closure cells and the globals it refers to are the identical objects and deeply immutable, or are
//! modules, or can themselves be imported, or are functions of which all this holds ([`state`]). So a global that a notebook
//! changes is never stale. Looking costs some tens of nanoseconds; what is not kept is pickled anew once per
//! `submit`, `map` or `compute`.

mod reference;
mod state;

use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use rask_types::value::{put_varint, tag};
use rask_types::{FunctionId, Payload};

use crate::codec::token::{hash_of, value_token};
use reference::Reference;
use state::Captured;

/// An encoded function.
#[derive(Debug)]
pub struct Dumped {
    /// A pickle, in the tagged codec.
    pub payload: Payload,
    /// Its content address.
    pub id: FunctionId,
    token: OnceLock<Option<u128>>,
}

impl Dumped {
    /// Its token, if it was computed before: of a function that `dump` gave just now, that is still it.
    pub fn known_token(&self) -> Option<Option<u128>> {
        self.token.get().copied()
    }
}

/// Entries beyond this are forgotten, all at once.
const ENTRIES_MAX: usize = 512;

/// Larger pickles are not kept: with them would stay what they were made of, long after the program let go of it.
const KEPT_BYTES_MAX: u64 = 1 << 20;

struct ByReference {
    reference: Reference,
    dumped: Arc<Dumped>,
}

struct ByValue {
    captured: Captured,
    dumped: Arc<Dumped>,
}

/// Importable objects, by address.
static REFERENCES: Mutex<Option<HashMap<usize, Arc<ByReference>>>> = Mutex::new(None);
/// Other functions, by the address of their code: a lambda made anew in a loop is the same function each time.
static VALUES: Mutex<Option<HashMap<usize, Arc<ByValue>>>> = Mutex::new(None);

/// The encoding of a callable, made anew unless it is certain that nothing has changed.
pub fn dump(function: &Bound<'_, PyAny>) -> PyResult<Arc<Dumped>> {
    let py = function.py();
    let address = function.as_ptr() as usize;
    let known = REFERENCES.lock().as_ref().and_then(|known| known.get(&address).cloned());
    if let Some(known) = known
        && known.reference.holds(py)
    {
        return Ok(known.dumped.clone());
    }
    let code = code_of(function);
    if let Some(code) = code {
        let known = VALUES.lock().as_ref().and_then(|known| known.get(&code).cloned());
        if let Some(known) = known
            && known.captured.holds(function)
        {
            return Ok(known.dumped.clone());
        }
    }
    if let Some(reference) = Reference::to(function)? {
        let dumped = pickle(function)?;
        let entry = Arc::new(ByReference { reference, dumped: dumped.clone() });
        keep(&REFERENCES, address, entry);
        return Ok(dumped);
    }
    // Looked at first, so that a change made while it is pickled is not missed.
    let captured = if code.is_some() { Captured::of(function)? } else { None };
    let dumped = pickle(function)?;
    let is_small = dumped.payload.nbytes() <= KEPT_BYTES_MAX;
    if let (Some(code), Some(captured)) = (code, captured)
        && is_small
    {
        keep(&VALUES, code, Arc::new(ByValue { captured, dumped: dumped.clone() }));
    }
    Ok(dumped)
}

fn keep<T>(table: &Mutex<Option<HashMap<usize, Arc<T>>>>, address: usize, entry: Arc<T>) {
    let mut forgotten = None;
    let mut replaced = None;
    {
        let mut table = table.lock();
        let table = table.get_or_insert_with(HashMap::new);
        if table.len() >= ENTRIES_MAX {
            forgotten = Some(std::mem::take(table));
        }
        replaced = table.insert(address, entry).or(replaced);
    }
    drop((forgotten, replaced)); // may run Python code, so not under the lock
}

fn code_of(function: &Bound<'_, PyAny>) -> Option<usize> {
    // SAFETY: alive; read as a function only if it is exactly one.
    unsafe {
        let is_function = ffi::Py_TYPE(function.as_ptr()) == &raw mut ffi::PyFunction_Type;
        is_function.then(|| ffi::PyFunction_GetCode(function.as_ptr()) as usize)
    }
}

fn pickle(function: &Bound<'_, PyAny>) -> PyResult<Arc<Dumped>> {
    static DUMP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let dump = DUMP.import(function.py(), "rask._serialize", "dump_function")?;
    let pickled = dump.call1((function,))?.cast_into::<PyBytes>()?;
    let bytes = pickled.as_bytes();
    let mut head = Vec::with_capacity(bytes.len() + 12);
    head.push(tag::PICKLE);
    put_varint(&mut head, bytes.len() as u64);
    head.extend_from_slice(bytes);
    head.extend_from_slice(&[0, 0]);
    let payload = Payload::from_head(head);
    Ok(Arc::new(Dumped { id: FunctionId::of(&payload), payload, token: OnceLock::new() }))
}

/// The token of a function, or of any other object, or None if it has no deterministic one.
pub fn token(function: &Bound<'_, PyAny>) -> PyResult<Option<u128>> {
    let py = function.py();
    if !function.is_callable() {
        return value_token(function);
    }
    let address = function.as_ptr() as usize;
    let by_reference = REFERENCES.lock().as_ref().and_then(|known| known.get(&address).cloned());
    let by_reference = by_reference.filter(|known| known.reference.holds(py));
    let by_value = code_of(function).and_then(|code| VALUES.lock().as_ref()?.get(&code).cloned());
    let by_value = by_value.filter(|known| known.captured.holds(function));
    let dumped = match (&by_reference, &by_value) {
        (Some(known), _) => &known.dumped,
        (_, Some(known)) => &known.dumped,
        _ => {
            if let Some(reference) = Reference::to(function)? {
                return Ok(Some(reference.token(py)));
            }
            // Not kept, but kept from now on if it can be: `pure` functions are called again and again.
            if code_of(function).is_some() {
                dump(function)?;
            }
            return value_token(function);
        }
    };
    if let Some(token) = dumped.token.get() {
        return Ok(*token);
    }
    let token = match &by_reference {
        Some(known) => Some(known.reference.token(py)),
        None => value_token(function)?,
    };
    Ok(*dumped.token.get_or_init(|| token))
}

fn token_of_name(py: Python<'_>, module: &str, name: &str) -> u128 {
    let mut canonical = b"rask reference".to_vec();
    for part in [module, name] {
        put_varint(&mut canonical, part.len() as u64);
        canonical.extend_from_slice(part.as_bytes());
    }
    hash_of(py, &canonical)
}

/// Encodes a callable: `(head, content id as 32 hex digits)`.
#[pyfunction]
fn dump_callable<'py>(function: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyBytes>, String)> {
    let dumped = dump(function)?;
    Ok((PyBytes::new(function.py(), &dumped.payload.head), format!("{:032x}", dumped.id.0)))
}

/// The token of a callable.
#[pyfunction]
fn callable_token(function: &Bound<'_, PyAny>) -> PyResult<Option<u128>> {
    token(function)
}

/// Puts the functions into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(dump_callable, module)?)?;
    module.add_function(wrap_pyfunction!(callable_token, module)?)?;
    Ok(())
}
