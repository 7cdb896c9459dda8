//! NumPy's arrays and scalars, read and made without linking to NumPy.
//!
//! The head of an array object and where a scalar keeps its value have been the same in every NumPy since 1.0 and are
//! part of its ABI. They are checked once against what NumPy itself says; where they differ, everything of NumPy's is left
//! to pickle.

use std::ffi::c_int;

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use pyo3::{ffi, intern};
use smallvec::SmallVec;

use super::buffer::{Owned, SharedBuffer};
use super::encode::Capture;
use super::{ORDER_FORTRAN, ORDER_READ_ONLY};

/// The head of `PyArrayObject`.
#[repr(C)]
struct ArrayHead {
    ob_base: ffi::PyObject,
    data: *mut u8,
    nd: c_int,
    dimensions: *mut isize,
    strides: *mut isize,
    base: *mut ffi::PyObject,
    descr: *mut ffi::PyObject,
    flags: c_int,
}

const C_CONTIGUOUS: c_int = 0x1;
const F_CONTIGUOUS: c_int = 0x2;
const WRITEABLE: c_int = 0x400;

/// Where a scalar's value begins within its object.
const SCALAR_OFFSET: usize = 16;

/// A scalar type that travels as its dtype and bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scalar {
    /// Its dtype, as `numpy.dtype` understands it.
    pub dtype: &'static str,
    /// Bytes of its value.
    pub len: u8,
}

/// Type name and dtype of the scalars that are encoded natively. Extended-precision floats, dates and strings are
/// left to pickle.
const SCALARS: [(&str, Scalar); 14] = [
    ("bool", Scalar { dtype: "|b1", len: 1 }),
    ("int8", Scalar { dtype: "|i1", len: 1 }),
    ("int16", Scalar { dtype: "<i2", len: 2 }),
    ("int32", Scalar { dtype: "<i4", len: 4 }),
    ("int64", Scalar { dtype: "<i8", len: 8 }),
    ("uint8", Scalar { dtype: "|u1", len: 1 }),
    ("uint16", Scalar { dtype: "<u2", len: 2 }),
    ("uint32", Scalar { dtype: "<u4", len: 4 }),
    ("uint64", Scalar { dtype: "<u8", len: 8 }),
    ("float16", Scalar { dtype: "<f2", len: 2 }),
    ("float32", Scalar { dtype: "<f4", len: 4 }),
    ("float64", Scalar { dtype: "<f8", len: 8 }),
    ("complex64", Scalar { dtype: "<c8", len: 8 }),
    ("complex128", Scalar { dtype: "<c16", len: 16 }),
];

/// What NumPy offers, once it is imported.
struct NumPy {
    ndarray: Py<PyType>,
    dtype: Py<PyAny>,
    scalars: Vec<Py<PyType>>,
    bool_true: Py<PyAny>,
    bool_false: Py<PyAny>,
    /// The layout is the one this module knows.
    trusted: bool,
}

static NUMPY: PyOnceLock<NumPy> = PyOnceLock::new();

/// Imports NumPy.
fn numpy(py: Python<'_>) -> PyResult<&NumPy> {
    NUMPY.get_or_try_init(py, || NumPy::import(py))
}

