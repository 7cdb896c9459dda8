//! Which Python interpreter runs the workers.

use std::path::{Path, PathBuf};
use std::process::Command;

use rask_cluster::WorkerCommand;

use crate::exit::Failure;

/// The environment variable that names the interpreter.
const VARIABLE: &str = "RASK_PYTHON";
/// Native libraries should not start a thread per core for each thread of a worker; what a task prints appears at once.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("OMP_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("PYTHONUNBUFFERED", "1"),
];

/// The program of a worker: with `given`, the interpreter that runs this command; else one that is looked for and asked
/// whether it has rask.
pub(super) fn worker_command(given: Option<PathBuf>) -> Result<WorkerCommand, Failure> {
    let program = match given {
        Some(program) => program,
        None => find()?,
    };
    let unset = |&(name, _): &(&str, &str)| std::env::var_os(name).is_none();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(WorkerCommand {
        program,
        arguments: vec!["-m".to_owned(), "rask._worker_process".to_owned()],
        environment: ENVIRONMENT.into_iter().filter(unset).map(owned).collect(),
        runtime_settings: serde_json::json!({}),
    })
}

fn find() -> Result<PathBuf, Failure> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let program = PathBuf::from(named.unwrap_or_else(|| "python3".into()));
    match import_error(&program) {
        None => Ok(program),
        Some(why) => Err(Failure::usage(format!(
            "workers need a Python with rask, but {}: install rask there (pip install rask-engine), or name another \
             interpreter in {VARIABLE}",
            why
        ))),
    }
}

/// Why the interpreter cannot run workers, in words; `None` if it can.
fn import_error(program: &Path) -> Option<String> {
    let shown = program.display();
    match Command::new(program).args(["-c", "import rask._core"]).output() {
        Err(error) => Some(format!("{shown} cannot be run: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.lines().last().unwrap_or("no reason given");
            Some(format!("{shown} cannot import it ({last})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_that_runs_the_command_is_not_questioned() {
        let command = worker_command(Some("/no/such/python".into())).unwrap();
        assert_eq!(command.program, Path::new("/no/such/python"));
        assert_eq!(command.arguments, ["-m", "rask._worker_process"]);
    }

    #[test]
    fn an_interpreter_that_is_none_is_named() {
        let why = import_error(Path::new("/no/such/python")).unwrap();
        assert!(why.contains("/no/such/python cannot be run"), "{why}");
        let why = import_error(Path::new("false")).unwrap();
        assert!(why.contains("false cannot import it"), "{why}");
    }
}
