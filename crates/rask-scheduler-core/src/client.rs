//! Client sessions: what their numbers mean here, and what is to be said to them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use rask_types::columns::HeldByWorker;
use rask_types::msg::SchedulerToClient;
use rask_types::{ClassId, DoneColumns, FutureId, RunId, TaskError, TaskId, TypeId, Wants, WorkerId};

use crate::known::Known;

const PAGE_BITS: u32 = 10;
const PAGE_LEN: usize = 1 << PAGE_BITS;
const NOBODY: u32 = u32::MAX;

/// The tasks behind a client's numbers: pages of slots, dropped when empty. Numbers only grow, and come and go in their
/// order, so neighbours share a page, and mostly it is the one that was used last.
#[derive(Debug, Default)]
pub(crate) struct FuturePages {
    places: HashMap<u64, u32>,
    pages: Vec<Page>,
    /// Pages not in use.
    free: Vec<u32>,
    /// The page used last: its number and place.
    last: Cell<(u64, u32)>,
    len: usize,
}

/// Pages in use have live slots.
#[derive(Debug)]
struct Page {
    number: u64,
    slots: Box<[u32]>,
    live: u32,
}

impl FuturePages {
    /// Where a page lies.
    #[inline]
    fn find(&self, number: u64) -> Option<usize> {
        let (last, place) = self.last.get();
        if last == number && self.pages.get(place as usize).is_some_and(|page| page.live > 0) {
            return Some(place as usize);
        }
        let place = *self.places.get(&number)?;
        self.last.set((number, place));
        Some(place as usize)
    }

    fn make(&mut self, number: u64) -> usize {
        let page = Page { number, slots: vec![NOBODY; PAGE_LEN].into(), live: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.pages[place as usize] = page;
                place
            }
            None => {
                self.pages.push(page);
                self.pages.len() as u32 - 1
            }
        };
        self.places.insert(number, place);
        self.last.set((number, place));
        place as usize
    }

    /// One of the `n` numbers from `first` on means something.
    pub(crate) fn any_in(&self, first: FutureId, n: u64) -> bool {
        let Some(last) = first.0.checked_add(n.saturating_sub(1)) else { return true };
        let in_page = |number: u64| {
            let Some(place) = self.find(number) else { return false };
            let from = first.0.max(number << PAGE_BITS) as usize % PAGE_LEN;
            let to = last.min(number << PAGE_BITS | (PAGE_LEN as u64 - 1)) as usize % PAGE_LEN;
            self.pages[place].slots[from..=to].iter().any(|&task| task != NOBODY)
        };
        n > 0 && (first.0 >> PAGE_BITS..=last >> PAGE_BITS).any(in_page)
    }

    /// Number `future` now means `task`.
    #[inline]
    pub(crate) fn insert(&mut self, future: FutureId, task: TaskId) {
        let number = future.0 >> PAGE_BITS;
        let place = self.find(number).unwrap_or_else(|| self.make(number));
        let page = &mut self.pages[place];
        let slot = &mut page.slots[future.0 as usize % PAGE_LEN];
        if *slot == NOBODY {
            page.live += 1;
            self.len += 1;
        }
        *slot = task.0;
    }

    /// What `future` means.
    #[inline]
    pub(crate) fn get(&self, future: FutureId) -> Option<TaskId> {
        let place = self.find(future.0 >> PAGE_BITS)?;
        let task = self.pages[place].slots[future.0 as usize % PAGE_LEN];
        (task != NOBODY).then_some(TaskId(task))
    }

    /// `future` means nothing any more; returns what it meant.
    #[inline]
    pub(crate) fn remove(&mut self, future: FutureId) -> Option<TaskId> {
        let number = future.0 >> PAGE_BITS;
        let place = self.find(number)?;
        let page = &mut self.pages[place];
        let task = std::mem::replace(&mut page.slots[future.0 as usize % PAGE_LEN], NOBODY);
        if task == NOBODY {
            return None;
        }
        page.live -= 1;
        self.len -= 1;
        if page.live == 0 {
            page.slots = Box::default();
            self.places.remove(&number);
            self.free.push(place as u32);
        }
        Some(TaskId(task))
    }

    /// How many numbers mean something.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of them, ascending.
    pub(crate) fn all(&self) -> Vec<(FutureId, TaskId)> {
        let mut pages: Vec<&Page> = self.pages.iter().filter(|page| page.live > 0).collect();
        pages.sort_unstable_by_key(|page| page.number);
        let mut all = Vec::with_capacity(self.len);
        for page in pages {
            for (i, &task) in page.slots.iter().enumerate() {
                if task != NOBODY {
                    all.push((FutureId(page.number << PAGE_BITS | i as u64), TaskId(task)));
                }
            }
        }
        all
    }
}

/// One client session.
#[derive(Debug, Default)]
pub(crate) struct ClientEntry {
    pub(crate) registered: bool,
    pub(crate) name: String,
    /// High half of the tokens of its impure tasks.
    pub(crate) session: u64,
    /// The client's class numbers.
    pub(crate) classes: BTreeMap<u32, ClassId>,
    pub(crate) futures: FuturePages,
    /// Chunks of graphs that are not complete; each of their tasks is held once for it.
    pub(crate) open_graphs: BTreeMap<u32, Vec<OpenChunk>>,
    /// Values that it was told to bring to workers; those that have arrived are dropped now and then.
    pub(crate) bringing: Vec<RunId>,
    /// Work done for it, in nanoseconds: the client that has had least is served first.
    pub(crate) served_ns: u64,
    /// Its tasks that wait in queues.
    pub(crate) queued: u32,
    pub(crate) known_types: Known,
    pub(crate) known_peers: Known,
    pub(crate) outbox: ClientOutbox,
}

