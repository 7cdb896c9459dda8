//! What happened to tasks: one shared ring of transitions, in which each task's entries are chained. Old entries are
//! overwritten, so the story costs the same however long the scheduler lives.

use rask_types::{TaskId, Tick, WorkerId};

/// Why a task changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    Submitted,
    DependenciesReady,
    DependencyErred,
    DependencyLost,
    Assigned(WorkerId),
    Finished(WorkerId),
    Raised(WorkerId),
    GivenBack(WorkerId),
    Rescheduled(WorkerId),
    WorkerLost(WorkerId),
    WorkersChanged,
    NotNeeded,
    NeededAgain,
    Cancelled,
    Retried,
    Scattered,
    Restarted,
}

impl Cause {
    /// The cause in words, without the worker.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Cause::Submitted => "submitted",
            Cause::DependenciesReady => "its dependencies are in memory",
            Cause::DependencyErred => "a dependency erred",
            Cause::DependencyLost => "a dependency's value was lost",
            Cause::Assigned(_) => "assigned to a worker",
            Cause::Finished(_) => "finished",
            Cause::Raised(_) => "raised an exception",
            Cause::GivenBack(_) => "given back unstarted",
            Cause::Rescheduled(_) => "asked to run elsewhere",
            Cause::WorkerLost(_) => "its worker was lost",
            Cause::WorkersChanged => "workers joined or left",
            Cause::NotNeeded => "nobody needs it",
            Cause::NeededAgain => "its value is needed again",
            Cause::Cancelled => "cancelled",
            Cause::Retried => "retried",
            Cause::Scattered => "scattered by a client",
            Cause::Restarted => "the cluster was restarted",
        }
    }

    /// The worker concerned.
    pub(crate) fn worker(self) -> Option<WorkerId> {
        match self {
            Cause::Assigned(worker)
            | Cause::Finished(worker)
            | Cause::Raised(worker)
            | Cause::GivenBack(worker)
            | Cause::Rescheduled(worker)
            | Cause::WorkerLost(worker) => Some(worker),
            _ => None,
        }
    }
}

/// One transition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(crate) at: Tick,
    pub(crate) task: TaskId,
    pub(crate) birth: u32,
    /// The task's entry before this one, counted from the ring's beginning of time (mod 2^32).
    previous: u32,
    pub(crate) to: &'static str,
    pub(crate) cause: Cause,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Story {
    ring: Vec<Transition>,
    capacity: usize,
    /// Entries ever written.
    written: u32,
}

/// A task without entries.
pub(crate) const NO_STORY: u32 = u32::MAX;

impl Story {
    pub(crate) fn new(capacity: usize) -> Story {
        Story { ring: Vec::new(), capacity, written: 0 }
    }

    /// Writes an entry; `previous` is what the last call for this task returned, which this call's answer replaces.
    pub(crate) fn record(
        &mut self,
        at: Tick,
        (task, birth): (TaskId, u32),
        previous: u32,
        to: &'static str,
        cause: Cause,
    ) -> u32 {
        let transition = Transition { at, task, birth, previous, to, cause };
        let number = self.written;
        if self.ring.len() < self.capacity {
            self.ring.push(transition);
        } else {
            self.ring[number as usize % self.capacity] = transition;
        }
        // Numbers skip the one that means "none".
        self.written = if self.written == NO_STORY - 1 { 0 } else { self.written + 1 };
        number
    }

    /// A task's entries that are still there, oldest first.
    pub(crate) fn of(&self, task: TaskId, birth: u32, last: u32) -> Vec<Transition> {
        let mut entries = Vec::new();
        let mut number = last;
        while number != NO_STORY && entries.len() < self.capacity {
            let Some(entry) = self.ring.get(number as usize % self.capacity) else { break };
            if entry.task != task || entry.birth != birth {
                break;
            }
            entries.push(*entry);
            if entry.previous == number {
                break;
            }
            number = entry.previous;
        }
        entries.reverse();
        // An overwritten slot may hold a later entry of the same task: cut where time would run backwards.
        let cut = entries.windows(2).rposition(|pair| pair[0].at > pair[1].at).map_or(0, |i| i + 1);
        entries.split_off(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_has_its_own_story_until_it_is_overwritten() {
        let mut story = Story::new(4);
        let (a, b) = ((TaskId(1), 1), (TaskId(2), 1));
        let a1 = story.record(Tick(1), a, NO_STORY, "waiting", Cause::Submitted);
        let b1 = story.record(Tick(2), b, NO_STORY, "queued", Cause::Submitted);
        let a2 = story.record(Tick(3), a, a1, "queued", Cause::DependenciesReady);
        let states = |story: &Story, (task, birth), last| -> Vec<_> {
            story.of(task, birth, last).iter().map(|entry| entry.to).collect()
        };
        assert_eq!(states(&story, a, a2), ["waiting", "queued"]);
        assert_eq!(states(&story, b, b1), ["queued"]);
        let mut last = b1;
        for tick in 4..8 {
            last = story.record(Tick(tick), b, last, "processing", Cause::Submitted);
        }
        assert_eq!(states(&story, a, a2), [""; 0]);
        assert_eq!(states(&story, b, last).len(), 4);
    }
}
