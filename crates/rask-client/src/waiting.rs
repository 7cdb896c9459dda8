//! The calls that wait. Each takes a time-out and an `interrupt` that is called, without any lock held, every 50 ms at
//! most; if it returns true the call ends with [`ClientError::Interrupted`] and the client stays usable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rask_client_core::{Answer, ClientCore, Fetch, FetchError, ScatterValue, WaitFor};
use rask_types::msg::{Query, WorkerOp};
use rask_types::{FutureId, Payload, RequestId, TaskError};

use crate::client::Client;
use crate::error::ClientError;
use crate::park::{self, Parcel};
use crate::shared::{State, Ticket};

/// What workers answered, with their addresses.
pub type WorkerReplies = Vec<(String, Result<Payload, Arc<TaskError>>)>;

impl Client {
    /// Waits until all, or any, of the futures are not pending. Costs one step per future in all; released futures are
    /// not waited for.
    ///
    /// # Errors
    /// `TimedOut`, `Interrupted`, `Forked`. When the session ends, futures are cancelled and the wait is over.
    pub fn wait(
        &self,
        futures: &[FutureId],
        wait_for: WaitFor,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<(), ClientError> {
        self.wait_until(futures, wait_for, park::deadline(timeout), interrupt)
    }

    fn wait_until(
        &self,
        futures: &[FutureId],
        wait_for: WaitFor,
        deadline: Option<Instant>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<(), ClientError> {
        let begun = self.shared().call(|state| {
            let waiter = state.core.begin_wait(futures, wait_for)?;
            Some((waiter, state.park(Ticket::Wait(waiter))))
        })?;
        let Some((waiter, parcel)) = begun else { return Ok(()) };
        let result = parcel.wait(deadline, interrupt);
        self.shared().call(|state| {
            state.core.end_wait(waiter);
            state.parked.remove(&Ticket::Wait(waiter));
        })?;
        result
    }

    /// Waits until no future is pending and brings their values here: inline ones at once, others from the workers that
    /// keep them, in parallel. What moved is located anew; what is made again is waited for.
    ///
    /// # Errors
    /// `TimedOut`, `Interrupted`, `Forked`. What is wrong with a single future is said in its place.
    pub fn fetch(
        &self,
        futures: &[FutureId],
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Result<Payload, FetchError>>, ClientError> {
        let deadline = park::deadline(timeout);
        self.wait_until(futures, WaitFor::All, deadline, interrupt)?;
        let begun = self.shared().call(|state| match state.core.begin_fetch(futures) {
            Fetch::Over(results) => Err(results),
            Fetch::Going(id) => Ok((id, state.park(Ticket::Fetch(id)))),
        })?;
        let (id, parcel) = match begun {
            Ok(going) => going,
            Err(results) => return Ok(results),
        };
        let waited = parcel.wait(deadline, interrupt);
        let results = self.shared().call(|state| {
            state.parked.remove(&Ticket::Fetch(id));
            let results = state.core.take_fetch(id);
            state.core.end_fetch(id);
            results
        })?;
        match results {
            Some(results) => Ok(results),
            None => Err(waited.err().unwrap_or(ClientError::TimedOut)),
        }
    }

    /// Makes futures of values, consecutive ones, and gives back the first; waits until they are where they should be.
    /// The caller gets a hold on each. `workers`: addresses, names or hosts they may go to (empty: any); with
    /// `broadcast` each goes to all of them. A value that is not inline in its item travels in `payload`, which may be
    /// local only if all workers are in this process.
    ///
    /// # Errors
    /// `Refused` if they cannot be placed, `Submit` for a bad key, and those of every waiting call; no future is left
    /// behind then.
    pub fn scatter(
        &self,
        values: Vec<ScatterValue>,
        workers: Vec<String>,
        broadcast: bool,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<FutureId, ClientError> {
        let deadline = park::deadline(timeout);
        let n = values.len() as u64;
        let (id, first, parcel) = self.shared().call(|state| {
            let (id, first) = state.core.begin_scatter(values, workers, broadcast)?;
            Ok::<_, ClientError>((id, first, state.park(Ticket::Scatter(id))))
        })??;
        let waited = parcel.wait(deadline, interrupt);
        let placed = self.shared().call(|state| {
            state.parked.remove(&Ticket::Scatter(id));
            let placed = state.core.take_scatter(id);
            state.core.end_scatter(id);
            placed
        })?;
        let futures: Vec<FutureId> = (0..n).map(|i| FutureId(first.0 + i)).collect();
        let result = match placed {
            Some(Ok(())) => self.wait_until(&futures, WaitFor::All, deadline, interrupt),
            Some(Err(text)) => Err(ClientError::Refused(text)),
            None => Err(waited.err().unwrap_or(ClientError::TimedOut)),
        };
        if result.is_err() {
            futures.into_iter().for_each(|future| self.release(future));
        }
        result.map(|()| first)
    }

    /// Waits until the cluster has at least `n_workers`.
    ///
    /// # Errors
    /// `TimedOut`, `Interrupted`, `Closed`, `Forked`.
    pub fn wait_for_workers(
        &self,
        n_workers: u32,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<(), ClientError> {
        let look = || {
            if let Some(reason) = self.closed_reason() {
                return Some(Err(ClientError::Closed { reason }));
            }
            let n = self.shared().look(|state| state.core.workers().n_workers);
            match n {
                Ok(n) => (n >= n_workers).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            }
        };
        if self.is_forked() {
            return Err(ClientError::Forked);
        }
        self.shared().changes.wait_until(park::deadline(timeout), interrupt, look)?
    }

    /// Asks the scheduler for a fact; the answer is in the tagged codec.
    ///
    /// # Errors
    /// `Refused` with the scheduler's words, `Closed`, and those of every waiting call.
    pub fn query(
        &self,
        query: Query,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Bytes, ClientError> {
        as_reply(self.ask(timeout, interrupt, |core| core.query(query))?)
    }

    /// Has something done on workers (`None`: all; with `and_future_workers` also on those that join later) and waits for
    /// what they answer.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub fn broadcast(
        &self,
        workers: Option<Vec<String>>,
        and_future_workers: bool,
        op: WorkerOp,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<WorkerReplies, ClientError> {
        match self.ask(timeout, interrupt, |core| core.broadcast(workers, and_future_workers, op))? {
            Answer::Workers(replies) => Ok(replies),
            Answer::Reply(Ok(_)) => Ok(Vec::new()),
            Answer::Reply(Err(text)) => Err(ClientError::Refused(text)),
            Answer::Closed { reason } => Err(ClientError::Closed { reason }),
        }
    }

    /// As [`Client::broadcast`], without waiting for the answers; they are dropped.
    ///
    /// # Errors
    /// In a forked child.
    pub fn broadcast_and_forget(
        &self,
        workers: Option<Vec<String>>,
        and_future_workers: bool,
        op: WorkerOp,
    ) -> Result<(), ClientError> {
        self.shared().call(|state| {
            let request = state.core.broadcast(workers, and_future_workers, op);
            state.core.forget_request(request);
        })
    }

    /// Forgets all tasks of all clients and starts every worker anew; waits until that is done.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub fn restart(
        &self,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Bytes, ClientError> {
        as_reply(self.ask(timeout, interrupt, ClientCore::restart)?)
    }

    /// Closes workers after their values have moved to others; waits for the addresses closed.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub fn retire_workers(
        &self,
        workers: Vec<String>,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Bytes, ClientError> {
        as_reply(self.ask(timeout, interrupt, |core| core.retire_workers(workers))?)
    }

    fn ask(
        &self,
        timeout: Option<Duration>,
        interrupt: &mut dyn FnMut() -> bool,
        question: impl FnOnce(&mut ClientCore) -> RequestId,
    ) -> Result<Answer, ClientError> {
        let parcel = Arc::new(Parcel::default());
        let request = self.shared().call(|state: &mut State| {
            let request = question(&mut state.core);
            state.askers.insert(request, parcel.clone());
            request
        })?;
        let answer = parcel.wait(park::deadline(timeout), interrupt);
        if answer.is_err() {
            self.shared().call(|state| {
                state.askers.remove(&request);
                state.core.forget_request(request);
            })?;
        }
        answer
    }
}

fn as_reply(answer: Answer) -> Result<Bytes, ClientError> {
    match answer {
        Answer::Reply(Ok(value)) => Ok(value),
        Answer::Reply(Err(text)) => Err(ClientError::Refused(text)),
        Answer::Workers(_) => Err(ClientError::Refused("the scheduler answered another question".to_owned())),
        Answer::Closed { reason } => Err(ClientError::Closed { reason }),
    }
}
