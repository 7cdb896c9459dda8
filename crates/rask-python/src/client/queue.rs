//! Being told of futures that are done, and of what tasks print, in batches, on a thread of one's own.

use std::sync::Arc;

use pyo3::prelude::*;
use rask_client::{BlockingQueue, ClientError, CompletionQueue as Queue, Notice};

use super::failure;
use super::future::Future;
use super::session::Session;

/// Collects the numbers of watched futures as they end.
#[pyclass(frozen, module = "rask._core")]
pub struct CompletionQueue {
    queue: Arc<Queue>,
    session: Session,
}

#[pymethods]
impl Session {
    /// A queue for futures of this session.
    fn completion_queue(&self) -> CompletionQueue {
        CompletionQueue { queue: Arc::new(Queue::new()), session: Session::of(self.engine.clone()) }
    }
}

#[pymethods]
impl CompletionQueue {
    /// Puts `number` into the queue once the future is done; at once if it is.
    fn watch(&self, py: Python<'_>, future: &Bound<'_, Future>, number: u64) -> PyResult<()> {
        let engine = &self.session.engine;
        let adopted;
        let id = match future.get().id_in(engine) {
            Some(id) => id,
            None => {
                adopted = future.get().adopt(py, engine)?;
                adopted.get().id_in(engine).expect("adopted by this session")
            }
        };
        engine.client.subscribe(id, &self.queue, number).map_err(|error| failure::of_call(py, error))
    }

    /// Waits until the queue holds something and takes it all; empty when the time is over; None once the queue is closed.
    #[pyo3(signature = (timeout))]
    fn take(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Vec<u64>>> {
        super::blocking::blocking(
            py,
            |interrupt| match self.queue.next_batch(super::blocking::span(timeout), interrupt) {
                Ok(batch) => Ok(Some(batch.into_iter().map(|(number, _)| number).collect())),
                Err(ClientError::TimedOut) => Ok(Some(Vec::new())),
                Err(ClientError::Closed { .. }) => Ok(None),
                Err(error) => Err(error),
            },
            failure::of_call,
        )
    }

    /// Wakes and ends whoever takes.
    fn close(&self) {
        self.queue.close();
    }
}

/// Messages for the user's eyes. It keeps no session alive.
#[pyclass(frozen, module = "rask._core")]
pub struct Notices {
    /// Where the session leaves them.
    pub queue: Arc<BlockingQueue<Notice>>,
}

#[pymethods]
impl Notices {
    /// Waits for some and takes them all: pairs of topic and text. None once the session is over.
    fn take(&self, py: Python<'_>) -> Option<Vec<(String, String)>> {
        let batch = py.detach(|| self.queue.wait_batch())?;
        Some(batch.into_iter().map(|notice| (notice.topic, notice.text)).collect())
    }
}
