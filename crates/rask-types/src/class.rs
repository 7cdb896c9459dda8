//! What many tasks share, said once and named by a number from then on.

use std::fmt;

use crate::payload::Payload;

/// A function by its content: the BLAKE3 hash, cut to 128 bits, of its encoded payload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FunctionId(pub u128);

impl FunctionId {
    /// The function of literal tasks ([`Language::Literal`]), which have none.
    pub const LITERAL: FunctionId = FunctionId(0);

    /// The content address of an encoded function.
    pub fn of(payload: &Payload) -> FunctionId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&payload.head);
        for buffer in &payload.buffers {
            hasher.update(&(buffer.len() as u64).to_le_bytes());
            hasher.update(buffer);
        }
        FunctionId(first_u128(hasher.finalize().as_bytes()))
    }
}

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fn-{:032x}", self.0)
    }
}

pub(crate) fn first_u128(hash: &[u8; 32]) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(first)
}

/// Where a task's function lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Language {
    /// No function: the task's argument payload is its value.
    Literal = 0,
    /// A pickled Python callable.
    Python = 1,
    /// A function that a Rust program registered by name.
    Rust = 2,
}

/// What many tasks share. Two classes that are equal are one class to the scheduler.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskClass {
    /// What generated keys begin with and what progress and durations are grouped by; the function's name, mostly.
    pub prefix: String,
    /// The function, by content.
    pub function: FunctionId,
    /// In which language it lives.
    pub language: Language,
    /// The user's priority: higher runs sooner.
    pub priority: i32,
    /// How often an exception is answered by another run.
    pub retries: u32,
    /// Worker addresses, names or hosts that may run it; empty means all.
    pub workers: Vec<String>,
    /// `workers` is a preference only.
    pub allow_other_workers: bool,
    /// Abstract resources that one run occupies, by name.
    pub resources: Vec<(String, f64)>,
    /// The user's other annotations, a dict in the tagged codec; opaque to the scheduler. Empty when there are none.
    pub annotations: bytes::Bytes,
}

impl TaskClass {
    /// A class with nothing special about it.
    pub fn plain(prefix: impl Into<String>, function: FunctionId, language: Language) -> TaskClass {
        TaskClass {
            prefix: prefix.into(),
            function,
            language,
            priority: 0,
            retries: 0,
            workers: Vec::new(),
            allow_other_workers: false,
            resources: Vec::new(),
            annotations: bytes::Bytes::new(),
        }
    }
}
