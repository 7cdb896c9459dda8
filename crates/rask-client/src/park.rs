//! Threads that wait, and ask every so often whether to go on.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::ClientError;

/// How long a thread waits at most between two questions to `interrupt`.
pub const INTERRUPT_MS: u64 = 50;

/// When a wait that began now is over; `None` for never.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// Waits on `condvar` until `look` gives something. `interrupt` is called without the lock.
pub(crate) fn wait_on<T, R>(
    mutex: &Mutex<T>,
    condvar: &Condvar,
    deadline: Option<Instant>,
    interrupt: &mut dyn FnMut() -> bool,
    mut look: impl FnMut(&mut T) -> Option<R>,
) -> Result<R, ClientError> {
    let mut guard = mutex.lock();
    loop {
        if let Some(found) = look(&mut guard) {
            return Ok(found);
        }
        let slice = Instant::now() + Duration::from_millis(INTERRUPT_MS);
        let until = deadline.map_or(slice, |deadline| deadline.min(slice));
        if condvar.wait_until(&mut guard, until).timed_out() {
            if let Some(found) = look(&mut guard) {
                return Ok(found);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(ClientError::TimedOut);
            }
            drop(guard);
            if interrupt() {
                return Err(ClientError::Interrupted);
            }
            guard = mutex.lock();
        }
    }
}

/// Something that one thread waits for and another brings, once.
#[derive(Debug)]
pub(crate) struct Parcel<T> {
    content: Mutex<Option<T>>,
    arrived: Condvar,
}

impl<T> Default for Parcel<T> {
    fn default() -> Parcel<T> {
        Parcel { content: Mutex::new(None), arrived: Condvar::new() }
    }
}

impl<T> Parcel<T> {
    pub(crate) fn bring(&self, content: T) {
        *self.content.lock() = Some(content);
        self.arrived.notify_all();
    }

    pub(crate) fn wait(
        &self,
        deadline: Option<Instant>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<T, ClientError> {
        wait_on(&self.content, &self.arrived, deadline, interrupt, Option::take)
    }
}

/// Something that changes now and then: whoever waits looks at it again.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Changes {
    pub(crate) fn announce(&self) {
        *self.count.lock() += 1;
        self.changed.notify_all();
    }

    /// Waits until `look`, called after each change, gives something.
    pub(crate) fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        interrupt: &mut dyn FnMut() -> bool,
        mut look: impl FnMut() -> Option<R>,
    ) -> Result<R, ClientError> {
        loop {
            // The count is read before the look, so that a change in between is not slept through.
            let seen = *self.count.lock();
            if let Some(found) = look() {
                return Ok(found);
            }
            let moved = |count: &mut u64| (*count != seen).then_some(());
            wait_on(&self.count, &self.changed, deadline, interrupt, moved)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_parcel_arrives_once() {
        let parcel = Arc::new(Parcel::default());
        let sender = parcel.clone();
        let thread = std::thread::spawn(move || sender.bring(5));
        assert_eq!(parcel.wait(None, &mut || false), Ok(5));
        thread.join().unwrap();
        assert_eq!(parcel.wait(deadline(Some(Duration::ZERO)), &mut || false), Err(ClientError::TimedOut));
    }

    #[test]
    fn whoever_waits_is_asked_whether_to_go_on() {
        let parcel = Parcel::<()>::default();
        let mut asked = 0;
        let begin = Instant::now();
        let result = parcel.wait(None, &mut || {
            asked += 1;
            asked == 3
        });
        assert_eq!(result, Err(ClientError::Interrupted));
        assert!(begin.elapsed() >= Duration::from_millis(2 * INTERRUPT_MS));
    }

    #[test]
    fn changes_are_seen() {
        let changes = Arc::new(Changes::default());
        let value = Arc::new(Mutex::new(0));
        let (their_changes, their_value) = (changes.clone(), value.clone());
        let thread = std::thread::spawn(move || {
            for i in 1..=100 {
                *their_value.lock() = i;
                their_changes.announce();
            }
        });
        let seen = changes.wait_until(None, &mut || false, || Some(*value.lock()).filter(|&v| v == 100));
        assert_eq!(seen, Ok(100));
        thread.join().unwrap();
    }
}
