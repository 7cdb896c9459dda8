//! Futures given up, on their way to the reactor: a list that any thread pushes to without a lock, because a language
//! runtime may drop a future anywhere, also inside a call of ours.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rask_types::FutureId;

struct Node {
    future: FutureId,
    next: *mut Node,
}

/// See the module. Order does not matter for releases, so it is a stack, and it is only ever taken whole: that spares it
/// the trouble that lock-free stacks have with popping.
pub(crate) struct Released {
    head: AtomicPtr<Node>,
}

impl Released {
    pub(crate) const fn new() -> Released {
        Released { head: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(crate) fn push(&self, future: FutureId) {
        let node = Box::into_raw(Box::new(Node { future, next: ptr::null_mut() }));
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the node is this thread's until the exchange below succeeds.
            unsafe { (*node).next = head };
            match self.head.compare_exchange_weak(head, node, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => head = other,
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Everything pushed so far.
    pub(crate) fn take(&self) -> Taken {
        Taken { next: self.head.swap(ptr::null_mut(), Ordering::Acquire) }
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// What was taken; dropping it frees the rest.
pub(crate) struct Taken {
    next: *mut Node,
}

impl Iterator for Taken {
    type Item = FutureId;

    fn next(&mut self) -> Option<FutureId> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: every node came from `Box::into_raw` in `push`, and the swap in `take` made the whole list ours alone.
        let node = unsafe { Box::from_raw(self.next) };
        self.next = node.next;
        Some(node.future)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn whatever_is_pushed_is_taken_once() {
        let list = Arc::new(Released::new());
        let pushers: Vec<_> = (0..4)
            .map(|thread| {
                let list = list.clone();
                std::thread::spawn(move || {
                    (0..10_000).for_each(|i| list.push(FutureId(thread * 10_000 + i)));
                })
            })
            .collect();
        let mut taken = Vec::new();
        while pushers.iter().any(|thread| !thread.is_finished()) {
            taken.extend(list.take());
        }
        pushers.into_iter().for_each(|thread| thread.join().unwrap());
        taken.extend(list.take());
        assert!(list.is_empty());
        taken.sort_unstable();
        assert!(taken.iter().map(|future| future.0).eq(0..40_000));
    }

    #[test]
    fn a_long_list_is_dropped_without_recursion() {
        let list = Released::new();
        (0..1_000_000).for_each(|i| list.push(FutureId(i)));
        drop(list);
    }
}
