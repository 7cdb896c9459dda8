//! What must hold after every event. Slow: for tests and simulations.

use hashbrown::HashMap;

use crate::core::{WorkerCore, word};
use crate::task::DepSlot;
use crate::wanted::{Place, Quest, Value};
use rask_types::{RunId, WorkerId};

impl<V: Clone> WorkerCore<V> {
    /// Cross-examines the whole state.
    ///
    /// # Errors
    /// With what does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        if !self.doomed.is_empty() || !self.given_back.is_empty() {
            return Err("someone was not told".to_owned());
        }
        self.check_waiting()?;
        self.check_table()?;
        self.check_values()?;
        self.check_peers()
    }

    fn check_waiting(&self) -> Result<(), String> {
        let mut seen = std::collections::HashSet::new();
        for (index, waiting) in &self.waiting.runs {
            let run = waiting.run;
            if !seen.insert(run) {
                return Err(format!("{run:?} waits twice"));
            }
            let flags = self.runs.get(run).ok_or_else(|| format!("{run:?} waits but is not in the table"))?;
            if flags & word::WAITING == 0 || (flags >> word::INDEX_SHIFT) as usize != index {
                return Err(format!("{run:?} waits at {index} but its word is {flags:#x}"));
            }
            let awaited = waiting.awaited().count();
            if awaited == 0 || awaited != waiting.unresolved as usize {
                return Err(format!("{run:?} awaits {awaited} values and counts {}", waiting.unresolved));
            }
            for (position, slot) in waiting.deps.iter().enumerate() {
                if let DepSlot::Awaited(value) = slot {
                    self.check_waiter(index as u32, run, position as u32, *value)?;
                }
            }
        }
        Ok(())
    }

    fn check_waiter(&self, index: u32, run: RunId, position: u32, value: RunId) -> Result<(), String> {
        let quest = match self.values.get(&value.to_u64()) {
            Some(Value::Local(quest)) => quest,
            Some(Value::Fetch(fetch)) => &fetch.quest,
            _ => return Err(format!("{run:?} awaits {value:?}, which nobody brings")),
        };
        let me = crate::waiting::Waiter { index, run, position };
        let times = quest.waiters.iter().filter(|waiter| **waiter == me).count();
        if times == 1 { Ok(()) } else { Err(format!("{value:?} knows {run:?} {times} times")) }
    }

    fn check_table(&self) -> Result<(), String> {
        for (run, flags) in self.runs.iter() {
            if flags & word::HERE == 0 {
                return Err(format!("{run:?} has the word {flags:#x}"));
            }
            let index = (flags >> word::INDEX_SHIFT) as usize;
            let waits = self.waiting.runs.get(index).is_some_and(|waiting| waiting.run == run);
            if (flags & word::WAITING != 0) != waits {
                return Err(format!("{run:?} has the word {flags:#x} but waits: {waits}"));
            }
            let watched = matches!(self.values.get(&run.to_u64()), Some(Value::Local(_)));
            if (flags & word::WATCHED != 0) != watched {
                return Err(format!("{run:?} has the word {flags:#x} but is watched: {watched}"));
            }
        }
        Ok(())
    }

    fn check_values(&self) -> Result<(), String> {
        let (mut kept, mut kept_bytes) = (0, 0);
        for (&bits, value) in &self.values {
            let run = RunId::from_u64(bits);
            match value {
                Value::Kept { nbytes, .. } => {
                    kept += 1;
                    kept_bytes += nbytes;
                }
                Value::Local(quest) => {
                    self.check_quest(run, quest)?;
                    if self.runs.get(run).is_none() || quest.live == 0 {
                        return Err(format!("{run:?} is awaited here but nobody makes or wants it"));
                    }
                }
                Value::Fetch(fetch) => {
                    self.check_quest(run, &fetch.quest)?;
                    if fetch.at == Place::Nowhere {
                        return Err(format!("{run:?} is fetched from nowhere"));
                    }
                    if let Place::Queued(worker) = fetch.at
                        && (fetch.is_idle() || !self.is_in_queue(worker, run))
                    {
                        return Err(format!("{run:?} is to be fetched from {worker:?}, in vain"));
                    }
                    if let Place::Flying(worker, request) = fetch.at
                        && !self.is_in_flight(worker, request, run)
                    {
                        return Err(format!("{run:?} is taken for asked of {worker:?} but is not"));
                    }
                }
            }
        }
        if (kept, kept_bytes) == (self.kept, self.kept_bytes) {
            Ok(())
        } else {
            Err(format!("{kept} values of {kept_bytes} B kept; counted {} of {}", self.kept, self.kept_bytes))
        }
    }

    fn check_quest(&self, value: RunId, quest: &Quest) -> Result<(), String> {
        let live = quest.waiters.iter().filter(|waiter| self.waiting.is_live(waiter)).count();
        if live == quest.live as usize {
            Ok(())
        } else {
            Err(format!("{live} wait for {value:?}; counted {}", quest.live))
        }
    }

    fn is_in_queue(&self, worker: WorkerId, value: RunId) -> bool {
        let peer = self.peers.known.get(&worker);
        peer.is_some_and(|peer| peer.queue.contains(&value)) && self.peers.eager.contains(&worker)
    }

    fn is_in_flight(&self, worker: WorkerId, request: rask_types::RequestId, value: RunId) -> bool {
        let peer = self.peers.known.get(&worker);
        peer.is_some_and(|peer| peer.flights.iter().any(|f| f.request == request && f.value == value))
    }

    fn check_peers(&self) -> Result<(), String> {
        let mut queued: HashMap<WorkerId, u64> = HashMap::new();
        for value in self.values.values() {
            if let Value::Fetch(fetch) = value
                && let Place::Queued(worker) = fetch.at
            {
                *queued.entry(worker).or_default() += fetch.quest.nbytes;
            }
        }
        let mut total = 0;
        for (worker, peer) in &self.peers.known {
            let flying: u64 = peer.flights.iter().map(|flight| flight.nbytes).sum();
            total += flying;
            if flying != peer.flying_bytes || queued.get(worker).copied().unwrap_or(0) != peer.queued_bytes {
                return Err(format!("{worker:?} has miscounted bytes"));
            }
            if peer.flights.len() > self.limits.flights_per_peer_max {
                return Err(format!("{worker:?} is asked for too much at once"));
            }
            if flying > self.limits.flying_bytes_per_peer_max
                && peer.flights.iter().filter(|f| f.nbytes > 0).count() > 1
            {
                return Err(format!("{worker:?} is asked for too many bytes at once"));
            }
            if peer.queue.is_empty() == self.peers.eager.contains(worker) {
                return Err(format!("{worker:?} is eager without a queue, or the reverse"));
            }
        }
        if total == self.peers.flying_bytes { Ok(()) } else { Err("bytes in flight miscounted".to_owned()) }
    }
}
