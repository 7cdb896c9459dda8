//! The borrower's side of one segment.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::map::Map;
use super::{FREE, LENT, LOST, forks};

/// A peer's segment.
pub(crate) struct Borrowed {
    map: Map,
    /// A message lies in it.
    in_use: AtomicBool,
    /// It will not be given back.
    kept: AtomicBool,
}

impl Borrowed {
    /// Maps what a peer sent.
    ///
    /// # Errors
    /// If it is not such a file as owners make, or cannot be mapped.
    pub fn new(file: OwnedFd) -> io::Result<Arc<Borrowed>> {
        let data_bytes = sealed_bytes(&file)?.checked_sub(Map::file_bytes(0));
        let map = Map::new(file, data_bytes.ok_or(io::ErrorKind::InvalidData)?)?;
        Ok(Arc::new(Borrowed { map, in_use: AtomicBool::new(false), kept: AtomicBool::new(false) }))
    }

    /// The first `len` bytes, which the peer says it has lent; `None` if that cannot be. They are this process's alone until
    /// the last of them is dropped.
    pub fn borrow(self: &Arc<Borrowed>, len: u64) -> Option<Bytes> {
        let len = usize::try_from(len).ok().filter(|&len| len <= self.map.data_bytes())?;
        let begin = || {
            // The owner wrote the data before it wrote this.
            let lent = self.map.state().load(Ordering::Acquire) == LENT && !self.kept.load(Ordering::Relaxed);
            lent && !self.in_use.swap(true, Ordering::Relaxed)
        };
        let begun = forks::borrow(self, begin);
        begun.then(|| Bytes::from_owner(Loan { segment: Arc::clone(self), len }))
    }

    /// Just before a fork: what lies in the segment becomes private to this process, and is never given back.
    pub(super) fn keep(&self) {
        if !self.kept.swap(true, Ordering::Relaxed) {
            self.map.state().store(LOST, Ordering::Release);
            // SAFETY: the owner writes to segments that are free only, and this one will not be free again.
            unsafe { self.map.make_private() };
        }
    }
}

/// A message in a segment.
struct Loan {
    segment: Arc<Borrowed>,
    len: usize,
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `len` was checked, the file cannot shrink (it is sealed), and the mapping lives as long as `segment`. The owner
        // does not write to it while it is lent; one that did would be a peer that knows the cluster's secret and means harm.
        unsafe { std::slice::from_raw_parts(self.segment.map.data(), self.len) }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        forks::give_back(&self.segment, || {
            self.segment.in_use.store(false, Ordering::Relaxed);
            if !self.segment.kept.load(Ordering::Relaxed) {
                // The owner may write to it from now on.
                self.segment.map.state().store(FREE, Ordering::Release);
            }
        });
    }
}

/// Length of a file that cannot shrink under whoever maps it.
fn sealed_bytes(file: &OwnedFd) -> io::Result<usize> {
    // SAFETY: a plain call on a descriptor of ours.
    let seals = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) };
    if seals < 0 || seals & libc::F_SEAL_SHRINK == 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let len = std::fs::File::from(file.try_clone()?).metadata()?.len();
    usize::try_from(len).map_err(|_| io::ErrorKind::InvalidData.into())
}
