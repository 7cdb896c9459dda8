//! A value that the worker keeps: as an object of the runtime, as bytes, or both.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rask_types::{ClassId, LocalObject, Payload};

use crate::TaskName;
use crate::errand::Errands;

thread_local! {
    /// Set on the reactor thread: objects of the runtime must not die there.
    static NO_OBJECT_DIES_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as one on which no object of the runtime is dropped.
pub(crate) fn spare_objects_on_this_thread() {
    NO_OBJECT_DIES_HERE.set(true);
}

/// The task whose result a value is.
pub(crate) type Origin = (ClassId, TaskName);

/// A kept value. It is decoded at most once and shared by all who use it.
pub struct Kept {
    nbytes: u64,
    /// Known if it was made here.
    origin: Option<Origin>,
    encoded: Mutex<Option<Payload>>,
    object: OnceLock<LocalObject>,
    errands: Arc<Errands>,
}

impl Kept {
    /// A result, or what came over a memory link.
    pub(crate) fn from_object(
        object: LocalObject,
        nbytes: u64,
        origin: Option<Origin>,
        errands: Arc<Errands>,
    ) -> Kept {
        Kept { nbytes, origin, encoded: Mutex::new(None), object: OnceLock::from(object), errands }
    }

    /// What came from elsewhere.
    pub(crate) fn from_payload(mut payload: Payload, errands: Arc<Errands>) -> Kept {
        let nbytes = payload.nbytes();
        match payload.local.take() {
            Some(object) => Kept::from_object(object, nbytes, None, errands),
            None => Kept {
                nbytes,
                origin: None,
                encoded: Mutex::new(Some(payload)),
                object: OnceLock::new(),
                errands,
            },
        }
    }

    /// Its size: as the runtime estimated it, or encoded.
    pub fn nbytes(&self) -> u64 {
        self.nbytes
    }

    /// Of which task it is the result, if it was made here.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The object, if it has been one.
    pub fn object(&self) -> Option<&LocalObject> {
        self.object.get()
    }

    /// Its encoding, if it came as one and has not been dropped.
    pub fn encoded(&self) -> Option<Payload> {
        self.encoded.lock().clone()
    }

    /// Sets what it was decoded to; the object of whoever came first, for all. `keep_encoded` is worth it if the object
    /// shares the encoding's buffers, and spares encoding it again for others.
    pub fn decoded(&self, object: LocalObject, keep_encoded: bool) -> &LocalObject {
        let object = self.object.get_or_init(|| object);
        if !keep_encoded {
            self.encoded.lock().take();
        }
        object
    }

    /// As it travels, if that needs no encoding: by reference within the process, else its bytes.
    pub(crate) fn to_travel(&self, memory: bool) -> Option<Payload> {
        match self.object() {
            Some(object) if memory => Some(Payload::from_local(Arc::clone(object))),
            _ => self.encoded(),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if NO_OBJECT_DIES_HERE.get()
            && let Some(object) = self.object.take()
        {
            self.errands.bury(object);
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = if self.object.get().is_some() { ", object" } else { "" };
        let encoded = if self.encoded.lock().is_some() { ", encoded" } else { "" };
        write!(f, "Kept({} B{object}{encoded})", self.nbytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errand::Errand;

    struct Witness(Arc<Mutex<Vec<std::thread::ThreadId>>>);

    impl Drop for Witness {
        fn drop(&mut self) {
            self.0.lock().push(std::thread::current().id());
        }
    }

    #[test]
    fn objects_that_end_on_the_reactor_thread_are_dropped_by_an_errand() {
        let deaths = Arc::new(Mutex::new(Vec::new()));
        let errands = Arc::new(Errands::default());
        let witness: LocalObject = Arc::new(Witness(Arc::clone(&deaths)));
        let kept = Kept::from_object(witness, 1, None, Arc::clone(&errands));
        let reactor = std::thread::spawn(move || {
            spare_objects_on_this_thread();
            drop(kept);
        });
        assert!(reactor.join().is_ok());
        assert!(deaths.lock().is_empty());
        match errands.next() {
            Some(Errand::Drop(objects)) => drop(objects),
            other => panic!("{other:?}"),
        }
        assert_eq!(*deaths.lock(), [std::thread::current().id()]);
    }

    #[test]
    fn a_value_is_decoded_once() {
        let payload = Payload::from_head(vec![7; 5000]);
        let kept = Kept::from_payload(payload.clone(), Arc::default());
        assert_eq!(kept.nbytes(), 5000);
        assert_eq!(kept.to_travel(true), Some(payload));
        let first: LocalObject = Arc::new(1);
        assert!(Arc::ptr_eq(kept.decoded(Arc::clone(&first), false), &first));
        assert!(Arc::ptr_eq(kept.decoded(Arc::new(2), false), &first));
        assert_eq!(kept.to_travel(false), None, "it must be encoded again");
        assert!(kept.to_travel(true).is_some_and(|payload| payload.local.is_some()));
    }
}
