//! A value that the worker keeps: as an object of the runtime, as bytes, or both.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rask_types::{LocalObject, Payload};

use crate::errand::Errands;

thread_local! {
    /// Set on the reactor thread: objects of the runtime must not die there.
    static NO_OBJECT_DIES_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as one on which no object of the runtime is dropped.
pub(crate) fn spare_objects_on_this_thread() {
    NO_OBJECT_DIES_HERE.set(true);
}

/// A kept value. It is decoded at most once and shared by all who use it.
pub struct Kept {
    nbytes: u64,
    encoded: Mutex<Option<Payload>>,
    object: OnceLock<LocalObject>,
    errands: Arc<Errands>,
}

impl Kept {
    /// A result, or what came over a memory link.
    pub(crate) fn from_object(object: LocalObject, nbytes: u64, errands: Arc<Errands>) -> Kept {
        Kept { nbytes, encoded: Mutex::new(None), object: OnceLock::from(object), errands }
    }

    /// What came from elsewhere.
    pub(crate) fn from_payload(mut payload: Payload, errands: Arc<Errands>) -> Kept {
        let nbytes = payload.nbytes();
        match payload.local.take() {
            Some(object) => Kept::from_object(object, nbytes, errands),
            None => Kept { nbytes, encoded: Mutex::new(Some(payload)), object: OnceLock::new(), errands },
        }
    }

    /// Its size: as the runtime estimated it, or encoded.
    pub fn nbytes(&self) -> u64 {
        self.nbytes
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
