//! Classes and functions as the scheduler defined them, with room for what the runtime made of each.

use std::fmt;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use parking_lot::RwLock;
use rask_types::{ClassId, FunctionId, LocalObject, Payload, TaskClass};

use crate::TaskName;

/// A function, shared by all classes that use it.
pub struct FunctionSlot {
    /// Its content address.
    pub id: FunctionId,
    /// Its encoding; empty if the scheduler never sent it, and for literals.
    pub payload: Payload,
    /// What the runtime decoded it to, once per process.
    pub decoded: OnceLock<LocalObject>,
}

/// A class.
pub struct ClassSlot {
    /// The scheduler's number.
    pub id: ClassId,
    /// What its tasks share.
    pub class: TaskClass,
    /// Its function.
    pub function: Arc<FunctionSlot>,
    /// Whatever else the runtime derives from the class, once per process.
    pub derived: OnceLock<LocalObject>,
}

impl ClassSlot {
    /// The key of one of its tasks, as users read it.
    pub fn key_text(&self, name: &TaskName) -> String {
        name.key(&self.class.prefix).to_string()
    }
}

impl fmt::Debug for ClassSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassSlot({:?} {:?})", self.id, self.class.prefix)
    }
}

impl fmt::Debug for FunctionSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunctionSlot({:?})", self.id)
    }
}

/// All that were defined; they only become more.
#[derive(Default)]
pub(crate) struct Classes {
    classes: RwLock<HashMap<ClassId, Arc<ClassSlot>>>,
    functions: RwLock<HashMap<FunctionId, Arc<FunctionSlot>>>,
}

impl Classes {
    pub fn define_function(&self, id: FunctionId, payload: Payload) {
        let slot = FunctionSlot { id, payload, decoded: OnceLock::new() };
        self.functions.write().entry(id).or_insert_with(|| Arc::new(slot));
    }

    pub fn define_class(&self, id: ClassId, class: TaskClass) {
        let mut functions = self.functions.write();
        let absent = || {
            Arc::new(FunctionSlot {
                id: class.function,
                payload: Payload::default(),
                decoded: OnceLock::new(),
            })
        };
        let function = Arc::clone(functions.entry(class.function).or_insert_with(absent));
        drop(functions);
        let slot = Arc::new(ClassSlot { id, class, function, derived: OnceLock::new() });
        self.classes.write().insert(id, slot);
    }

    pub fn get(&self, id: ClassId) -> Option<Arc<ClassSlot>> {
        self.classes.read().get(&id).cloned()
    }
}

/// One thread's own view of the classes: a look-up takes no lock and touches no shared count.
pub struct ClassCache {
    shared: Arc<Classes>,
    known: Vec<Option<Arc<ClassSlot>>>,
    beyond: HashMap<ClassId, Arc<ClassSlot>>,
}

/// Class numbers below this are looked up in an array.
const DENSE: u32 = 1 << 16;

impl ClassCache {
    pub(crate) fn new(shared: Arc<Classes>) -> ClassCache {
        ClassCache { shared, known: Vec::new(), beyond: HashMap::new() }
    }

    /// The class of an execution.
    ///
    /// # Panics
    /// If it was never defined; the worker's core lets no such execution through.
    #[inline]
    pub fn get(&mut self, id: ClassId) -> &Arc<ClassSlot> {
        let shared = &self.shared;
        let find = || shared.get(id).unwrap_or_else(|| panic!("{id:?} executes but was never defined"));
        if id.0 >= DENSE {
            return self.beyond.entry(id).or_insert_with(find);
        }
        let at = id.0 as usize;
        if self.known.len() <= at {
            self.known.resize_with(at + 1, || None);
        }
        self.known[at].get_or_insert_with(find)
    }
}

impl fmt::Debug for ClassCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassCache({} classes)", self.known.iter().flatten().count() + self.beyond.len())
    }
}
