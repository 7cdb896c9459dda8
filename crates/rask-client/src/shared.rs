//! What callers' threads and the reactor's thread share: the core under a lock, and who waits for what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rask_client_core::{
    Answer, ClientCore, Completion, Effect, FetchId, QueueId, ScatterId, Session, WaiterId,
};
use rask_comm::ReactorHandle;
use rask_types::{FutureId, RequestId};

use crate::connect::ConnectError;
use crate::error::ClientError;
use crate::fork::ForkMark;
use crate::park::{Changes, Parcel};
use crate::queue::{BlockingQueue, CompletionQueue, Notice};
use crate::released::Released;

/// Notices kept for whoever may look; older ones go.
const NOTICES_MAX: usize = 10_000;

/// What a parked thread waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Ticket {
    Wait(WaiterId),
    Fetch(FetchId),
    Scatter(ScatterId),
}

pub(crate) struct State {
    pub(crate) core: ClientCore,
    /// The reactor was woken and has not looked yet.
    woken: bool,
    /// The user closed the client.
    pub(crate) closing: bool,
    /// Why no session came about.
    pub(crate) connect_failure: Option<ConnectError>,
    pub(crate) parked: HashMap<Ticket, Arc<Parcel<()>>>,
    pub(crate) askers: HashMap<RequestId, Arc<Parcel<Answer>>>,
    pub(crate) queues: HashMap<QueueId, Weak<CompletionQueue>>,
    /// What the reactor must do on data links.
    data_effects: Vec<Effect>,
    effects: Vec<Effect>,
    completions: Vec<Completion>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) handle: ReactorHandle,
    fork: ForkMark,
    released: Released,
    /// The reactor knows that `released` is not empty.
    release_noticed: AtomicBool,
    /// The session, the workers or the reactor's life changed.
    pub(crate) changes: Changes,
    /// The reactor's thread is over.
    pub(crate) ended: AtomicBool,
    pub(crate) notices: Arc<BlockingQueue<Notice>>,
}

impl Shared {
    pub(crate) fn new(session: u64, handle: ReactorHandle) -> Shared {
        let state = State {
            core: ClientCore::new(session),
            woken: false,
            closing: false,
            connect_failure: None,
            parked: HashMap::new(),
            askers: HashMap::new(),
            queues: HashMap::new(),
            data_effects: Vec::new(),
            effects: Vec::new(),
            completions: Vec::new(),
        };
        Shared {
            state: Mutex::new(state),
            handle,
            fork: ForkMark::here(),
            released: Released::new(),
            release_noticed: AtomicBool::new(false),
            changes: Changes::default(),
            ended: AtomicBool::new(false),
            notices: Arc::new(BlockingQueue::new(NOTICES_MAX)),
        }
    }

    pub(crate) fn is_forked(&self) -> bool {
        self.fork.is_forked()
    }

    /// A caller's access to the core: what it causes reaches whoever waits, and the reactor is woken if it has to act
    /// and does not know yet.
    #[inline]
    pub(crate) fn call<R>(&self, f: impl FnOnce(&mut State) -> R) -> Result<R, ClientError> {
        if self.fork.is_forked() {
            return Err(ClientError::Forked);
        }
        let mut state = self.state.lock();
        if self.has_released() && state.core.releases_matter() {
            state.core.release_all(self.take_released());
        }
        let result = f(&mut state);
        self.settle(&mut state);
        let wake = !state.woken && state.is_restless();
        state.woken |= wake;
        drop(state);
        if wake {
            self.handle.wake();
        }
        Ok(result)
    }

    /// A caller's look at the core, which causes nothing.
    #[inline]
    pub(crate) fn look<R>(&self, f: impl FnOnce(&State) -> R) -> Result<R, ClientError> {
        if self.fork.is_forked() {
            return Err(ClientError::Forked);
        }
        Ok(f(&self.state.lock()))
    }

    /// The reactor's access to the core.
    pub(crate) fn turn<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = f(&mut state);
        self.settle(&mut state);
        result
    }

    /// Gives a future up. Takes no lock.
    #[inline]
    pub(crate) fn release(&self, future: FutureId) {
        if self.fork.is_forked() || self.ended.load(Ordering::Relaxed) {
            return;
        }
        self.released.push(future);
        if !self.release_noticed.swap(true, Ordering::AcqRel) {
            self.handle.wake();
        }
    }

    pub(crate) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    /// Takes what was given up so far. From now on another release wakes the reactor again.
    pub(crate) fn take_released(&self) -> impl Iterator<Item = FutureId> {
        self.release_noticed.store(false, Ordering::SeqCst);
        self.released.take()
    }

    /// Hands out what the core has for those who wait here.
    #[inline]
    fn settle(&self, state: &mut State) {
        state.core.take_effects(&mut state.effects);
        if !state.effects.is_empty() {
            self.hand_out_effects(state);
        }
        state.core.take_completions(&mut state.completions);
        if !state.completions.is_empty() {
            hand_out_completions(state);
        }
    }

    fn hand_out_effects(&self, state: &mut State) {
        let State { effects, parked, askers, data_effects, .. } = state;
        let unpark = |parked: &mut HashMap<Ticket, Arc<Parcel<()>>>, ticket| {
            if let Some(parcel) = parked.remove(&ticket) {
                parcel.bring(());
            }
        };
        for effect in effects.drain(..) {
            match effect {
                Effect::SessionChanged | Effect::WorkersChanged => self.changes.announce(),
                Effect::WaitOver(id) => unpark(parked, Ticket::Wait(id)),
                Effect::FetchOver(id) => unpark(parked, Ticket::Fetch(id)),
                Effect::ScatterOver(id) => unpark(parked, Ticket::Scatter(id)),
                Effect::Answered(request, answer) => {
                    if let Some(parcel) = askers.remove(&request) {
                        parcel.bring(answer);
                    }
                }
                Effect::Notice { topic, text } => self.notices.push_all([Notice { topic, text }]),
                Effect::FetchFrom { .. } | Effect::PutTo { .. } => data_effects.push(effect),
            }
        }
    }
}

/// Pushes each queue's completions at once.
fn hand_out_completions(state: &mut State) {
    let State { completions, queues, .. } = state;
    completions.sort_by_key(|completion| completion.queue);
    for batch in completions.chunk_by(|a, b| a.queue == b.queue) {
        match queues.get(&batch[0].queue).and_then(Weak::upgrade) {
            Some(queue) => queue.push_all(batch.iter().map(|c| (c.tag, c.future))),
            None => {
                queues.remove(&batch[0].queue);
            }
        }
    }
    completions.clear();
}

impl State {
    /// True if the reactor has something to do.
    fn is_restless(&self) -> bool {
        let may_speak = matches!(self.core.session(), Session::Open(_));
        (may_speak && self.core.has_messages())
            || !self.data_effects.is_empty()
            || self.closing
            || self.core.must_advance()
    }

    /// The reactor looks: whatever is left to do after this turn needs another wake.
    pub(crate) fn begin_turn(&mut self) {
        self.woken = false;
    }

    pub(crate) fn take_data_effects(&mut self, into: &mut Vec<Effect>) {
        into.append(&mut self.data_effects);
    }

    /// Has the thread that holds the returned parcel told when the ticket comes up.
    pub(crate) fn park(&mut self, ticket: Ticket) -> Arc<Parcel<()>> {
        let parcel = Arc::new(Parcel::default());
        self.parked.insert(ticket, parcel.clone());
        parcel
    }
}
