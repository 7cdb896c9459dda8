//! Calls: positional and keyword arguments to bytes and back, and straight into a function.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rask_types::Payload;
use rask_types::value::{put_varint, tag};
use smallvec::SmallVec;

use super::decode::{Decoder, malformed};
use super::dependencies::{Dependencies, Inside};
use super::encode::{Capture, Encoded, Encoder, Stop};
use super::{CALL_PICKLED, Views};

// `invoke` hands an array of `Option<Bound>` to the interpreter as an array of object pointers, None as null.
const _: () = assert!(size_of::<Option<Bound<'_, PyAny>>>() == size_of::<*mut ffi::PyObject>());

/// Encodes the arguments of one call.
pub fn encode_call(
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    capture: Capture,
    dependencies: &mut dyn Dependencies,
) -> PyResult<Encoded> {
    let mut encoded = Encoded::default();
    append_call(&mut encoded, args, kwargs, capture, dependencies)?;
    Ok(encoded)
}

/// Encodes the arguments of one call, appended. What `encoded` has already is left as it is; its buffers are counted.
pub fn append_call(
    encoded: &mut Encoded,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    capture: Capture,
    dependencies: &mut dyn Dependencies,
) -> PyResult<()> {
    let py = args.py();
    let (head_len, buffers_len) = (encoded.head.len(), encoded.buffers.len());
    let mut encoder = Encoder::new(encoded, capture, dependencies);
    let result = match each_argument(&mut encoder, args, kwargs) {
        Ok(()) => return Ok(()),
        Err(Stop::Raised(error)) => Err(error),
        Err(Stop::PickleWhole) => {
            encoder.out.head.truncate(head_len);
            encoder.out.buffers.truncate(buffers_len);
            put_varint(&mut encoder.out.head, CALL_PICKLED);
            let kwargs = kwargs.map_or_else(|| PyDict::new(py), Bound::clone);
            encoder.pickle((args, kwargs).into_pyobject(py)?.as_any(), Inside::Replaced)
        }
    };
    result.map_err(|error| explained(py, args, kwargs, error))
}

/// Says by a path which argument cannot be pickled.
#[cold]
fn explained(
    py: Python<'_>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    error: PyErr,
) -> PyErr {
    let better = || -> PyResult<Option<PyErr>> {
        let module = py.import("rask._serialize")?;
        if !error.is_instance(py, &module.getattr("SerializationError")?) {
            return Ok(None);
        }
        let kwargs = kwargs.map_or_else(|| PyDict::new(py), Bound::clone);
        let better = module.call_method1("explain_call", (args, kwargs, error.value(py)))?;
        let better = PyErr::from_value(better);
        better.set_cause(py, error.cause(py));
        Ok(Some(better))
    };
    better().ok().flatten().unwrap_or(error)
}

fn each_argument(
    encoder: &mut Encoder<'_>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> Result<(), Stop> {
    put_varint(&mut encoder.out.head, args.len() as u64);
    for arg in args.iter_borrowed() {
        encoder.value(&arg, false, 0)?;
    }
    let Some(kwargs) = kwargs else {
        put_varint(&mut encoder.out.head, 0);
        return Ok(());
    };
    put_varint(&mut encoder.out.head, kwargs.len() as u64);
    for (name, value) in kwargs.iter() {
        encoder.value(&name, false, 0)?;
        encoder.value(&value, false, 0)?;
    }
    Ok(())
}

/// The arguments that `payload` encodes, for a function that is called with them as they are.
pub fn decode_call<'py>(
    py: Python<'py>,
    payload: &Payload,
    deps: &[Py<PyAny>],
    views: Views,
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let mut decoder = Decoder::new(py, &payload.head, &payload.buffers, deps, views);
    let positional = decoder.reader.varint().map_err(malformed)?;
    if positional == CALL_PICKLED {
        return pickled_call(decoder);
    }
    let mut args = SmallVec::<[Bound<'py, PyAny>; 6]>::new();
    for _ in 0..positional {
        args.push(decoder.value(0)?);
    }
    let named = decoder.reader.varint().map_err(malformed)?;
    let kwargs = if named == 0 { None } else { Some(PyDict::new(py)) };
    if let Some(kwargs) = &kwargs {
        for _ in 0..named {
            let name = decoder.value(0)?;
            kwargs.set_item(name, decoder.value(0)?)?;
        }
    }
    decoder.finish()?;
    Ok((PyTuple::new(py, args)?, kwargs))
}

fn pickled_call<'py>(
    mut decoder: Decoder<'_, 'py>,
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let pair = decoder.value(0)?;
    decoder.finish()?;
    let (args, kwargs): (Bound<'py, PyTuple>, Bound<'py, PyDict>) = pair.extract()?;
    Ok((args, Some(kwargs).filter(|kwargs| !kwargs.is_empty())))
}

/// Calls `function` with the arguments that `payload` encodes: the worker's inner loop. The outer error says that the
/// arguments could not be decoded, the inner one is the function's own.
#[inline]
pub fn invoke<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    payload: &Payload,
    deps: &[Py<PyAny>],
    views: Views,
) -> PyResult<PyResult<Bound<'py, PyAny>>> {
    let mut decoder = Decoder::new(py, &payload.head, &payload.buffers, deps, views);
    let positional = decoder.reader.varint().map_err(malformed)?;
    if positional == CALL_PICKLED {
        let (args, kwargs) = pickled_call(decoder)?;
        return Ok(function.call(args, kwargs.as_ref()));
    }
    // The first place is left free for the callee, as the vectorcall protocol allows.
    let mut values = SmallVec::<[Option<Bound<'py, PyAny>>; 8]>::new();
    values.push(None);
    for _ in 0..positional {
        values.push(Some(decoder.value(0)?));
    }
    let named = decoder.reader.count(2).map_err(malformed)?;
    let mut names = None;
    if named > 0 {
        let mut texts = SmallVec::<[Bound<'py, PyAny>; 4]>::new();
        for _ in 0..named {
            if decoder.reader.rest().first() != Some(&tag::STR) {
                return Err(PyValueError::new_err("a keyword argument's name is not a string"));
            }
            texts.push(decoder.value(0)?);
            values.push(Some(decoder.value(0)?));
        }
        names = Some(PyTuple::new(py, texts)?);
    }
    decoder.finish()?;
    let count = positional as usize | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    let names = names.as_ref().map_or(std::ptr::null_mut(), |names| names.as_ptr());
    // SAFETY: `Option<Bound>` is a pointer to an object, or null in the first place, which the callee may write to for the
    // length of the call; `values` and `names` outlive it.
    let result = unsafe {
        let start = values.as_mut_ptr().cast::<*mut ffi::PyObject>().add(1);
        Bound::from_owned_ptr_or_err(py, ffi::PyObject_Vectorcall(function.as_ptr(), start, count, names))
    };
    Ok(result)
}
