//! Values on their way from peers.
//!
//! A fetch is in the queue of the peer it will be asked of, or asked. Each answer frees room for the next; a peer whose link
//! broke is left alone for a moment and asked once more, if nobody else has the value.

use std::collections::BTreeSet;
use std::sync::Arc;

use rask_types::msg::FetchFailure;
use rask_types::{RequestId, RunId, WorkerId};

use crate::core::{Doom, WorkerCore};
use crate::effect::Effect;
use crate::peers::Flight;
use crate::task::DepValue;
use crate::wanted::{Blame, Place, Value, name};

impl<V: Clone> WorkerCore<V> {
    /// Puts a fetch that is nowhere into the queue of a holder; dooms it if there is none to ask.
    pub(crate) fn choose_place(&mut self, value: RunId) {
        let Some(Value::Fetch(fetch)) = self.values.get_mut(&name(value)) else { return };
        fetch.at = Place::Nowhere;
        if fetch.is_idle() {
            self.values.remove(&name(value));
            return;
        }
        match self.peers.choose(&fetch.quest.holders, fetch.quest.nbytes, self.me) {
            Some(worker) => {
                fetch.at = Place::Queued(worker);
                self.peers.enqueue(worker, value, fetch.quest.nbytes);
            }
            None => self.doomed.push((value, Doom::GiveBack)),
        }
    }

    /// A queued fetch that nobody wants is dropped. One that was asked comes anyway; it is looked at when it does.
    pub(crate) fn drop_if_idle_and_queued(&mut self, value: RunId, nbytes: u64) {
        if let Some(Value::Fetch(fetch)) = self.values.get(&name(value))
            && fetch.is_idle()
            && let Place::Queued(worker) = fetch.at
        {
            self.peers.unqueue(worker, nbytes);
            self.values.remove(&name(value));
        }
    }

    /// Asks peers for as much as the bounds allow.
    pub(crate) fn plan_fetches(&mut self) {
        if !std::mem::take(&mut self.peers.plan_is_due) {
            return;
        }
        for worker in self.peers.in_turn(self.now) {
            let request = self.peers.next_request();
            let values = self.board(worker, request);
            if !values.is_empty() {
                self.peers.last_request = request;
                self.out.push(Effect::Fetch { worker, request, values });
            }
        }
    }

    /// Moves fetches from a peer's queue into the air.
    fn board(&mut self, worker: WorkerId, request: RequestId) -> Vec<RunId> {
        let mut boarded = Vec::new();
        while let Some(value) = self.peers.known.get(&worker).and_then(|peer| peer.queue.front().copied()) {
            let here = Place::Queued(worker);
            let queued = match self.values.get_mut(&name(value)) {
                Some(Value::Fetch(fetch)) if fetch.at == here => Some(fetch),
                _ => None,
            };
            if let Some(fetch) = queued {
                let nbytes = fetch.quest.nbytes;
                if !self.peers.has_room(worker, nbytes, &self.limits) {
                    return boarded;
                }
                fetch.at = Place::Flying(worker, request);
                self.peers.take_off(worker, Flight { request, value, nbytes, since: self.now });
                boarded.push(value);
            }
            if let Some(peer) = self.peers.known.get_mut(&worker) {
                peer.queue.pop_front();
            }
        }
        self.peers.eager.remove(&worker);
        boarded
    }

    pub(crate) fn on_fetched(
        &mut self,
        worker: WorkerId,
        request: RequestId,
        value: RunId,
        result: Result<(DepValue<V>, u64), FetchFailure>,
    ) {
        let Some(since) = self.peers.land(worker, request, value) else { return };
        let Some(Value::Fetch(fetch)) = self.values.get_mut(&name(value)) else { return };
        if !fetch.is_asked(worker, request) {
            return;
        }
        fetch.at = Place::Nowhere;
        if fetch.is_idle() {
            self.values.remove(&name(value));
            return;
        }
        match result {
            Ok((here, measured_bytes)) => {
                let nbytes = if fetch.quest.nbytes > 0 { fetch.quest.nbytes } else { measured_bytes };
                self.transfers.note(value, worker, nbytes, since, self.now);
                self.hand_over(value, here, nbytes, true);
                self.say_stored(value, nbytes, &Arc::from(""));
            }
            Err(FetchFailure::Missing) => {
                fetch.quest.blame(worker, Blame::Missing);
                self.choose_place(value);
            }
            Err(FetchFailure::Unserializable(error)) => self.doomed.push((value, Doom::Fail(error))),
        }
    }

    /// All that was asked of a peer, and all that was to be, looks for another place.
    pub(crate) fn on_peer_lost(&mut self, worker: WorkerId) {
        let (flights, queue) = self.peers.lose(worker, self.now);
        for flight in flights {
            self.leave_place(flight.value, Place::Flying(worker, flight.request), worker);
        }
        // A name may be in the queue twice: dropped, then wanted again. It is one fetch.
        let mut seen = BTreeSet::new();
        for value in queue {
            if seen.insert(value) {
                self.leave_place(value, Place::Queued(worker), worker);
            }
        }
    }

    fn leave_place(&mut self, value: RunId, place: Place, worker: WorkerId) {
        let Some(Value::Fetch(fetch)) = self.values.get_mut(&name(value)) else { return };
        if fetch.at != place {
            return;
        }
        if let Place::Queued(_) = place {
            self.peers.unqueue(worker, fetch.quest.nbytes);
        }
        fetch.quest.blame(worker, Blame::Lost);
        self.choose_place(value);
    }
}
