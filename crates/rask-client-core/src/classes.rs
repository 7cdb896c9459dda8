//! Functions and classes, each told to the scheduler once per session, before its first use.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};
use rask_types::{FunctionId, KeyId, Language, TaskClass};

#[derive(Debug)]
struct Entry {
    class: TaskClass,
    /// What the prefix contributes to the ids of generated keys.
    prefix_id: u128,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    entries: Vec<Entry>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    functions: HashSet<FunctionId>,
}

impl Classes {
    /// True the first time.
    pub(crate) fn add_function(&mut self, id: FunctionId) -> bool {
        self.functions.insert(id)
    }

    /// True if tasks of this class can run: its function was defined, or it needs none.
    pub(crate) fn has_function_of(&self, class: &TaskClass) -> bool {
        class.language == Language::Literal || self.functions.contains(&class.function)
    }

    /// The class's number, and whether it is new.
    pub(crate) fn intern(&mut self, class: &TaskClass) -> (u32, bool) {
        let hash = hash_of(&self.hasher, class);
        if let Some(&number) = self.index.find(hash, |&number| self.entries[number as usize].class == *class)
        {
            return (number, false);
        }
        let number = self.entries.len() as u32;
        self.entries.push(Entry { class: class.clone(), prefix_id: KeyId::of_prefix(&class.prefix) });
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, number, |&number| hash_of(hasher, &entries[number as usize].class));
        (number, true)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&TaskClass> {
        self.entries.get(number as usize).map(|entry| &entry.class)
    }

    #[inline]
    pub(crate) fn prefix_id(&self, number: u32) -> Option<u128> {
        self.entries.get(number as usize).map(|entry| entry.prefix_id)
    }
}

fn hash_of(hasher: &DefaultHashBuilder, class: &TaskClass) -> u64 {
    let mut state = hasher.build_hasher();
    class.prefix.hash(&mut state);
    class.function.hash(&mut state);
    class.priority.hash(&mut state);
    class.retries.hash(&mut state);
    class.workers.hash(&mut state);
    for (name, amount) in &class.resources {
        name.hash(&mut state);
        amount.to_bits().hash(&mut state);
    }
    class.annotations.hash(&mut state);
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_classes_are_one() {
        let mut classes = Classes::default();
        let plain = TaskClass::plain("inc", FunctionId(1), Language::Python);
        let urgent = TaskClass { priority: 5, ..plain.clone() };
        assert_eq!(classes.intern(&plain), (0, true));
        assert_eq!(classes.intern(&urgent), (1, true));
        assert_eq!(classes.intern(&plain.clone()), (0, false));
        assert_eq!(classes.prefix_id(1), Some(KeyId::of_prefix("inc")));
        assert_eq!(classes.prefix_id(2), None);
    }

    #[test]
    fn a_class_needs_its_function() {
        let mut classes = Classes::default();
        let class = TaskClass::plain("inc", FunctionId(1), Language::Python);
        assert!(!classes.has_function_of(&class));
        assert!(classes.add_function(FunctionId(1)));
        assert!(!classes.add_function(FunctionId(1)));
        assert!(classes.has_function_of(&class));
        assert!(classes.has_function_of(&TaskClass::plain("list", FunctionId::LITERAL, Language::Literal)));
    }
}
