//! Tasks on their way to the scheduler: chunks that the caller built, and single tasks that go together.

use std::sync::Arc;

use bytes::Bytes;
use rask_types::columns::NumberedClass;
use rask_types::msg::ClientToScheduler;
use rask_types::{FunctionId, FutureId, GraphChunk, Key, KeyId, KeyKind, Payload, RunId, TaskClass, Wants};

use crate::chunk::{self, ChunkBuilder, NewKey};
use crate::core::{ClientCore, Session};
use crate::slot::KeyForm;

/// Encoded arguments of one task, without buffers, may have this size: offsets in a chunk are 32 bits wide.
const ARGS_BYTES_MAX: usize = 2 << 30;

/// One task, as `ClientCore::submit_task` takes it.
#[derive(Clone, Debug)]
pub struct NewTask<'a> {
    /// Its class, from `ClientCore::define_class`.
    pub class: u32,
    /// Its key.
    pub key: NewKey,
    /// Its arguments: a call, or for a literal task its value.
    pub args: &'a [u8],
    /// Large buffers beside the arguments.
    pub buffers: Vec<Bytes>,
    /// Its dependencies, without duplicates.
    pub deps: &'a [FutureId],
    /// Futures inside its pickled arguments.
    pub holds: &'a [FutureId],
    /// The task during which it is submitted, if any.
    pub parent: Option<RunId>,
}

/// Why tasks were not submitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubmitError {
    /// The session is over.
    Closed {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// A class whose function was not defined first.
    UnknownFunction(FunctionId),
    /// A class number that `define_class` did not give.
    UnknownClass(u32),
    /// The columns contradict themselves.
    Defect(&'static str),
    /// A future number is in use, or was not allocated.
    Taken(FutureId),
    /// Bytes that are not a key's canonical form.
    BadKey(FutureId),
    /// The encoded arguments do not fit a chunk.
    TooLarge {
        /// Their size.
        bytes: usize,
    },
}

impl std::fmt::Display for SubmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SubmitError::Closed { reason } => write!(f, "the client is closed: {reason}"),
            SubmitError::UnknownFunction(id) => write!(f, "function {id:?} was not defined before its class"),
            SubmitError::UnknownClass(class) => write!(f, "task class {class} was not defined"),
            SubmitError::Defect(what) => write!(f, "the graph chunk contradicts itself: {what}"),
            SubmitError::Taken(id) => write!(f, "future number {} is in use or was not allocated", id.0),
            SubmitError::BadKey(id) => write!(f, "the key of future {} is not in canonical form", id.0),
            SubmitError::TooLarge { bytes } => {
                write!(f, "the task's encoded arguments are too large ({bytes} bytes): scatter them first")
            }
        }
    }
}

impl std::error::Error for SubmitError {}

/// Single tasks with consecutive numbers and one parent.
#[derive(Debug)]
pub(crate) struct OpenChunk {
    builder: ChunkBuilder,
    parent: Option<RunId>,
}

impl OpenChunk {
    pub(crate) fn finish(self, graph: u32) -> GraphChunk {
        self.builder.finish(graph, true, self.parent)
    }
}

impl ClientCore {
    fn check_open(&self) -> Result<(), SubmitError> {
        match &self.session {
            Session::Closed { reason } => Err(SubmitError::Closed { reason: reason.clone() }),
            Session::Joining | Session::Open(_) => Ok(()),
        }
    }

    /// Makes a function known to the scheduler, once. `id` is [`FunctionId::of`] the payload; the caller computes it
    /// outside the lock.
    pub fn define_function(&mut self, id: FunctionId, payload: &Payload) {
        if self.is_open() && self.classes.add_function(id) {
            self.say(ClientToScheduler::DefineFunction { id, payload: payload.clone() });
        }
    }

    /// The number of a class, made known to the scheduler once.
    ///
    /// # Errors
    /// If its function is not defined, or the session is over.
    pub fn define_class(&mut self, class: &TaskClass) -> Result<u32, SubmitError> {
        self.check_open()?;
        if !self.classes.has_function_of(class) {
            return Err(SubmitError::UnknownFunction(class.function));
        }
        let (number, is_new) = self.classes.intern(class);
        if is_new {
            self.say(ClientToScheduler::DefineClass(NumberedClass { number, class: class.clone() }));
        }
        Ok(number)
    }

    /// The class of that number.
    pub fn class(&self, number: u32) -> Option<&TaskClass> {
        self.classes.get(number)
    }

    /// The id of the generated key of a class's prefix and `token`.
    pub fn key_id(&self, class: u32, token: u128) -> Option<KeyId> {
        Some(KeyId(token ^ self.classes.prefix_id(class)?))
    }

    /// Submits tasks in columns; their numbers come from [`ClientCore::allocate`]. The caller gets a hold on each that
    /// the chunk wants. Nothing is submitted on error.
    ///
    /// # Errors
    /// If the chunk is not sound, or the session is over.
    pub fn submit(&mut self, chunk: GraphChunk) -> Result<(), SubmitError> {
        self.check_open()?;
        if let Some(defect) = chunk.defect() {
            return Err(SubmitError::Defect(defect));
        }
        if let Some(run) = chunk.runs.iter().find(|run| self.classes.get(run.class).is_none()) {
            return Err(SubmitError::UnknownClass(run.class));
        }
        let name_ids = self.check_numbers_and_names(&chunk)?;
        self.hold_wanted(&chunk, &name_ids);
        self.flush_open();
        chunk::split(chunk, |piece| self.say(ClientToScheduler::Graph(piece)));
        Ok(())
    }

