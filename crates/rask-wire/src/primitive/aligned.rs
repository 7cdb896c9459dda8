//! An allocation for one large body, filled from the front. Array data in it is aligned as vector units like it.

use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use bytes::Bytes;

use super::ALIGN;

/// From this length on, a buffer begins at a huge page and the system is asked to use such pages: touching fresh memory costs
/// several times more in small ones (100 MB: 13 ms against 60 to 100 on a virtual machine).
const HUGE_BYTES_MIN: usize = 4 << 20;
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// `len` bytes at a multiple of [`ALIGN`], of which the first `filled` are initialised.
pub(crate) struct AlignedBuffer {
    start: NonNull<u8>,
    len: usize,
    filled: usize,
}

// SAFETY: the buffer owns its allocation alone, as a `Vec<u8>` does.
unsafe impl Send for AlignedBuffer {}

impl AlignedBuffer {
    /// An unfilled buffer; `None` if there is no memory. The system commits pages only when they are filled, so a lying
    /// length costs addresses, not memory.
    pub fn new(len: usize) -> Option<AlignedBuffer> {
        let layout = layout(len)?;
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        if len >= HUGE_BYTES_MIN {
            prefer_huge_pages(start, len);
        }
        Some(AlignedBuffer { start, len, filled: 0 })
    }

    pub fn missing_bytes(&self) -> usize {
        self.len - self.filled
    }

    /// Copies from the front of `input` as much as fits.
    pub fn fill_from(&mut self, input: &mut &[u8]) {
        let (now, later) = input.split_at(input.len().min(self.missing_bytes()));
        // SAFETY: `spare` and `now` are valid for `now.len()` bytes, and cannot overlap: we own `spare`.
        unsafe {
            now.as_ptr().copy_to_nonoverlapping(self.spare().as_mut_ptr().cast(), now.len());
            self.assume_filled(now.len());
        }
        *input = later;
    }

    /// The unfilled rest.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the allocation reaches from `start` over `len` bytes, is borrowed mutably, and need not be initialised.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr().add(self.filled).cast(), self.missing_bytes())
        }
    }

    /// Counts the first `n` bytes of [`AlignedBuffer::spare`] as filled.
    ///
    /// # Safety
    /// They are initialised.
    pub unsafe fn assume_filled(&mut self, n: usize) {
        assert!(n <= self.missing_bytes(), "filled beyond the end");
        self.filled += n;
    }

    pub fn filled(&self) -> &[u8] {
        // SAFETY: the first `filled` bytes are initialised.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.filled) }
    }

    /// What was filled, shareable.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.filled()
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        if let Some(layout) = layout(self.len) {
            // SAFETY: `start` was allocated with this very layout.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

fn layout(len: usize) -> Option<Layout> {
    let align = if len >= HUGE_BYTES_MIN { HUGE_PAGE_BYTES } else { ALIGN };
    Layout::from_size_align(len.max(1), align).ok()
}

#[cfg(target_os = "linux")]
fn prefer_huge_pages(start: NonNull<u8>, len: usize) {
    // SAFETY: the range is an allocation of ours, and the advice changes nothing that a program can see. That the system
    // may refuse it is no matter.
    unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages(_start: NonNull<u8>, _len: usize) {}