impl NumPy {
    fn import(py: Python<'_>) -> PyResult<NumPy> {
        let module = py.import("numpy")?;
        let scalar_type = |name: &str| {
            let name = if name == "bool" { "bool_" } else { name };
            Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        let mut known = NumPy {
            ndarray: module.getattr("ndarray")?.cast_into::<PyType>()?.unbind(),
            dtype: module.getattr("dtype")?.unbind(),
            scalars: SCALARS.iter().map(|(name, _)| scalar_type(name)).collect::<PyResult<_>>()?,
            bool_true: module.getattr("True_")?.unbind(),
            bool_false: module.getattr("False_")?.unbind(),
            trusted: false,
        };
        known.trusted = cfg!(target_endian = "little") && known.layout_is_known(&module)?;
        Ok(known)
    }

    /// Compares what NumPy says of a test array and a test scalar with what this module reads from their memory.
    fn layout_is_known(&self, module: &Bound<'_, PyModule>) -> PyResult<bool> {
        let py = module.py();
        let options = PyDict::new(py);
        options.set_item("order", "F")?;
        let array = module.getattr("zeros")?.call(((2_usize, 3_usize), "<i4"), Some(&options))?;
        let address: usize = array.getattr("ctypes")?.getattr("data")?.extract()?;
        // SAFETY: the object is larger than the head on every NumPy; wrong contents are what is looked for here.
        let head = unsafe { &*array.as_ptr().cast::<ArrayHead>() };
        if head.data as usize != address
            || head.nd != 2
            || head.descr != array.getattr("dtype")?.as_ptr()
            || head.flags & (C_CONTIGUOUS | F_CONTIGUOUS | WRITEABLE) != F_CONTIGUOUS | WRITEABLE
        {
            return Ok(false);
        }
        // SAFETY: `nd` was right, so this is the pointer to two dimensions.
        let shape = unsafe { std::slice::from_raw_parts(head.dimensions, 2) };
        let number = module.getattr("int64")?.call1((0x0123_4567_89ab_cdef_i64,))?;
        let basic_size: usize = number.get_type().getattr("__basicsize__")?.extract()?;
        Ok(shape == [2, 3]
            && basic_size >= SCALAR_OFFSET + 8
            // SAFETY: the object has at least that many bytes.
            && unsafe { number.as_ptr().cast::<u8>().add(SCALAR_OFFSET).cast::<i64>().read_unaligned() }
                == 0x0123_4567_89ab_cdef)
    }
}

/// What a type is, if it is NumPy's. Does not import NumPy: a program that has not has none of its objects.
pub fn kind_of_type(ty: &Bound<'_, PyType>) -> PyResult<Option<super::kinds::Kind>> {
    use super::kinds::Kind;
    let py = ty.py();
    if ty.module().map_or(true, |module| module != "numpy") {
        return Ok(None);
    }
    let modules = py.import("sys")?.getattr("modules")?;
    if !modules.contains("numpy")? {
        return Ok(None);
    }
    let Ok(known) = numpy(py) else { return Ok(None) };
    if !known.trusted {
        return Ok(None);
    }
    if known.ndarray.is(ty) {
        return Ok(Some(Kind::Array));
    }
    Ok(known.scalars.iter().position(|scalar| scalar.is(ty)).map(|at| Kind::Scalar(SCALARS[at].1)))
}

/// The bytes of a scalar.
pub fn scalar_bytes<'a>(object: &'a Bound<'_, PyAny>, scalar: Scalar) -> &'a [u8] {
    // SAFETY: the object's exact type is the one `scalar` describes, so its value lies there (checked by
    // `layout_is_known`), and it is immutable.
    unsafe {
        std::slice::from_raw_parts(object.as_ptr().cast::<u8>().add(SCALAR_OFFSET), usize::from(scalar.len))
    }
}

/// The scalar of that dtype and those bytes.
pub fn make_scalar<'py>(py: Python<'py>, dtype: &str, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let known = numpy(py)?;
    let at = SCALARS
        .iter()
        .position(|(_, scalar)| scalar.dtype == dtype && usize::from(scalar.len) == bytes.len());
    let Some(at) = at else {
        return Err(PyValueError::new_err(format!("{dtype:?} of {} bytes is no scalar", bytes.len())));
    };
    let ty = known.scalars[at].bind(py);
    let word = |n: usize| {
        let mut word = [0; 8];
        word[..n].copy_from_slice(&bytes[..n]);
        u64::from_le_bytes(word)
    };
    let single =
        |at: usize| f64::from(f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
    let double = |at: usize| f64::from_bits(u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i])));
    match SCALARS[at].0 {
        "bool" => Ok(if bytes[0] == 0 { &known.bool_false } else { &known.bool_true }.bind(py).clone()),
        "int8" | "int16" | "int32" | "int64" => {
            let shift = 64 - 8 * bytes.len() as u32;
            ty.call1(((word(bytes.len()) << shift) as i64 >> shift,))
        }
        "uint8" | "uint16" | "uint32" | "uint64" => ty.call1((word(bytes.len()),)),
        "float64" => ty.call1((double(0),)),
        "float32" => ty.call1((single(0),)),
        "complex64" => ty.call1((pyo3::types::PyComplex::from_doubles(py, single(0), single(4)),)),
        "complex128" => ty.call1((pyo3::types::PyComplex::from_doubles(py, double(0), double(8)),)),
        _ => {
            // float16: let NumPy read its own bits.
            let array = make_array(py, dtype, &[1], 0, ArrayBytes::Copied(bytes))?;
            array.get_item(0)
        }
    }
}

