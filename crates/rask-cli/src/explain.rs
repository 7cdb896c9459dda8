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
    after_help = "Exit codes: 0 the sentence is printed; 1 the scheduler gave no answer; 2 cannot run as told; 3 no scheduler \
                  answers; 4 wrong or missing secret; 5 the scheduler is of another version; 6 there is no such task."
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
    match sentence_of(&answer) {
        Some((true, text)) => {
            say(&on_one_line(&text));
            Ok(())
        }
        Some((false, text)) => Err(Failure::new(exit::NO_SUCH_TASK, on_one_line(&text))),
        None => Err(Failure::new(exit::BROKEN, "the scheduler answered with something that is no sentence")),
    }
}

/// Whether there is such a task, and what is said of it.
fn sentence_of(answer: &[u8]) -> Option<(bool, String)> {
    let Ok(Value::Tuple(parts)) = Value::from_bytes(answer) else { return None };
    let [Value::Bool(is_known), Value::Str(text)] = parts.as_slice() else { return None };
    Some((*is_known, text.clone()))
}

/// Keys and errors are users' texts: they neither break the line nor steer the terminal.
fn on_one_line(text: &str) -> String {
    let steers =
        |char: char| char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if steers(char) {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
    }
    line
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_and_steers_no_terminal() {
        assert_eq!(on_one_line("('é', 1) waits"), "('é', 1) waits");
        assert_eq!(on_one_line("a\nb\x1b[31m\u{7}\u{202e}"), r"a\nb\u{1b}[31m\u{7}\u{202e}");
    }
}
