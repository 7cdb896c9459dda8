//! The owner's side of one segment.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use super::copy::copy;
use super::map::Map;
use super::{FREE, LENT, LOST};

/// A segment that this process made.
pub(crate) struct Owned {
    map: Map,
}

impl Owned {
    /// A new segment for `data_bytes`, the first `warm_bytes` of which can be written to without page faults.
    pub fn new(data_bytes: usize, warm_bytes: usize) -> io::Result<Owned> {
        let file = anonymous_file(Map::file_bytes(data_bytes))?;
        let map = Map::new(file, data_bytes)?;
        // Only the reactor's thread uses it, and a child has none.
        map.keep_from_children();
        map.populate(warm_bytes);
        Ok(Owned { map })
    }

    pub fn data_bytes(&self) -> usize {
        self.map.data_bytes()
    }

    pub fn file(&self) -> &OwnedFd {
        self.map.file()
    }

    /// Nobody has it: the borrower's last access came before.
    pub fn is_free(&self) -> bool {
        self.map.state().load(Ordering::Acquire) == FREE
    }

    /// It will not come back.
    pub fn is_lost(&self) -> bool {
        self.map.state().load(Ordering::Relaxed) == LOST
    }

    /// Copies `bytes` to `at` in a segment that is free.
    ///
    /// # Panics
    /// If it is not, or they do not fit.
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(self.is_free(), "a segment that is lent was written to");
        assert!(
            at.checked_add(bytes.len()).is_some_and(|end| end <= self.data_bytes()),
            "beyond the segment"
        );
        // SAFETY: within the mapping (checked above), which is borrowed mutably here and used by nobody else while it is free;
        // `bytes` lie elsewhere: nothing hands out slices of an owned segment.
        unsafe { copy(bytes.as_ptr(), self.map.data().add(at), bytes.len()) };
    }

    /// What was written is the borrower's, who will be told after this.
    pub fn lend(&self) {
        self.map.state().store(LENT, Ordering::Release);
    }
}

/// A file that exists in memory only, under no name, and can become neither shorter nor longer: whoever maps it can rely on its
/// pages.
fn anonymous_file(len: usize) -> io::Result<OwnedFd> {
    // SAFETY: a constant name; the descriptor is new and nobody else's.
    let file = unsafe {
        let fd = libc::memfd_create(c"rask".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    let len = libc::off_t::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: plain calls on a descriptor of ours.
    let sealed = unsafe {
        libc::ftruncate(file.as_raw_fd(), len) == 0
            && libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) == 0
    };
    if sealed { Ok(file) } else { Err(io::Error::last_os_error()) }
}
