//! What is true between any two calls.

use rask_types::FutureId;

use crate::core::{ClientCore, is_reusable};
use crate::slot::KeyForm;

impl ClientCore {
    /// Panics if an invariant does not hold. For tests: it looks at everything.
    pub fn check_invariants(&self) {
        self.table.check();
        let mut indexed = 0;
        let mut named = 0;
        let failed = self.table.iter().filter(|(_, slot)| slot.state.is_failed()).count();
        assert_eq!(self.failed, failed, "failed futures are counted");
        for (id, slot) in self.table.iter() {
            named += usize::from(slot.form == KeyForm::Named);
            assert_eq!(slot.form == KeyForm::Named, self.names.contains_key(&id), "named futures have names");
            assert!(slot.watch == 0 || slot.state.is_pending(), "only pending futures are watched");
            if slot.indexed {
                indexed += 1;
                assert!(slot.form != KeyForm::Session, "session keys are not indexed");
                assert!(is_reusable(&slot.state), "an indexed future can be shared");
                assert_eq!(self.keys.get(slot.key_id(), &self.table), Some(id), "the index finds it");
            }
            assert!(self.key(id).is_some(), "every held future has a key");
            assert!(id < FutureId(self.allocated_end()), "a held number was allocated");
        }
        assert_eq!(indexed, self.keys.len(), "the index has held futures only");
        assert_eq!(named, self.names.len(), "names belong to held futures");
        if !self.is_open() {
            assert!(!self.has_messages(), "a closed session says nothing");
            assert!(self.table.iter().all(|(_, slot)| !slot.state.is_pending()), "nothing stays pending");
            assert!(self.requests.open.is_empty(), "no question stays open");
        }
        assert_eq!(self.stirred, 0, "whoever was stirred has looked");
        self.check_waiters();
        self.check_subscriptions();
        self.check_fetches();
        self.check_scatters();
    }
}
