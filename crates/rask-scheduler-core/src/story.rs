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
    CalledBack(WorkerId),
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
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Cause::Submitted => "submitted",
            Cause::DependenciesReady => "its dependencies are in memory",
            Cause::DependencyErred => "a dependency erred",
            Cause::DependencyLost => "a dependency's value was lost",
            Cause::Assigned(_) => "assigned to a worker",
            Cause::Finished(_) => "finished",
            Cause::Raised(_) => "raised an exception",
            Cause::GivenBack(_) => "given back unstarted",
            Cause::CalledBack(_) => "called back: what it depends on is not made there",
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
            | Cause::CalledBack(worker)
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
    pub(crate) cause: Cause,
    /// This entry's number: entries are counted modulo 2^32, and an entry lies in the ring where its number says.
    number: u32,
    /// The number of the task's entry before this one.
    previous: u32,
    task: TaskId,
    birth: u32,
    /// How long the execution took that ended so, in nanoseconds; not a number if none did. There are 24 bits to it, which is
    /// all that people read.
    took_ns: f32,
    pub(crate) to: Station,
}

impl Transition {
    /// How long the execution took that ended so, in seconds.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        (!self.took_ns.is_nan()).then(|| f64::from(self.took_ns) / 1e9)
    }
}

/// The state that a task came to, without its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Station {
    Released,
    Waiting,
    Queued,
    Processing,
    Memory,
    Erred,
    Forgotten,
}

impl Station {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;

    /// Those in which a task exists.
    pub(crate) const OF_TASKS: [Station; 6] = [
        Station::Released,
        Station::Waiting,
        Station::Queued,
        Station::Processing,
        Station::Memory,
        Station::Erred,
    ];

    /// Dask's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Station::Released => "released",
            Station::Waiting => "waiting",
            Station::Queued => "queued",
            Station::Processing => "processing",
            Station::Memory => "memory",
            Station::Erred => "erred",
            Station::Forgotten => "forgotten",
        }
    }
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Story {
    ring: Vec<Transition>,
    /// A power of two less one, so that numbers may overflow without a gap; `None` if nothing is to be remembered.
    mask: Option<u32>,
    /// The number of the next entry.
    next: u32,
}

/// A task without entries.
pub(crate) const NO_STORY: u32 = u32::MAX;

impl Story {
    /// A ring of `capacity` entries, rounded up to a power of two.
    pub(crate) fn new(capacity: usize) -> Story {
        let rounded = capacity.min(1 << 30).next_power_of_two() as u32;
        Story { ring: Vec::new(), mask: (capacity > 0).then_some(rounded - 1), next: 0 }
    }

    /// Writes an entry; `previous` is what the last call for this task returned, which this call's answer replaces.
    #[inline]
    pub(crate) fn record(
        &mut self,
        at: Tick,
        (task, birth): (TaskId, u32),
        previous: u32,
        to: Station,
        cause: Cause,
    ) -> u32 {
        let Some(mask) = self.mask else { return NO_STORY };
        let number = self.next;
        let transition = Transition { at, cause, number, previous, task, birth, took_ns: f32::NAN, to };
        match self.ring.get_mut((number & mask) as usize) {
            Some(slot) => *slot = transition,
            None => self.ring.push(transition),
        }
        // The number that means "none" is passed over; its slot in the ring keeps an old entry one round longer.
        self.next = if number == NO_STORY - 1 { 0 } else { number + 1 };
        number
    }

    /// Adds to an entry just written how long the execution took that ended so.
    #[inline]
    pub(crate) fn note_duration(&mut self, number: u32, duration_ns: u64) {
        let at = number & self.mask.unwrap_or(0);
        if let Some(entry) = self.ring.get_mut(at as usize) {
            entry.took_ns = duration_ns as i64 as f32;
        }
    }

    /// A task's entries that are still there, oldest first.
    pub(crate) fn of(&self, task: TaskId, birth: u32, last: u32) -> Vec<Transition> {
        let mut entries = Vec::new();
        let mut number = last;
        while let Some(entry) = self.entry(number)
            && (entry.task, entry.birth) == (task, birth)
        {
            entries.push(*entry);
            number = entry.previous;
        }
        entries.reverse();
        entries
    }

    /// A task's last entry, if it is still there.
    pub(crate) fn last_of(&self, task: TaskId, birth: u32, last: u32) -> Option<&Transition> {
        self.entry(last).filter(|entry| (entry.task, entry.birth) == (task, birth))
    }

    fn entry(&self, number: u32) -> Option<&Transition> {
        let entry = self.ring.get((number & self.mask?) as usize)?;
        (entry.number == number && number != NO_STORY).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stations(story: &Story, (task, birth): (TaskId, u32), last: u32) -> Vec<Station> {
        story.of(task, birth, last).iter().map(|entry| entry.to).collect()
    }

    #[test]
    fn each_task_has_its_own_story_until_it_is_overwritten() {
        let mut story = Story::new(4);
        let (a, b) = ((TaskId(1), 1), (TaskId(2), 1));
        let a1 = story.record(Tick(1), a, NO_STORY, Station::Waiting, Cause::Submitted);
        let b1 = story.record(Tick(1), b, NO_STORY, Station::Queued, Cause::Submitted);
        let a2 = story.record(Tick(1), a, a1, Station::Queued, Cause::DependenciesReady);
        assert_eq!(stations(&story, a, a2), [Station::Waiting, Station::Queued]);
        assert_eq!(stations(&story, b, b1), [Station::Queued]);
        let mut last = b1;
        for _ in 0..4 {
            last = story.record(Tick(1), b, last, Station::Processing, Cause::Submitted);
        }
        assert_eq!(stations(&story, a, a2), []);
        assert_eq!(stations(&story, b, last), [Station::Processing; 4]);
    }

    #[test]
    fn numbers_overflow_without_mixing_stories_up() {
        let mut story = Story::new(8);
        let (a, b) = ((TaskId(1), 1), (TaskId(2), 1));
        let old = story.record(Tick(0), b, NO_STORY, Station::Waiting, Cause::Submitted);
        for _ in 0..7 {
            story.record(Tick(0), a, NO_STORY, Station::Waiting, Cause::Submitted);
        }
        story.next = NO_STORY - 3;
        let mut last = NO_STORY;
        for station in [Station::Waiting, Station::Queued, Station::Processing, Station::Memory] {
            last = story.record(Tick(0), a, last, station, Cause::Submitted);
        }
        assert_eq!(
            stations(&story, a, last),
            [Station::Waiting, Station::Queued, Station::Processing, Station::Memory]
        );
        assert_eq!(last, 0, "the number that means none was passed over");
        assert_eq!(
            stations(&story, b, old),
            [],
            "the first entry is overwritten, though numbers begin again"
        );
    }

    #[test]
    fn a_story_of_no_length_remembers_nothing() {
        let mut story = Story::new(0);
        let a = (TaskId(1), 1);
        let last = story.record(Tick(0), a, NO_STORY, Station::Waiting, Cause::Submitted);
        assert_eq!(stations(&story, a, last), []);
    }
}
