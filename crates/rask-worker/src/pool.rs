//! The execution queue, and the seats of the threads that serve it.
//!
//! Runs mostly come in the order in which they should start, so the queue is a row of batches that is appended to without
//! copying, and a heap beside it for those that overtake. A run that is taken back stays where it is as a stone that is
//! stepped over.
//!
//! `nthreads` seats: a thread without one gets no runs and ends. `secede` gives a seat up, `rejoin` waits for one.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use parking_lot::{Condvar, Mutex, MutexGuard};
use rask_types::RunId;
use rask_worker_core::RunTable;

use crate::Execution;

const QUEUED: u32 = 1;
const STONE: u32 = 2;

/// The queue alone.
#[derive(Default)]
pub(crate) struct Queue {
    /// Batches as they came, each in order, and each after the one before. None is empty.
    row: VecDeque<std::vec::IntoIter<Execution>>,
    overtaking: BinaryHeap<Overtaking>,
    /// What is in it, stones included.
    present: RunTable,
    stones: usize,
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
    /// How many could start.
    pub fn len(&self) -> usize {
        self.present.len() - self.stones
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
            if self.present.remove(next.run) == Some(QUEUED) {
                return Some(next);
            }
            self.stones -= 1;
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

    /// Takes those of `runs` out that are in; which.
    pub fn take_back(&mut self, runs: &[RunId]) -> Vec<RunId> {
        let mut taken = Vec::new();
        for &run in runs {
            if self.present.get(run) == Some(QUEUED) {
                self.present.set(run, STONE);
                self.stones += 1;
                taken.push(run);
            }
        }
        if self.stones > 64 && self.stones > self.present.len() / 2 {
            self.sweep();
        }
        taken
    }

    /// Takes everything out.
    pub fn take_all(&mut self) -> Vec<RunId> {
        std::iter::from_fn(|| self.pop()).map(|execution| execution.run).collect()
    }

    fn sweep(&mut self) {
        let present = &mut self.present;
        let mut stays = |execution: &Execution| {
            let stays = present.get(execution.run) == Some(QUEUED);
            if !stays {
                present.remove(execution.run);
            }
            stays
        };
        for batch in &mut self.row {
            *batch =
                std::mem::take(batch).filter(|execution| stays(execution)).collect::<Vec<_>>().into_iter();
        }
        self.row.retain(|batch| batch.len() > 0);
        self.overtaking.retain(|it| stays(&it.0));
        self.stones = 0;
    }
}

/// Queue and seats, for all threads.
pub(crate) struct Pool {
    state: Mutex<State>,
    work: Condvar,
    seat_freed: Condvar,
}

struct State {
    queue: Queue,
    /// Threads that wait for work.
    idle: usize,
    seats: u32,
    seated: u32,
    /// Threads that wait for a seat.
    rejoining: u32,
    /// Seats that were given up for one of those and not taken yet.
    reserved: u32,
    /// Numbers below the highest in use that are free.
    free_numbers: BTreeSet<u16>,
    next_number: u16,
    stopped: bool,
}

/// What a thread that asks for work gets.
pub(crate) enum Turn {
    Execute(Execution),
    /// Nothing now.
    Nothing,
    /// Its seat was given to someone else, or the worker stopped: the thread ends.
    End,
}

impl Pool {
    pub fn new(seats: u32) -> Pool {
        let state = State {
            queue: Queue::default(),
            idle: 0,
            seats,
            seated: 0,
            rejoining: 0,
            reserved: 0,
            free_numbers: BTreeSet::new(),
            next_number: 0,
            stopped: false,
        };
        Pool { state: Mutex::new(state), work: Condvar::new(), seat_freed: Condvar::new() }
    }

    /// A thread comes: its number, and whether it has a seat.
    pub fn enter(&self) -> (u16, bool) {
        let mut state = self.state.lock();
        let number = state.free_numbers.pop_first().unwrap_or_else(|| {
            state.next_number += 1;
            state.next_number - 1
        });
        let seated = state.has_free_seat();
        state.seated += u32::from(seated);
        (number, seated)
    }

    /// A thread leaves.
    pub fn leave(&self, number: u16, seated: bool) {
        let mut state = self.state.lock();
        state.free_numbers.insert(number);
        if seated {
            state.seated -= 1;
            state.give_seat(&self.seat_freed);
        }
    }

    pub fn push(&self, executions: Vec<Execution>) {
        let mut state = self.state.lock();
        state.queue.push(executions);
        let wakes = state.idle.min(state.queue.len());
        drop(state);
        for _ in 0..wakes {
            self.work.notify_one();
        }
    }

    pub fn take_back(&self, runs: &[RunId]) -> Vec<RunId> {
        self.state.lock().queue.take_back(runs)
    }

    pub fn take_all(&self) -> Vec<RunId> {
        self.state.lock().queue.take_all()
    }

    pub fn queued(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// No more work; all threads end.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_all();
        self.seat_freed.notify_all();
    }

    /// What a thread that has a seat does next.
    #[inline]
    pub fn try_next(&self) -> Turn {
        self.state.lock().turn(&self.seat_freed)
    }

    /// As [`Pool::try_next`], but waits rather than return [`Turn::Nothing`].
    pub fn next(&self) -> Turn {
        let mut state = self.state.lock();
        loop {
            match state.turn(&self.seat_freed) {
                Turn::Nothing => self.wait_for_work(&mut state),
                turn => return turn,
            }
        }
    }

    fn wait_for_work(&self, state: &mut MutexGuard<'_, State>) {
        state.idle += 1;
        self.work.wait(state);
        state.idle -= 1;
    }

