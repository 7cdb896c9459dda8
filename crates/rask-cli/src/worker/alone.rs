//! `--no-nanny`: one worker process, with nobody to restart it or to say what it was doing when it died.

use std::cell::RefCell;
use std::io;
use std::process::{Child, ChildStdin, ExitStatus};
use std::time::{Duration, Instant};

use rask_cluster::spawn::spawn;
use rask_cluster::{WorkerCommand, WorkerProcess, WorkerSettings};

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
    let WorkerProcess { child, lifeline } = spawn(command, settings, None, None).map_err(broken)?;
    let child = RefCell::new(child);
    // An error shows again, and is told, below.
    let has_ended = || child.borrow_mut().try_wait().is_ok_and(|status| status.is_some());
    if interrupt.wait_unless(has_ended) {
        end(&mut child.borrow_mut(), lifeline).map_err(broken)?;
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

/// Cuts the lifeline; kills the process if that does not end it.
fn end(child: &mut Child, lifeline: ChildStdin) -> io::Result<ExitStatus> {
    drop(lifeline);
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
