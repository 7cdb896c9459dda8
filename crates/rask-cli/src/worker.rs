//! `rask worker`: worker processes of this machine for a scheduler, and the nanny that looks after them.

mod alone;
mod connect;
mod plan;
mod python;

use std::path::PathBuf;

use clap::Args;
use rask_cluster::Nanny;
use rask_comm::Address;

use crate::door::Door;
use crate::exit::{self, Failure};
use crate::pid_file::PidFile;
use crate::signals::Interrupt;
use crate::{host, say, signals};
use connect::Joined;
use plan::Plan;

/// Start workers for a scheduler.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 ended by a signal, by a client, or with the scheduler; 1 broke down; 2 cannot run as \
                        told; 3 no scheduler answers; 4 wrong or missing secret; 5 the scheduler is of another version."
)]
pub struct Options {
    /// The scheduler, such as 127.0.0.1:8786; without it, the only scheduler of yours that runs
    #[arg(value_name = "SCHEDULER")]
    scheduler: Option<String>,
    /// Worker processes: a number, a negative one (-1: one per core, -2: one less), or auto (with --nthreads, as fits the cores)
    #[arg(long, value_name = "N", default_value = "1", allow_hyphen_values = true)]
    nworkers: String,
    /// Tasks that each worker runs at once [default: cores / nworkers]
    #[arg(long, value_name = "N")]
    nthreads: Option<u32>,
    /// Memory of each worker: bytes, a text such as 5GB, a fraction of the machine's, auto, or 0 for no limit
    #[arg(long, value_name = "BYTES", default_value = "auto")]
    memory_limit: String,
    /// Name of the worker; several get -0, -1, … appended
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What each worker offers, such as "GPU=2 MEM=10e9"
    #[arg(long, value_name = "NAME=AMOUNT …")]
    resources: Option<String>,
    /// Restart a worker process that dies (the default)
    #[arg(long, overrides_with = "no_nanny")]
    nanny: bool,
    /// Run one worker process and do not restart it
    #[arg(long)]
    no_nanny: bool,
    /// File with the scheduler's address and secret
    #[arg(long, visible_alias = "scheduler-file", value_name = "FILE")]
    access_file: Option<PathBuf>,
    /// Seconds to wait for the scheduler
    #[arg(long, value_name = "TIME", default_value = "30")]
    death_timeout: String,
    /// Address of this machine that other workers can reach [default: the one that reaches the scheduler]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Use the address of this network interface, such as eth0
    #[arg(long, value_name = "NAME", conflicts_with = "host")]
    interface: Option<String>,
    /// Where the worker listens for others, such as tcp://0.0.0.0:9000
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["host", "interface", "worker_port"])]
    listen_address: Option<String>,
    /// Port where the worker listens for others; FIRST:LAST for several
    #[arg(long, value_name = "PORT")]
    worker_port: Option<String>,
    /// tcp is the only one so far
    #[arg(long, value_name = "NAME", default_value = "tcp")]
    protocol: String,
    /// Folder for temporary files [default: the system's]
    #[arg(long, value_name = "FOLDER")]
    local_directory: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Accepted; a worker has no dashboard of its own yet
    #[arg(long, value_name = "HOST:PORT")]
    dashboard_address: Option<String>,
    #[arg(long, overrides_with = "no_dashboard", hide = true)]
    dashboard: bool,
    #[arg(long, hide = true)]
    no_dashboard: bool,
}

/// Runs until a signal comes, or the scheduler or all workers end.
///
/// # Errors
/// If the scheduler cannot be joined or no worker can run.
pub fn run(options: Options, python: Option<PathBuf>) -> Result<(), Failure> {
    let plan = Plan::of(&options, host::cores())?;
    let command = python::worker_command(python)?;
    let folder = plan.make_folder()?;
    let _pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;
    let interrupt = signals::listen()?;

    let door = Door::find(options.scheduler.as_deref(), options.access_file)?;
    let joined = connect::join(&door, &command, folder.path(), plan.death_timeout, &interrupt)?;
    let Some(Joined { nanny, scheduler, secret }) = joined else {
        say("rask worker: ended by a signal");
        return Ok(());
    };
    let workers = plan.workers(&scheduler, &secret, folder.path());
    say(&format!("rask worker: joined {scheduler} with {plan}"));
    if options.no_nanny {
        drop(nanny);
        return alone::run(&command, &workers[0], &interrupt);
    }
    for worker in workers {
        let started = nanny.add_worker(worker);
        started.map_err(|error| Failure::new(exit::BROKEN, format!("cannot start a worker: {error}")))?;
    }
    look_after(nanny, &scheduler, &interrupt)
}

/// Waits for the end of the workers, and brings it about when a signal comes.
fn look_after(mut nanny: Nanny, scheduler: &Address, interrupt: &Interrupt) -> Result<(), Failure> {
    let interrupted = interrupt.wait_unless(|| nanny.has_ended());
    let why = if interrupted { "ended by a signal".to_owned() } else { nanny.wait() };
    nanny.close();
    match nanny.given_up() {
        Some(why) if !interrupted => Err(Failure::new(exit::BROKEN, why)),
        _ => {
            say(&format!("rask worker: left {scheduler}: {why}"));
            Ok(())
        }
    }
}
