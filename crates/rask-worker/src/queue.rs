//! The execution queue.
//!
//! Runs mostly come in the order in which they should start, so the queue is a row of batches that is appended to without
//! copying, and a heap beside it for those that overtake. A run that is taken back stays where it is as a stone that is
//! stepped over.
//!
//! A run may await results of runs that came with it (its *leaders*; it *follows* them). The thread that ends a leader leaves
//! the result here, and whoever reaches the follower takes it from here, so that a chain goes on without the reactor.
//! Who reaches a follower too early *parks* it until a leader ends. One whose leader came to nothing is given back.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use hashbrown::HashMap;
use rask_types::RunId;
use rask_worker_core::RunTable;

use crate::{DepSlot, DepValue, Execution};

const QUEUED: u32 = 1;
/// It was taken back, and lies here still.
const STONE: u32 = 2;
const PARKED: u32 = 3;

/// The queue.
#[derive(Default)]
pub(crate) struct Queue {
    /// Batches as they came, each in order, and each after the one before. None is empty.
    row: VecDeque<std::vec::IntoIter<Execution>>,
    overtaking: BinaryHeap<Overtaking>,
    /// What is in it, stones included.
    present: RunTable,
    stones: usize,
    /// Results that followers have yet to take.
    results: HashMap<RunId, Made>,
    /// Followers that were reached too early, stones among them, each with one of the leaders that have not ended.
    parked: HashMap<RunId, Vec<Execution>>,
    /// Those of them that are no stones.
    parked_len: usize,
    /// Shares in results to come that nobody will take.
    forsaken: HashMap<RunId, u32>,
    /// Runs whose leaders came to nothing, until somebody takes them.
    given_back: Vec<RunId>,
}

/// A leader that has ended.
struct Made {
    /// `None` if it came to nothing.
    value: Option<DepValue>,
    /// How many slots have yet to be filled with it.
    shares: u32,
}

/// A leader's end that is still to be told.
struct Ended {
    run: RunId,
    value: Option<DepValue>,
    followers: u32,
}

/// How a run stands with its leaders.
enum Supply {
    All,
    /// This one has not ended.
    Awaits(RunId),
    /// One of them came to nothing.
    Broken,
}

struct Overtaking(Execution);

/// Less runs sooner.
type Rank = (Reverse<i32>, u64);

fn rank(execution: &Execution) -> Rank {
    (Reverse(execution.priority), execution.order)
}

impl Ord for Overtaking {
    fn cmp(&self, other: &Overtaking) -> Ordering {
        rank(&other.0).cmp(&rank(&self.0))
    }
}

