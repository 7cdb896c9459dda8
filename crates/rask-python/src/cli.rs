//! The command line, from the console script.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;

/// Runs a command line, the program's name first, until it is done; returns the exit code. `executable` is the interpreter
/// of workers.
#[pyfunction]
pub fn run_cli(py: Python<'_>, args: Vec<OsString>, executable: PathBuf) -> i32 {
    py.detach(|| rask_cli::main_from(args, Some(executable)))
}
