//! Bytes to objects.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PySet, PyString};
use rask_types::Payload;
use rask_types::value::{DEPTH_MAX, DecodeError, Reader, tag, unzigzag};
use smallvec::SmallVec;

use super::buffer::SharedBuffer;
use super::numpy::{self, ArrayBytes};
use super::{NDARRAY_INLINE, ORDER_READ_ONLY, pickle};

/// What decoded arrays and out-of-band pickle buffers are.
///
/// As in Dask, an array that a task gets from elsewhere can be written to if the original could, and it is the same object
/// for all consumers within a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Views {
    /// Copies, writable.
    Copies,
    /// Views that can only be read: the memory belongs to others as well.
    ReadOnly,
    /// Writable views: the memory came from another process for this decoding alone. Made by [`Views::exclusive`].
    Exclusive(Promise),
}

/// Witness of [`Views::exclusive`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Promise(());

impl Views {
    /// Writable views of the payload's own memory.
    ///
    /// # Safety
    /// The payload's buffers lie in memory that nobody else reads as `Bytes` from now on: they came from another process, into
    /// the heap or in a segment that it has lent, for this decoding, and the payload is dropped after it.
    pub unsafe fn exclusive() -> Views {
        Views::Exclusive(Promise(()))
    }

    /// A buffer for pickle.
    pub fn of(self, bytes: &Bytes) -> PyResult<SharedBuffer> {
        Ok(match self {
            // SAFETY: a fresh copy in this process's heap that nobody else has.
            Views::Copies => unsafe { SharedBuffer::writable(Bytes::copy_from_slice(bytes)) },
            Views::ReadOnly => SharedBuffer::read_only(bytes.clone()),
            // SAFETY: promised by whoever called `exclusive`.
            Views::Exclusive(_) => unsafe { SharedBuffer::writable(bytes.clone()) },
        })
    }
}

/// The value that `payload` encodes. `deps` are the values of the task's dependencies, by number.
pub fn decode_value<'py>(
    py: Python<'py>,
    payload: &Payload,
    deps: &[Py<PyAny>],
    views: Views,
) -> PyResult<Bound<'py, PyAny>> {
    let mut decoder = Decoder::new(py, &payload.head, &payload.buffers, deps, views);
    let value = decoder.value(0)?;
    decoder.finish()?;
    Ok(value)
}

/// The value that `head` encodes, which refers to no buffers or dependencies: a small result.
#[inline]
pub fn decode_head<'py>(py: Python<'py>, head: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut decoder = Decoder::new(py, head, &[], &[], Views::Copies);
    let value = decoder.value(0)?;
    decoder.finish()?;
    Ok(value)
}

/// One decoding under way.
pub struct Decoder<'a, 'py> {
    py: Python<'py>,
    /// What is not yet read.
    pub reader: Reader<'a>,
    buffers: &'a [Bytes],
    deps: &'a [Py<PyAny>],
    views: Views,
}

impl<'a, 'py> Decoder<'a, 'py> {
    /// A decoder of `head`.
    #[inline]
    pub fn new(
        py: Python<'py>,
        head: &'a [u8],
        buffers: &'a [Bytes],
        deps: &'a [Py<PyAny>],
        views: Views,
    ) -> Decoder<'a, 'py> {
        Decoder { py, reader: Reader::new(head), buffers, deps, views }
    }

    /// An error if bytes are left over.
    #[inline]
    pub fn finish(&self) -> PyResult<()> {
        if self.reader.is_empty() { Ok(()) } else { Err(malformed(DecodeError::TrailingBytes)) }
    }

