//! What the tests of the house read: the workspace's crates with what they import, and its source files. The rules are in
//! `tests/`, one file per subject; each failure says what to do about it.

mod house;
mod manifest;
mod source;

pub use house::{Crate, House};
pub use manifest::{Manifest, Section};
pub use source::{Source, code_lines, indices_of_words};
