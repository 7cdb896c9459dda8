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

/// All holds on a task. Many are a set, so that letting go of each costs little however many there are.
#[derive(Debug, Default)]
pub(crate) enum Wanted {
    #[default]
    ByNobody,
    Once(Want),
    Often(Box<BTreeSet<Want>>),
}

impl Wanted {
    /// One more.
    pub(crate) fn insert(&mut self, want: Want) {
        match self {
            Wanted::ByNobody => *self = Wanted::Once(want),
            Wanted::Once(first) => *self = Wanted::Often(Box::new(BTreeSet::from([*first, want]))),
            Wanted::Often(all) => {
                all.insert(want);
            }
        }
    }

    /// One less, if it is there.
    pub(crate) fn remove(&mut self, want: Want) {
        match self {
            Wanted::Once(only) if *only == want => *self = Wanted::ByNobody,
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
            Wanted::Once(only) => smallvec![*only],
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
        wanted.insert(want(0, 3));
        wanted.remove(want(0, 4));
        assert_eq!(wanted.all().as_slice(), [want(0, 3)]);
    }
}
