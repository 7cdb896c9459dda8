//! How the command ends: exit codes, and errors in one line that say what to do.

use std::fmt;

/// It was ended by Ctrl-C, SIGTERM or SIGHUP, by a client's `shutdown()`, or because the scheduler ended.
pub const DONE: i32 = 0;
/// It broke down while running.
pub const BROKEN: i32 = 1;
/// It cannot run as told: a wrong flag, a port in use, a file that cannot be written, no Python with rask.
pub const USAGE: i32 = 2;
/// No scheduler could be reached in time.
pub const UNREACHABLE: i32 = 3;
/// The secret is wrong or missing.
pub const NO_ACCESS: i32 = 4;
/// The scheduler is of another version of rask.
pub const OTHER_VERSION: i32 = 5;
/// There is no such task.
pub const NO_SUCH_TASK: i32 = 6;

/// Why the command ends before its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The exit code.
    pub code: i32,
    /// What happened and what to do, in one line.
    pub text: String,
}

impl Failure {
    /// A failure with this exit code.
    pub fn new(code: i32, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into() }
    }

    /// It cannot run as told.
    pub fn usage(text: impl Into<String>) -> Failure {
        Failure::new(USAGE, text)
    }

    /// Says so on standard error and returns the exit code.
    pub fn report(&self, who: &str) -> i32 {
        eprintln!("{who}: {}", self.text);
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
