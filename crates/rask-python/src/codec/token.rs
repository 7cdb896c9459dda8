//! Tokens of pure calls: 128 bits that are equal when function and arguments are.
//!
//! A token is computed over a *canonical* form, which is not the encoding that travels: types are distinct as there, but dicts
//! and sets are sorted by the canonical bytes of their keys and items, a dependency is its key, and long byte strings are their
//! hashes. What has no canonical form here goes to `rask.tokenize`; what has none there either has no token.

use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyString, PyTuple};
use rask_types::value::{DEPTH_MAX, put_varint, tag};

use super::encode::scalar;
use super::kinds::{Kind, kind_of};
use super::numpy;

/// More bytes than this are hashed without the GIL.
const HASHED_WITH_GIL_BYTES_MAX: usize = 1 << 20;
/// Longer byte strings stand in the canonical form as their hashes.
const WRITTEN_OUT_BYTES_MAX: usize = 4096;
/// Bytes longer than two of these stand in the canonical form as the hash of the hashes of such pieces, which several threads
/// make: one hashes 5 GB/s.
const PIECE_BYTES: usize = 2 << 20;
/// More threads than this wait for memory rather than for a processor.
const HASHING_THREADS_MAX: usize = 4;
/// Begins what `rask.tokenize` said of an object; no tag of the codec.
const TOKENIZED: u8 = 255;
/// Begins the hash of a long byte string; no tag of the codec.
const HASHED: u8 = 254;
/// Begins the hash of the hashes of the pieces of a very long one; no tag of the codec.
const HASHED_IN_PIECES: u8 = 253;