    /// The next value, which lies `depth` containers deep.
    #[inline]
    pub fn value(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match self.reader.byte().map_err(malformed)? {
            tag::INT => {
                let number = unzigzag(self.reader.varint().map_err(malformed)?);
                // SAFETY: makes a new object, or null with an error set.
                unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromLongLong(number)) }
            }
            tag::FLOAT => {
                let bytes = self.reader.array().map_err(malformed)?;
                Ok(PyFloat::new(py, f64::from_le_bytes(bytes)).into_any())
            }
            tag::STR => Ok(PyString::new(py, self.reader.str().map_err(malformed)?).into_any()),
            tag::NONE => Ok(py.None().into_bound(py)),
            tag::DEP => {
                let number = self.reader.varint().map_err(malformed)?;
                let value = usize::try_from(number).ok().and_then(|number| self.deps.get(number));
                value.map(|value| value.bind(py).clone()).ok_or_else(|| malformed(DecodeError::Overflow))
            }
            other => self.less_frequent(other, depth),
        }
    }

    fn less_frequent(&mut self, first: u8, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        Ok(match first {
            tag::TRUE => true.into_pyobject(py)?.to_owned().into_any(),
            tag::FALSE => false.into_pyobject(py)?.to_owned().into_any(),
            tag::ELLIPSIS => py.Ellipsis().into_bound(py),
            tag::LIST => self.list(depth)?,
            tag::TUPLE => self.tuple(depth)?,
            tag::DICT => self.dict(depth)?,
            tag::SET | tag::FROZENSET => self.set(first, depth)?,
            tag::BYTES => PyBytes::new(py, self.reader.sized().map_err(malformed)?).into_any(),
            tag::BYTES_BUFFER => PyBytes::new(py, self.buffer()?).into_any(),
            tag::BYTEARRAY => PyByteArray::new(py, self.reader.sized().map_err(malformed)?).into_any(),
            tag::BYTEARRAY_BUFFER => PyByteArray::new(py, self.buffer()?).into_any(),
            tag::BIG_INT => self.big_int()?,
            tag::COMPLEX => {
                let mut part = || self.reader.array().map(f64::from_le_bytes).map_err(malformed);
                let (real, imag) = (part()?, part()?);
                PyComplex::from_doubles(py, real, imag).into_any()
            }
            tag::SLICE => {
                let depth = deeper(depth)?;
                let parts = [self.value(depth)?, self.value(depth)?, self.value(depth)?];
                // SAFETY: three live objects; makes a new one, or null with an error set.
                unsafe {
                    let [start, stop, step] = parts.each_ref().map(|part| part.as_ptr());
                    Bound::from_owned_ptr_or_err(py, ffi::PySlice_New(start, stop, step))?
                }
            }
            tag::PICKLE => {
                let bytes = self.reader.sized().map_err(malformed)?;
                let first = self.reader.varint().map_err(malformed)?;
                let count = self.reader.varint().map_err(malformed)?;
                let buffers = if count == 0 { &[] } else { pickle::slice_of(self.buffers, first, count)? };
                pickle::loads(py, bytes, buffers, self.deps, self.views)?
            }
            tag::NDSCALAR => {
                let dtype = self.reader.str().map_err(malformed)?;
                let bytes = self.reader.sized().map_err(malformed)?;
                numpy::make_scalar(py, dtype, bytes)?
            }
            tag::NDARRAY | NDARRAY_INLINE => self.array(first)?,
            unknown => return Err(malformed(DecodeError::UnknownTag(unknown))),
        })
    }

    fn list(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let depth = deeper(depth)?;
        let len = self.reader.count(1).map_err(malformed)?;
        // SAFETY: a new list whose places are filled in order below; should that fail, the interpreter allows for places
        // that are still empty. Nobody else can see it: it is not linked to anything, only the garbage collector, which
        // allows for empty places too.
        unsafe {
            let list = Bound::from_owned_ptr_or_err(self.py, ffi::PyList_New(len as ffi::Py_ssize_t))?;
            for at in 0..len {
                let item = self.value(depth)?;
                ffi::PyList_SET_ITEM(list.as_ptr(), at as ffi::Py_ssize_t, item.into_ptr());
            }
            Ok(list)
        }
    }

    fn tuple(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let depth = deeper(depth)?;
        let len = self.reader.count(1).map_err(malformed)?;
        // SAFETY: as for lists.
        unsafe {
            let tuple = Bound::from_owned_ptr_or_err(self.py, ffi::PyTuple_New(len as ffi::Py_ssize_t))?;
            for at in 0..len {
                let item = self.value(depth)?;
                ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at as ffi::Py_ssize_t, item.into_ptr());
            }
            Ok(tuple)
        }
    }

    fn dict(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let depth = deeper(depth)?;
        let len = self.reader.count(2).map_err(malformed)?;
        let dict = PyDict::new(self.py);
        for _ in 0..len {
            let key = self.value(depth)?;
            dict.set_item(key, self.value(depth)?)?;
        }
        Ok(dict.into_any())
    }

    fn set(&mut self, tag: u8, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let depth = deeper(depth)?;
        let len = self.reader.count(1).map_err(malformed)?;
        if tag == tag::FROZENSET {
            let items = (0..len).map(|_| self.value(depth)).collect::<PyResult<Vec<_>>>()?;
            return Ok(PyFrozenSet::new(self.py, items)?.into_any());
        }
        let set = PySet::empty(self.py)?;
        for _ in 0..len {
            set.add(self.value(depth)?)?;
        }
        Ok(set.into_any())
    }

    fn big_int(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let bytes = PyBytes::new(py, self.reader.sized().map_err(malformed)?);
        let options = PyDict::new(py);
        options.set_item("signed", true)?;
        py.get_type::<pyo3::types::PyInt>().call_method("from_bytes", (bytes, "little"), Some(&options))
    }

    fn array(&mut self, first: u8) -> PyResult<Bound<'py, PyAny>> {
        let dtype = self.reader.str().map_err(malformed)?;
        let ndim = self.reader.count(1).map_err(malformed)?;
        let mut dims = SmallVec::<[usize; 8]>::new();
        for _ in 0..ndim {
            let dim = self.reader.varint().map_err(malformed)?;
            dims.push(usize::try_from(dim).map_err(|_| malformed(DecodeError::Overflow))?);
        }
        let order = self.reader.byte().map_err(malformed)?;
        if first == NDARRAY_INLINE {
            let bytes = self.reader.sized().map_err(malformed)?;
            return numpy::make_array(self.py, dtype, &dims, order, ArrayBytes::Copied(bytes));
        }
        let number = self.reader.varint().map_err(malformed)?;
        let bytes = &pickle::slice_of(self.buffers, number, 1)?[0];
        let aligned = bytes.as_ptr().addr().is_multiple_of(16);
        if self.views == Views::Copies || !aligned {
            return numpy::make_array(self.py, dtype, &dims, order, ArrayBytes::Copied(bytes));
        }
        let order = if self.views == Views::ReadOnly { order | ORDER_READ_ONLY } else { order };
        let view = ArrayBytes::Viewed(self.views.of(bytes)?, bytes.len());
        numpy::make_array(self.py, dtype, &dims, order, view)
    }

    fn buffer(&mut self) -> PyResult<&'a [u8]> {
        let number = self.reader.varint().map_err(malformed)?;
        Ok(&pickle::slice_of(self.buffers, number, 1)?[0])
    }
}

fn deeper(depth: usize) -> PyResult<usize> {
    if depth >= DEPTH_MAX { Err(malformed(DecodeError::TooDeep)) } else { Ok(depth + 1) }
}

/// The bytes are not a value: they were damaged, or made by something else.
#[cold]
pub fn malformed(error: DecodeError) -> PyErr {
    PyValueError::new_err(format!("an encoded value cannot be read: {error}"))
}
