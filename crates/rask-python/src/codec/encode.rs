//! Objects to bytes.

use bytes::Bytes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyTuple};
use rask_types::Payload;
use rask_types::value::{DEPTH_MAX, put_varint, tag, zigzag};

use super::buffer::Owned;
use super::dependencies::{Dependencies, Inside};
use super::kinds::{Kind, kind_of};
use super::seen::Seen;
use super::{INLINE_BUFFER_BYTES_MAX, NDARRAY_INLINE, numpy, pickle};

/// What becomes of large mutable memory (arrays, bytearrays, out-of-band pickle buffers).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capture {
    /// Copied: the caller may write to the original afterwards. For arguments of eager calls.
    Copy,
    /// Arrays are borrowed, the rest is copied. For values whose caller waits until they have arrived, but may go on to change
    /// the size of what they lie in (a bytearray that is looked at cannot grow).
    Lend,
    /// Borrowed without a copy: nobody writes to it until the bytes are gone. For results that travel.
    Share,
}

/// An encoded value or call.
#[derive(Default, Debug)]
pub struct Encoded {
    /// The value, in the tagged codec.
    pub head: Vec<u8>,
    /// What it refers to by number.
    pub buffers: Vec<Bytes>,
}

impl Encoded {
    /// As it travels.
    pub fn into_payload(self) -> Payload {
        Payload { head: self.head.into(), buffers: self.buffers, local: None }
    }
}

/// Why an encoding stopped.
pub enum Stop {
    /// Identities or nesting ask for one pickle of the whole.
    PickleWhole,
    /// A Python error.
    Raised(PyErr),
}

impl From<PyErr> for Stop {
    fn from(error: PyErr) -> Stop {
        Stop::Raised(error)
    }
}

type Step = Result<(), Stop>;

/// One value.
pub fn encode_value(
    value: &Bound<'_, PyAny>,
    capture: Capture,
    dependencies: &mut dyn Dependencies,
) -> PyResult<Encoded> {
    let mut encoded = Encoded::default();
    append_value(&mut encoded, value, capture, dependencies)?;
    Ok(encoded)
}

/// One value, appended; buffers are numbered on from those already there.
pub fn append_value(
    encoded: &mut Encoded,
    value: &Bound<'_, PyAny>,
    capture: Capture,
    dependencies: &mut dyn Dependencies,
) -> PyResult<()> {
    let (head_len, buffers_len) = (encoded.head.len(), encoded.buffers.len());
    let mut encoder = Encoder::new(encoded, capture, dependencies);
    match encoder.value(value, false, 0) {
        Ok(()) => Ok(()),
        Err(Stop::Raised(error)) => Err(error),
        Err(Stop::PickleWhole) => {
            encoder.out.head.truncate(head_len);
            encoder.out.buffers.truncate(buffers_len);
            encoder.pickle(value, Inside::Replaced)
        }
    }
}