/// A chunk of an incomplete graph: task `i` is the client's number `first + i`.
#[derive(Debug)]
pub(crate) struct OpenChunk {
    pub(crate) first: FutureId,
    pub(crate) tasks: Vec<TaskId>,
    pub(crate) wants: Wants,
}

/// Columns are closed beyond this many bytes of values, so that no message grows without bound.
const BLOB_BYTES_MAX: usize = 4 << 20;

/// What is to be said to a client, in order; neighbouring completions share columns.
#[derive(Debug, Default)]
pub(crate) struct ClientOutbox {
    messages: Vec<SchedulerToClient>,
    done: DoneColumns,
    done_blob: Vec<u8>,
}

impl ClientOutbox {
    /// Says anything but a completion.
    pub(crate) fn push(&mut self, message: SchedulerToClient) {
        self.close_columns();
        self.messages.push(message);
    }

    /// A future finished, its value inside.
    pub(crate) fn push_inline(&mut self, future: FutureId, value: &[u8]) {
        if self.done_blob.len() + value.len() > BLOB_BYTES_MAX {
            self.close_columns();
        }
        self.done.futures.push(future);
        self.done_blob.extend_from_slice(value);
        self.done.value_ends.push(self.done_blob.len() as u32);
    }

    /// A future finished, its value on a worker.
    pub(crate) fn push_held(&mut self, future: FutureId, kept: (u64, TypeId), run: RunId, worker: WorkerId) {
        let position = self.done.futures.len() as u32;
        let (nbytes, type_id) = kept;
        self.done.futures.push(future);
        self.done.value_ends.push(self.done_blob.len() as u32);
        self.done.held.push((HeldByWorker { position, nbytes, type_id }, run, worker));
    }

    /// A future is to run again: appends to the last message if that says the same.
    pub(crate) fn push_pending(&mut self, future: FutureId) {
        self.close_columns();
        match self.messages.last_mut() {
            Some(SchedulerToClient::Pending { futures }) => futures.push(future),
            _ => self.messages.push(SchedulerToClient::Pending { futures: vec![future] }),
        }
    }

    /// A future failed: appends to the last message if that says the same.
    pub(crate) fn push_erred(&mut self, future: FutureId, error: &Arc<TaskError>) {
        self.close_columns();
        match self.messages.last_mut() {
            Some(SchedulerToClient::Erred { futures, error: last }) if Arc::ptr_eq(last, error) => {
                futures.push(future);
            }
            _ => {
                self.messages.push(SchedulerToClient::Erred { futures: vec![future], error: error.clone() });
            }
        }
    }

    /// A future will never finish: appends to the last message if that says the same.
    pub(crate) fn push_cancelled(&mut self, future: FutureId, lost: bool, reason: &str) {
        self.close_columns();
        match self.messages.last_mut() {
            Some(SchedulerToClient::Cancelled { futures, lost: last_lost, reason: last })
                if *last_lost == lost && last == reason =>
            {
                futures.push(future);
            }
            _ => {
                let (futures, reason) = (vec![future], reason.to_owned());
                self.messages.push(SchedulerToClient::Cancelled { futures, lost, reason });
            }
        }
    }

    fn close_columns(&mut self) {
        if !self.done.futures.is_empty() {
            let mut done = std::mem::take(&mut self.done);
            done.blob = std::mem::take(&mut self.done_blob).into();
            self.messages.push(SchedulerToClient::Done(done));
        }
    }

    /// Everything said since the last call.
    pub(crate) fn take(&mut self) -> Vec<SchedulerToClient> {
        self.close_columns();
        std::mem::take(&mut self.messages)
    }

    /// Nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.done.futures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_use_are_found_across_pages() {
        let mut pages = FuturePages::default();
        pages.insert(FutureId(2 * PAGE_LEN as u64 + 5), TaskId(1));
        let any = |first, n| pages.any_in(FutureId(first), n);
        assert!(!any(0, 0) && !any(0, 2 * PAGE_LEN as u64 + 5) && !any(2 * PAGE_LEN as u64 + 6, 10_000));
        assert!(any(0, 2 * PAGE_LEN as u64 + 6) && any(2 * PAGE_LEN as u64 + 5, 1));
        assert!(any(u64::MAX, 2), "numbers beyond the last one are as good as taken");
    }

    #[test]
    fn what_is_the_same_shares_a_message() {
        let mut outbox = ClientOutbox::default();
        (0..3).for_each(|future| outbox.push_cancelled(FutureId(future), false, "no"));
        outbox.push_cancelled(FutureId(3), true, "no");
        outbox.push_inline(FutureId(4), b"x");
        outbox.push_pending(FutureId(5));
        outbox.push_pending(FutureId(6));
        let lens: Vec<usize> = outbox
            .take()
            .iter()
            .map(|message| match message {
                SchedulerToClient::Cancelled { futures, .. } | SchedulerToClient::Pending { futures } => {
                    futures.len()
                }
                SchedulerToClient::Done(done) => done.futures.len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lens, [3, 1, 1, 2]);
    }
}
