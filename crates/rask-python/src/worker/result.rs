//! What becomes of a value: small ones of plain types are encoded and sent at once, everything else is kept as it is.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple, PyType};
use rask_types::INLINE_BYTES_MAX;

use crate::codec::encode::{append_value, scalar};
use crate::codec::{Capture, Encoded, NoDependencies};

/// A container with more items than this, counted through all its levels, is kept as it is.
const ITEMS_MAX: usize = 128;
/// Deeper containers are kept as they are.
const DEPTH_MAX: usize = 8;

/// Encodes a small value of a plain type into `out`; false, with `out` empty, if the value is to be kept instead.
#[inline]
pub fn encode_small(value: &Bound<'_, PyAny>, out: &mut Encoded) -> bool {
    out.head.clear();
    out.buffers.clear();
    if scalar(&mut out.head, value) {
        // A long integer or string is a scalar, too.
        return fits(out);
    }
    let mut items = ITEMS_MAX;
    if !is_plain(value, &mut items, 0) {
        out.head.clear();
        return false;
    }
    append_value(out, value, Capture::Copy, &mut NoDependencies).is_ok() && fits(out)
}

fn fits(out: &mut Encoded) -> bool {
    let fits = out.buffers.is_empty() && out.head.len() <= INLINE_BYTES_MAX;
    if !fits {
        out.head.clear();
        out.buffers.clear();
    }
    fits
}

/// The value consists of scalars and small plain containers only.
fn is_plain(value: &Bound<'_, PyAny>, items: &mut usize, depth: usize) -> bool {
    if depth > DEPTH_MAX || *items == 0 {
        return false;
    }
    *items -= 1;
    if let Ok(list) = value.cast_exact::<PyList>() {
        list.len() <= *items && list.iter().all(|part| is_plain(&part, items, depth + 1))
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        tuple.len() <= *items && tuple.iter().all(|part| is_plain(&part, items, depth + 1))
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        dict.len() <= *items
            && dict.iter().all(|(k, v)| is_plain(&k, items, depth + 1) && is_plain(&v, items, depth + 1))
    } else if let Ok(set) = value.cast_exact::<PySet>() {
        set.len() <= *items && set.iter().all(|part| is_plain(&part, items, depth + 1))
    } else if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
        set.len() <= *items && set.iter().all(|part| is_plain(&part, items, depth + 1))
    } else if let Ok(text) = value.cast_exact::<PyString>() {
        text.len().is_ok_and(|len| len <= INLINE_BYTES_MAX)
    } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        bytes.as_bytes().len() <= INLINE_BYTES_MAX
    } else {
        scalar(&mut Vec::new(), value)
    }
}

/// Size of an object in memory, as far as Python can tell.
pub fn nbytes(value: &Bound<'_, PyAny>) -> u64 {
    static SIZEOF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let size = SIZEOF.import(value.py(), "rask.sizes", "sizeof").and_then(|sizeof| sizeof.call1((value,)));
    size.and_then(|size| size.extract()).unwrap_or(64)
}

/// Names of types, each made once.
#[derive(Default)]
pub struct TypeNames {
    names: HashMap<usize, (Py<PyType>, Arc<str>)>,
}

impl TypeNames {
    /// The name of the value's type: `int`, `numpy.ndarray`.
    pub fn of(&mut self, value: &Bound<'_, PyAny>) -> Arc<str> {
        let kind = value.get_type();
        // The type is kept, so that no other can come to lie at its address.
        let entry = self.names.entry(kind.as_ptr() as usize);
        entry.or_insert_with(|| (kind.clone().unbind(), name_of(&kind).into())).1.clone()
    }
}

fn name_of(kind: &Bound<'_, PyType>) -> String {
    let name = kind.qualname().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    match kind.module() {
        Ok(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}