/// An array that can travel as dtype, shape and bytes.
pub struct Plain<'a> {
    /// Its dtype, as `numpy.dtype` understands it.
    pub dtype: &'a str,
    /// Its shape.
    pub dims: &'a [isize],
    /// [`ORDER_FORTRAN`] and [`ORDER_READ_ONLY`], or'ed.
    pub order: u8,
    /// Its memory.
    pub bytes: &'a [u8],
}

struct PlainDtype {
    text: Option<&'static str>,
    itemsize: usize,
    _keep: Py<PyAny>,
}

/// Dtypes looked at, by address; plain ones are few and mostly live for ever.
static DTYPES: Mutex<Option<HashMap<usize, PlainDtype>>> = Mutex::new(None);
const DTYPES_MAX: usize = 256;

/// `array` as a plain one, or None: object and structured dtypes and strided views are left to pickle. The slices borrow
/// the array's memory, which other Python threads might change; they must not outlive the array's attachment here.
pub fn plain_array<'a>(array: &'a Bound<'_, PyAny>) -> PyResult<Option<Plain<'a>>> {
    // SAFETY: callers have checked that the exact type is `numpy.ndarray` and the layout is known.
    let head = unsafe { &*array.as_ptr().cast::<ArrayHead>() };
    let order = match (head.flags & C_CONTIGUOUS != 0, head.flags & F_CONTIGUOUS != 0) {
        (true, _) => 0,
        (false, true) => ORDER_FORTRAN,
        (false, false) => return Ok(None),
    };
    let order = if head.flags & WRITEABLE == 0 { order | ORDER_READ_ONLY } else { order };
    let Some((dtype, itemsize)) = plain_dtype(array.py(), head.descr)? else { return Ok(None) };
    let nd = usize::try_from(head.nd).unwrap_or(0);
    let dims: &[isize] = match nd {
        0 => &[],
        // SAFETY: an array has `nd` dimensions, and the pointer may be null only if there are none.
        _ => unsafe { std::slice::from_raw_parts(head.dimensions, nd) },
    };
    let len = dims.iter().map(|&dim| dim.unsigned_abs()).product::<usize>() * itemsize;
    // SAFETY: contiguous, so its elements fill exactly that many bytes from `data`.
    let bytes: &[u8] = if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(head.data, len) } };
    Ok(Some(Plain { dtype, dims, order, bytes }))
}

/// Whether `array` is a view with gaps, of exactly the type `numpy.ndarray`.
pub fn is_strided(array: &Bound<'_, PyAny>) -> bool {
    // SAFETY: as in `plain_array`.
    let head = unsafe { &*array.as_ptr().cast::<ArrayHead>() };
    head.flags & (C_CONTIGUOUS | F_CONTIGUOUS) == 0
}

/// The array's memory as bytes that can outlive this call.
pub fn array_bytes(array: &Bound<'_, PyAny>, plain: &Plain<'_>, capture: Capture) -> Bytes {
    match capture {
        Capture::Copy => Bytes::copy_from_slice(plain.bytes),
        // SAFETY: the array keeps its memory as long as it lives (NumPy refuses to resize one that is referenced);
        // that nobody writes to it is what the others say.
        Capture::Lend | Capture::Share => Bytes::from_owner(unsafe {
            Owned::new(plain.bytes.as_ptr(), plain.bytes.len(), array.clone().unbind())
        }),
    }
}

fn plain_dtype(py: Python<'_>, descr: *mut ffi::PyObject) -> PyResult<Option<(&'static str, usize)>> {
    if let Some(known) = DTYPES.lock().as_ref().and_then(|dtypes| dtypes.get(&(descr as usize))) {
        return Ok(known.text.map(|text| (text, known.itemsize)));
    }
    // SAFETY: an array's dtype is alive as long as the array.
    let dtype = unsafe { Bound::from_borrowed_ptr(py, descr) };
    let kind: String = dtype.getattr("kind")?.extract()?;
    let itemsize: usize = dtype.getattr("itemsize")?.extract()?;
    let text: String = dtype.getattr("str")?.extract()?;
    let plain = "biufcmMSU".contains(kind.as_str())
        && itemsize > 0
        && dtype.getattr("metadata")?.is_none()
        && numpy(py)?.dtype.bind(py).call1((&text,))?.eq(&dtype)?;
    // Few texts exist, and each is leaked once.
    let text: Option<&'static str> = plain.then(|| interned_text(text));
    let known = PlainDtype { text, itemsize, _keep: dtype.unbind() };
    let mut forgotten = None;
    {
        let mut dtypes = DTYPES.lock();
        let dtypes = dtypes.get_or_insert_with(HashMap::new);
        if dtypes.len() >= DTYPES_MAX {
            forgotten = Some(std::mem::take(dtypes));
        }
        dtypes.insert(descr as usize, known);
    }
    drop(forgotten);
    Ok(text.map(|text| (text, itemsize)))
}

