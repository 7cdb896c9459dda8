//! What the worker knows about one value: it has it, makes it, or fetches it.

use rask_types::{RequestId, RunId, WorkerId};

use crate::task::DepValue;
use crate::waiting::Waiter;

/// How often a link to a holder may break before that holder counts as not having the value.
pub(crate) const LOSSES_MAX: u8 = 2;

/// A value.
#[derive(Debug)]
pub(crate) enum Value<V> {
    /// It is here.
    Kept { value: DepValue<V>, nbytes: u64 },
    /// It is the result of a run that is here and has not been answered.
    Local(Quest),
    /// It comes from a peer, or waits for its turn.
    Fetch(Fetch),
}

/// Who wants a value, and who might have it.
#[derive(Default, Debug)]
pub(crate) struct Quest {
    /// Those who wait. Some may be gone: see [`Waiter`].
    pub waiters: Vec<Waiter>,
    /// How many of `waiters` are not gone.
    pub live: u32,
    /// Peers that are said to have it.
    pub holders: Vec<Holder>,
    /// Its size as far as it is known.
    pub nbytes: u64,
}

/// A fetch.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub quest: Quest,
    /// The scheduler wants it here, whether or not a run waits for it.
    pub replicate: bool,
    pub at: Place,
}

/// Where a fetch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Between two places, or doomed; never when an event has been handled.
    Nowhere,
    /// In the queue of this peer.
    Queued(WorkerId),
    /// Asked of this peer.
    Flying(WorkerId, RequestId),
}

/// A peer that is said to have a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    pub worker: WorkerId,
    /// How often a link to it broke while it was asked.
    pub losses: u8,
    /// It said that it does not have it.
    pub missing: bool,
}

impl Quest {
    /// Adds those of `workers` that are not known yet.
    pub fn add_holders(&mut self, workers: &[WorkerId]) {
        for &worker in workers {
            if !self.holders.iter().any(|holder| holder.worker == worker) {
                self.holders.push(Holder { worker, losses: 0, missing: false });
            }
        }
    }

    /// Notes what became of asking `worker`.
    pub fn blame(&mut self, worker: WorkerId, blame: Blame) {
        for holder in self.holders.iter_mut().filter(|holder| holder.worker == worker) {
            match blame {
                Blame::Missing => holder.missing = true,
                Blame::Lost => holder.losses = holder.losses.saturating_add(1),
            }
        }
    }

    /// All that were named, in the order in which they were.
    pub fn workers(&self) -> Vec<WorkerId> {
        self.holders.iter().map(|holder| holder.worker).collect()
    }

    /// One that waited does no longer.
    pub fn forget_one(&mut self) {
        self.live -= 1;
        if self.live == 0 {
            self.waiters.clear();
        }
    }
}

/// Why a holder did not give a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blame {
    Missing,
    Lost,
}

impl Holder {
    /// It may still be asked.
    pub fn is_hopeful(&self) -> bool {
        !self.missing && self.losses < LOSSES_MAX
    }
}

impl Fetch {
    /// Nobody would look at it.
    pub fn is_idle(&self) -> bool {
        self.quest.live == 0 && !self.replicate
    }

    /// True if this answers what was asked last.
    pub fn is_asked(&self, worker: WorkerId, request: RequestId) -> bool {
        self.at == Place::Flying(worker, request)
    }
}

impl<V> Value<V> {
    /// Who wants it, if it is not here.
    pub fn quest_mut(&mut self) -> Option<&mut Quest> {
        match self {
            Value::Kept { .. } => None,
            Value::Local(quest) => Some(quest),
            Value::Fetch(fetch) => Some(&mut fetch.quest),
        }
    }
}

/// Which value a message about a run's result means: they share one name.
pub(crate) const fn name(value: RunId) -> u64 {
    value.to_u64()
}
