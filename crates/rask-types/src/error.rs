//! Why a task failed, as it travels from a worker to whoever asks.

use std::fmt;

use crate::payload::Payload;

/// How long the text of a traceback may be: what is longer has lost its middle.
pub const TRACEBACK_TEXT_BYTES_MAX: usize = 16 * 1024;

/// What kind of failure it was, for the one who must raise the right exception.
#[derive(Clone, PartialEq, Debug)]
pub enum ErrorKind {
    /// The user's function raised: `exception` and `traceback` are what it raised, encoded.
    Exception,
    /// The task was running on this many workers when they died.
    KilledWorker {
        /// Address of the last worker that died with it.
        last_worker: String,
        /// How many deaths were allowed.
        allowed_failures: u32,
        /// One line per death: worker, exit status, what is known.
        deaths: Vec<String>,
    },
    /// An argument or the function could not be decoded on the worker.
    Undecodable,
    /// The result exists on its worker but cannot be encoded to travel.
    Unserializable,
    /// The scheduler refused the task; `text` says why.
    Refused,
}

/// One failure. Dependents of a failed task carry the same error; `key` names the task that is to blame.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskError {
    /// What kind it was.
    pub kind: ErrorKind,
    /// The key, as users read it, of the task whose own failure this is.
    pub key: String,
    /// One line: what happened, for logs and for faces that cannot decode `exception`.
    pub text: String,
    /// The exception object, encoded; empty when there is none.
    pub exception: Payload,
    /// The traceback: an encoded object of the worker's language; empty when there is none.
    pub traceback: Payload,
    /// The traceback as the worker's language prints it, for faces that cannot decode `traceback`; at most
    /// [`TRACEBACK_TEXT_BYTES_MAX`], empty when there is none.
    pub traceback_text: String,
    /// Address of the worker where it happened; empty when it was none.
    pub worker: String,
}

impl TaskError {
    /// An error that carries text only.
    pub fn new(kind: ErrorKind, key: impl Into<String>, text: impl Into<String>) -> TaskError {
        TaskError {
            kind,
            key: key.into(),
            text: text.into(),
            exception: Payload::default(),
            traceback: Payload::default(),
            traceback_text: String::new(),
            worker: String::new(),
        }
    }
}

/// A text of at most `bytes_max`, whose middle is left out if it is longer: its head says where it began, its tail what
/// happened.
pub fn keep_ends(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    // As much as the mark between the ends may need.
    let half = bytes_max.saturating_sub(48) / 2;
    let head = &text[..(0..=half).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)];
    let tail =
        &text[(text.len() - half..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())..];
    let missing = text.len() - head.len() - tail.len();
    format!("{head}\n… {missing} bytes left out …\n{tail}")
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {:?}: {}", self.key, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_ends() {
        assert_eq!(keep_ends("short", 100), "short");
        let long = format!("begin{}end", "ä".repeat(1000));
        for bytes_max in [0, 50, 51, 52, 53, 99, 100, 101, 1000, 2007] {
            let kept = keep_ends(&long, bytes_max);
            assert!(kept.len() <= bytes_max.max(48), "{} of {bytes_max}", kept.len());
            if bytes_max > 90 {
                assert!(kept.starts_with("begin") && kept.ends_with("end"), "{kept}");
                assert!(kept.contains("bytes left out"), "{kept}");
            }
        }
        assert_eq!(keep_ends(&long, 2008), long);
    }
}
