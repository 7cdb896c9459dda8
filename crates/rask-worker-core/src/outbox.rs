//! Effects in order; completions are collected into columns until something else is said or the driver drains.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use rask_types::msg::WorkerToScheduler;
use rask_types::{FinishedColumns, HeldByWorker, RunId, TypeId};

use crate::effect::Effect;
use crate::event::Completion;
use crate::task::ReadyRun;

/// Completions of one message, and bytes of inline values in it, after which the next begins.
const RUNS_MAX: usize = 16_384;
const BLOB_BYTES_MAX: usize = 1 << 20;

/// Ready runs that are copied to go with others.
const READY_COPIED_MAX: usize = 64;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Outbox<V> {
    effects: VecDeque<Effect<V>>,
    finished: FinishedColumns,
    blob: Vec<u8>,
    types: HashMap<Arc<str>, TypeId>,
}

impl<V> Outbox<V> {
    pub fn new() -> Outbox<V> {
        Outbox {
            effects: VecDeque::new(),
            finished: FinishedColumns::default(),
            blob: Vec::new(),
            types: HashMap::new(),
        }
    }

    /// The next effect, but for completions that are still collected.
    pub fn pop(&mut self) -> Option<Effect<V>> {
        self.effects.pop_front()
    }

    /// Something that has no order against messages to the scheduler.
    pub fn push(&mut self, effect: Effect<V>) {
        self.effects.push_back(effect);
    }

    /// Says something to the scheduler, after all completions so far: a dependent is never answered before what it
    /// depended on.
    pub fn send(&mut self, message: WorkerToScheduler) {
        self.close_finished();
        self.effects.push_back(Effect::Send(message));
    }

    /// Gives runs to the execution queue. Few are put with those before; many are not worth copying.
    pub fn ready(&mut self, mut runs: Vec<ReadyRun<V>>) {
        match self.effects.back_mut() {
            _ if runs.is_empty() => {}
            Some(Effect::Ready(before)) if runs.len() <= READY_COPIED_MAX => before.append(&mut runs),
            _ => self.effects.push_back(Effect::Ready(runs)),
        }
    }

    /// Answers a run whose result rides along.
    #[inline]
    pub fn finished_inline(&mut self, thread: u16, completion: &Completion, value: &[u8]) {
        self.blob.extend_from_slice(value);
        self.finished_row(thread, completion);
    }

    /// Answers a run whose result stays.
    pub fn finished_held(&mut self, thread: u16, completion: &Completion, nbytes: u64, type_name: &Arc<str>) {
        let type_id = self.type_id(type_name);
        let position = self.finished.runs.len() as u32;
        self.finished.held.push(HeldByWorker { position, nbytes, type_id });
        self.finished_row(thread, completion);
    }

    #[inline]
    fn finished_row(&mut self, thread: u16, completion: &Completion) {
        let columns = &mut self.finished;
        columns.runs.push(completion.run);
        columns.started_ns.push(completion.started_ns);
        columns.duration_ns.push(completion.duration_ns);
        columns.threads.push(thread);
        columns.value_ends.push(self.blob.len() as u32);
        if columns.runs.len() >= RUNS_MAX || self.blob.len() >= BLOB_BYTES_MAX {
            self.close_finished();
        }
    }

    /// Completions so far become a message.
    pub fn close_finished(&mut self) {
        if !self.finished.runs.is_empty() {
            let mut columns = std::mem::take(&mut self.finished);
            columns.blob = Bytes::from(std::mem::take(&mut self.blob));
            self.effects.push_back(Effect::Send(WorkerToScheduler::Finished(columns)));
        }
    }

    /// The number of a type, said to the scheduler before it is first used.
    pub fn type_id(&mut self, type_name: &Arc<str>) -> TypeId {
        if let Some(&id) = self.types.get(type_name) {
            return id;
        }
        let id = TypeId(self.types.len() as u32);
        self.types.insert(Arc::clone(type_name), id);
        self.send(WorkerToScheduler::DefineType { id, name: type_name.to_string() });
        id
    }

    /// Says that `runs` are given back.
    pub fn retracted(&mut self, runs: Vec<RunId>) {
        if !runs.is_empty() {
            self.send(WorkerToScheduler::Retracted { runs });
        }
    }
}
