//! `--no-nanny`: one worker process, with nobody to restart it or to say what it was doing when it died.

use std::cell::RefCell;
use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rask_cluster::access::to_hex;
use rask_cluster::{WorkerCommand, WorkerSettings};
use serde_json::{Map, Value, json};

use crate::exit::{self, Failure};
use crate::say;
use crate::signals::Interrupt;

/// How long the process may take to end by itself once its lifeline is cut.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the worker until it ends or a signal comes.
pub(super) fn run(
    command: &WorkerCommand,
    settings: &WorkerSettings,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let broken = |error: io::Error| {
        let program = command.program.display();
        Failure::new(exit::BROKEN, format!("cannot run the worker {}: {program}: {error}", settings.name))
    };
    let child = RefCell::new(start(command, settings).map_err(broken)?);
    // An error shows again, and is told, below.
    let has_ended = || child.borrow_mut().try_wait().is_ok_and(|status| status.is_some());
    if interrupt.wait_unless(has_ended) {
        end(&mut child.borrow_mut()).map_err(broken)?;
        say("rask worker: ended by a signal");
        return Ok(());
    }
    let status = child.borrow_mut().wait().map_err(broken)?;
    if status.success() {
        say(&format!("rask worker: {} has left", settings.name));
        return Ok(());
    }
    Err(Failure::new(exit::BROKEN, format!("the worker {} ended: {status}", settings.name)))
}

fn start(command: &WorkerCommand, settings: &WorkerSettings) -> io::Result<Child> {
    let mut builder = Command::new(&command.program);
    builder.args(&command.arguments).stdin(Stdio::piped());
    builder.envs(command.environment.iter().map(|(name, value)| (name, value)));
    let mut child = builder.spawn()?;
    if let Some(lifeline) = &mut child.stdin {
        // A process that died already shows in its exit status; a broken pipe tells no more.
        let _ = lifeline.write_all(to_line(command, settings).as_bytes());
    }
    Ok(child)
}

/// The settings as the worker's program reads them, without what only a nanny has.
fn to_line(command: &WorkerCommand, settings: &WorkerSettings) -> String {
    let resources: Map<String, Value> =
        settings.resources.iter().map(|(name, amount)| (name.clone(), json!(amount))).collect();
    let line = json!({
        "scheduler": settings.scheduler.to_string(),
        "secret": to_hex(settings.secret.bytes()),
        "listen": settings.listen.to_string(),
        "name": settings.name,
        "host": settings.host,
        "nthreads": settings.nthreads,
        "memory_limit": settings.memory_limit_bytes,
        "resources": resources,
        "local_directory": settings.local_directory,
        "runtime": command.runtime_settings,
    });
    format!("{line}\n")
}

/// Cuts the lifeline; kills the process if that does not end it.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    drop(child.stdin.take());
    let until = Instant::now() + GRACE;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()
}
