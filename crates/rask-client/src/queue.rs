//! Queues that the reactor fills and a thread of the user's empties.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rask_client_core::QueueId;
use rask_types::FutureId;

use crate::error::ClientError;
use crate::fork::ForkMark;
use crate::park;

#[derive(Debug)]
struct Inside<T> {
    items: VecDeque<T>,
    dropped: u64,
    closed: bool,
}

/// A queue with a bound; when it is full the oldest item goes.
#[derive(Debug)]
pub struct BlockingQueue<T> {
    inside: Mutex<Inside<T>>,
    filled: Condvar,
    items_max: usize,
    fork: ForkMark,
}

impl<T> BlockingQueue<T> {
    /// An empty queue of at most `items_max` items.
    pub fn new(items_max: usize) -> BlockingQueue<T> {
        let inside = Inside { items: VecDeque::new(), dropped: 0, closed: false };
        BlockingQueue {
            inside: Mutex::new(inside),
            filled: Condvar::new(),
            items_max,
            fork: ForkMark::here(),
        }
    }

    /// Appends items and wakes whoever waits, once.
    pub fn push_all(&self, items: impl IntoIterator<Item = T>) {
        let mut inside = self.inside.lock();
        for item in items {
            if inside.items.len() == self.items_max {
                inside.items.pop_front();
                inside.dropped += 1;
            }
            inside.items.push_back(item);
        }
        drop(inside);
        self.filled.notify_all();
    }

    /// Waits for the next item.
    ///
    /// # Errors
    /// `TimedOut`, `Interrupted`, `Forked`, or `Closed` once the queue is closed and empty.
    pub fn next(
        &self,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<T, ClientError> {
        self.wait_for(timeout, interrupt, |items| items.pop_front())
    }

    /// Waits for at least one item and takes all there are.
    ///
    /// # Errors
    /// As [`BlockingQueue::next`].
    pub fn next_batch(
        &self,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<T>, ClientError> {
        self.wait_for(timeout, interrupt, |items| (!items.is_empty()).then(|| items.drain(..).collect()))
    }

    fn wait_for<R>(
        &self,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
        mut take: impl FnMut(&mut VecDeque<T>) -> Option<R>,
    ) -> Result<R, ClientError> {
        if self.fork.is_forked() {
            return Err(ClientError::Forked);
        }
        let look = |inside: &mut Inside<T>| match take(&mut inside.items) {
            Some(taken) => Some(Ok(taken)),
            None if inside.closed => Some(Err(ClientError::Closed { reason: "the queue was closed".into() })),
            None => None,
        };
        park::wait_on(&self.inside, &self.filled, park::deadline(timeout), interrupt, look)?
    }

    /// Waits for at least one item, for as long as it takes, and takes all there are; `None` once the queue is closed and
    /// empty. For threads that nobody interrupts: it sleeps until something comes.
    pub fn wait_batch(&self) -> Option<Vec<T>> {
        if self.fork.is_forked() {
            return None;
        }
        let mut inside = self.inside.lock();
        loop {
            if !inside.items.is_empty() {
                return Some(inside.items.drain(..).collect());
            }
            if inside.closed {
                return None;
            }
            self.filled.wait(&mut inside);
        }
    }

    /// Takes all there are, without waiting; in a forked child, none.
    pub fn drain(&self) -> Vec<T> {
        if self.fork.is_forked() {
            return Vec::new();
        }
        self.inside.lock().items.drain(..).collect()
    }

    /// Items there are; in a forked child, none.
    pub fn len(&self) -> usize {
        if self.fork.is_forked() {
            return 0;
        }
        self.inside.lock().items.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that went because the queue was full, since the last call.
    pub fn take_dropped(&self) -> u64 {
        if self.fork.is_forked() {
            return 0;
        }
        std::mem::take(&mut self.inside.lock().dropped)
    }

    /// Lets whoever waits go once the queue is empty.
    pub fn close(&self) {
        if self.fork.is_forked() {
            return;
        }
        self.inside.lock().closed = true;
        self.filled.notify_all();
    }
}

/// Completions of subscribed futures, as `(tag, future)`. Holds no futures alive.
#[derive(Debug)]
pub struct CompletionQueue {
    pub(crate) id: QueueId,
    queue: BlockingQueue<(u64, FutureId)>,
}

impl Default for CompletionQueue {
    fn default() -> CompletionQueue {
        CompletionQueue::new()
    }
}

impl CompletionQueue {
    /// An empty queue.
    pub fn new() -> CompletionQueue {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = QueueId(NEXT.fetch_add(1, Ordering::Relaxed));
        CompletionQueue { id, queue: BlockingQueue::new(usize::MAX) }
    }
}

impl std::ops::Deref for CompletionQueue {
    type Target = BlockingQueue<(u64, FutureId)>;

    fn deref(&self) -> &BlockingQueue<(u64, FutureId)> {
        &self.queue
    }
}

/// A message for the user's eyes from somewhere in the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// `print`, `warn` or `log`.
    pub topic: String,
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_loses_its_oldest() {
        let queue = BlockingQueue::new(3);
        queue.push_all(0..5);
        assert_eq!(queue.take_dropped(), 2);
        assert_eq!(queue.next(None, &mut || false), Ok(2));
        assert_eq!(queue.next_batch(None, &mut || false), Ok(vec![3, 4]));
        assert_eq!(queue.next(Some(Duration::ZERO), &mut || false), Err(ClientError::TimedOut));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = BlockingQueue::new(3);
        queue.push_all([1]);
        queue.close();
        assert_eq!(queue.next(None, &mut || false), Ok(1));
        assert!(matches!(queue.next(None, &mut || false), Err(ClientError::Closed { .. })));
    }

    #[test]
    fn whoever_sleeps_is_woken_by_items_and_by_the_end() {
        let queue = std::sync::Arc::new(BlockingQueue::new(3));
        let theirs = queue.clone();
        let sleeper = std::thread::spawn(move || {
            let mut all = Vec::new();
            while let Some(batch) = theirs.wait_batch() {
                all.extend(batch);
            }
            all
        });
        queue.push_all([1, 2]);
        queue.push_all([3]);
        queue.close();
        assert_eq!(sleeper.join().unwrap(), [1, 2, 3]);
    }
}
