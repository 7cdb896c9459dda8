//! Noticing that this process is a forked child.
//!
//! A child has the client's memory but not its reactor thread, and a lock that some thread held at the fork stays locked
//! for ever. So in a child nothing is touched. A counter that the system's fork handler raises costs a load to read, where
//! asking for the process id would cost a system call.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

static FORKS: AtomicU64 = AtomicU64::new(0);
static INSTALL: Once = Once::new();

#[cfg(unix)]
extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

#[cfg(unix)]
fn install() {
    // SAFETY: the handler only adds to an atomic, which is allowed in a forked child. If the system has no memory for the
    // handler, forks go unnoticed and nothing else changes.
    unsafe {
        libc::pthread_atfork(None, None, Some(count_fork));
    }
}

#[cfg(not(unix))]
fn install() {}

/// The process that made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForkMark(u64);

impl ForkMark {
    pub(crate) fn here() -> ForkMark {
        INSTALL.call_once(install);
        ForkMark(FORKS.load(Ordering::Relaxed))
    }

    /// True in a child forked since.
    #[inline]
    pub(crate) fn is_forked(self) -> bool {
        FORKS.load(Ordering::Relaxed) != self.0
    }
}
