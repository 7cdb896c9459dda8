//! Queues of tasks that could run. A lane holds the tasks that the same workers may run; each worker has one more
//! for those whose inputs it keeps. Within a queue the higher user priority goes first; among equals the client that
//! has been served least; for one client the order of submission, which within a graph is the order to run in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use rask_types::{ClientId, TaskClass, TaskId};

/// A queue of the scheduler.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct LaneId(pub(crate) u32);

/// The lane of tasks that any worker may run.
pub(crate) const OPEN_LANE: LaneId = LaneId(0);

/// Which workers a lane's tasks may run on, and what they occupy there.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Restriction {
    /// Addresses, names or hosts; empty means all.
    pub(crate) workers: Vec<String>,
    /// Others may, too, if none of those is here.
    pub(crate) allow_other_workers: bool,
    /// Abstract resources, by name, that a worker must have free.
    pub(crate) resources: Vec<(String, f64)>,
}

impl Restriction {
    pub(crate) fn of(class: &TaskClass) -> Restriction {
        Restriction {
            workers: class.workers.clone(),
            allow_other_workers: class.allow_other_workers,
            resources: class.resources.clone(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.workers.is_empty() && self.resources.is_empty()
    }
}

/// A task in a queue. `attempt` tells it apart from a later stay of the same slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Entry {
    pub(crate) order: u64,
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
}

/// Tasks of one client at one priority: those that came in order, and those that came between.
#[derive(Debug, Default)]
struct ClientQueue {
    ascending: VecDeque<Entry>,
    heap: BinaryHeap<Reverse<Entry>>,
}

impl ClientQueue {
    fn push(&mut self, entry: Entry) {
        if self.ascending.back().is_none_or(|last| *last < entry) {
            self.ascending.push_back(entry);
        } else {
            self.heap.push(Reverse(entry));
        }
    }

    fn peek(&self) -> Option<Entry> {
        match (self.ascending.front(), self.heap.peek()) {
            (Some(&front), Some(&Reverse(top))) => Some(front.min(top)),
            (front, top) => front.copied().or(top.map(|top| top.0)),
        }
    }

    fn pop(&mut self) -> Option<Entry> {
        let best = self.peek()?;
        if self.ascending.front() == Some(&best) {
            self.ascending.pop_front()
        } else {
            self.heap.pop().map(|top| top.0)
        }
    }

    fn is_empty(&self) -> bool {
        self.ascending.is_empty() && self.heap.is_empty()
    }
}

/// What is next in a queue, comparable across queues: the least goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Head {
    /// Negated user priority.
    urgency: Reverse<i32>,
    served_ns: u64,
    pub(crate) client: ClientId,
    pub(crate) entry: Entry,
}

/// One queue. Entries of tasks that have left it meanwhile stay until they reach the front.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    levels: BTreeMap<Reverse<i32>, BTreeMap<ClientId, ClientQueue>>,
    entries: usize,
}

impl ReadyQueue {
    pub(crate) fn push(&mut self, priority: i32, client: ClientId, entry: Entry) {
        self.levels.entry(Reverse(priority)).or_default().entry(client).or_default().push(entry);
        self.entries += 1;
    }

    /// The entry to take next, for which `is_valid` holds; others at the front are dropped on the way.
    pub(crate) fn peek(
        &mut self,
        served_ns: impl Fn(ClientId) -> u64,
        is_valid: impl Fn(Entry) -> bool,
    ) -> Option<Head> {
        while let Some(mut level) = self.levels.first_entry() {
            let urgency = *level.key();
            let clients = level.get_mut();
            let mut best: Option<Head> = None;
            let mut dropped = 0;
            clients.retain(|&client, queue| {
                while let Some(entry) = queue.peek() {
                    if is_valid(entry) {
                        let head = Head { urgency, served_ns: served_ns(client), client, entry };
                        best = Some(best.map_or(head, |known| known.min(head)));
                        return true;
                    }
                    queue.pop();
                    dropped += 1;
                }
                false
            });
            self.entries -= dropped;
            if best.is_some() {
                return best;
            }
            level.remove();
        }
        None
    }

    /// Takes out what `peek` just returned.
    pub(crate) fn pop(&mut self, head: Head) {
        let level = self.levels.get_mut(&head.urgency).expect("peek found this level");
        let queue = level.get_mut(&head.client).expect("peek found this client");
        let popped = queue.pop();
        debug_assert_eq!(popped, Some(head.entry));
        self.entries -= 1;
        if queue.is_empty() {
            level.remove(&head.client);
            if level.is_empty() {
                self.levels.remove(&head.urgency);
            }
        }
    }

    /// Number of entries, stale ones included.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Takes out everything, in no particular order that matters: whoever calls puts it elsewhere.
    pub(crate) fn drain(&mut self) -> Vec<Entry> {
        self.entries = 0;
        let levels = std::mem::take(&mut self.levels);
        let queues = levels.into_values().flat_map(BTreeMap::into_values);
        let mut all: Vec<Entry> = queues
            .flat_map(|queue| queue.ascending.into_iter().chain(queue.heap.into_iter().map(|entry| entry.0)))
            .collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(order: u64) -> Entry {
        Entry { order, task: TaskId(order as u32), attempt: 0 }
    }

    fn drain_in_order(queue: &mut ReadyQueue, served: impl Fn(ClientId) -> u64) -> Vec<u64> {
        let mut orders = Vec::new();
        while let Some(head) = queue.peek(&served, |_| true) {
            queue.pop(head);
            orders.push(head.entry.order);
        }
        orders
    }

    #[test]
    fn priority_then_order() {
        let mut queue = ReadyQueue::default();
        for (priority, order) in [(0, 5), (0, 3), (7, 9), (0, 4), (-1, 1), (7, 10)] {
            queue.push(priority, ClientId(0), entry(order));
        }
        assert_eq!(drain_in_order(&mut queue, |_| 0), [9, 10, 3, 4, 5, 1]);
        assert_eq!(queue.entries(), 0);
    }

    #[test]
    fn the_client_served_least_goes_first() {
        let mut queue = ReadyQueue::default();
        queue.push(0, ClientId(1), entry(1));
        queue.push(0, ClientId(2), entry(2));
        let head = queue.peek(|client| if client == ClientId(1) { 100 } else { 50 }, |_| true).unwrap();
        assert_eq!(head.client, ClientId(2));
    }

    #[test]
    fn stale_entries_are_passed_over() {
        let mut queue = ReadyQueue::default();
        (0..10).for_each(|order| queue.push(0, ClientId(0), entry(order)));
        let head = queue.peek(|_| 0, |entry| entry.order >= 7).unwrap();
        assert_eq!(head.entry.order, 7);
        assert_eq!(queue.entries(), 3);
    }
}
