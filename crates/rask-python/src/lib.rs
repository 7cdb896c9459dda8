//! The Python face of rask: the extension module `rask._core`, the only crate that names PyO3.
//!
//! * [`codec`]: Python objects to bytes and back; tokens of pure calls.

pub mod codec;

use pyo3::prelude::*;

/// rask's compiled core. Private: the public names are in the package's Python modules.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    codec::register(module)
}
