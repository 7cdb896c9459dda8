//! Deadlines of links. Cancelling is forgetting: whoever is told that a deadline has passed checks that it still holds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rask_types::Tick;

use crate::peer::LinkId;

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Tick, LinkId)>>,
}

impl Timers {
    pub fn set(&mut self, at: Tick, link: LinkId) {
        self.heap.push(Reverse((at, link)));
    }

    /// When the next deadline passes.
    pub fn next(&self) -> Option<Tick> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one deadline that has passed.
    pub fn take_expired(&mut self, now: Tick) -> Option<(Tick, LinkId)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_pass_in_order() {
        let mut timers = Timers::default();
        let link = |slot| LinkId::new(slot, 1);
        timers.set(Tick(30), link(3));
        timers.set(Tick(10), link(1));
        timers.set(Tick(20), link(2));
        assert_eq!(timers.next(), Some(Tick(10)));
        assert_eq!(timers.take_expired(Tick(9)), None);
        assert_eq!(timers.take_expired(Tick(25)), Some((Tick(10), link(1))));
        assert_eq!(timers.take_expired(Tick(25)), Some((Tick(20), link(2))));
        assert_eq!(timers.take_expired(Tick(25)), None);
        assert_eq!(timers.next(), Some(Tick(30)));
    }
}
