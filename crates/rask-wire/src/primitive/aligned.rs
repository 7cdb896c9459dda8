//! An allocation for one large body, filled from the front. Array data in it is aligned as vector units like it.

use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use bytes::Bytes;

use super::ALIGN;

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
    Layout::from_size_align(len.max(1), ALIGN).ok()
}
