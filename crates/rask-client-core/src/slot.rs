//! What is known of one future: 64 bytes, a cache line.

use std::sync::Arc;

use bytes::Bytes;
use rask_types::{FutureId, KeyId, RunId, TaskError, TypeId, WorkerId};

/// Values of at most this many bytes lie in the slot itself; ints, floats and short strings do.
const SMALL_BYTES_MAX: usize = 30;

/// The class number of a future that was not made by a task of ours: wanted by key, or scattered.
pub(crate) const NO_CLASS: u32 = u32::MAX;

/// A future's state as users see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Its task has not finished.
    Pending,
    /// Its value exists.
    Finished,
    /// Its task, or one it depends on, failed.
    Error,
    /// Given up on demand, or with the client.
    Cancelled,
    /// It will never finish: nobody can make its value any more.
    Lost,
}

impl Status {
    /// Dask's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Finished => "finished",
            Status::Error => "error",
            Status::Cancelled => "cancelled",
            Status::Lost => "lost",
        }
    }
}

/// A value that stays on a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The identity under which workers keep it.
    pub run: RunId,
    /// A worker that has it.
    pub worker: WorkerId,
    /// Its type; see `ClientCore::type_name`.
    pub type_id: TypeId,
    /// Its size in memory, in bytes.
    pub nbytes: u64,
}

/// What became of a future.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// Its value, in the tagged codec.
    Inline(Bytes),
    /// Its value is on a worker.
    Held(Held),
    /// It failed.
    Erred(Arc<TaskError>),
    /// It was given up.
    Cancelled {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// It will never finish.
    Lost {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// No future of that number is held.
    Unknown,
}

#[derive(Debug)]
pub(crate) enum State {
    Pending,
    Small { len: u8, bytes: [u8; SMALL_BYTES_MAX] },
    Large(Box<[u8]>),
    Held(Held),
    Erred(Arc<TaskError>),
    Cancelled(Arc<str>),
    Lost(Arc<str>),
}

impl State {
    /// Erred, cancelled or lost.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self, State::Erred(_) | State::Cancelled(_) | State::Lost(_))
    }

    /// Copies, so that a future of three bytes does not keep the whole frame it came in.
    #[inline]
    pub(crate) fn inline(value: &[u8]) -> State {
        if value.len() <= SMALL_BYTES_MAX {
            let mut bytes = [0; SMALL_BYTES_MAX];
            bytes[..value.len()].copy_from_slice(value);
            State::Small { len: value.len() as u8, bytes }
        } else {
            State::Large(value.into())
        }
    }

    #[inline]
    pub(crate) fn inline_value(&self) -> Option<&[u8]> {
        match self {
            State::Small { len, bytes } => Some(&bytes[..usize::from(*len)]),
            State::Large(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) const fn status(&self) -> Status {
        match self {
            State::Pending => Status::Pending,
            State::Small { .. } | State::Large(_) | State::Held(_) => Status::Finished,
            State::Erred(_) => Status::Error,
            State::Cancelled(_) => Status::Cancelled,
            State::Lost(_) => Status::Lost,
        }
    }

    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self, State::Pending)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            State::Pending => Outcome::Pending,
            State::Small { len, bytes } => {
                Outcome::Inline(Bytes::copy_from_slice(&bytes[..usize::from(*len)]))
            }
            State::Large(bytes) => Outcome::Inline(Bytes::copy_from_slice(bytes)),
            State::Held(held) => Outcome::Held(*held),
            State::Erred(error) => Outcome::Erred(error.clone()),
            State::Cancelled(reason) => Outcome::Cancelled { reason: reason.clone() },
            State::Lost(reason) => Outcome::Lost { reason: reason.clone() },
        }
    }
}

/// How a future's key is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum KeyForm {
    /// The class's prefix, and a token made of session and future number.
    Session,
    /// The class's prefix, and the token that `Slot::key_id` gives back.
    Token,
    /// Canonical bytes in `ClientCore::names`.
    Named,
}

/// Whoever must be told when a future stops being pending.
pub(crate) mod watch {
    /// A `WaitFor::All` waiter has its cursor here.
    pub(crate) const ALL: u8 = 1;
    /// A `WaitFor::Any` waiter lists it.
    pub(crate) const ANY: u8 = 2;
    /// A `WaitFor::AllOrFirstError` waiter lists it.
    pub(crate) const ERROR: u8 = 4;
    /// `ClientCore::subscriptions` has entries for it.
    pub(crate) const SUBSCRIBED: u8 = 8;
    /// A fetch waits for it.
    pub(crate) const FETCH: u8 = 16;
}

#[derive(Debug)]
pub(crate) struct Slot {
    /// Futures held on it; 0 means the slot is vacant.
    pub(crate) refs: u32,
    pub(crate) class: u32,
    /// Two halves, because a `u128` would align the slot to 16 bytes.
    key: [u64; 2],
    pub(crate) form: KeyForm,
    pub(crate) watch: u8,
    /// The key index has this slot's key under this slot's number.
    pub(crate) indexed: bool,
    pub(crate) state: State,
}

const _: () = assert!(size_of::<Slot>() == 64);

impl Slot {
    pub(crate) const VACANT: Slot = Slot {
        refs: 0,
        class: NO_CLASS,
        key: [0; 2],
        form: KeyForm::Session,
        watch: 0,
        indexed: false,
        state: State::Pending,
    };

    #[inline]
    pub(crate) fn new(class: u32, form: KeyForm, key: KeyId) -> Slot {
        Slot { refs: 1, class, key: [(key.0 >> 64) as u64, key.0 as u64], form, ..Slot::VACANT }
    }

    #[inline]
    pub(crate) const fn key_id(&self) -> KeyId {
        KeyId((self.key[0] as u128) << 64 | self.key[1] as u128)
    }
}

/// The token of an impure task: the session in the high half, the future in the low.
#[inline]
pub const fn session_token(session: u64, future: FutureId) -> u128 {
    (session as u128) << 64 | future.0 as u128
}
