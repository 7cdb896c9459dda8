//! Values for others: whoever opened a data connection fetches them, or brings some.

use std::sync::Arc;

use hashbrown::HashMap;
use rask_comm::{Io, LinkId};
use rask_types::msg::{FetchFailure, FromData};
use rask_types::{INLINE_BYTES_MAX, Payload, RequestId, RunId, TaskError};
use rask_worker_core::WorkerCore;

use crate::DepValue;
use crate::class::Classes;
use crate::errand::Errands;
use crate::kept::Kept;

/// Data connections that others opened.
pub(crate) struct Serving {
    errands: Arc<Errands>,
    classes: Arc<Classes>,
    /// Whether each moves within the process.
    links: HashMap<LinkId, bool>,
    /// Values that the runtime encodes now, with those who wait for them.
    encoding: HashMap<RunId, Encoding>,
    /// Bytes sent since the start.
    pub sent_bytes: u64,
}

/// A value that the runtime encodes.
struct Encoding {
    kept: Arc<Kept>,
    waiting: Vec<(LinkId, RequestId)>,
}

impl Serving {
    pub fn new(errands: Arc<Errands>, classes: Arc<Classes>) -> Serving {
        Serving { errands, classes, links: HashMap::new(), encoding: HashMap::new(), sent_bytes: 0 }
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
        let encoding = self.encoding.entry(value).or_insert_with(|| {
            self.errands.encode(value, Arc::clone(kept));
            Encoding { kept: Arc::clone(kept), waiting: Vec::new() }
        });
        encoding.waiting.push((link, request));
    }

    /// The runtime encoded a value, or cannot: then the task that made it is to blame.
    pub fn encoded(&mut self, value: RunId, result: Result<Payload, TaskError>, io: &mut Io) {
        let Some(Encoding { kept, waiting }) = self.encoding.remove(&value) else { return };
        let result = result.map_err(|mut error| {
            if error.key.is_empty()
                && let Some((class, name)) = kept.origin()
                && let Some(class) = self.classes.get(*class)
            {
                error.key = class.key_text(name);
            }
            FetchFailure::Unserializable(Arc::new(error))
        });
        for (link, request) in waiting {
            self.send(link, request, value, result.clone(), io);
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
