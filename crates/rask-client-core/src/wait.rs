//! Threads that wait for futures.
//!
//! A waiter for all of its futures watches one of them at a time, the last pending one first: results come mostly in
//! order, so it seldom has to look for another, and waiting for n futures costs n steps in all. A waiter for any watches
//! all of them. Nobody is looked at for completions that carry no watch mark.

use std::collections::BTreeMap;

use rask_types::FutureId;

use crate::core::{ClientCore, Effect};
use crate::slot::{Status, watch};
use crate::table::FutureTable;

/// A waiter, until `ClientCore::end_wait`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaiterId(pub u32);

/// When a wait is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitFor {
    /// When none of the futures is pending.
    All,
    /// When one of them is not.
    Any,
    /// When none is pending, or one is erred, cancelled or lost.
    AllOrFirstError,
}

#[derive(Debug)]
struct Waiter {
    futures: Box<[FutureId]>,
    wait_for: WaitFor,
    /// Futures from here on were not pending when looked at; the one before is watched.
    cursor: usize,
    over: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    next: u32,
    waiters: BTreeMap<WaiterId, Waiter>,
    /// Some future is pending again.
    from_the_start: bool,
    /// A future failed that someone may wait for.
    failed: bool,
}

impl Waiters {
    pub(crate) fn must_look(&self, stirred: u8) -> bool {
        self.from_the_start || self.failed || stirred & (watch::ALL | watch::ANY) != 0
    }

    pub(crate) fn look_again(&mut self) {
        self.from_the_start |= !self.waiters.is_empty();
    }

    pub(crate) fn note_error(&mut self) {
        self.failed |= !self.waiters.is_empty();
    }
}

impl Waiter {
    /// Moves the cursor to the next pending future and marks it.
    fn advance(&mut self, table: &mut FutureTable) {
        while self.cursor > 0 {
            if let Some(slot) = table.get_mut(self.futures[self.cursor - 1])
                && slot.state.is_pending()
            {
                slot.watch |= watch::ALL;
                return;
            }
            self.cursor -= 1;
        }
        self.over = true;
    }

    fn any(&self, table: &FutureTable, is: impl Fn(Option<Status>) -> bool) -> bool {
        self.futures.iter().any(|&future| is(table.get(future).map(|slot| slot.state.status())))
    }

    fn mark_all(&self, table: &mut FutureTable, mark: u8) {
        for &future in &self.futures {
            if let Some(slot) = table.get_mut(future)
                && slot.state.is_pending()
            {
                slot.watch |= mark;
            }
        }
    }

    fn begin(&mut self, table: &mut FutureTable) {
        match self.wait_for {
            WaitFor::All => self.advance(table),
            WaitFor::Any => {
                self.over = self.futures.is_empty() || self.any(table, is_settled);
                if !self.over {
                    self.mark_all(table, watch::ANY);
                }
            }
            WaitFor::AllOrFirstError => {
                self.advance(table);
                self.over |= self.any(table, is_failed);
                if !self.over {
                    self.mark_all(table, watch::ERROR);
                }
            }
        }
    }
}

fn is_settled(status: Option<Status>) -> bool {
    status != Some(Status::Pending)
}

fn is_failed(status: Option<Status>) -> bool {
    !matches!(status, None | Some(Status::Pending | Status::Finished))
}

/// True if a wait would not wait at all; allocates nothing.
fn is_over_at_once(table: &FutureTable, futures: &[FutureId], wait_for: WaitFor) -> bool {
    let mut statuses = futures.iter().rev().map(|&future| table.get(future).map(|slot| slot.state.status()));
    match wait_for {
        WaitFor::All => statuses.all(is_settled),
        WaitFor::Any => futures.is_empty() || statuses.any(is_settled),
        WaitFor::AllOrFirstError => {
            let pending = statuses.clone().any(|status| status == Some(Status::Pending));
            !pending || statuses.any(is_failed)
        }
    }
}

impl ClientCore {
    /// Begins to wait; `None` if there is nothing to wait for. Futures that are not held are not waited for.
    /// [`Effect::WaitOver`] says when it is over; [`ClientCore::end_wait`] must follow in any case.
    pub fn begin_wait(&mut self, futures: &[FutureId], wait_for: WaitFor) -> Option<WaiterId> {
        if is_over_at_once(&self.table, futures, wait_for) {
            return None;
        }
        let mut waiter = Waiter { futures: futures.into(), wait_for, cursor: futures.len(), over: false };
        waiter.begin(&mut self.table);
        let id = WaiterId(self.waiters.next);
        self.waiters.next = id.0.wrapping_add(1);
        self.waiters.waiters.insert(id, waiter);
        Some(id)
    }

    /// Forgets a waiter.
    pub fn end_wait(&mut self, waiter: WaiterId) {
        self.waiters.waiters.remove(&waiter);
    }

    #[cold]
    pub(crate) fn look_for_waiters(&mut self) {
        let ClientCore { waiters, table, effects, .. } = self;
        let from_the_start = std::mem::take(&mut waiters.from_the_start);
        let failed = std::mem::take(&mut waiters.failed);
        for (&id, waiter) in waiters.waiters.iter_mut().filter(|(_, waiter)| !waiter.over) {
            match waiter.wait_for {
                _ if from_the_start => {
                    waiter.cursor = waiter.futures.len();
                    waiter.begin(table);
                }
                WaitFor::All => waiter.advance(table),
                WaitFor::Any => waiter.over = waiter.any(table, is_settled),
                WaitFor::AllOrFirstError => {
                    waiter.over = failed && waiter.any(table, is_failed);
                    if !waiter.over {
                        waiter.advance(table);
                    }
                }
            }
            if waiter.over {
                effects.push(Effect::WaitOver(id));
            }
        }
    }

    /// Panics if a waiter waits for nothing, or would not be told.
    pub(crate) fn check_waiters(&self) {
        let marked = |future: FutureId, mark: u8| {
            self.table.get(future).is_some_and(|slot| slot.state.is_pending() && slot.watch & mark != 0)
        };
        for waiter in self.waiters.waiters.values().filter(|waiter| !waiter.over) {
            if waiter.wait_for == WaitFor::Any {
                assert!(waiter.futures.iter().all(|&f| marked(f, watch::ANY)), "any: all are watched");
                continue;
            }
            assert!(marked(waiter.futures[waiter.cursor - 1], watch::ALL), "all: the cursor is watched");
            assert!(
                waiter.futures[waiter.cursor..].iter().all(|&f| is_settled(self.status(f))),
                "all: none is pending behind the cursor"
            );
            if waiter.wait_for == WaitFor::AllOrFirstError {
                let fine = |&future: &FutureId| {
                    matches!(self.status(future), None | Some(Status::Finished))
                        || marked(future, watch::ERROR)
                };
                assert!(waiter.futures.iter().all(fine), "all or error: pending ones are watched");
            }
        }
        assert!(!self.waiters.from_the_start && !self.waiters.failed, "nobody is left to look");
    }
}
