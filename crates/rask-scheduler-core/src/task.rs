//! A task as the scheduler knows it, and the slots tasks live in.

use rask_types::{ClassId, ClientId, RunId, TaskId, TypeId, WorkerId};
use smallvec::SmallVec;

use crate::args::ArgsRef;
use crate::errors::ErrorId;
use crate::lane::Entry;
use crate::links::{Cursor, Dependent, LinkList, Links};
use crate::story::{NO_STORY, Station};
use crate::task_list::TaskList;
use crate::values::ValueId;
use crate::want::Wanted;

/// Where a task stands. The names are Dask's; a forgotten task's slot is `Free`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TaskState {
    /// The slot holds no task.
    Free,
    /// Known, not to be run now. `in_vain`: it was given up on its way to a value.
    Released { in_vain: bool },
    /// To be run when `on` more dependencies are in memory.
    Waiting { on: u32 },
    /// Could run; in a queue of the scheduler. Whoever leaves this state counts `attempt` up, so that the queue's entry is stale.
    Queued,
    /// A client is bringing its value to this worker.
    Arriving { worker: WorkerId },
    /// Assigned to a worker.
    Processing { worker: WorkerId, estimate_ns: u32, seceded: bool },
    /// Assigned to a worker together with the `on` dependencies that are not in memory yet: the worker makes them first.
    Following { worker: WorkerId, estimate_ns: u32, on: u16 },
    /// Its value exists: here, on the workers in `replicas`, or both.
    Memory { inline: Option<ValueId> },
    /// It failed, or one it depends on did.
    Erred(ErrorId),
}

impl TaskState {
    /// As a task begins, and as it is once its value was dropped.
    pub(crate) const RELEASED: TaskState = TaskState::Released { in_vain: false };

    /// Known, not to be run now.
    #[inline]
    pub(crate) fn is_released(self) -> bool {
        matches!(self, TaskState::Released { .. })
    }

    /// The state without its data.
    #[inline]
    pub(crate) fn station(self) -> Station {
        match self {
            TaskState::Free => Station::Forgotten,
            TaskState::Released { .. } => Station::Released,
            TaskState::Waiting { .. } | TaskState::Arriving { .. } => Station::Waiting,
            TaskState::Queued => Station::Queued,
            TaskState::Processing { .. } | TaskState::Following { .. } => Station::Processing,
            TaskState::Memory { .. } => Station::Memory,
            TaskState::Erred(_) => Station::Erred,
        }
    }

    /// Dask's word, but for `no-worker`, which is a queued task whose lane no worker serves.
    pub(crate) fn name(self) -> &'static str {
        self.station().name()
    }

    /// On its way to a value: it needs its dependencies' values.
    pub(crate) fn is_active(self) -> bool {
        matches!(
            self,
            TaskState::Waiting { .. }
                | TaskState::Queued
                | TaskState::Processing { .. }
                | TaskState::Following { .. }
        )
    }

    /// It is to run on this worker.
    #[inline]
    pub(crate) fn is_assigned_to(self, worker: WorkerId) -> bool {
        match self {
            TaskState::Processing { worker: at, .. } | TaskState::Following { worker: at, .. } => {
                at == worker
            }
            _ => false,
        }
    }
}

/// How a task came by its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeySource {
    /// `token` is the client's session and future number; not in the key index.
    Session,
    /// `token` is a content hash; in the key index.
    Token,
    /// The user gave it; its canonical bytes are in `Scheduler::names`; in the key index.
    Named,
}

/// Who can make a task's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Maker {
    /// A worker, by running the call.
    Worker,
    /// The client that scattered it.
    Client,
    /// Nobody: what it depends on was not known when it came. Its key leads nowhere, so that the same call may come again.
    Nobody,
}

/// What is known of a value that is, or is to be, on workers.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Size in memory, in bytes.
    pub(crate) nbytes: u64,
    pub(crate) type_id: TypeId,
    /// The workers that have it.
    pub(crate) replicas: SmallVec<[WorkerId; 4]>,
}

/// A generated key's token, in halves: as one number it would align every task to sixteen bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    high: u64,
    low: u64,
}

impl Token {
    #[inline]
    pub(crate) fn new(token: u128) -> Token {
        Token { high: (token >> 64) as u64, low: token as u64 }
    }

