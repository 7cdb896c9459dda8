//! Small work for the runtime beside executing: encode an object that must travel, drop objects.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rask_types::{LocalObject, RunId};

use crate::kept::Kept;

/// One errand.
pub enum Errand {
    /// Encode this value's object and answer with [`WorkerHandle::encoded`](crate::WorkerHandle::encoded).
    Encode {
        /// The value's name.
        value: RunId,
        /// It; its object is set.
        kept: Arc<Kept>,
    },
    /// Drop these: nobody uses them any more, and the thread that noticed must not run their destructors.
    Drop(Vec<LocalObject>),
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Errand::Encode { value, kept } => write!(f, "Encode({value:?}, {kept:?})"),
            Errand::Drop(objects) => write!(f, "Drop({} objects)", objects.len()),
        }
    }
}

/// The errands of one worker.
#[derive(Default)]
pub(crate) struct Errands {
    todo: Mutex<Todo>,
    changed: Condvar,
}

#[derive(Default)]
struct Todo {
    encode: VecDeque<(RunId, Arc<Kept>)>,
    graves: Vec<LocalObject>,
    stopped: bool,
}

impl Errands {
    pub fn encode(&self, value: RunId, kept: Arc<Kept>) {
        self.todo.lock().encode.push_back((value, kept));
        self.changed.notify_one();
    }

    pub fn bury(&self, object: LocalObject) {
        let mut todo = self.todo.lock();
        todo.graves.push(object);
        if todo.graves.len() == 1 {
            self.changed.notify_one();
        }
    }

    pub fn stop(&self) {
        self.todo.lock().stopped = true;
        self.changed.notify_all();
    }

    /// The next errand, waited for; `None` once the worker has stopped and nothing is left to drop.
    pub fn next(&self) -> Option<Errand> {
        let mut todo = self.todo.lock();
        loop {
            if let Some((value, kept)) = todo.encode.pop_front() {
                return Some(Errand::Encode { value, kept });
            }
            if !todo.graves.is_empty() {
                return Some(Errand::Drop(std::mem::take(&mut todo.graves)));
            }
            if todo.stopped {
                return None;
            }
            self.changed.wait(&mut todo);
        }
    }
}