fn interned_text(text: String) -> &'static str {
    static TEXTS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut texts = TEXTS.lock();
    match texts.iter().find(|known| **known == text) {
        Some(known) => known,
        None => {
            let leaked: &'static str = Box::leak(text.into_boxed_str());
            texts.push(leaked);
            leaked
        }
    }
}

/// Where a decoded array's elements come from.
pub enum ArrayBytes<'a> {
    /// They are copied into memory of the array's own.
    Copied(&'a [u8]),
    /// The array is a view.
    Viewed(SharedBuffer, usize),
}

/// The array of that dtype, shape and order.
pub fn make_array<'py>(
    py: Python<'py>,
    dtype: &str,
    dims: &[usize],
    order: u8,
    bytes: ArrayBytes<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let known = numpy(py)?;
    let dtype = cached_dtype(py, known, dtype)?;
    let len = match &bytes {
        ArrayBytes::Copied(bytes) => bytes.len(),
        ArrayBytes::Viewed(_, len) => *len,
    };
    let itemsize: usize = dtype.getattr(intern!(py, "itemsize"))?.extract()?;
    if dtype.getattr(intern!(py, "hasobject"))?.is_truthy()? {
        return Err(PyValueError::new_err("an array of Python objects cannot be made from bytes"));
    }
    let expected = dims.iter().try_fold(itemsize, |product, &dim| product.checked_mul(dim));
    if expected != Some(len) {
        return Err(PyValueError::new_err(format!("{len} bytes do not fill an array of shape {dims:?}")));
    }
    let shape: SmallVec<[usize; 8]> = dims.into();
    let shape = PyTuple::new(py, shape)?;
    let order_text = if order & ORDER_FORTRAN != 0 { intern!(py, "F") } else { intern!(py, "C") };
    let array = match bytes {
        ArrayBytes::Viewed(buffer, _) => {
            let none = py.None();
            known.ndarray.bind(py).call1((shape, dtype, Bound::new(py, buffer)?, 0, none, order_text))?
        }
        ArrayBytes::Copied(bytes) => {
            let none = py.None();
            let array = known.ndarray.bind(py).call1((shape, dtype, &none, 0, &none, order_text))?;
            if known.trusted {
                // SAFETY: the array was just made, is contiguous and has exactly `len` bytes (checked above).
                unsafe {
                    let head = &*array.as_ptr().cast::<ArrayHead>();
                    std::ptr::copy_nonoverlapping(bytes.as_ptr(), head.data, bytes.len());
                }
                array
            } else {
                let view = SharedBuffer::read_only(Bytes::copy_from_slice(bytes));
                let shape = array.getattr("shape")?;
                let args = (shape, array.getattr("dtype")?, Bound::new(py, view)?, 0, none, order_text);
                known.ndarray.bind(py).call1(args)?.call_method1("copy", (order_text,))?
            }
        }
    };
    if order & ORDER_READ_ONLY != 0 {
        array.getattr(intern!(py, "flags"))?.setattr(intern!(py, "writeable"), false)?;
    }
    Ok(array)
}

fn cached_dtype<'py>(py: Python<'py>, known: &NumPy, text: &str) -> PyResult<Bound<'py, PyAny>> {
    static MADE: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let made = MADE.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let text = PyString::new(py, text);
    if let Some(dtype) = made.get_item(&text)? {
        return Ok(dtype);
    }
    let dtype = known.dtype.bind(py).call1((&text,))?;
    if made.len() < DTYPES_MAX {
        made.set_item(text, &dtype)?;
    }
    Ok(dtype)
}
