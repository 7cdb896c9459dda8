//! Completions that someone wants to hear of: `as_completed`, done callbacks, asyncio.

use hashbrown::HashMap;
use rask_types::FutureId;
use smallvec::SmallVec;

use crate::core::ClientCore;
use crate::slot::watch;

/// A queue of completions, numbered by the driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId(pub u32);

/// A subscribed future stopped being pending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// Whom to tell.
    pub queue: QueueId,
    /// What the subscriber called it.
    pub tag: u64,
    /// The future.
    pub future: FutureId,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    of: HashMap<FutureId, SmallVec<[(QueueId, u64); 1]>>,
}

impl Subscriptions {
    pub(crate) fn complete(&mut self, future: FutureId, completions: &mut Vec<Completion>) {
        let entries = self.of.remove(&future).unwrap_or_default();
        completions.extend(entries.into_iter().map(|(queue, tag)| Completion { queue, tag, future }));
    }

    pub(crate) fn forget(&mut self, future: FutureId) {
        self.of.remove(&future);
    }
}

impl ClientCore {
    /// Tells `queue` once, under `tag`, when the future is not pending (any more). A future that is given up before is
    /// never told of; one that is not held is told of at once.
    pub fn subscribe(&mut self, future: FutureId, queue: QueueId, tag: u64) {
        match self.table.get_mut(future) {
            Some(slot) if slot.state.is_pending() => {
                slot.watch |= watch::SUBSCRIBED;
                self.subscriptions.of.entry(future).or_default().push((queue, tag));
            }
            _ => self.completions.push(Completion { queue, tag, future }),
        }
    }

    /// Forgets one subscription.
    pub fn unsubscribe(&mut self, future: FutureId, queue: QueueId, tag: u64) {
        let Some(entries) = self.subscriptions.of.get_mut(&future) else { return };
        entries.retain(|entry| *entry != (queue, tag));
        if entries.is_empty() {
            self.subscriptions.of.remove(&future);
            if let Some(slot) = self.table.get_mut(future) {
                slot.watch &= !watch::SUBSCRIBED;
            }
        }
    }

    /// Panics if a subscriber would not be told.
    pub(crate) fn check_subscriptions(&self) {
        for (&future, entries) in &self.subscriptions.of {
            let slot = self.table.get(future).expect("a subscribed future is held");
            assert!(slot.state.is_pending() && slot.watch & watch::SUBSCRIBED != 0 && !entries.is_empty());
        }
        let marked = self.table.iter().filter(|(_, slot)| slot.watch & watch::SUBSCRIBED != 0).count();
        assert_eq!(marked, self.subscriptions.of.len(), "every mark has its subscriptions");
    }
}
