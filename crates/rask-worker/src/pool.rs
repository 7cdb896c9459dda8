//! The execution queue for all threads, and the seats of those that serve it.
//!
//! `nthreads` seats: a thread without one gets no runs and ends. `secede` gives a seat up, `rejoin` waits for one.

use std::collections::BTreeSet;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rask_types::RunId;

use crate::queue::Queue;
use crate::{DepValue, Execution};

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
    /// Nobody will execute these, because an input came to nothing: the thread answers for them, and asks again.
    GivenBack(Vec<RunId>),
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
        self.wake(wakes);
    }

    /// A run has ended that so many slots await; `None` if it came to nothing. Its own answer is where the reactor finds it.
    pub fn ended(&self, run: RunId, made: Option<DepValue>, followers: u32, asks_next: bool) {
        let mut state = self.state.lock();
        state.queue.end(run, made, followers);
        let turns = state.queue.len() + usize::from(state.queue.has_given_back());
        // One of them is for the caller, if it asks for work next.
        let wakes = state.idle.min(turns.saturating_sub(usize::from(asks_next)));
        drop(state);
        self.wake(wakes);
    }

    fn wake(&self, threads: usize) {
        for _ in 0..threads {
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
        self.state.lock().turn(self)
    }

    /// As [`Pool::try_next`], but waits rather than return [`Turn::Nothing`].
    pub fn next(&self) -> Turn {
        let mut state = self.state.lock();
        loop {
            match state.turn(self) {
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
    fn turn(&mut self, pool: &Pool) -> Turn {
        if self.stopped {
            return Turn::End;
        }
        if self.rejoining > 0 {
            self.seated -= 1;
            self.give_seat(&pool.seat_freed);
            if self.idle > 0 && self.queue.len() > 0 {
                // This thread may have been counted on to take what became startable last.
                pool.work.notify_one();
            }
            return Turn::End;
        }
        if !self.queue.has_given_back()
            && let Some(execution) = self.queue.pop()
        {
            return Turn::Execute(execution);
        }
        match self.queue.take_given_back() {
            runs if runs.is_empty() => Turn::Nothing,
            runs => Turn::GivenBack(runs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::tests::execution;
    use std::sync::Arc;
    use std::thread;

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
