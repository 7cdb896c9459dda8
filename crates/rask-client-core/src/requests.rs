//! Questions to the scheduler and who waits for the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rask_types::msg::{ClientToScheduler, Query, WorkerOp};
use rask_types::{Payload, RequestId, TaskError};

use crate::core::{ClientCore, Effect, Session};
use crate::fetch::FetchId;
use crate::scatter::ScatterId;

/// What came of a question.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// The scheduler's answer in the tagged codec, or why there is none.
    Reply(Result<Bytes, String>),
    /// What workers answered, with their addresses.
    Workers(Vec<(String, Result<Payload, Arc<TaskError>>)>),
    /// The session ended first.
    Closed {
        /// Why, in words.
        reason: Arc<str>,
    },
}

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// A caller, by `Effect::Answered`.
    Caller,
    /// A fetch, where values are.
    Fetch(FetchId),
    /// A scatter, where values may go.
    Scatter(ScatterId),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    next: u32,
    pub(crate) open: BTreeMap<RequestId, Asker>,
}

impl Requests {
    /// A number for a question, on whatever connection.
    pub(crate) fn number(&mut self) -> RequestId {
        let request = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        request
    }

    pub(crate) fn ask(&mut self, asker: Asker) -> RequestId {
        let request = self.number();
        self.open.insert(request, asker);
        request
    }
}

impl ClientCore {
    fn ask(&mut self, message: impl FnOnce(RequestId) -> ClientToScheduler) -> RequestId {
        let request = self.requests.ask(Asker::Caller);
        if let Session::Closed { reason } = &self.session {
            let reason = reason.clone();
            self.on_answer(request, Answer::Closed { reason });
        } else {
            self.say(message(request));
        }
        request
    }

    /// Asks for a fact. [`Effect::Answered`] follows.
    pub fn query(&mut self, query: Query) -> RequestId {
        self.ask(|request| ClientToScheduler::Query { request, query })
    }

    /// Has something done on workers (`None`: all). [`Effect::Answered`] follows.
    pub fn broadcast(
        &mut self,
        workers: Option<Vec<String>>,
        and_future_workers: bool,
        op: WorkerOp,
    ) -> RequestId {
        self.ask(|request| ClientToScheduler::Broadcast { request, workers, and_future_workers, op })
    }

    /// Forgets all tasks and starts every worker anew. [`Effect::Answered`] follows.
    pub fn restart(&mut self) -> RequestId {
        self.ask(|request| ClientToScheduler::Restart { request })
    }

    /// Closes workers after their values have moved. [`Effect::Answered`] follows.
    pub fn retire_workers(&mut self, workers: Vec<String>) -> RequestId {
        self.ask(|request| ClientToScheduler::RetireWorkers { request, workers })
    }

    /// The asker no longer waits.
    pub fn forget_request(&mut self, request: RequestId) {
        self.requests.open.remove(&request);
    }

    pub(crate) fn on_answer(&mut self, request: RequestId, answer: Answer) {
        if self.requests.open.get(&request) == Some(&Asker::Caller) {
            self.requests.open.remove(&request);
            self.effects.push(Effect::Answered(request, answer));
        }
    }

    /// No answer comes any more. Fetches and scatters are told by their own.
    pub(crate) fn fail_requests(&mut self, reason: &Arc<str>) {
        for (request, asker) in std::mem::take(&mut self.requests.open) {
            if asker == Asker::Caller {
                self.effects.push(Effect::Answered(request, Answer::Closed { reason: reason.clone() }));
            }
        }
    }
}
