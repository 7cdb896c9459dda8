//! A file in memory, mapped.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// The data begin here: at a page, so that arrays in them are aligned as a fresh allocation would be.
const DATA_OFFSET: usize = 4096;

/// The mapping of a segment.
pub(super) struct Map {
    file: OwnedFd,
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is memory like any other: it belongs to this value, whichever thread that is on. What is read and
// written through it is for its users to order.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps a file that has `data_bytes` beside the first page.
    pub fn new(file: OwnedFd, data_bytes: usize) -> io::Result<Map> {
        let len = DATA_OFFSET + data_bytes;
        // SAFETY: a new mapping, wherever the system likes.
        let start = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => Ok(Map { file, start, len }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Length of the file behind `data_bytes` of data.
    pub fn file_bytes(data_bytes: usize) -> usize {
        DATA_OFFSET + data_bytes
    }

    /// The segment's state.
    pub fn state(&self) -> &AtomicU32 {
        // SAFETY: the first bytes of a page that stays mapped as long as `self`, used for nothing else by either side.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().cast()) }
    }

    /// The file, to be given to a peer.
    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Where the data lie.
    pub fn data(&self) -> *mut u8 {
        // SAFETY: within the mapping, which is longer than its first page.
        unsafe { self.start.as_ptr().add(DATA_OFFSET) }
    }

    /// How many data fit.
    pub fn data_bytes(&self) -> usize {
        self.len - DATA_OFFSET
    }

    /// A forked child does not get this mapping.
    pub fn keep_from_children(&self) {
        self.advise(libc::MADV_DONTFORK, self.len);
    }

    /// Brings the pages of the first `data_bytes` of data into being.
    pub fn populate(&self, data_bytes: usize) {
        let len = (DATA_OFFSET + data_bytes).min(self.len);
        if !self.advise(libc::MADV_POPULATE_WRITE, len) {
            // An older system: touch each.
            for at in (DATA_OFFSET..len).step_by(4096) {
                // SAFETY: within the mapping, which nobody else knows of yet.
                unsafe { self.start.as_ptr().add(at).write_volatile(0) };
            }
        }
    }

    fn advise(&self, advice: i32, len: usize) -> bool {
        // SAFETY: our own mapping; none of the advice used here changes what it holds.
        unsafe { libc::madvise(self.start.as_ptr().cast(), len, advice) == 0 }
    }

    /// From now on what is written here stays in this process, and in each child forked from it its own. The contents do not
    /// change.
    ///
    /// # Safety
    /// Nobody writes to the segment through another mapping any more.
    pub unsafe fn make_private(&self) {
        // SAFETY: replaces our own mapping, in one step, by one of the same file, of which it has been a faithful view so far.
        // If the system refuses, things stay as they are.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let how = libc::MAP_PRIVATE | libc::MAP_FIXED;
            libc::mmap(self.start.as_ptr().cast(), self.len, access, how, self.file.as_raw_fd(), 0);
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: our own mapping, of which no reference can outlive `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
