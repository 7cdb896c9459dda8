//! What the scheduler wants done outside the task system: `Client.run`, `upload_file`.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use rask_types::RequestId;
use rask_types::msg::WorkerOp;

/// What is to be done and has not been begun.
#[derive(Default)]
pub(crate) struct Ops {
    todo: Mutex<(VecDeque<(RequestId, WorkerOp)>, bool)>,
    changed: Condvar,
}

impl Ops {
    pub fn push(&self, request: RequestId, op: WorkerOp) {
        self.todo.lock().0.push_back((request, op));
        self.changed.notify_one();
    }

    pub fn stop(&self) {
        self.todo.lock().1 = true;
        self.changed.notify_all();
    }

    /// The next one, waited for; `None` once the worker has stopped.
    pub fn next(&self) -> Option<(RequestId, WorkerOp)> {
        let mut todo = self.todo.lock();
        loop {
            if todo.1 {
                return None;
            }
            if let Some(op) = todo.0.pop_front() {
                return Some(op);
            }
            self.changed.wait(&mut todo);
        }
    }
}
