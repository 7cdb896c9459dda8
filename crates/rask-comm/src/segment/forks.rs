//! What a borrower does about being forked (`os.fork`, `multiprocessing`).
//!
//! A child would write to the same pages as its parent, and would go on reading a segment that its parent has given back. So just
//! before a fork what is borrowed becomes private to the process, as all other memory is, and its owner never gets it back.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use super::borrowed::Borrowed;

/// What this process has borrowed now, under a lock that a fork holds while it happens. A spinning one: it is held for moments,
/// and can be opened in the child, where whoever might have waited for it does not exist.
struct Register {
    locked: AtomicBool,
    borrowed: UnsafeCell<Vec<Arc<Borrowed>>>,
}

// SAFETY: `borrowed` is reached with the lock held only.
unsafe impl Sync for Register {}

static REGISTER: Register =
    Register { locked: AtomicBool::new(false), borrowed: UnsafeCell::new(Vec::new()) };

impl Register {
    fn lock(&self) {
        while self.locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            std::thread::yield_now();
        }
    }

    fn unlock(&self) {
        self.locked.store(false, Ordering::Release);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Arc<Borrowed>>) -> T) -> T {
        self.lock();
        // SAFETY: the lock is held, and `act` does not come back here.
        let result = act(unsafe { &mut *self.borrowed.get() });
        self.unlock();
        result
    }
}

/// Notes a segment that has been borrowed. No fork happens while `begin` runs.
pub(super) fn borrow(segment: &Arc<Borrowed>, begin: impl FnOnce() -> bool) -> bool {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        // SAFETY: the handlers stay as long as the process. If there is no memory for them, forked children see changes.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
    });
    REGISTER.with(|borrowed| {
        let begun = begin();
        if begun {
            borrowed.push(Arc::clone(segment));
        }
        begun
    })
}

/// Strikes out a segment that is given back by `end`. No fork happens meanwhile.
pub(super) fn give_back(segment: &Arc<Borrowed>, end: impl FnOnce()) {
    let struck = REGISTER.with(|borrowed| {
        end();
        let at = borrowed.iter().position(|other| Arc::ptr_eq(other, segment));
        at.map(|at| borrowed.swap_remove(at))
    });
    drop(struck); // Unlocked: unmapping takes a while.
}

extern "C" fn before() {
    REGISTER.lock();
    // SAFETY: the lock is held, until `after`.
    let borrowed = unsafe { &*REGISTER.borrowed.get() };
    borrowed.iter().for_each(|segment| segment.keep());
}

extern "C" fn after() {
    REGISTER.unlock();
}