    /// A thread gives its seat up. True if nobody waited for it: another thread should come.
    pub fn secede(&self) -> bool {
        let mut state = self.state.lock();
        state.seated -= 1;
        !state.give_seat(&self.seat_freed) && !state.stopped
    }

    /// Waits for a seat; false if the worker stopped.
    pub fn rejoin(&self) -> bool {
        let mut state = self.state.lock();
        if !state.has_free_seat() && !state.stopped {
            state.rejoining += 1;
            // An idle thread may give its seat up at once.
            self.work.notify_one();
            while state.reserved == 0 && !state.stopped {
                self.seat_freed.wait(&mut state);
            }
            if state.stopped {
                return false;
            }
            state.reserved -= 1;
        }
        state.seated += 1;
        !state.stopped
    }
}

impl State {
    fn has_free_seat(&self) -> bool {
        self.seated + self.reserved < self.seats
    }

    /// A seat is free: reserves it for a thread that waits for one. False if none does.
    fn give_seat(&mut self, seat_freed: &Condvar) -> bool {
        if self.rejoining == 0 {
            return false;
        }
        self.rejoining -= 1;
        self.reserved += 1;
        seat_freed.notify_one();
        true
    }

    #[inline]
    fn turn(&mut self, seat_freed: &Condvar) -> Turn {
        if self.stopped {
            return Turn::End;
        }
        if self.rejoining > 0 {
            self.seated -= 1;
            self.give_seat(seat_freed);
            return Turn::End;
        }
        self.queue.pop().map_or(Turn::Nothing, Turn::Execute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskName;
    use rask_types::{ClassId, Payload};
    use std::sync::Arc;
    use std::thread;

    fn execution(slot: u32, priority: i32, order: u64) -> Execution {
        Execution {
            run: RunId::new(slot, 1),
            class: ClassId(0),
            priority,
            order,
            name: TaskName::Token(0),
            args: Payload::default(),
            deps: vec![],
        }
    }

    fn slots(queue: &mut Queue) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).map(|execution| execution.run.task.0).collect()
    }

    #[test]
    fn priority_then_order_then_arrival() {
        let mut queue = Queue::default();
        queue.push(vec![execution(1, 0, 5), execution(2, 0, 6), execution(3, 0, 5), execution(4, 1, 9)]);
        queue.push(vec![execution(5, 0, 1), execution(6, -1, 0), execution(7, 1, 8)]);
        assert_eq!(queue.len(), 7);
        assert_eq!(slots(&mut queue), [7, 4, 5, 1, 3, 2, 6]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_is_taken_back_does_not_come() {
        let mut queue = Queue::default();
        queue.push((0..10).map(|i| execution(i, 0, u64::from(10 - i))).collect());
        let run = |slot| RunId::new(slot, 1);
        assert_eq!(queue.take_back(&[run(3), run(5), run(77), run(3)]), [run(3), run(5)]);
        assert_eq!(queue.len(), 8);
        assert_eq!(queue.pop().map(|e| e.run), Some(run(9)));
        assert_eq!(queue.take_back(&[run(9)]), [], "it has begun");
        assert_eq!(slots(&mut queue), [8, 7, 6, 4, 2, 1, 0]);
        assert!(queue.present.is_empty());
    }

    #[test]
    fn stones_are_swept_away() {
        let mut queue = Queue::default();
        queue.push((0..500).map(|i| execution(i, 0, u64::from(i))).collect());
        queue.push((500..1000).map(|i| execution(i, 0, u64::from(i % 7))).collect());
        let most: Vec<RunId> = (0..900).map(|slot| RunId::new(slot, 1)).collect();
        assert_eq!(queue.take_back(&most).len(), 900);
        let in_row: usize = queue.row.iter().map(|batch| batch.len()).sum();
        assert_eq!(in_row + queue.overtaking.len(), 100);
        assert_eq!((queue.len(), queue.stones), (100, 0));
        assert_eq!(queue.take_all().len(), 100);
    }

    #[test]
    fn a_seat_given_up_can_be_had_again() {
        let pool = Pool::new(1);
        assert_eq!(pool.enter(), (0, true));
        assert!(pool.secede(), "another thread should come");
        assert_eq!(pool.enter(), (1, true));
        assert_eq!(pool.enter(), (2, false), "no seat is left");
        pool.leave(2, false);
        pool.leave(1, true);
        assert!(pool.rejoin());
        assert_eq!(pool.enter(), (1, false));
    }

    #[test]
    fn an_idle_thread_makes_room_for_one_that_comes_back() {
        let pool = Arc::new(Pool::new(1));
        pool.enter();
        pool.secede();
        assert_eq!(pool.enter(), (1, true));
        let idle = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || matches!(pool.next(), Turn::End))
        };
        assert!(pool.rejoin());
        assert!(idle.join().is_ok_and(|ended| ended), "the idle thread ends");
        pool.push(vec![execution(1, 0, 0)]);
        assert!(matches!(pool.try_next(), Turn::Execute(_)));
    }

    #[test]
    fn stopping_ends_all_who_wait() {
        let pool = Arc::new(Pool::new(1));
        pool.enter();
        pool.secede();
        pool.enter();
        let waits = |what: fn(&Pool) -> bool| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || what(&pool))
        };
        let next = waits(|pool| matches!(pool.next(), Turn::End));
        pool.stop();
        let rejoin = waits(|pool| !pool.rejoin());
        assert!(next.join().is_ok_and(|ended| ended));
        assert!(rejoin.join().is_ok_and(|refused| refused));
    }
}
