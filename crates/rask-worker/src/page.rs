//! Which thread executes what: eight bytes a thread, in a file shared with the nanny, so that a crash blames the task that ran
//! and none of its neighbours.
//!
//! The worker maps the file and stores; what it stored is in the file even if the process is killed the next instant,
//! since the pages belong to the kernel. The nanny reads the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rask_types::RunId;

/// Threads that have a slot. One that has none is not blamed.
const SLOTS: usize = 512;
const PAGE_BYTES: usize = SLOTS * 8;

/// The slots of one worker process.
pub struct ExecutingPage {
    slots: Slots,
}

enum Slots {
    Own(Box<[AtomicU64]>),
    Shared(Mapping),
}

impl ExecutingPage {
    /// Makes the file, all idle. The nanny's part, before it starts the worker.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path) -> io::Result<()> {
        File::create(path)?.write_all(&[0; PAGE_BYTES])
    }

    /// What executes, or was executing when the worker died. The nanny's part.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Vec<RunId>> {
        let mut bytes = Vec::with_capacity(PAGE_BYTES);
        File::open(path)?.take(PAGE_BYTES as u64).read_to_end(&mut bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        let busy = words.iter().map(|word| u64::from_ne_bytes(*word)).filter(|&bits| bits != 0);
        Ok(busy.map(RunId::from_u64).collect())
    }

    /// Maps the nanny's file. The worker's part.
    ///
    /// # Errors
    /// If the file is not there, too short, or cannot be mapped.
    pub fn open(path: &Path) -> io::Result<ExecutingPage> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() < PAGE_BYTES as u64 {
            let text = format!("{} is not a page made by a nanny: it is too short", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(ExecutingPage { slots: Slots::Shared(Mapping::of(&file)?) })
    }

    /// Slots without a file, for a worker without a nanny.
    pub fn unshared() -> ExecutingPage {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        ExecutingPage { slots: Slots::Own(slots) }
    }

    fn slots(&self) -> &[AtomicU64] {
        match &self.slots {
            Slots::Own(slots) => slots,
            Slots::Shared(mapping) => mapping.words(),
        }
    }

    /// Thread `thread` begins `run`.
    #[inline]
    pub fn begin(&self, thread: u16, run: RunId) {
        if let Some(slot) = self.slots().get(usize::from(thread)) {
            slot.store(run.to_u64(), Ordering::Release);
        }
    }

    /// Thread `thread` is idle.
    #[inline]
    pub fn end(&self, thread: u16) {
        if let Some(slot) = self.slots().get(usize::from(thread)) {
            slot.store(0, Ordering::Release);
        }
    }

    /// What thread `thread` executes.
    pub fn of(&self, thread: u16) -> Option<RunId> {
        let bits = self.slots().get(usize::from(thread))?.load(Ordering::Acquire);
        (bits != 0).then(|| RunId::from_u64(bits))
    }

    /// What executes now, with the numbers of the threads.
    pub fn executing(&self) -> Vec<(u16, RunId)> {
        (0..SLOTS as u16).filter_map(|thread| Some((thread, self.of(thread)?))).collect()
    }
}

/// A mapped page, unmapped when dropped.
struct Mapping {
    start: *mut libc::c_void,
}

// SAFETY: the mapping is plain memory that lives as long as this value and is only touched through atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn of(file: &File) -> io::Result<Mapping> {
        use std::os::fd::AsRawFd;
        // SAFETY: a fresh mapping of a file that is long enough; nothing else refers to the address.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Mapping { start }) }
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is PAGE_BYTES long, aligned to a page, writable, and lives as long as `self`. Another
        // process may read it at any time, which atomics allow.
        unsafe { std::slice::from_raw_parts(self.start.cast::<AtomicU64>(), SLOTS) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `of` with this length; no reference outlives `self`.
        unsafe {
            libc::munmap(self.start, PAGE_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nanny_reads_what_the_worker_wrote() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("page");
        ExecutingPage::create(&path)?;
        let page = ExecutingPage::open(&path)?;
        page.begin(0, RunId::new(3, 1));
        page.begin(2, RunId::new(4, 7));
        assert_eq!(ExecutingPage::read(&path)?, [RunId::new(3, 1), RunId::new(4, 7)]);
        page.end(0);
        assert_eq!(page.executing(), [(2, RunId::new(4, 7))]);
        drop(page);
        assert_eq!(ExecutingPage::read(&path)?, [RunId::new(4, 7)], "also after the worker's end");
        Ok(())
    }

    #[test]
    fn a_file_that_is_no_page_is_refused() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("short");
        std::fs::write(&path, b"x")?;
        assert_eq!(ExecutingPage::open(&path).err().map(|e| e.kind()), Some(io::ErrorKind::InvalidData));
        assert_eq!(
            ExecutingPage::open(&folder.path().join("none")).err().map(|e| e.kind()),
            Some(io::ErrorKind::NotFound)
        );
        assert_eq!(ExecutingPage::read(&path)?, []);
        Ok(())
    }

    #[test]
    fn threads_beyond_the_page_are_not_written() {
        let page = ExecutingPage::unshared();
        page.begin(u16::MAX, RunId::new(1, 1));
        assert_eq!(page.executing(), []);
        assert_eq!(page.of(u16::MAX), None);
    }
}
