//! Dense numbers by which processes name things to each other. Who numbers what is said at each type;
//! a number means nothing outside the scope given there.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty), $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $int);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A task's slot in the scheduler. Slots are reused after a task is forgotten, so a bare `TaskId` never
    /// travels as an identity: a [`RunId`] does.
    TaskId(u32), "t");
id!(
    /// A worker, numbered by the scheduler; never reused within a scheduler's life.
    WorkerId(u32), "w");
id!(
    /// A client session, numbered by the scheduler; never reused within a scheduler's life.
    ClientId(u32), "c");
id!(
    /// A task class as the scheduler interned it.
    ClassId(u32), "k");
id!(
    /// The name of a Python type, numbered by whoever says it on a connection (see `msg`).
    TypeId(u32), "y");
id!(
    /// A question on a connection, numbered by the asker; the answer carries it back.
    RequestId(u32), "q");
id!(
    /// A task as one client session names it: a counter that only grows. Every task a client makes takes one,
    /// whether anyone holds a future for it or not.
    FutureId(u64), "f");

/// One run of one task, or one scattered value: the identity under which values are kept, fetched and freed.
///
/// The scheduler counts `attempt` up for every run in a slot and never down, also across reuse of the slot. So a late
/// message about an old run, or about a task that is gone, matches nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RunId {
    /// The scheduler's slot.
    pub task: TaskId,
    /// Which run in that slot.
    pub attempt: u32,
}

impl RunId {
    /// Run number `attempt` in slot `task`.
    pub const fn new(task: u32, attempt: u32) -> RunId {
        RunId { task: TaskId(task), attempt }
    }

    /// Both numbers in one, for maps and shared pages: slot in the high half.
    pub const fn to_u64(self) -> u64 {
        (self.task.0 as u64) << 32 | self.attempt as u64
    }

    /// The inverse of [`RunId::to_u64`].
    pub const fn from_u64(bits: u64) -> RunId {
        RunId::new((bits >> 32) as u32, bits as u32)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.task, self.attempt)
    }
}
