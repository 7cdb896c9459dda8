//! Other workers, and what is asked of each: a queue, and a bounded number of values and bytes in flight.

use std::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;
use rask_types::{RequestId, RunId, Tick, WorkerId};

use crate::core::Limits;
use crate::wanted::Holder;

/// How long a peer whose link broke is left alone.
const BLOCKED_MS: u64 = 200;

/// Another worker.
#[derive(Default, Debug)]
pub(crate) struct Peer {
    /// Values to ask for. Some are not wanted any more, or asked already: their `Place` says otherwise.
    pub queue: VecDeque<RunId>,
    /// Bytes of those whose place is this queue.
    pub queued_bytes: u64,
    /// What was asked and not answered.
    pub flights: Vec<Flight>,
    /// Their bytes.
    pub flying_bytes: u64,
    /// Ask nothing before.
    pub blocked_until: Option<Tick>,
}

/// One value that a peer was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flight {
    pub request: RequestId,
    pub value: RunId,
    pub nbytes: u64,
    /// When it was asked for.
    pub since: Tick,
}

/// All peers.
#[derive(Default, Debug)]
pub(crate) struct Peers {
    pub known: HashMap<WorkerId, Peer>,
    /// Those with a queue.
    pub eager: BTreeSet<WorkerId>,
    /// Bytes in flight from all.
    pub flying_bytes: u64,
    /// Something changed since fetches were last planned.
    pub plan_is_due: bool,
    pub last_request: RequestId,
    last_served: WorkerId,
}

impl Peers {
    pub fn define(&mut self, worker: WorkerId) {
        self.known.entry(worker).or_default();
    }

    /// Which holder to ask next for a value of `nbytes`: the one that disappointed least, then the least busy. Ties go
    /// round by this worker's own number, so that many who want one value do not all ask the same holder.
    pub fn choose(&self, holders: &[Holder], nbytes: u64, me: WorkerId) -> Option<WorkerId> {
        let count = holders.len();
        let candidates = (0..count).map(|i| &holders[(i + me.0 as usize) % count]);
        candidates
            .filter(|holder| holder.is_hopeful() && holder.worker != me)
            .filter_map(|holder| self.known.get(&holder.worker).map(|peer| (holder, peer)))
            .min_by_key(|(holder, peer)| {
                let busy_bytes = peer.queued_bytes + peer.flying_bytes + nbytes;
                (holder.losses, peer.blocked_until.is_some(), busy_bytes)
            })
            .map(|(holder, _)| holder.worker)
    }

    pub fn enqueue(&mut self, worker: WorkerId, value: RunId, nbytes: u64) {
        let peer = self.known.entry(worker).or_default();
        peer.queue.push_back(value);
        peer.queued_bytes += nbytes;
        self.eager.insert(worker);
        self.plan_is_due = true;
    }

    /// A queued value is not wanted from this peer any more; its name stays in the queue until it comes up.
    pub fn unqueue(&mut self, worker: WorkerId, nbytes: u64) {
        if let Some(peer) = self.known.get_mut(&worker) {
            peer.queued_bytes -= nbytes;
        }
    }

    /// The peer answered for one value: since when it was waited for, if it was asked.
    pub fn land(&mut self, worker: WorkerId, request: RequestId, value: RunId) -> Option<Tick> {
        let peer = self.known.get_mut(&worker)?;
        let asked = |flight: &Flight| flight.request == request && flight.value == value;
        let at = peer.flights.iter().position(asked)?;
        let flight = peer.flights.swap_remove(at);
        peer.flying_bytes -= flight.nbytes;
        self.flying_bytes -= flight.nbytes;
        self.plan_is_due = true;
        Some(flight.since)
    }

    /// The link to a peer broke: what it was asked for, and what it was to be asked for.
    pub fn lose(&mut self, worker: WorkerId, now: Tick) -> (Vec<Flight>, Vec<RunId>) {
        let Some(peer) = self.known.get_mut(&worker) else { return (Vec::new(), Vec::new()) };
        let flights = std::mem::take(&mut peer.flights);
        let queue = std::mem::take(&mut peer.queue);
        self.flying_bytes -= std::mem::take(&mut peer.flying_bytes);
        peer.blocked_until = Some(now.plus_ms(BLOCKED_MS));
        self.eager.remove(&worker);
        self.plan_is_due = true;
        (flights, queue.into())
    }

    /// Those that may be asked for more, beginning after whoever was asked last.
    pub fn in_turn(&mut self, now: Tick) -> Vec<WorkerId> {
        let after = (std::ops::Bound::Excluded(self.last_served), std::ops::Bound::Unbounded);
        let order = self.eager.range(after).chain(self.eager.range(..=self.last_served));
        let mut able = Vec::with_capacity(self.eager.len());
        for worker in order {
            let Some(peer) = self.known.get_mut(worker) else { continue };
            if peer.blocked_until.is_some_and(|until| until <= now) {
                peer.blocked_until = None;
            }
            if peer.blocked_until.is_none() {
                able.push(*worker);
            }
        }
        able
    }

    /// True if one more value of `nbytes` may be asked of `worker` now. A value beyond all bounds travels alone.
    pub fn has_room(&self, worker: WorkerId, nbytes: u64, limits: &Limits) -> bool {
        let Some(peer) = self.known.get(&worker) else { return false };
        let total_fits = self.flying_bytes == 0 || self.flying_bytes + nbytes <= limits.flying_bytes_max;
        let bytes_fit =
            peer.flying_bytes == 0 || peer.flying_bytes + nbytes <= limits.flying_bytes_per_peer_max;
        total_fits && bytes_fit && peer.flights.len() < limits.flights_per_peer_max
    }

    /// Notes that `worker` is asked.
    pub fn take_off(&mut self, worker: WorkerId, flight: Flight) {
        let Some(peer) = self.known.get_mut(&worker) else { return };
        peer.queued_bytes -= flight.nbytes;
        peer.flights.push(flight);
        peer.flying_bytes += flight.nbytes;
        self.flying_bytes += flight.nbytes;
        self.last_served = worker;
    }

    /// The number of the next question.
    pub fn next_request(&self) -> RequestId {
        RequestId(self.last_request.0.wrapping_add(1))
    }

    /// When the next blocked peer with a queue may be asked again.
    pub fn unblocks_at(&self) -> Option<Tick> {
        self.eager.iter().filter_map(|worker| self.known.get(worker)?.blocked_until).min()
    }
}
