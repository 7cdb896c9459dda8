//! Why a worker stopped.

use std::fmt;

use parking_lot::{Condvar, Mutex};
use rask_comm::CloseReason;
use rask_types::WorkerId;
use std::time::Duration;

/// Why a worker stopped. It does not come back: its process ends, or makes another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StopReason {
    /// The scheduler could not be reached, or would not have us: the first connection never opened.
    NotConnected(CloseReason),
    /// The scheduler refused the registration.
    Refused(String),
    /// The connection to the scheduler ended without a word.
    SchedulerLost(CloseReason),
    /// The scheduler closed this worker.
    Closed(String),
    /// This process closed it.
    Left(String),
    /// The scheduler broke the protocol.
    Violation(String),
    /// The reactor thread panicked; what it said went to standard error.
    Broken,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::NotConnected(reason) => write!(f, "the scheduler cannot be reached: {reason}"),
            StopReason::Refused(reason) => write!(f, "the scheduler refused this worker: {reason}"),
            StopReason::SchedulerLost(reason) => {
                write!(f, "the connection to the scheduler is lost: {reason}")
            }
            StopReason::Closed(reason) => write!(f, "closed by the scheduler: {reason}"),
            StopReason::Left(reason) => write!(f, "closed: {reason}"),
            StopReason::Violation(text) => {
                write!(f, "the scheduler broke the protocol, which is a bug in rask: {text}")
            }
            StopReason::Broken => f.write_str("the worker panicked, which is a bug in rask"),
        }
    }
}

/// How far a worker is, for those who wait.
#[derive(Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    me: Option<WorkerId>,
    address: String,
    stopped: Option<StopReason>,
}

impl Progress {
    pub fn welcomed(&self, me: WorkerId, address: String) {
        let mut state = self.state.lock();
        state.me = Some(me);
        state.address = address;
        self.changed.notify_all();
    }

    /// Notes why it stopped; the first reason counts.
    pub fn stopped(&self, reason: StopReason) {
        self.state.lock().stopped.get_or_insert(reason);
        self.changed.notify_all();
    }

    pub fn reason(&self) -> Option<StopReason> {
        self.state.lock().stopped.clone()
    }

    pub fn me(&self) -> Option<WorkerId> {
        self.state.lock().me
    }

    pub fn address(&self) -> String {
        self.state.lock().address.clone()
    }

    /// Waits until it is registered or has stopped; `None` after `timeout`.
    pub fn wait_registered(&self, timeout: Duration) -> Option<Result<WorkerId, StopReason>> {
        let mut state = self.state.lock();
        let undecided = |state: &mut State| state.me.is_none() && state.stopped.is_none();
        self.changed.wait_while_for(&mut state, undecided, timeout);
        match (&state.stopped, state.me) {
            (Some(reason), _) => Some(Err(reason.clone())),
            (None, Some(me)) => Some(Ok(me)),
            (None, None) => None,
        }
    }

    /// Waits until it has stopped; `None` after `timeout`.
    pub fn wait_stopped(&self, timeout: Duration) -> Option<StopReason> {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| state.stopped.is_none(), timeout);
        state.stopped.clone()
    }
}