impl PartialOrd for Overtaking {
    fn partial_cmp(&self, other: &Overtaking) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Overtaking {
    fn eq(&self, other: &Overtaking) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Overtaking {}

impl Queue {
    /// How many could start. Followers count before anybody has looked whether their leaders have ended.
    pub fn len(&self) -> usize {
        self.present.len() - self.stones - self.parked_len
    }

    pub fn push(&mut self, mut executions: Vec<Execution>) {
        executions.retain(|execution| self.present.insert(execution.run, QUEUED));
        if !executions.is_sorted_by_key(rank) {
            executions.sort_by_key(rank);
        }
        let Some(first) = executions.first() else { return };
        let last = self.row.back().and_then(|batch| batch.as_slice().last());
        if last.is_none_or(|last| rank(last) <= rank(first)) {
            self.row.push_back(executions.into_iter());
        } else {
            self.overtaking.extend(executions.into_iter().map(Overtaking));
        }
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Execution> {
        loop {
            let next = self.pop_any()?;
            let is_stone = self.present.remove(next.run) != Some(QUEUED);
            if !is_stone && !next.deps.iter().any(|slot| matches!(slot, DepSlot::Awaited(_))) {
                return Some(next);
            }
            if is_stone {
                self.stones -= 1;
                self.forsake_and_tell(next);
            } else if let Some(supplied) = self.follow(next) {
                return Some(supplied);
            }
        }
    }

    #[inline]
    fn pop_any(&mut self) -> Option<Execution> {
        let Some(batch) = self.row.front_mut() else { return self.overtaking.pop().map(|it| it.0) };
        if let (Some(first), Some(Overtaking(other))) = (batch.as_slice().first(), self.overtaking.peek())
            && rank(other) < rank(first)
        {
            return self.overtaking.pop().map(|it| it.0);
        }
        let next = batch.next();
        if batch.len() == 0 {
            self.row.pop_front();
        }
        next
    }

    /// Takes those of `runs` out that are in, and whatever is to be given back; which.
    pub fn take_back(&mut self, runs: &[RunId]) -> Vec<RunId> {
        let mut taken = Vec::new();
        for &run in runs {
            let before = self.present.get(run);
            if before == Some(QUEUED) || before == Some(PARKED) {
                self.parked_len -= usize::from(before == Some(PARKED));
                self.present.set(run, STONE);
                self.stones += 1;
                taken.push(run);
            }
        }
        if self.stones > 64 && self.stones > self.present.len() / 2 {
            self.sweep();
        }
        taken.append(&mut self.given_back);
        taken
    }

    /// Takes everything out.
    pub fn take_all(&mut self) -> Vec<RunId> {
        let mut taken = std::mem::take(&mut self.given_back);
        while let Some(execution) = self.pop_any() {
            if self.present.remove(execution.run) == Some(QUEUED) {
                taken.push(execution.run);
            }
        }
        let parked = std::mem::take(&mut self.parked).into_values().flatten().map(|execution| execution.run);
        let mut parked: Vec<RunId> = parked.filter(|&run| self.present.remove(run) == Some(PARKED)).collect();
        parked.sort_unstable();
        taken.append(&mut parked);
        (self.stones, self.parked_len) = (0, 0);
        self.results.clear();
        self.forsaken.clear();
        taken
    }

    /// Removes stones, but for parked ones, which their leaders' ends remove.
    fn sweep(&mut self) {
        let mut ended = Vec::new();
        for batch in std::mem::take(&mut self.row) {
            let stay: Vec<Execution> = batch.filter_map(|it| self.unless_stone(it, &mut ended)).collect();
            if !stay.is_empty() {
                self.row.push_back(stay.into_iter());
            }
        }
        let overtaking = std::mem::take(&mut self.overtaking).into_iter();
        self.overtaking =
            overtaking.filter_map(|it| self.unless_stone(it.0, &mut ended).map(Overtaking)).collect();
        self.tell(ended);
    }

    fn unless_stone(&mut self, execution: Execution, ended: &mut Vec<Ended>) -> Option<Execution> {
        if self.present.get(execution.run) == Some(QUEUED) {
            return Some(execution);
        }
        self.present.remove(execution.run);
        self.stones -= 1;
        self.forsake(execution, ended);
        None
    }
}

/// Leaders and followers.
impl Queue {
    /// A run that was awaited by so many slots has ended; `None` if it came to nothing.
    pub fn end(&mut self, run: RunId, value: Option<DepValue>, followers: u32) {
        let mut ended = Vec::new();
        self.end_one(Ended { run, value, followers }, &mut ended);
        self.tell(ended);
    }

    #[inline]
    pub fn has_given_back(&self) -> bool {
        !self.given_back.is_empty()
    }

    /// Runs that nobody will execute, because a leader came to nothing.
    pub fn take_given_back(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.given_back)
    }

    fn tell(&mut self, mut ended: Vec<Ended>) {
        while let Some(end) = ended.pop() {
            self.end_one(end, &mut ended);
        }
    }

    /// Keeps the result for those who will take it, and looks after those who were here before it.
    fn end_one(&mut self, end: Ended, ended: &mut Vec<Ended>) {
        let Ended { run, value, followers } = end;
        let forsaken = if self.forsaken.is_empty() { None } else { self.forsaken.remove(&run) };
        let shares = followers - forsaken.unwrap_or(0);
        if shares > 0 {
            self.results.insert(run, Made { value, shares });
        }
        if self.parked.is_empty() {
            return;
        }
        for execution in self.parked.remove(&run).unwrap_or_default() {
            if self.present.remove(execution.run) == Some(STONE) {
                self.stones -= 1;
                self.forsake(execution, ended);
                continue;
            }
            self.parked_len -= 1;
            if let Some(supplied) = self.follow_or_forsake(execution, ended) {
                self.present.insert(supplied.run, QUEUED);
                self.overtaking.push(Overtaking(supplied));
            }
        }
    }

    /// A follower that a thread has reached: it, with its inputs; or it is parked, or given back.
    fn follow(&mut self, execution: Execution) -> Option<Execution> {
        let mut ended = Vec::new();
        let supplied = self.follow_or_forsake(execution, &mut ended);
        self.tell(ended);
        supplied
    }

    fn follow_or_forsake(&mut self, mut execution: Execution, ended: &mut Vec<Ended>) -> Option<Execution> {
        match self.supply(&mut execution) {
            Supply::All => Some(execution),
            Supply::Awaits(leader) => {
                self.present.insert(execution.run, PARKED);
                self.parked_len += 1;
                self.parked.entry(leader).or_default().push(execution);
                None
            }
            Supply::Broken => {
                self.given_back.push(execution.run);
                self.forsake(execution, ended);
                None
            }
        }
    }

    /// Fills a run's slots, if all that it awaits is here.
    fn supply(&mut self, execution: &mut Execution) -> Supply {
        let mut missing = None;
        for slot in &execution.deps {
            let DepSlot::Awaited(leader) = slot else { continue };
            match self.results.get(leader) {
                None => missing = missing.or(Some(*leader)),
                Some(Made { value: None, .. }) => return Supply::Broken,
                Some(_) => {}
            }
        }
        if let Some(leader) = missing {
            return Supply::Awaits(leader);
        }
        for slot in &mut execution.deps {
            if let DepSlot::Awaited(leader) = *slot
                && let Some(value) = self.take_share(leader)
            {
                *slot = DepSlot::Here(value);
            }
        }
        Supply::All
    }

    fn take_share(&mut self, leader: RunId) -> Option<DepValue> {
        let made = self.results.get_mut(&leader)?;
        made.shares -= 1;
        if made.shares > 0 { made.value.clone() } else { self.results.remove(&leader)?.value }
    }

    /// A run will never be executed: it takes no shares, and those who follow it have nothing to wait for.
    fn forsake(&mut self, execution: Execution, ended: &mut Vec<Ended>) {
        for slot in &execution.deps {
            let DepSlot::Awaited(leader) = slot else { continue };
            if self.results.contains_key(leader) {
                self.take_share(*leader);
            } else {
                *self.forsaken.entry(*leader).or_default() += 1;
            }
        }
        if execution.followers > 0 {
            ended.push(Ended { run: execution.run, value: None, followers: execution.followers });
        }
    }

    fn forsake_and_tell(&mut self, execution: Execution) {
        let mut ended = Vec::new();
        self.forsake(execution, &mut ended);
        self.tell(ended);
    }

    /// Nothing is left of any run.
    #[cfg(test)]
    fn is_bare(&self) -> bool {
        self.present.is_empty()
            && self.row.is_empty()
            && self.overtaking.is_empty()
            && self.results.is_empty()
            && self.parked.is_empty()
            && self.forsaken.is_empty()
            && (self.stones, self.parked_len) == (0, 0)
    }
}

#[cfg(test)]
pub(crate) mod tests;
