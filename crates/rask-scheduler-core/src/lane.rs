//! Queues of tasks that could run. A lane holds the tasks that the same workers may run; each worker has one more
//! for those whose inputs it keeps. Within a queue the higher user priority goes first; among equals the client that
//! has been served least; for one client the order of submission, which within a graph is the order to run in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rask_types::{ClientId, TaskClass, TaskId};

use crate::blocks::Blocks;

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
    pub(crate) rank: u32,
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
}

/// Tasks of one client at one priority: those that came in order, and those that came between.
#[derive(Debug, Default)]
struct ClientQueue {
    ascending: Blocks<Entry>,
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

    #[inline]
    fn peek(&self) -> Option<Entry> {
        if self.heap.is_empty() {
            return self.ascending.front().copied();
        }
        match (self.ascending.front(), self.heap.peek()) {
            (Some(&front), Some(&Reverse(top))) => Some(front.min(top)),
            (front, top) => front.copied().or(top.map(|top| top.0)),
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Entry> {
        if self.heap.is_empty() {
            return self.ascending.pop_front();
        }
        let best = self.peek()?;
        if self.ascending.front() == Some(&best) {
            self.ascending.pop_front()
        } else {
            self.heap.pop().map(|top| top.0)
        }
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

/// Tasks at one user priority. Clients are few, so they lie side by side.
#[derive(Debug)]
struct Level {
    urgency: Reverse<i32>,
    clients: Vec<(ClientId, ClientQueue)>,
}

/// A queue is tidied when it has this many entries, or twice as many as were left the last time.
const TIDY_ENTRIES_MIN: usize = 1024;

/// One queue. Entries of tasks that have left it meanwhile stay until they reach the front or are tidied away.
#[derive(Debug)]
pub(crate) struct ReadyQueue {
    /// The most urgent last.
    levels: Vec<Level>,
    entries: usize,
    tidy_at: usize,
}

impl Default for ReadyQueue {
    fn default() -> Self {
        ReadyQueue { levels: Vec::new(), entries: 0, tidy_at: TIDY_ENTRIES_MIN }
    }
}

impl ReadyQueue {
    pub(crate) fn push(&mut self, priority: i32, client: ClientId, entry: Entry) {
        let urgency = Reverse(priority);
        let level = match self.levels.iter().rposition(|level| level.urgency >= urgency) {
            Some(at) if self.levels[at].urgency == urgency => &mut self.levels[at],
            less_urgent => {
                let at = less_urgent.map_or(0, |at| at + 1);
                self.levels.insert(at, Level { urgency, clients: Vec::new() });
                &mut self.levels[at]
            }
        };
        let at = match level.clients.iter().position(|(known, _)| *known == client) {
            Some(at) => at,
            None => {
                level.clients.push((client, ClientQueue::default()));
                level.clients.len() - 1
            }
        };
        level.clients[at].1.push(entry);
        self.entries += 1;
    }

    /// Drops the entries that are not valid, if so many have come since the last time that it is worth the while.
    pub(crate) fn tidy_if_due(&mut self, is_valid: impl Fn(Entry) -> bool) {
        if self.entries < self.tidy_at {
            return;
        }
        self.entries = 0;
        for (_, queue) in self.levels.iter_mut().flat_map(|level| &mut level.clients) {
            queue.ascending.retain(|entry| is_valid(*entry));
            queue.heap.retain(|entry| is_valid(entry.0));
            self.entries += queue.ascending.len() + queue.heap.len();
        }
        self.tidy_at = (2 * self.entries).max(TIDY_ENTRIES_MIN);
    }

    /// The entry to take next, for which `is_valid` holds; others at the front are dropped on the way.
    pub(crate) fn peek(
        &mut self,
        served_ns: impl Fn(ClientId) -> u64,
        is_valid: impl Fn(Entry) -> bool,
    ) -> Option<Head> {
        while let Some(level) = self.levels.last_mut() {
            let mut best: Option<Head> = None;
            let mut at = 0;
            while let Some((client, queue)) = level.clients.get_mut(at) {
                let Some(entry) = queue.peek() else {
                    level.clients.swap_remove(at);
                    continue;
                };
                if !is_valid(entry) {
                    queue.pop();
                    self.entries -= 1;
                    continue;
                }
                let head =
                    Head { urgency: level.urgency, served_ns: served_ns(*client), client: *client, entry };
                best = Some(best.map_or(head, |known| known.min(head)));
                at += 1;
            }
            if best.is_some() {
                return best;
            }
            self.levels.pop();
        }
        None
    }

    /// Takes out what `peek` just returned.
    pub(crate) fn pop(&mut self, head: Head) {
        let level = self.levels.last_mut().expect("peek found this level");
        let queue = level.clients.iter_mut().find(|(client, _)| *client == head.client);
        let popped = queue.expect("peek found this client").1.pop();
        debug_assert_eq!(popped, Some(head.entry));
        self.entries -= 1;
    }

    /// Number of entries, stale ones included.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// All entries, stale ones included, in an order that is the same in every process.
    pub(crate) fn all(&self) -> Vec<Entry> {
        let queues = self.levels.iter().flat_map(|level| level.clients.iter().map(|(_, queue)| queue));
        let entries = queues
            .flat_map(|queue| queue.ascending.iter().copied().chain(queue.heap.iter().map(|entry| entry.0)));
        let mut all: Vec<Entry> = entries.collect();
        all.sort_unstable();
        all
    }
}

/// One queue per lane, for the tasks of that lane that should run on one worker. Mostly there is only the open lane.
#[derive(Debug, Default)]
pub(crate) struct LocalQueues {
    lanes: Vec<(LaneId, ReadyQueue)>,
}

impl LocalQueues {
    /// The queue of a lane's tasks.
    pub(crate) fn of(&mut self, lane: LaneId) -> &mut ReadyQueue {
        let at = match self.lanes.iter().position(|(known, _)| *known == lane) {
            Some(at) => at,
            None => {
                self.lanes.push((lane, ReadyQueue::default()));
                self.lanes.len() - 1
            }
        };
        &mut self.lanes[at].1
    }

    /// Those that are not empty.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = LaneId> {
        self.lanes.iter().filter(|(_, queue)| queue.entries() > 0).map(|(lane, _)| *lane)
    }

    /// Entries in all of them, stale ones included.
    pub(crate) fn entries(&self) -> usize {
        self.lanes.iter().map(|(_, queue)| queue.entries()).sum()
    }

    /// All entries with their lanes.
    pub(crate) fn all(&self) -> Vec<(LaneId, Entry)> {
        let entries = |(lane, queue): &(LaneId, ReadyQueue)| {
            let lane = *lane;
            queue.all().into_iter().map(move |entry| (lane, entry))
        };
        self.lanes.iter().flat_map(entries).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(order: u64) -> Entry {
        Entry { order, rank: 0, task: TaskId(order as u32), attempt: 0 }
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

    #[test]
    fn a_queue_does_not_grow_with_what_has_left_it() {
        let mut queue = ReadyQueue::default();
        for order in 0..100_000 {
            queue.push(0, ClientId(0), entry(order));
            queue.tidy_if_due(|entry| entry.order % 50_000 == 0);
        }
        assert!(queue.entries() <= TIDY_ENTRIES_MIN, "{} entries", queue.entries());
        assert_eq!(queue.all()[..2], [entry(0), entry(50_000)]);
    }
}
