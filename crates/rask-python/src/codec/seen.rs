//! Which mutable objects an encoding has met, so that an object met twice stays one object.

use hashbrown::HashSet;
use pyo3::ffi;
use smallvec::SmallVec;

/// Immutable things met again may cost this many bytes more than a pickle would need, which writes each once.
const REPEATED_BYTES_MAX: usize = 64 * 1024;

/// Up to this many objects are looked for one by one.
const FEW: usize = 12;

/// The objects met so far, by address. Whoever adds one keeps it alive until the encoding is over.
#[derive(Default)]
pub struct Seen {
    few: SmallVec<[usize; FEW]>,
    many: HashSet<usize>,
    repeated_bytes: usize,
}

impl Seen {
    /// Notes a mutable object. False if it was met before: the whole value must then be one pickle.
    ///
    /// `lone`: the container in which it was found has the only reference, so it cannot be met again and need not be noted.
    #[inline]
    pub fn first_time(&mut self, object: *mut ffi::PyObject, lone: bool) -> bool {
        lone || self.note(object)
    }

    /// Notes an immutable object that takes about `bytes` encoded. False if things of this kind were repeated so often
    /// that a pickle, which writes each once, is better (`t = (t, t)`, nested a hundred times, must not take 2¹⁰⁰ steps).
    #[inline]
    pub fn worth_repeating(&mut self, object: *mut ffi::PyObject, lone: bool, bytes: usize) -> bool {
        if self.first_time(object, lone) {
            return true;
        }
        self.repeated_bytes = self.repeated_bytes.saturating_add(bytes);
        self.repeated_bytes <= REPEATED_BYTES_MAX
    }

    fn note(&mut self, object: *mut ffi::PyObject) -> bool {
        let address = object as usize;
        if !self.many.is_empty() {
            return self.many.insert(address);
        }
        if self.few.contains(&address) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(address);
        } else {
            self.many.extend(self.few.drain(..));
            self.many.insert(address);
        }
        true
    }
}
