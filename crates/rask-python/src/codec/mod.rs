//! Python objects to the tagged codec of [`rask_types::value`] and back, straight over CPython's API.
//!
//! What is encoded natively, by *exact* type: None, bool, int, float, complex, str, bytes, bytearray, Ellipsis, slice,
//! list, tuple, dict, set, frozenset, `numpy.ndarray` of plain dtype and NumPy's scalars. A subclass (namedtuple,
//! OrderedDict, IntEnum) is never flattened to its base: it goes, as everything else, through pickle protocol 5
//! ([`pickle`]). NumPy is never imported unless its objects are at hand or must be made.
//!
//! **Identity.** `f([a, a])` must see one list twice, so when a mutable part is met twice, or the nesting is deeper than
//! [`rask_types::value::DEPTH_MAX`], the whole value becomes one pickle ([`seen`]).
//!
//! **Dependencies.** Futures met in plain containers become `DEP i`, the value of the task's `i`-th dependency; those
//! met inside a pickle stay futures and are *held* ([`dependencies`]).
//!
//! **Buffers.** bytes, bytearrays, arrays and out-of-band pickle buffers longer than [`INLINE_BUFFER_BYTES_MAX`] lie beside
//! the head. Encoding borrows or copies them ([`Capture`]); decoding gives views of them or copies ([`Views`]).
//!
//! The bytes themselves are described in `rask-types`.

pub mod buffer;
pub mod call;
pub mod decode;
pub mod dependencies;
pub mod encode;
pub mod face;
pub mod kinds;
pub mod numpy;
pub mod pickle;
pub mod seen;
pub mod token;

pub use decode::{Views, decode_value};
pub use dependencies::{Dependencies, NoDependencies};
pub use encode::{Capture, Encoded, encode_value};

/// Longer bytes, bytearrays, arrays and pickle buffers lie beside the head, out of band.
pub const INLINE_BUFFER_BYTES_MAX: usize = 64 * 1024;

pub use rask_types::value::CALL_PICKLED;
pub use rask_types::value::tag::NDARRAY_INLINE;

/// In an array's order byte: Fortran order.
pub const ORDER_FORTRAN: u8 = 1;
/// In an array's order byte: the array was read-only.
pub const ORDER_READ_ONLY: u8 = 2;

use pyo3::prelude::*;

/// Puts the codec's Python names into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<buffer::SharedBuffer>()?;
    module.add_class::<face::EncodedValue>()?;
    module.add_function(wrap_pyfunction!(face::encode, module)?)?;
    module.add_function(wrap_pyfunction!(face::encode_call, module)?)?;
    module.add_function(wrap_pyfunction!(face::decode, module)?)?;
    module.add_function(wrap_pyfunction!(face::decode_call, module)?)?;
    module.add_function(wrap_pyfunction!(face::call_encoded, module)?)?;
    module.add_function(wrap_pyfunction!(face::value_token, module)?)?;
    module.add_function(wrap_pyfunction!(dependencies::report_future, module)?)?;
    module.add_function(wrap_pyfunction!(dependencies::dependency_value, module)?)?;
    Ok(())
}