/// The token of calling what `function_token` stands for, or None if an argument has no deterministic token.
pub fn call_token(
    function_token: u128,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Option<u128>> {
    let mut canonical = Vec::with_capacity(64);
    canonical.extend_from_slice(b"rask call");
    canonical.extend_from_slice(&function_token.to_le_bytes());
    put_varint(&mut canonical, args.len() as u64);
    for arg in args.iter_borrowed() {
        if !write(&mut canonical, &arg, 0)? {
            return Ok(None);
        }
    }
    if let Some(kwargs) = kwargs
        && !write_dict(&mut canonical, kwargs, 0)?
    {
        return Ok(None);
    }
    Ok(Some(hash_of(args.py(), &canonical)))
}

/// The token of one value, or None if it has no deterministic one.
pub fn value_token(value: &Bound<'_, PyAny>) -> PyResult<Option<u128>> {
    let mut canonical = Vec::with_capacity(64);
    canonical.extend_from_slice(b"rask value");
    Ok(if write(&mut canonical, value, 0)? { Some(hash_of(value.py(), &canonical)) } else { None })
}

/// The first 128 bits of the BLAKE3 hash of canonical bytes.
pub fn hash_of(py: Python<'_>, canonical: &[u8]) -> u128 {
    u128::from_be_bytes(*long_hash(py, canonical).first_chunk().expect("a hash has 32 bytes"))
}

fn long_hash(py: Python<'_>, bytes: &[u8]) -> [u8; 32] {
    if bytes.len() <= HASHED_WITH_GIL_BYTES_MAX {
        *blake3::hash(bytes).as_bytes()
    } else {
        py.detach(|| *blake3::hash(bytes).as_bytes())
    }
}

/// Appends the canonical form of `value`; false if it has none.
pub fn write(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    if scalar(out, value) {
        return Ok(true);
    }
    if depth >= DEPTH_MAX {
        return tokenized(out, value);
    }
    // SAFETY: `value` is alive.
    let ty = unsafe { ffi::Py_TYPE(value.as_ptr()) };
    if ty == &raw mut ffi::PyUnicode_Type {
        // SAFETY: exactly a str.
        return match unsafe { value.cast_unchecked::<PyString>() }.to_str() {
            Ok(text) => written(out, value.py(), tag::STR, text.as_bytes()),
            Err(_) => tokenized(out, value), // lone surrogates
        };
    }
    if ty == &raw mut ffi::PyBytes_Type {
        // SAFETY: exactly bytes.
        let bytes = unsafe { value.cast_unchecked::<PyBytes>() }.as_bytes();
        return written(out, value.py(), tag::BYTES, bytes);
    }
    if ty == &raw mut ffi::PyTuple_Type || ty == &raw mut ffi::PyList_Type {
        out.push(if ty == &raw mut ffi::PyTuple_Type { tag::TUPLE } else { tag::LIST });
        put_varint(out, value.len()? as u64);
        for item in value.try_iter()? {
            if !write(out, &item?, depth + 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if ty == &raw mut ffi::PyDict_Type {
        // SAFETY: exactly a dict.
        return write_dict(out, unsafe { value.cast_unchecked::<PyDict>() }, depth);
    }
    if ty == &raw mut ffi::PySet_Type || ty == &raw mut ffi::PyFrozenSet_Type {
        out.push(if ty == &raw mut ffi::PySet_Type { tag::SET } else { tag::FROZENSET });
        return write_sorted(out, value, depth);
    }
    if ty == &raw mut ffi::PyByteArray_Type {
        // SAFETY: exactly a bytearray; copied before Python code may run.
        let bytes = unsafe { value.cast_unchecked::<PyByteArray>() }.to_vec();
        return written(out, value.py(), tag::BYTEARRAY, &bytes);
    }
    if ty == &raw mut ffi::PySlice_Type {
        out.push(tag::SLICE);
        for part in ["start", "stop", "step"] {
            if !write(out, &value.getattr(part)?, depth + 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    other(out, value, depth)
}

fn other(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    let py = value.py();
    match kind_of(value)? {
        Kind::Dependency => {
            out.push(tag::DEP);
            write(out, &value.getattr(pyo3::intern!(py, "key"))?, depth + 1)
        }
        Kind::Scalar(scalar) => {
            out.push(tag::NDSCALAR);
            out.extend_from_slice(scalar.dtype.as_bytes());
            out.extend_from_slice(numpy::scalar_bytes(value, scalar));
            Ok(true)
        }
        Kind::Array => {
            let contiguous = if numpy::is_strided(value) {
                py.import("numpy")?.call_method1("ascontiguousarray", (value,))?
            } else {
                value.clone()
            };
            let Some(plain) = numpy::plain_array(&contiguous)? else { return tokenized(out, value) };
            out.push(tag::NDARRAY);
            put_varint(out, plain.dtype.len() as u64);
            out.extend_from_slice(plain.dtype.as_bytes());
            put_varint(out, plain.dims.len() as u64);
            plain.dims.iter().for_each(|&dim| put_varint(out, dim as u64));
            written(out, py, plain.order & super::ORDER_FORTRAN, plain.bytes)
        }
        Kind::Opaque => tokenized(out, value),
    }
}

fn written(out: &mut Vec<u8>, py: Python<'_>, tag: u8, bytes: &[u8]) -> PyResult<bool> {
    out.push(tag);
    if bytes.len() <= WRITTEN_OUT_BYTES_MAX {
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    } else if bytes.len() <= 2 * PIECE_BYTES {
        out.push(HASHED);
        out.extend_from_slice(&long_hash(py, bytes));
    } else {
        out.push(HASHED_IN_PIECES);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(&py.detach(|| hash_in_pieces(bytes)));
    }
    Ok(true)
}

/// The hash of the hashes of the pieces of `bytes`.
fn hash_in_pieces(bytes: &[u8]) -> [u8; 32] {
    let mut hashes = vec![[0; 32]; bytes.len().div_ceil(PIECE_BYTES)];
    let todo = Mutex::new(bytes.chunks(PIECE_BYTES).zip(&mut hashes));
    let work = || {
        loop {
            let next = todo.lock().next();
            let Some((piece, hash)) = next else { return };
            *hash = *blake3::hash(piece).as_bytes();
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(HASHING_THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Whoever comes does a share; if the system gives no thread, this one does it all.
            let _ = std::thread::Builder::new().name("rask-hash".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    *blake3::hash(hashes.as_flattened()).as_bytes()
}

fn write_dict(out: &mut Vec<u8>, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<bool> {
    out.push(tag::DICT);
    write_sorted(out, dict.call_method0(pyo3::intern!(dict.py(), "items"))?.as_any(), depth)
}

/// Writes the number of items and their canonical forms, sorted.
fn write_sorted(out: &mut Vec<u8>, items: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    let mut forms = Vec::with_capacity(items.len()?);
    for item in items.try_iter()? {
        let mut form = Vec::new();
        if !write(&mut form, &item?, depth + 1)? {
            return Ok(false);
        }
        forms.push(form);
    }
    forms.sort_unstable();
    put_varint(out, forms.len() as u64);
    forms.iter().for_each(|form| out.extend_from_slice(form));
    Ok(true)
}

/// What `rask.tokenize` says of `value`; false if it knows no deterministic token.
fn tokenized(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static TOKEN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let token = TOKEN.import(py, "rask._serialize", "deterministic_token")?.call1((value,))?;
    if token.is_none() {
        return Ok(false);
    }
    out.push(TOKENIZED);
    written(out, py, tag::STR, token.cast::<PyString>()?.to_str()?.as_bytes())
}
