//! The Python face of rask: the extension module `rask._core`, the only crate that names PyO3.
//!
//! * [`codec`]: Python objects to bytes and back; tokens of pure calls.
//! * [`functions`]: callables as payloads, and when a pickle may be used again.
//! * [`delayed`]: lazy values, `Delayed`.
//! * [`worker`]: the Python runtime of a worker. [`client`]: the client's engine, `Future`. [`cluster`]: local clusters.
//! * [`graph`]: lazy graphs to the chunks that a client sends; graph dicts to lazy values; pictures.

pub mod cli;
pub mod client;
pub mod cluster;
pub mod codec;
pub mod delayed;
pub mod detach;
pub mod draw;
pub mod functions;
pub mod graph;
mod recent;
mod untrack;
pub mod worker;

use pyo3::prelude::*;

/// rask's compiled core. Private: the public names are in the package's Python modules.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    codec::register(module)?;
    functions::register(module)?;
    delayed::register(module)?;
    graph::register(module)?;
    worker::register(module)?;
    client::register(module)?;
    module.add_class::<cluster::LocalCluster>()?;
    module.add_function(wrap_pyfunction!(cluster::told_dashboard_link, module)?)?;
    module.add_function(wrap_pyfunction!(draw::draw_picture, module)?)?;
    module.add_function(wrap_pyfunction!(cli::run_cli, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
