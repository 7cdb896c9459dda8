//! Client sessions: what their numbers mean here, and what is to be said to them.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use rask_types::columns::HeldByWorker;
use rask_types::msg::SchedulerToClient;
use rask_types::{ClassId, DoneColumns, FutureId, RunId, TaskId, TypeId, WorkerId};

const PAGE_BITS: u32 = 10;
const PAGE_LEN: usize = 1 << PAGE_BITS;
const NOBODY: u32 = u32::MAX;

/// The tasks behind a client's numbers: pages of slots, dropped when empty. Numbers only grow, so neighbours share a
/// page and a whole column of them costs few look-ups.
#[derive(Debug, Default)]
pub(crate) struct FuturePages {
    pages: HashMap<u64, Page>,
    len: usize,
}

#[derive(Debug)]
struct Page {
    slots: Box<[u32; PAGE_LEN]>,
    live: u32,
}

impl FuturePages {
    /// Number `future` now means `task`.
    pub(crate) fn insert(&mut self, future: FutureId, task: TaskId) {
        let page = self
            .pages
            .entry(future.0 >> PAGE_BITS)
            .or_insert_with(|| Page { slots: Box::new([NOBODY; PAGE_LEN]), live: 0 });
        let slot = &mut page.slots[future.0 as usize % PAGE_LEN];
        if *slot == NOBODY {
            page.live += 1;
            self.len += 1;
        }
        *slot = task.0;
    }

    /// What `future` means.
    pub(crate) fn get(&self, future: FutureId) -> Option<TaskId> {
        let task = self.pages.get(&(future.0 >> PAGE_BITS))?.slots[future.0 as usize % PAGE_LEN];
        (task != NOBODY).then_some(TaskId(task))
    }

    /// `future` means nothing any more; returns what it meant.
    pub(crate) fn remove(&mut self, future: FutureId) -> Option<TaskId> {
        let number = future.0 >> PAGE_BITS;
        let page = self.pages.get_mut(&number)?;
        let task = std::mem::replace(&mut page.slots[future.0 as usize % PAGE_LEN], NOBODY);
        if task == NOBODY {
            return None;
        }
        page.live -= 1;
        self.len -= 1;
        if page.live == 0 {
            self.pages.remove(&number);
        }
        Some(TaskId(task))
    }

    /// How many numbers mean something.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of them, ascending.
    pub(crate) fn all(&self) -> Vec<(FutureId, TaskId)> {
        let mut numbers: Vec<u64> = self.pages.keys().copied().collect();
        numbers.sort_unstable();
        let mut all = Vec::with_capacity(self.len);
        for number in numbers {
            for (i, &task) in self.pages[&number].slots.iter().enumerate() {
                if task != NOBODY {
                    all.push((FutureId(number << PAGE_BITS | i as u64), TaskId(task)));
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
    /// Tasks of graphs that are not complete; each is held once for it.
    pub(crate) open_graphs: BTreeMap<u32, Vec<OpenTask>>,
    /// Work done for it, in nanoseconds: the client that has had least is served first.
    pub(crate) served_ns: u64,
    /// Its tasks that wait in queues.
    pub(crate) queued: u32,
    pub(crate) known_types: BTreeSet<TypeId>,
    pub(crate) known_peers: BTreeSet<WorkerId>,
    pub(crate) outbox: ClientOutbox,
    pub(crate) closing: bool,
}

/// A task of an incomplete graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenTask {
    pub(crate) future: FutureId,
    pub(crate) task: TaskId,
    pub(crate) wanted: bool,
}

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
        self.done.futures.push(future);
        self.done_blob.extend_from_slice(value);
        self.done.value_ends.push(self.done_blob.len() as u32);
    }

    /// A future finished, its value on a worker.
    pub(crate) fn push_held(
        &mut self,
        future: FutureId,
        nbytes: u64,
        type_id: TypeId,
        run: RunId,
        worker: WorkerId,
    ) {
        let position = self.done.futures.len() as u32;
        self.done.futures.push(future);
        self.done.value_ends.push(self.done_blob.len() as u32);
        self.done.held.push((HeldByWorker { position, nbytes, type_id }, run, worker));
    }

    /// Futures need one message: appends to the last if it is of the same kind.
    pub(crate) fn push_pending(&mut self, future: FutureId) {
        self.close_columns();
        if let Some(SchedulerToClient::Pending { futures }) = self.messages.last_mut() {
            futures.push(future);
        } else {
            self.messages.push(SchedulerToClient::Pending { futures: vec![future] });
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
