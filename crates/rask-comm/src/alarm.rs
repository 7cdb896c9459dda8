//! Waits of less than a few milliseconds. Linux's poll counts in whole milliseconds, which would make 200 µs five times as
//! long; there, a timer with a file descriptor ends the wait. Elsewhere the poll itself is exact.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// Longer waits may be late by a millisecond.
#[cfg(target_os = "linux")]
const EXACT_BELOW: Duration = Duration::from_millis(10);

#[cfg(target_os = "linux")]
pub(crate) struct Alarm {
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Alarm {
    pub fn new(registry: &Registry, token: Token) -> io::Result<Alarm> {
        use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
        // SAFETY: no pointers are passed.
        let fd =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was opened just now and is nobody else's.
        let timer = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut source = mio::unix::SourceFd(&fd);
        debug_assert_eq!(fd, timer.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Alarm { timer })
    }

    /// Ends the next wait after `wait`, if that is short. A wait that ends earlier for another reason leaves the alarm set:
    /// it then causes one turn in which nothing happens.
    pub fn set(&self, wait: Duration) {
        use std::os::fd::AsRawFd;
        if wait >= EXACT_BELOW {
            return;
        }
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // A timer of zero would be switched off.
        let nanos = wait.as_nanos().max(1) as libc::c_long;
        let once =
            libc::itimerspec { it_interval: never, it_value: libc::timespec { tv_sec: 0, tv_nsec: nanos } };
        // SAFETY: `once` lives during the call, and the last argument may be null. It fails only for invalid arguments; the
        // poll's own timeout then ends the wait.
        unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &raw const once, std::ptr::null_mut()) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Alarm> {
        Ok(Alarm)
    }

    pub fn set(&self, _wait: Duration) {}
}
