//! Values for others: whoever opened a data connection fetches them, or brings some.

use std::sync::Arc;

use hashbrown::HashMap;
use rask_comm::{Io, LinkId};
use rask_types::msg::{FetchFailure, FromData};
use rask_types::{INLINE_BYTES_MAX, Payload, RequestId, RunId, TaskError};
use rask_worker_core::WorkerCore;

use crate::DepValue;
use crate::errand::Errands;
use crate::kept::Kept;

/// Data connections that others opened.
pub(crate) struct Serving {
    errands: Arc<Errands>,
    /// Whether each moves within the process.
    links: HashMap<LinkId, bool>,
    /// Values that the runtime encodes now, with those who wait for them.
    encoding: HashMap<RunId, Vec<(LinkId, RequestId)>>,
    /// Bytes sent since the start.
    pub sent_bytes: u64,
}

impl Serving {
    pub fn new(errands: Arc<Errands>) -> Serving {
        Serving { errands, links: HashMap::new(), encoding: HashMap::new(), sent_bytes: 0 }
    }

    pub fn opened(&mut self, link: LinkId, memory: bool) {
        self.links.insert(link, memory);
    }

    pub fn closed(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// Answers for each value, at once or when it is encoded.
    pub fn fetch(
        &mut self,
        link: LinkId,
        request: RequestId,
        values: &[RunId],
        core: &WorkerCore<Arc<Kept>>,
        io: &mut Io,
    ) {
        let memory = self.links.get(&link).copied().unwrap_or(false);
        for &value in values {
            let result = match core.kept(value) {
                None => Err(FetchFailure::Missing),
                Some(DepValue::Small(payload)) => Ok(payload.clone()),
                Some(DepValue::Kept(kept)) => match kept.to_travel(memory) {
                    Some(payload) => Ok(payload),
                    None => {
                        self.encode(value, kept, link, request);
                        continue;
                    }
                },
            };
            self.send(link, request, value, result, io);
        }
    }

    fn encode(&mut self, value: RunId, kept: &Arc<Kept>, link: LinkId, request: RequestId) {
        let waiting = self.encoding.entry(value).or_default();
        if waiting.is_empty() {
            self.errands.encode(value, Arc::clone(kept));
        }
        waiting.push((link, request));
    }

    /// The runtime encoded a value, or cannot.
    pub fn encoded(&mut self, value: RunId, result: &Result<Payload, Arc<TaskError>>, io: &mut Io) {
        for (link, request) in self.encoding.remove(&value).unwrap_or_default() {
            let result = result.clone().map_err(FetchFailure::Unserializable);
            self.send(link, request, value, result, io);
        }
    }

    fn send(
        &mut self,
        link: LinkId,
        request: RequestId,
        value: RunId,
        result: Result<Payload, FetchFailure>,
        io: &mut Io,
    ) {
        self.sent_bytes += result.as_ref().map_or(0, Payload::nbytes);
        io.send(link, FromData::Value { request, value, result });
    }
}

/// A payload as the worker keeps it, and its size: small ones as bytes, the rest to be decoded once.
pub(crate) fn received(payload: Payload, errands: &Arc<Errands>) -> (DepValue, u64) {
    let nbytes = payload.nbytes();
    let small =
        payload.local.is_none() && payload.buffers.is_empty() && payload.head.len() <= INLINE_BYTES_MAX;
    if small {
        (DepValue::Small(payload), nbytes)
    } else {
        (DepValue::Kept(Arc::new(Kept::from_payload(payload, Arc::clone(errands)))), nbytes)
    }
}
