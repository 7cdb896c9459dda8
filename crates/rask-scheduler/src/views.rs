//! Looking at the scheduler's state from other threads: a closure is put before the scheduler's thread, which calls it between two
//! turns. So nothing is copied that nobody asked for, and nothing is locked while the scheduler works.

use std::sync::Arc;

use parking_lot::Mutex;
use rask_comm::ReactorHandle;
use rask_scheduler_core::Scheduler;

/// What a look sees.
pub struct Look<'a> {
    /// The state. Its module `view` says what there is to see.
    pub core: &'a Scheduler,
    /// Processor time that the scheduler's thread has had, in nanoseconds.
    pub cpu_ns: u64,
}

type LookFn = Box<dyn FnOnce(Look<'_>) + Send>;

/// A look that waits for its turn.
pub(crate) struct Waiting {
    /// It asks what is new.
    pub(crate) for_news: bool,
    pub(crate) look: LookFn,
}

/// Looks that wait for the scheduler's thread; `None` once it is gone.
pub(crate) struct LookQueue(Mutex<Option<Vec<Waiting>>>);

impl Default for LookQueue {
    fn default() -> LookQueue {
        LookQueue(Mutex::new(Some(Vec::new())))
    }
}

impl LookQueue {
    pub(crate) fn take(&self) -> Vec<Waiting> {
        self.0.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn close(&self) {
        // Dropped without the lock held: what a closure owns may come back here.
        let left = self.0.lock().take();
        drop(left);
    }
}

/// Reaches the scheduler for looks. Clones reach the same one.
#[derive(Clone)]
pub struct Views {
    looks: Arc<LookQueue>,
    reactor: ReactorHandle,
}

impl Views {
    pub(crate) fn new(looks: Arc<LookQueue>, reactor: ReactorHandle) -> Views {
        Views { looks, reactor }
    }

    /// Has the scheduler's thread call `look` soon: it must be brief, for all work waits meanwhile. False if the scheduler is gone;
    /// `look` is then dropped, as it is if the scheduler ends before its turn comes.
    pub fn look(&self, look: impl FnOnce(Look<'_>) + Send + 'static) -> bool {
        self.wait(Waiting { for_news: false, look: Box::new(look) })
    }

    /// As `look`, for one that asks what is new (`Scheduler::pulse`): what is under way is summed up for it, so others do without.
    pub fn look_for_news(&self, look: impl FnOnce(Look<'_>) + Send + 'static) -> bool {
        self.wait(Waiting { for_news: true, look: Box::new(look) })
    }

    fn wait(&self, waiting: Waiting) -> bool {
        match self.looks.0.lock().as_mut() {
            Some(queue) => queue.push(waiting),
            None => return false,
        }
        self.reactor.wake();
        true
    }
}

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Views")
    }
}

/// Processor time of the calling thread.
pub(crate) fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes into the timespec that it is given, and into nothing else.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    if answer == 0 { time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::{SchedulerOptions, start};

    #[test]
    fn a_look_sees_the_state_and_one_at_a_scheduler_that_is_gone_is_dropped() {
        let options = SchedulerOptions::new("tcp://127.0.0.1:0".parse().unwrap());
        let scheduler = start(options).unwrap();
        let views = scheduler.views();
        let (say, hear) = mpsc::channel();
        let told = say.clone();
        assert!(views.look(move |look| told.send(look.core.task_count()).unwrap()));
        assert_eq!(hear.recv(), Ok(0));
        scheduler.stop();
        while !scheduler.has_ended() {
            std::thread::yield_now();
        }
        assert!(!views.look(move |look| say.send(look.core.task_count()).unwrap()));
        assert!(hear.recv().is_err(), "nobody is left to send");
    }
}
