//! How a worker process is started and what it is told.
//!
//! The process gets its settings as one line of JSON on its standard input, never by arguments or environment, which other
//! users of the machine can read. The pipe then stays open as a lifeline: when its other end closes, because the nanny
//! closed it or because the nanny's process is gone in whatever way, the worker ends at once.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use rask_comm::{Address, Secret};
use serde_json::json;

use crate::access::to_hex;

/// Which of a process's outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes what worker processes print. Called on threads of its own, with pieces that end where the pipe happened to.
pub type OutputSink = Arc<dyn Fn(Output, &[u8]) + Send + Sync>;

/// The program that is a worker.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The program, such as a Python interpreter.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Changes to the environment it inherits.
    pub environment: Vec<(String, String)>,
    /// The language runtime's own settings, passed on as they are (a JSON value).
    pub runtime_settings: serde_json::Value,
}

/// What one worker process is told.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Where the scheduler listens.
    pub scheduler: Address,
    /// The secret of workers.
    pub secret: Secret,
    /// Where to listen for data connections.
    pub listen: Address,
    /// The worker's name.
    pub name: String,
    /// The host to tell others.
    pub host: String,
    /// Tasks at once.
    pub nthreads: u32,
    /// Memory it may use, in bytes; 0 means no limit.
    pub memory_limit_bytes: u64,
    /// Abstract resources.
    pub resources: Vec<(String, f64)>,
    /// Folder for temporary files.
    pub local_directory: PathBuf,
}

impl WorkerSettings {
    fn to_line(&self, command: &WorkerCommand, life: Option<Life<'_>>) -> String {
        let resources: serde_json::Map<String, serde_json::Value> =
            self.resources.iter().map(|(name, amount)| (name.clone(), json!(amount))).collect();
        let mut settings = json!({
            "scheduler": self.scheduler.to_string(),
            "secret": to_hex(self.secret.bytes()),
            "listen": self.listen.to_string(),
            "name": self.name,
            "host": self.host,
            "nthreads": self.nthreads,
            "memory_limit": self.memory_limit_bytes,
            "resources": resources,
            "local_directory": self.local_directory,
            "runtime": command.runtime_settings,
        });
        if let Some(Life { instance, page }) = life {
            settings["instance"] = json!(instance.to_string());
            settings["page"] = json!(page);
        }
        format!("{settings}\n")
    }
}

/// What a nanny says of one life of a worker process.
#[derive(Clone, Copy, Debug)]
pub struct Life<'a> {
    /// Its number, by which the scheduler knows it.
    pub instance: u64,
    /// The file in which it notes what it executes.
    pub page: &'a Path,
}

/// A worker process with its lifeline.
#[derive(Debug)]
pub struct WorkerProcess {
    /// The process.
    pub child: Child,
    /// Dropping it ends the process.
    pub lifeline: ChildStdin,
}

/// Starts a worker process and tells it its settings; `life` if a nanny looks after it.
///
/// What it prints goes to `sink`, or without one to where this process prints.
pub fn spawn(
    command: &WorkerCommand,
    settings: &WorkerSettings,
    life: Option<Life<'_>>,
    sink: Option<&OutputSink>,
) -> io::Result<WorkerProcess> {
    let mut builder = Command::new(&command.program);
    builder.args(&command.arguments).stdin(Stdio::piped());
    builder.envs(command.environment.iter().map(|(name, value)| (name, value)));
    if sink.is_some() {
        builder.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut child = builder.spawn()?;
    if let Some(sink) = sink {
        forward(child.stdout.take(), Output::Stdout, sink);
        forward(child.stderr.take(), Output::Stderr, sink);
    }
    let mut lifeline = child.stdin.take().expect("stdin is piped");
    // A process that died already shows in its exit status; a broken pipe tells no more.
    let _ = lifeline.write_all(settings.to_line(command, life).as_bytes());
    Ok(WorkerProcess { child, lifeline })
}

/// Passes a pipe on until it closes.
fn forward(pipe: Option<impl Read + Send + 'static>, output: Output, sink: &OutputSink) {
    let Some(mut pipe) = pipe else { return };
    let sink = sink.clone();
    let pump = move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            sink(output, &buffer[..n]);
        }
    };
    let spawned =
        std::thread::Builder::new().name("rask-output".to_owned()).stack_size(256 << 10).spawn(pump);
    debug_assert!(spawned.is_ok(), "without a thread the output of this worker is lost, nothing else");
}