    #[inline]
    pub(crate) fn get(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// One task. There may be millions, so what few of them have lies elsewhere: names, deaths and retries in maps of the
/// scheduler, values on workers in a box.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) token: Token,
    /// Place in the order of submission, which within a graph is the order to run in; a task submitted by another takes
    /// that one's place.
    pub(crate) order: u64,
    pub(crate) args: Option<ArgsRef>,
    pub(crate) dependencies: TaskList,
    pub(crate) dependents: LinkList,
    pub(crate) wants: Wanted,
    pub(crate) kept: Option<Box<Kept>>,
    pub(crate) state: TaskState,
    pub(crate) class: ClassId,
    /// The client that submitted it first: whose share of the cluster it uses.
    pub(crate) owner: ClientId,
    /// Which came first of tasks with equal `order` (modulo 2^32).
    pub(crate) rank: u32,
    /// Counts the tasks that have lived in this slot.
    pub(crate) birth: u32,
    /// Counts the runs in this slot; never falls.
    pub(crate) attempt: u32,
    /// Dependents that exist.
    pub(crate) live_dependents: u32,
    /// Dependents that are active and so need the value.
    pub(crate) waiters: u32,
    /// Incomplete graphs it is part of, and tasks in whose pickled arguments a future for it lies.
    pub(crate) holders: u32,
    /// Last entry in the story.
    pub(crate) story: u32,
    pub(crate) key_source: KeySource,
    pub(crate) maker: Maker,
    /// Wanted by nobody in particular until it finishes.
    pub(crate) fire_and_forget: bool,
    /// It has an entry among the scheduler's troubles.
    pub(crate) troubled: bool,
}

impl Task {
    fn vacant() -> Task {
        Task {
            token: Token::default(),
            order: 0,
            args: None,
            dependencies: TaskList::default(),
            dependents: LinkList::default(),
            wants: Wanted::default(),
            kept: None,
            state: TaskState::Free,
            class: ClassId(0),
            owner: ClientId(0),
            rank: 0,
            birth: 0,
            attempt: 0,
            live_dependents: 0,
            waiters: 0,
            holders: 0,
            story: NO_STORY,
            key_source: KeySource::Session,
            maker: Maker::Worker,
            fire_and_forget: false,
            troubled: false,
        }
    }

    /// Somebody has a use for its value.
    #[inline]
    pub(crate) fn is_needed(&self) -> bool {
        self.waiters > 0 || self.holders > 0 || self.fire_and_forget || !self.wants.is_empty()
    }

    /// The workers that have its value.
    #[inline]
    pub(crate) fn replicas(&self) -> &[WorkerId] {
        self.kept.as_ref().map_or(&[], |kept| kept.replicas.as_slice())
    }

    /// Its value is in memory.
    #[inline]
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.state, TaskState::Memory { .. })
    }

    /// It is in a queue, and this is its entry there.
    #[inline]
    pub(crate) fn is_queued_as(&self, entry: Entry) -> bool {
        self.state == TaskState::Queued && self.attempt == entry.attempt
    }

    /// It is to run on this worker.
    #[inline]
    pub(crate) fn is_processing_on(&self, worker: WorkerId) -> bool {
        self.state.is_assigned_to(worker)
    }
}

/// All slots.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    slots: Vec<Task>,
    free: Vec<TaskId>,
    links: Links,
}

impl std::ops::Index<TaskId> for Tasks {
    type Output = Task;
    #[inline]
    fn index(&self, id: TaskId) -> &Task {
        &self.slots[id.0 as usize]
    }
}

impl std::ops::IndexMut<TaskId> for Tasks {
    #[inline]
    fn index_mut(&mut self, id: TaskId) -> &mut Task {
        &mut self.slots[id.0 as usize]
    }
}

