//! Who holds futures for a task: mostly one future of one client.

use std::collections::BTreeSet;

use rask_types::{ClientId, FutureId};
use smallvec::{SmallVec, smallvec};

/// A client's hold on a task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Want {
    pub(crate) client: ClientId,
    pub(crate) future: FutureId,
}

/// A hold in twelve bytes aligned to four, so that all of `Wanted` takes sixteen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compact {
    client: ClientId,
    future_high: u32,
    future_low: u32,
}

impl From<Want> for Compact {
    fn from(want: Want) -> Compact {
        let (future_high, future_low) = ((want.future.0 >> 32) as u32, want.future.0 as u32);
        Compact { client: want.client, future_high, future_low }
    }
}

impl From<Compact> for Want {
    fn from(compact: Compact) -> Want {
        let future = u64::from(compact.future_high) << 32 | u64::from(compact.future_low);
        Want { client: compact.client, future: FutureId(future) }
    }
}

/// All holds on a task. Many are a set, so that letting go of each costs little however many there are.
#[derive(Debug, Default)]
pub(crate) enum Wanted {
    #[default]
    ByNobody,
    Once(Compact),
    #[expect(clippy::box_collection, reason = "a set in place would make every task larger")]
    Often(Box<BTreeSet<Want>>),
}

impl Wanted {
    /// One more.
    pub(crate) fn insert(&mut self, want: Want) {
        match self {
            Wanted::ByNobody => *self = Wanted::Once(want.into()),
            Wanted::Once(first) => {
                let both = BTreeSet::from([Want::from(*first), want]);
                *self = Wanted::Often(Box::new(both));
            }
            Wanted::Often(all) => {
                all.insert(want);
            }
        }
    }

    /// One less, if it is there.
    pub(crate) fn remove(&mut self, want: Want) {
        match self {
            Wanted::Once(only) if Want::from(*only) == want => *self = Wanted::ByNobody,
            Wanted::ByNobody | Wanted::Once(_) => {}
            Wanted::Often(all) => {
                all.remove(&want);
                if all.is_empty() {
                    *self = Wanted::ByNobody;
                }
            }
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Wanted::ByNobody)
    }

    /// Somebody but this client holds a future.
    pub(crate) fn by_another_than(&self, client: ClientId) -> bool {
        match self {
            Wanted::ByNobody => false,
            Wanted::Once(only) => only.client != client,
            Wanted::Often(all) => all.iter().any(|want| want.client != client),
        }
    }

    /// All of them, ordered.
    #[inline]
    pub(crate) fn all(&self) -> SmallVec<[Want; 1]> {
        match self {
            Wanted::ByNobody => SmallVec::new(),
            Wanted::Once(only) => smallvec![Want::from(*only)],
            Wanted::Often(all) => all.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(client: u32, future: u64) -> Want {
        Want { client: ClientId(client), future: FutureId(future) }
    }

    #[test]
    fn what_was_put_in_is_there_until_taken_out() {
        let mut wanted = Wanted::default();
        assert!(wanted.is_empty());
        for (client, future) in [(0, 1), (1, 1), (0, 2)] {
            wanted.insert(want(client, future));
        }
        assert_eq!(wanted.all().as_slice(), [want(0, 1), want(0, 2), want(1, 1)]);
        assert!(wanted.by_another_than(ClientId(0)));
        wanted.remove(want(1, 1));
        wanted.remove(want(7, 7));
        assert!(!wanted.by_another_than(ClientId(0)));
        wanted.remove(want(0, 1));
        wanted.remove(want(0, 2));
        assert!(wanted.is_empty());
        wanted.insert(want(0, u64::MAX - 7));
        wanted.remove(want(0, 4));
        assert_eq!(wanted.all().as_slice(), [want(0, u64::MAX - 7)]);
    }
}
