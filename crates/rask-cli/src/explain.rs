//! `rask explain KEY`: why a task is not running, or what became of it, in one sentence.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rask_client::{Client, ClientError, ConnectError, ConnectOptions};
use rask_cluster::SecretSource;
use rask_comm::Role;
use rask_types::Key;
use rask_types::msg::Query;
use rask_types::value::Value;

use crate::door::Door;
use crate::exit::{self, Failure};
use crate::{quantity, say};

/// Say why a task is not running, or what became of it.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 the sentence is printed, also if there is no such task; 1 the scheduler gave no answer; 2 cannot \
                  run as told; 3 no scheduler answers; 4 wrong or missing secret; 5 the scheduler is of another version."
)]
pub struct Options {
    /// The task's key as Python prints it, such as inc-3f2a or "('x', 0)"
    #[arg(allow_hyphen_values = true)]
    key: String,
    /// The scheduler, such as 127.0.0.1:8786; without it, the only scheduler of yours that runs
    #[arg(long, value_name = "ADDRESS")]
    scheduler: Option<String>,
    /// File with the scheduler's address and secret
    #[arg(long, visible_alias = "scheduler-file", value_name = "FILE")]
    access_file: Option<PathBuf>,
    /// Seconds to wait for the scheduler
    #[arg(long, value_name = "TIME", default_value = "5")]
    timeout: String,
}

/// Asks and prints the answer.
///
/// # Errors
/// If there is no scheduler to ask, or it gives no answer.
pub fn run(options: Options) -> Result<(), Failure> {
    let timeout = quantity::duration(&options.timeout).map_err(Failure::usage)?;
    let door = Door::find(options.scheduler.as_deref(), options.access_file)?;
    let client = connect(&door, timeout)?;
    // The scheduler reads a string as a literal, too, where there is no task of that very key.
    let query = Query::Explain(Key::Str(options.key).to_canonical().into());
    let answer = client.query(query, Some(timeout), &mut || false).map_err(no_answer)?;
    // What is said is said; how the session ends is no matter.
    let _ = client.close(Duration::from_secs(1));
    match Value::from_bytes(&answer) {
        Ok(Value::Str(text)) => {
            say(&text);
            Ok(())
        }
        _ => Err(Failure::new(exit::BROKEN, "the scheduler answered with something that is no sentence")),
    }
}

fn connect(door: &Door, timeout: Duration) -> Result<Client, Failure> {
    let addresses = door.addresses().map_err(|error| Failure::usage(error.to_string()))?;
    let source = SecretSource { secret: None, access_file: door.access_file.clone() };
    let options = ConnectOptions {
        addresses,
        secret: source.lookup(Role::Client),
        role: Role::Client,
        name: "rask explain".to_owned(),
        runtime: String::new(),
        timeout,
    };
    Client::connect(options, &mut || false).map_err(|error| Failure::new(code_of(&error), error.to_string()))
}

fn code_of(error: &ConnectError) -> i32 {
    match error {
        ConnectError::WrongSecret { .. } | ConnectError::NoSecret { .. } => exit::NO_ACCESS,
        ConnectError::VersionMismatch { .. } => exit::OTHER_VERSION,
        ConnectError::Interrupted | ConnectError::System(_) => exit::BROKEN,
        _ => exit::UNREACHABLE,
    }
}

fn no_answer(error: ClientError) -> Failure {
    Failure::new(exit::BROKEN, format!("the scheduler gave no answer: {error}"))
}