/// One encoding under way.
pub struct Encoder<'a> {
    /// What is written so far.
    pub out: &'a mut Encoded,
    capture: Capture,
    dependencies: &'a mut dyn Dependencies,
    seen: Seen,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub fn new(
        out: &'a mut Encoded,
        capture: Capture,
        dependencies: &'a mut dyn Dependencies,
    ) -> Encoder<'a> {
        Encoder { out, capture, dependencies, seen: Seen::default() }
    }

    /// Appends `object`, found `depth` containers deep. `lone`: nothing but its container refers to it.
    ///
    /// Encoding may run Python code, so the caller must hold a reference that such code cannot take away.
    #[inline]
    pub fn value(&mut self, object: &Bound<'_, PyAny>, lone: bool, depth: usize) -> Step {
        if scalar(&mut self.out.head, object) {
            return Ok(());
        }
        // SAFETY: `object` is alive.
        let ty = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        if ty == &raw mut ffi::PyUnicode_Type {
            self.text(object, lone)
        } else {
            self.beyond_scalars(object, ty, lone, depth)
        }
    }

    fn beyond_scalars(
        &mut self,
        object: &Bound<'_, PyAny>,
        ty: *mut ffi::PyTypeObject,
        lone: bool,
        depth: usize,
    ) -> Step {
        if ty == &raw mut ffi::PyBytes_Type {
            self.bytes(object, lone)
        } else if ty == &raw mut ffi::PyTuple_Type {
            self.tuple(object, lone, depth)
        } else if ty == &raw mut ffi::PyList_Type {
            self.first_time(object, lone)?;
            self.list(object, depth)
        } else if ty == &raw mut ffi::PyDict_Type {
            self.first_time(object, lone)?;
            self.dict(object, depth)
        } else if ty == &raw mut ffi::PyFrozenSet_Type {
            let len = object.len()?;
            self.repeatable(object, lone, 16 + 16 * len)?;
            self.set(object, tag::FROZENSET, len, depth)
        } else if ty == &raw mut ffi::PySet_Type {
            self.first_time(object, lone)?;
            self.set(object, tag::SET, object.len()?, depth)
        } else if ty == &raw mut ffi::PySlice_Type {
            self.slice(object, depth)
        } else if ty == &raw mut ffi::PyByteArray_Type {
            self.first_time(object, lone)?;
            self.bytearray(object)
        } else if ty == &raw mut ffi::PyLong_Type {
            self.big_int(object)
        } else if ty == &raw mut ffi::PyComplex_Type {
            // SAFETY: exactly a complex.
            let value = unsafe { (*object.as_ptr().cast::<ffi::PyComplexObject>()).cval };
            self.out.head.push(tag::COMPLEX);
            self.out.head.extend_from_slice(&value.real.to_le_bytes());
            self.out.head.extend_from_slice(&value.imag.to_le_bytes());
            Ok(())
        } else {
            self.other(object, lone)
        }
    }

    /// What is none of Python's plain types.
    fn other(&mut self, object: &Bound<'_, PyAny>, lone: bool) -> Step {
        match kind_of(object)? {
            Kind::Scalar(scalar) => {
                let head = &mut self.out.head;
                head.push(tag::NDSCALAR);
                put_sized(head, scalar.dtype.as_bytes());
                put_sized(head, numpy::scalar_bytes(object, scalar));
                Ok(())
            }
            Kind::Dependency => match self.dependencies.number(object)? {
                Some(number) => {
                    self.out.head.push(tag::DEP);
                    put_varint(&mut self.out.head, u64::from(number));
                    Ok(())
                }
                None => self.opaque(object, lone),
            },
            Kind::Array => {
                self.first_time(object, lone)?;
                self.array(object)
            }
            Kind::Opaque => self.opaque(object, lone),
        }
    }

    fn opaque(&mut self, object: &Bound<'_, PyAny>, lone: bool) -> Step {
        // Functions, classes and modules are pickled by reference or are copied whole in any case; other objects may
        // be changed by the one who gets them, so they must stay one.
        if !pickle::identity_is_kept(object) {
            self.first_time(object, lone)?;
        }
        self.pickle(object, Inside::Held)?;
        Ok(())
    }

    /// Appends `object` as one pickle.
    pub fn pickle(&mut self, object: &Bound<'_, PyAny>, inside: Inside) -> PyResult<()> {
        let first_buffer = self.out.buffers.len();
        let pickled = pickle::dumps(object, inside, self.capture, self.dependencies)?;
        let head = &mut self.out.head;
        head.push(tag::PICKLE);
        put_sized(head, pickled.bytes.as_bytes());
        put_varint(head, first_buffer as u64);
        put_varint(head, pickled.buffers.len() as u64);
        self.out.buffers.extend(pickled.buffers);
        Ok(())
    }

    #[inline]
    fn first_time(&mut self, object: &Bound<'_, PyAny>, lone: bool) -> Step {
        if self.seen.first_time(object.as_ptr(), lone) { Ok(()) } else { Err(Stop::PickleWhole) }
    }

    #[inline]
    fn repeatable(&mut self, object: &Bound<'_, PyAny>, lone: bool, bytes: usize) -> Step {
        if self.seen.worth_repeating(object.as_ptr(), lone, bytes) { Ok(()) } else { Err(Stop::PickleWhole) }
    }

    fn text(&mut self, object: &Bound<'_, PyAny>, lone: bool) -> Step {
        let mut len = 0;
        // SAFETY: a str; the result lives as long as it.
        let start = unsafe { ffi::PyUnicode_AsUTF8AndSize(object.as_ptr(), &mut len) };
        if start.is_null() {
            // Lone surrogates have no UTF-8; pickle has its own way with them.
            drop(PyErr::take(object.py()));
            return Ok(self.pickle(object, Inside::Held)?);
        }
        // SAFETY: as said by the interpreter.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len as usize) };
        if bytes.len() > 256 {
            self.repeatable(object, lone, bytes.len())?;
        }
        self.out.head.push(tag::STR);
        put_sized(&mut self.out.head, bytes);
        Ok(())
    }

    fn bytes(&mut self, object: &Bound<'_, PyAny>, lone: bool) -> Step {
        // SAFETY: exactly bytes.
        let bytes = unsafe { object.cast_unchecked::<PyBytes>() }.as_bytes();
        if bytes.len() > INLINE_BUFFER_BYTES_MAX {
            self.repeatable(object, lone, bytes.len())?;
            // SAFETY: bytes are immutable and keep their memory as long as they live.
            let owned = unsafe { Owned::new(bytes.as_ptr(), bytes.len(), object.clone().unbind()) };
            self.buffer(tag::BYTES_BUFFER, Bytes::from_owner(owned));
            return Ok(());
        }
        if bytes.len() > 256 {
            self.repeatable(object, lone, bytes.len())?;
        }
        self.out.head.push(tag::BYTES);
        put_sized(&mut self.out.head, bytes);
        Ok(())
    }

    fn bytearray(&mut self, object: &Bound<'_, PyAny>) -> Step {
        // SAFETY: exactly a bytearray.
        let array = unsafe { object.cast_unchecked::<PyByteArray>() };
        if array.len() > INLINE_BUFFER_BYTES_MAX {
            let bytes = match self.capture {
                Capture::Share => super::buffer::share(object)?,
                Capture::Copy | Capture::Lend => super::buffer::copy(object)?,
            };
            self.buffer(tag::BYTEARRAY_BUFFER, bytes);
        } else {
            self.out.head.push(tag::BYTEARRAY);
            // SAFETY: no Python code runs while the slice is in use.
            put_sized(&mut self.out.head, unsafe { array.as_bytes() });
        }
        Ok(())
    }

    fn buffer(&mut self, tag: u8, bytes: Bytes) {
        self.out.head.push(tag);
        put_varint(&mut self.out.head, self.out.buffers.len() as u64);
        self.out.buffers.push(bytes);
    }

    fn tuple(&mut self, object: &Bound<'_, PyAny>, lone: bool, depth: usize) -> Step {
        // SAFETY: exactly a tuple.
        let tuple = unsafe { object.cast_unchecked::<PyTuple>() };
        let len = tuple.len();
        if len > 0 {
            self.repeatable(object, lone, 16 + 16 * len)?;
        }
        self.open(tag::TUPLE, len, depth)?;
        tuple.iter_borrowed().try_for_each(|item| self.value(&item, is_lone(&item), depth + 1))
    }

    fn list(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Step {
        // SAFETY: exactly a list.
        let list = unsafe { object.cast_unchecked::<PyList>() };
        let len = list.len();
        self.open(tag::LIST, len, depth)?;
        for at in 0..len {
            // SAFETY: a list.
            let now = unsafe { ffi::PyList_GET_SIZE(object.as_ptr()) } as usize;
            if now != len {
                return Err(changed("a list"));
            }
            // SAFETY: within bounds, and alive, for the list has it.
            let item = unsafe {
                let item = ffi::PyList_GET_ITEM(object.as_ptr(), at as ffi::Py_ssize_t);
                pyo3::Borrowed::from_ptr(list.py(), item)
            };
            if !scalar(&mut self.out.head, &item) {
                self.item(item, depth + 1)?;
            }
        }
        Ok(())
    }

    /// An item that a mutable container has. Encoding it may run Python code that takes it out of there.
    fn item(&mut self, item: pyo3::Borrowed<'_, '_, PyAny>, depth: usize) -> Step {
        let lone = is_lone(&item);
        let kept = (*item).clone();
        self.value(&kept, lone, depth)
    }

    fn dict(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Step {
        let py = object.py();
        let len = object.len()?;
        self.open(tag::DICT, len, depth)?;
        let (mut position, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        let mut left = len;
        // SAFETY: a dict and three places to write to; the references are borrowed from the dict.
        while unsafe { ffi::PyDict_Next(object.as_ptr(), &mut position, &mut key, &mut value) } != 0 {
            left = left.checked_sub(1).ok_or_else(|| changed("a dict"))?;
            // SAFETY: alive, for the dict has them and no Python code ran since they were looked up.
            let (key, value) =
                unsafe { (pyo3::Borrowed::from_ptr(py, key), pyo3::Borrowed::from_ptr(py, value)) };
            let lone = is_lone(&value);
            let value = (*value).clone(); // the encoding of the key must not take it away
            if !scalar(&mut self.out.head, &key) {
                self.item(key, depth + 1)?;
            }
            self.value(&value, lone, depth + 1)?;
            if object.len()? != len {
                return Err(changed("a dict"));
            }
        }
        if left == 0 { Ok(()) } else { Err(changed("a dict")) }
    }

    fn set(&mut self, object: &Bound<'_, PyAny>, tag: u8, len: usize, depth: usize) -> Step {
        self.open(tag, len, depth)?;
        let mut left = len;
        for item in object.try_iter()? {
            let item = item?;
            left = left.checked_sub(1).ok_or_else(|| changed("a set"))?;
            self.value(&item, false, depth + 1)?;
        }
        if left == 0 { Ok(()) } else { Err(changed("a set")) }
    }

    fn slice(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Step {
        if depth >= DEPTH_MAX {
            return Err(Stop::PickleWhole);
        }
        self.out.head.push(tag::SLICE);
        // SAFETY: exactly a slice; its parts live as long as it.
        let parts = unsafe {
            let slice = &*object.as_ptr().cast::<ffi::PySliceObject>();
            [slice.start, slice.stop, slice.step]
        };
        for part in parts {
            // SAFETY: as above.
            let part = unsafe { pyo3::Borrowed::from_ptr(object.py(), part) };
            self.value(&part, is_lone(&part), depth + 1)?;
        }
        Ok(())
    }

    fn big_int(&mut self, object: &Bound<'_, PyAny>) -> Step {
        let py = object.py();
        let bits: usize = object.call_method0(pyo3::intern!(py, "bit_length"))?.extract()?;
        let options = PyDict::new(py);
        options.set_item("signed", true)?;
        let bytes = object.call_method("to_bytes", (bits / 8 + 1, "little"), Some(&options))?;
        self.out.head.push(tag::BIG_INT);
        put_sized(&mut self.out.head, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        Ok(())
    }

    fn array(&mut self, object: &Bound<'_, PyAny>) -> Step {
        let Some(plain) = numpy::plain_array(object)? else {
            return Ok(self.pickle(object, Inside::Held)?);
        };
        let inline = plain.bytes.len() <= INLINE_BUFFER_BYTES_MAX;
        let head = &mut self.out.head;
        head.push(if inline { NDARRAY_INLINE } else { tag::NDARRAY });
        put_sized(head, plain.dtype.as_bytes());
        put_varint(head, plain.dims.len() as u64);
        plain.dims.iter().for_each(|&dim| put_varint(head, dim as u64));
        head.push(plain.order);
        if inline {
            put_sized(head, plain.bytes);
        } else {
            put_varint(head, self.out.buffers.len() as u64);
            let bytes = numpy::array_bytes(object, &plain, self.capture);
            self.out.buffers.push(bytes);
        }
        Ok(())
    }

    #[inline]
    fn open(&mut self, tag: u8, len: usize, depth: usize) -> Step {
        if depth >= DEPTH_MAX {
            return Err(Stop::PickleWhole);
        }
        self.out.head.push(tag);
        put_varint(&mut self.out.head, len as u64);
        Ok(())
    }
}

/// Appends None, a bool, an int of 64 bits, a float or Ellipsis; false for anything else.
#[inline]
pub fn scalar(head: &mut Vec<u8>, object: &Bound<'_, PyAny>) -> bool {
    let object = object.as_ptr();
    // SAFETY: alive; each branch reads what its exact type allows.
    unsafe {
        let ty = ffi::Py_TYPE(object);
        if ty == &raw mut ffi::PyLong_Type {
            let mut overflow = 0;
            let number = ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow);
            if overflow != 0 {
                return false;
            }
            head.push(tag::INT);
            put_varint(head, zigzag(number));
            true
        } else if ty == &raw mut ffi::PyFloat_Type {
            head.push(tag::FLOAT);
            head.extend_from_slice(&ffi::PyFloat_AS_DOUBLE(object).to_le_bytes());
            true
        } else if object == ffi::Py_None() {
            head.push(tag::NONE);
            true
        } else if ty == &raw mut ffi::PyBool_Type {
            head.push(if object == ffi::Py_True() { tag::TRUE } else { tag::FALSE });
            true
        } else if object == ffi::Py_Ellipsis() {
            head.push(tag::ELLIPSIS);
            true
        } else {
            false
        }
    }
}

/// Whether one reference to `object` exists, its container's.
#[inline]
fn is_lone(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `object` is alive.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

fn put_sized(head: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(head, bytes.len() as u64);
    head.extend_from_slice(bytes);
}

#[cold]
fn changed(what: &str) -> Stop {
    Stop::Raised(PyRuntimeError::new_err(format!("{what} changed its size while it was being encoded")))
}
