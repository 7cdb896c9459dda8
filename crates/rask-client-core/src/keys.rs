//! From keys to the futures held on them: for pure and named tasks only, since nobody can ask for an impure one twice.
//!
//! The index keeps future numbers; a key itself lies in its future's slot.

use hashbrown::HashTable;
use rask_types::{FutureId, KeyId};

use crate::table::FutureTable;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct KeyIndex {
    ids: HashTable<FutureId>,
}

/// Keys are hashes already, but of prefix and token by xor: tokens that a user wrote may differ in few bits.
#[inline]
fn hash(key: KeyId) -> u64 {
    let (high, low) = ((key.0 >> 64) as u64, key.0 as u64);
    let mixed = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd6e8_feb8_6659_fd93);
    (mixed >> 64) as u64 ^ mixed as u64
}

fn key_of(table: &FutureTable, id: FutureId) -> KeyId {
    table.get(id).map_or(KeyId(0), |slot| slot.key_id())
}

impl KeyIndex {
    #[inline]
    pub(crate) fn get(&self, key: KeyId, table: &FutureTable) -> Option<FutureId> {
        self.ids.find(hash(key), |&id| key_of(table, id) == key).copied()
    }

    /// Enters future `id`, whose slot holds `key`. False if another future has that key already.
    #[inline]
    pub(crate) fn insert(&mut self, key: KeyId, id: FutureId, table: &FutureTable) -> bool {
        if self.get(key, table).is_some() {
            return false;
        }
        self.ids.insert_unique(hash(key), id, |&id| hash(key_of(table, id)));
        true
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: KeyId, id: FutureId) {
        if let Ok(entry) = self.ids.find_entry(hash(key), |&other| other == id) {
            entry.remove();
            if self.ids.is_empty() && self.ids.capacity() > 1024 {
                self.ids = HashTable::new();
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.ids.allocation_size()
    }
}