    /// The key ids of the chunk's named tasks, in order.
    fn check_numbers_and_names(&self, chunk: &GraphChunk) -> Result<Vec<KeyId>, SubmitError> {
        let end = chunk.first.0.checked_add(chunk.len() as u64);
        if end.is_none_or(|end| end > self.allocated_end()) {
            return Err(SubmitError::Taken(chunk.first));
        }
        if let Wants::Some(positions) = &chunk.wants
            && positions.windows(2).any(|pair| pair[0] >= pair[1])
        {
            return Err(SubmitError::Defect("wanted positions do not ascend"));
        }
        let is_taken = |position: u32| {
            let id = FutureId(chunk.first.0 + u64::from(position));
            self.table.get(id).is_some().then_some(id)
        };
        let taken = match &chunk.wants {
            Wants::None => None,
            Wants::All => (0..chunk.len() as u32).find_map(is_taken),
            Wants::Some(positions) => positions.iter().copied().find_map(is_taken),
        };
        if let Some(id) = taken {
            return Err(SubmitError::Taken(id));
        }
        let key_id = |name: &Bytes| match Key::from_canonical(name) {
            Ok(key) => Ok(key.id()),
            Err(_) => Err(SubmitError::BadKey(chunk.first)),
        };
        chunk.names.iter().map(key_id).collect()
    }

    fn hold_wanted(&mut self, chunk: &GraphChunk, name_ids: &[KeyId]) {
        let mut wanted = match &chunk.wants {
            Wants::None => return,
            Wants::All => None,
            Wants::Some(positions) => Some(positions.iter().copied().peekable()),
        };
        let (mut position, mut token, mut name) = (0_u32, 0, 0);
        for run in &chunk.runs {
            let prefix_id = self.classes.prefix_id(run.class).unwrap_or(0);
            for _ in 0..run.count {
                let is_wanted = match &mut wanted {
                    None => true,
                    Some(positions) => positions.next_if_eq(&position).is_some(),
                };
                let id = FutureId(chunk.first.0 + u64::from(position));
                position += 1;
                match run.keys {
                    KeyKind::Session if is_wanted => self.hold(id, run.class, KeyForm::Session, KeyId(0)),
                    KeyKind::Session => {}
                    KeyKind::Token => {
                        if is_wanted {
                            let key = KeyId(chunk.tokens[token] ^ prefix_id);
                            self.hold(id, run.class, KeyForm::Token, key);
                        }
                        token += 1;
                    }
                    KeyKind::Named => {
                        if is_wanted {
                            self.hold_named(id, run.class, name_ids[name], chunk.names[name].clone());
                        }
                        name += 1;
                    }
                }
            }
        }
    }

    /// Submits one task. Consecutive ones travel together. The caller gets a hold on the future.
    ///
    /// # Errors
    /// If the class is unknown, the key not canonical, the arguments are too large, or the session is over.
    #[inline]
    pub fn submit_task(&mut self, task: NewTask<'_>) -> Result<FutureId, SubmitError> {
        self.check_open()?;
        let Some(prefix_id) = self.classes.prefix_id(task.class) else {
            return Err(SubmitError::UnknownClass(task.class));
        };
        let id = FutureId(self.allocated_end());
        let (form, key_id, name) = match &task.key {
            NewKey::Session => (KeyForm::Session, KeyId(0), None),
            NewKey::Token(token) => (KeyForm::Token, KeyId(token ^ prefix_id), None),
            NewKey::Named(name) => {
                let key = Key::from_canonical(name).map_err(|_| SubmitError::BadKey(id))?;
                (KeyForm::Named, key.id(), Some(name.clone()))
            }
        };
        let class = task.class;
        if task.args.len() > ARGS_BYTES_MAX {
            return Err(SubmitError::TooLarge { bytes: task.args.len() });
        }
        self.append_to_open(id, task)?;
        self.allocate(1);
        match name {
            None => self.hold(id, class, form, key_id),
            Some(name) => self.hold_named(id, class, key_id, name),
        }
        Ok(id)
    }

    fn append_to_open(&mut self, id: FutureId, task: NewTask<'_>) -> Result<(), SubmitError> {
        let fits = |open: &OpenChunk| {
            open.builder.next_id() == id && open.parent == task.parent && !open.builder.is_due()
        };
        if self.open.as_ref().is_some_and(|open| !fits(open)) {
            self.flush_open();
        }
        let open = self
            .open
            .get_or_insert_with(|| OpenChunk { builder: ChunkBuilder::new(id), parent: task.parent });
        open.builder.args().extend_from_slice(task.args);
        if open.builder.push(task.class, task.key, task.deps, true).is_err() {
            return Err(SubmitError::TooLarge { bytes: task.args.len() });
        }
        open.builder.add_buffers(task.buffers);
        task.holds.iter().for_each(|&future| open.builder.add_hold(future));
        Ok(())
    }

    /// Makes the scheduler forget a graph whose last chunk will not come. The caller releases its futures.
    pub fn abort_graph(&mut self, graph: u32) {
        if self.is_open() {
            self.say(ClientToScheduler::AbortGraph { graph });
        }
    }
}
