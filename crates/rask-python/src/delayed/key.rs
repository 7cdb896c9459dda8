//! Keys of nodes: given, hashed from the call, or counted; made when someone first looks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};
use rask_types::value::put_varint;
use rask_types::{Key, KeyId};

use super::callee::Prefix;
use super::node::{Node, What};
use crate::codec::token::{hash_of, write};

/// A node's key.
pub enum NodeKey {
    /// Generated: the node's prefix and this token (high and low half).
    Token(u64, u64),
    /// Given by the user, or by a graph.
    Named(Box<Key>),
}

impl NodeKey {
    /// The generated key of that token.
    pub fn token(token: u128) -> NodeKey {
        NodeKey::Token((token >> 64) as u64, token as u64)
    }
}

/// A token that no other call has: a number of this process's own, and a count.
pub fn fresh_token() -> PyResult<u128> {
    static PROCESS: OnceLock<Option<u64>> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    // A forked child has its parent's number: its process id tells them apart.
    let drawn = *PROCESS.get_or_init(|| getrandom::u64().ok());
    let drawn = drawn.ok_or_else(|| PyRuntimeError::new_err("the system gives no random numbers"))?;
    let process = drawn ^ u64::from(std::process::id()).rotate_left(40);
    Ok(u128::from(process) << 64 | u128::from(COUNT.fetch_add(1, Relaxed)))
}

impl Node {
    /// What its generated key begins with.
    pub fn prefix(&self, py: Python<'_>) -> Option<&Prefix> {
        match &self.what {
            What::Call(callee) => Some(callee.call_prefix(py)),
            What::Value(callee) => Some(callee.value_prefix(py)),
            What::InGraph(_) | What::Future(_) => None,
        }
    }

    /// Its key; now it has one.
    ///
    /// The key of a pure node is made of those of its dependencies, which are made first, without recursion.
    pub fn key(&self, py: Python<'_>) -> PyResult<&NodeKey> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let mut path = vec![(self, 0)];
        while let Some((node, next)) = path.last_mut() {
            let waits_for = node.pure.then(|| node.arguments.deps.get(*next)).flatten();
            *next += 1;
            if let Some(dep) = waits_for {
                if dep.key.get().is_none() {
                    path.push((dep, 0));
                }
                continue;
            }
            let key = node.make_key(py)?;
            let _ = node.key.set(key); // if another thread was faster, its key is as good
            path.pop();
        }
        self.key.get().ok_or_else(|| PyRuntimeError::new_err("a node has no key after it was given one"))
    }

    /// A key for this node, whose dependencies have theirs if it is pure.
    pub fn make_key(&self, py: Python<'_>) -> PyResult<NodeKey> {
        let token = if self.pure { self.content_token(py)? } else { None };
        Ok(NodeKey::token(match token {
            Some(token) => token,
            None => fresh_token()?,
        }))
    }

    /// The hash of what is called and with what, or None if a part has no deterministic token.
    fn content_token(&self, py: Python<'_>) -> PyResult<Option<u128>> {
        let callee = match &self.what {
            What::Call(callee) => callee,
            What::Value(callee) => return callee.token(py),
            What::InGraph(_) | What::Future(_) => return Ok(None),
        };
        let Some(function) = callee.token(py)? else { return Ok(None) };
        let arguments = &self.arguments;
        let mut canonical = Vec::with_capacity(64);
        canonical.extend_from_slice(b"rask delayed");
        canonical.extend_from_slice(&function.to_le_bytes());
        // The head has no unordered parts: containers that hold no Delayed object are kept by reference, and sets and
        // dicts that do are taken apart in their own order.
        put_varint(&mut canonical, arguments.head.len() as u64);
        canonical.extend_from_slice(&arguments.head);
        for (position, object) in &arguments.refs {
            put_varint(&mut canonical, u64::from(*position));
            if !write(&mut canonical, object.bind(py), 0)? {
                return Ok(None);
            }
        }
        for dep in &arguments.deps {
            let id = dep.key_id_if_known(py);
            let Some(id) = id else { return Ok(None) };
            canonical.extend_from_slice(&id.0.to_le_bytes());
        }
        Ok(Some(hash_of(py, &canonical)))
    }

    /// The id of its key, if it has one by now.
    pub fn key_id_if_known(&self, py: Python<'_>) -> Option<KeyId> {
        match self.key.get()? {
            NodeKey::Named(key) => Some(key.id()),
            NodeKey::Token(high, low) => {
                Some(KeyId((u128::from(*high) << 64 | u128::from(*low)) ^ self.prefix(py)?.id))
            }
        }
    }

    /// Its key as Python shows it.
    pub fn python_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.key(py)? {
            NodeKey::Named(key) => key_to_python(py, key),
            NodeKey::Token(high, low) => {
                let prefix = self.prefix(py).map_or("task", |prefix| &prefix.text);
                Ok(PyString::new(py, &format!("{prefix}-{high:016x}{low:016x}")).into_any())
            }
        }
    }
}

/// A Python key: a str, bytes, int, float or a tuple of keys.
pub fn key_from_python(object: &Bound<'_, PyAny>) -> PyResult<Key> {
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Key::Str(text.to_str()?.to_owned()));
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return Ok(Key::Tuple(tuple.iter().map(|item| key_from_python(&item)).collect::<PyResult<_>>()?));
    }
    if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
        return Ok(Key::Int(object.extract()?));
    }
    if object.is_instance_of::<PyFloat>() {
        return Ok(Key::Float(object.extract()?));
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Key::Bytes(bytes.as_bytes().to_vec()));
    }
    // NumPy's integers turn up in the keys of collections.
    if let Ok(number) = object.call_method0("__index__") {
        return Ok(Key::Int(number.extract()?));
    }
    Err(PyTypeError::new_err(format!(
        "a key is a str, bytes, int, float or a tuple of keys, not {}",
        object.get_type().name()?
    )))
}

/// A key as a Python object.
pub fn key_to_python<'py>(py: Python<'py>, key: &Key) -> PyResult<Bound<'py, PyAny>> {
    Ok(match key {
        Key::Str(text) => PyString::new(py, text).into_any(),
        Key::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Key::Int(number) => number.into_pyobject(py)?.into_any(),
        Key::Float(number) => PyFloat::new(py, *number).into_any(),
        Key::Tuple(items) => {
            let items = items.iter().map(|item| key_to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any()
        }
    })
}
