//! The command `rask`: `rask scheduler` and `rask worker`, with Dask's flag names, and `rask explain`.
//!
//! One library with two doors: the native binary (`src/main.rs`), and the console script of the Python package, which passes its
//! own interpreter so that workers run in the same environment.
//!
//! * [`exit`]: the exit codes, and errors in one line.
//! * [`scheduler`]: `rask scheduler`.
//! * [`worker`]: `rask worker`.
//! * [`explain`]: `rask explain`.
//!
//! Ctrl-C, SIGTERM and SIGHUP end either in good order, with exit code 0 as in Dask; a second one ends it at once.

mod door;
pub mod exit;
pub mod explain;
mod host;
mod not_offered;
mod pid_file;
mod quantity;
pub mod scheduler;
mod signals;
pub mod worker;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use exit::Failure;

/// Run Python functions in parallel, on one machine or many. A drop-in for Dask from a Rust core.
#[derive(Parser, Debug)]
#[command(name = "rask", version, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "In two terminals:\n  rask scheduler\n  rask worker\n\
                        and in Python:\n  from rask.distributed import Client\n  client = Client(\"127.0.0.1:8786\")")]
struct Rask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Scheduler(scheduler::Options),
    Worker(Box<worker::Options>),
    Explain(explain::Options),
}

/// Runs the command line `args` (with the program's name first) until it is done; returns the exit code.
///
/// `python` is the interpreter of workers; without it, `$RASK_PYTHON` or `python3` is looked for.
pub fn main_from(args: Vec<OsString>, python: Option<PathBuf>) -> i32 {
    if let Err(failure) = not_offered::check(&args) {
        return failure.report("rask");
    }
    match Rask::try_parse_from(args) {
        Ok(Rask { command: Command::Scheduler(options) }) => {
            finish(scheduler::run(options), "rask scheduler")
        }
        Ok(Rask { command: Command::Worker(options) }) => {
            finish(worker::run(*options, python), "rask worker")
        }
        Ok(Rask { command: Command::Explain(options) }) => finish(explain::run(options), "rask explain"),
        Err(error) => {
            // Help and versions come this way as well; a closed terminal does not matter.
            let _ = error.print();
            error.exit_code()
        }
    }
}

fn finish(result: Result<(), Failure>, who: &str) -> i32 {
    result.map_or_else(|failure| failure.report(who), |()| exit::DONE)
}

/// Prints a line for people. A terminal that is gone is no reason to end.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