impl Tasks {
    /// A fresh task in some slot, `Released`, with the next birth number.
    pub(crate) fn create(&mut self) -> TaskId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Task::vacant());
            TaskId(u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 tasks at once"))
        });
        let task = &mut self[id];
        debug_assert_eq!(task.state, TaskState::Free);
        task.birth = task.birth.wrapping_add(1);
        task.state = TaskState::RELEASED;
        id
    }

    /// Makes room for `n` more.
    pub(crate) fn reserve(&mut self, n: usize) {
        self.slots.reserve(n.saturating_sub(self.free.len()));
    }

    /// Empties the slot. Birth and attempt numbers go on from where they are: a late answer to the last run must not
    /// match the next task here.
    pub(crate) fn free(&mut self, id: TaskId) {
        let task = &mut self[id];
        let (birth, attempt) = (task.birth, task.attempt.wrapping_add(1));
        *task = Task { birth, attempt, ..Task::vacant() };
        self.free.push(id);
    }

    /// Tasks that exist.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Every task that exists, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        let occupied = |(_, task): &(usize, &Task)| task.state != TaskState::Free;
        self.slots.iter().enumerate().filter(occupied).map(|(i, task)| (TaskId(i as u32), task))
    }

    /// Those in the `n` slots from `from` on.
    pub(crate) fn slice(&self, from: u32, n: u32) -> impl Iterator<Item = (TaskId, &Task)> {
        let start = (from as usize).min(self.slots.len());
        let end = start.saturating_add(n as usize).min(self.slots.len());
        let occupied = |(_, task): &(usize, &Task)| task.state != TaskState::Free;
        let numbered = self.slots[start..end].iter().enumerate().filter(occupied);
        numbered.map(move |(i, task)| (TaskId((start + i) as u32), task))
    }

    /// The slot after those, unless they reach the end.
    pub(crate) fn slot_after(&self, from: u32, n: u32) -> Option<u32> {
        from.checked_add(n).filter(|&next| (next as usize) < self.slots.len())
    }

    /// The task in a slot, if there is one.
    pub(crate) fn get(&self, id: TaskId) -> Option<&Task> {
        self.slots.get(id.0 as usize).filter(|task| task.state != TaskState::Free)
    }

    /// The task's current run.
    pub(crate) fn run(&self, id: TaskId) -> RunId {
        RunId { task: id, attempt: self[id].attempt }
    }

    /// The task that is executing as `run`, if that is its current one.
    pub(crate) fn current(&self, run: RunId) -> Option<&Task> {
        let task = self.slots.get(run.task.0 as usize)?;
        (task.attempt == run.attempt && task.state != TaskState::Free).then_some(task)
    }

    /// The value is still to be brought by a client.
    pub(crate) fn is_arriving(&self, run: RunId) -> bool {
        self.current(run).is_some_and(|task| matches!(task.state, TaskState::Arriving { .. }))
    }

    /// The slot behind a dependent's entry, unless that task is gone.
    #[inline]
    fn dependent(&self, entry: Dependent) -> Option<TaskId> {
        let task = &self[entry.task];
        (task.birth == entry.birth && task.state != TaskState::Free).then_some(entry.task)
    }

    /// The tasks that depend on this one, in the order in which they came.
    pub(crate) fn dependents(&self, id: TaskId) -> impl Iterator<Item = TaskId> {
        self.links.iter(&self[id].dependents).filter_map(|entry| self.dependent(entry))
    }

    /// As `dependents`, for whoever changes tasks on the way: the next one from a place in the list on, and the place
    /// after it. No link may be made or cut meanwhile.
    #[inline]
    pub(crate) fn next_dependent(&self, mut cursor: Cursor) -> Option<(TaskId, Cursor)> {
        while let Some((entry, next)) = self.links.follow(cursor) {
            if let Some(dependent) = self.dependent(entry) {
                return Some((dependent, next));
            }
            cursor = next;
        }
        None
    }

    /// Records that `dependent` depends on `dependency`.
    #[inline]
    pub(crate) fn link(&mut self, dependency: TaskId, dependent: TaskId) {
        let birth = self[dependent].birth;
        let task = &mut self.slots[dependency.0 as usize];
        task.live_dependents += 1;
        self.links.push(&mut task.dependents, Dependent { task: dependent, birth });
    }

    /// One dependent of `dependency` is gone: counts it off, and tidies the list once most of it is stale.
    #[inline]
    pub(crate) fn unlink(&mut self, dependency: TaskId) {
        let task = &mut self.slots[dependency.0 as usize];
        task.live_dependents -= 1;
        if task.live_dependents == 0 {
            self.links.clear(&mut task.dependents);
        } else if task.dependents.len() > 16 && task.dependents.len() > 2 * task.live_dependents as usize {
            self.tidy_dependents(dependency);
        }
    }

    fn tidy_dependents(&mut self, id: TaskId) {
        let entries = self.links.iter(&self[id].dependents);
        let live: Vec<Dependent> = entries.filter(|&entry| self.dependent(entry).is_some()).collect();
        let list = &mut self.slots[id.0 as usize].dependents;
        self.links.clear(list);
        live.into_iter().for_each(|entry| self.links.push(list, entry));
    }

    /// Links from tasks to their dependents, those of forgotten dependents included.
    pub(crate) fn links_in_use(&self) -> usize {
        self.links.in_use()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_takes_no_more_than_136_bytes() {
        assert!(size_of::<Task>() <= 136, "{} bytes", size_of::<Task>());
    }
}
