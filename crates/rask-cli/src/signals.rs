//! Ctrl-C, SIGTERM and SIGHUP, taken in order on a thread of their own. The handlers go when a process is exec'd, so workers
//! do not inherit anything of this.

use std::mem::MaybeUninit;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::exit::{self, Failure};

/// How often to look for what tells nobody.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Does `on_first` when the first signal comes, on a thread of its own. The second ends the process at once, with the exit
/// code of one that was killed by it.
///
/// A signal that whoever started this process wanted ignored (as `nohup` does) stays ignored.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn on_first(on_first: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let broken = |error| Failure::new(exit::BROKEN, format!("cannot wait for signals: {error}"));
    let ending = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal));
    let mut signals = signal_hook::iterator::Signals::new(ending).map_err(broken)?;
    let wait = move || {
        let mut coming = signals.forever();
        if coming.next().is_some() {
            on_first();
        }
        if let Some(second) = coming.next() {
            signal_hook::low_level::exit(128 + second);
        }
    };
    std::thread::Builder::new().name("rask-signals".to_owned()).spawn(wait).map(drop).map_err(broken)
}

/// Like [`on_first`], for whoever asks rather than be told.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn listen() -> Result<Interrupt, Failure> {
    let (sender, receiver) = channel();
    on_first(move || {
        // Nobody asks any more once the command ends.
        let _ = sender.send(());
    })?;
    Ok(Interrupt { receiver })
}

/// Tells whether a signal has come.
pub(crate) struct Interrupt {
    receiver: Receiver<()>,
}

impl Interrupt {
    /// Waits for a signal, at most this long; true if one came, now or before.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        // The other end is gone once the first signal was told.
        !matches!(self.receiver.recv_timeout(timeout), Err(RecvTimeoutError::Timeout))
    }

    /// Waits for a signal, or until something that tells nobody has happened; true if a signal came first.
    pub(crate) fn wait_unless(&self, happened: impl Fn() -> bool) -> bool {
        loop {
            if happened() {
                return false;
            }
            if self.wait(LOOK_EVERY) {
                return true;
            }
        }
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action the call only writes the present one, for which zeros are a valid start.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
