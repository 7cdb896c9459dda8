//! The task stream: what executed when, and on which thread of which worker.
//!
//! Of millions of executions a second nobody sees each. Those of one thread that are short and follow each other become one
//! bar, in two steps: first while a worker's message is read, where neighbours of one class are added up (a `Passage`); then
//! from message to message, where bars that are still short are drawn together.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rask_types::{ClassId, Key, WorkerId};

use super::ring::Ring;

/// Bars kept.
const LEN_MAX: usize = 8_192;
/// Executions at least this long have a bar of their own, however many threads there are.
const GRAIN_NS_MIN: u64 = 1_000_000;
/// With many threads bars get coarser: this much per thread keeps them below 2000 a second in all.
const GRAIN_NS_PER_THREAD: u64 = 500_000;
/// Bars of one prefix are drawn together up to this length, or four grains.
const MERGED_NS_MAX: u64 = 100_000_000;
/// Idle time that a bar may bridge.
const GAP_NS_MAX: u64 = 2_000_000;

/// A task's key, not yet rendered: that is left to whoever shows it.
#[derive(Clone, PartialEq, Debug)]
pub enum Label {
    /// `prefix-<token>`.
    Generated(Arc<str>, u128),
    /// Canonical bytes.
    Named(Bytes),
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Generated(prefix, token) => write!(f, "{prefix}-{token:032x}"),
            Label::Named(bytes) => match Key::from_canonical(bytes) {
                Ok(key) => key.fmt(f),
                Err(_) => f.write_str("?"),
            },
        }
    }
}

/// When one run executed, and on which thread. Nanoseconds of the worker's Unix time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) thread: u16,
    pub(crate) started_ns: u64,
    pub(crate) duration_ns: u64,
}

/// Neighbouring executions of one class on one thread.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) class: ClassId,
    pub(crate) thread: u16,
    start_ns: u64,
    end_ns: u64,
    busy_ns: u64,
    runs: u32,
    erred: u32,
    label: Label,
}

impl Passage {
    /// It begins with this execution.
    pub(crate) fn new(class: ClassId, stamp: Stamp, label: Label) -> Passage {
        Passage {
            class,
            thread: stamp.thread,
            start_ns: stamp.started_ns,
            end_ns: stamp.started_ns.saturating_add(stamp.duration_ns),
            busy_ns: stamp.duration_ns,
            runs: 1,
            erred: 0,
            label,
        }
    }

    /// The same, of an execution that raised.
    pub(crate) fn erred(class: ClassId, stamp: Stamp, label: Label) -> Passage {
        Passage { erred: 1, ..Passage::new(class, stamp, label) }
    }

    /// Adds an execution; false if it does not belong to the others.
    #[inline]
    pub(crate) fn extend(&mut self, class: ClassId, stamp: Stamp) -> bool {
        let end_ns = stamp.started_ns.saturating_add(stamp.duration_ns);
        let is_next = self.class == class
            && self.thread == stamp.thread
            && stamp.duration_ns < GRAIN_NS_MIN
            // Not before it, and not much later: before is very much later here.
            && stamp.started_ns.wrapping_sub(self.start_ns) < MERGED_NS_MAX
            && stamp.started_ns <= self.end_ns.saturating_add(GAP_NS_MAX);
        if is_next {
            self.end_ns = self.end_ns.max(end_ns);
            self.busy_ns += stamp.duration_ns;
            self.runs += 1;
        }
        is_next
    }
}

/// A bar of the stream.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) worker: WorkerId,
    pub(crate) thread: u16,
    /// The number of the tally whose tasks took most of it.
    pub(crate) tally: u32,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) busy_ns: u64,
    pub(crate) runs: u32,
    /// Of those, how many raised.
    pub(crate) erred: u32,
    /// Of those, how many ended because their worker did.
    pub(crate) lost: u32,
    /// The first task of that tally.
    pub(crate) label: Label,
    /// By how much that tally leads.
    lead_ns: u64,
}

impl Bar {
    fn new(worker: WorkerId, tally: u32, passage: Passage) -> Bar {
        let Passage { thread, start_ns, end_ns, busy_ns, runs, erred, label, .. } = passage;
        Bar {
            worker,
            thread,
            tally,
            start_ns,
            end_ns,
            busy_ns,
            runs,
            erred,
            lost: 0,
            label,
            lead_ns: busy_ns,
        }
    }

    fn is_short(&self, grain_ns: u64) -> bool {
        self.busy_ns / u64::from(self.runs) < grain_ns
    }

    /// The next bar of the thread may be drawn together with this one.
    fn takes(&self, next: &Bar, grain_ns: u64) -> bool {
        let follows = next.start_ns >= self.start_ns
            && next.start_ns <= self.end_ns.saturating_add(GAP_NS_MAX.max(grain_ns / 4));
        let len_ns = self.end_ns - self.start_ns;
        let fits = match self.tally == next.tally {
            true => len_ns < MERGED_NS_MAX.max(4 * grain_ns),
            false => len_ns < grain_ns,
        };
        follows && fits && self.is_short(grain_ns) && next.is_short(grain_ns)
    }

    /// Takes the next bar in. Which tally took most is found as a vote of which only the leader is kept.
    fn take(&mut self, next: Bar) {
        self.end_ns = self.end_ns.max(next.end_ns);
        self.busy_ns = self.busy_ns.saturating_add(next.busy_ns);
        self.runs = self.runs.saturating_add(next.runs);
        self.erred = self.erred.saturating_add(next.erred);
        if self.tally == next.tally {
            self.lead_ns += next.busy_ns;
        } else if self.lead_ns >= next.busy_ns {
            self.lead_ns -= next.busy_ns;
        } else {
            self.lead_ns = next.busy_ns - self.lead_ns;
            self.tally = next.tally;
            self.label = next.label;
        }
    }
}

/// The last bars, and those that are not complete.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) ended: Ring<Bar>,
    /// When the last of those ended that the ring has no more. They come in the order in which they were closed, not of their ends.
    gone_end_ns: u64,
    /// The bar that each thread is at.
    open: BTreeMap<(WorkerId, u16), Bar>,
    grain_ns: u64,
}

impl Default for Stream {
    fn default() -> Stream {
        Stream { ended: Ring::new(LEN_MAX), gone_end_ns: 0, open: BTreeMap::new(), grain_ns: GRAIN_NS_MIN }
    }
}

impl Stream {
    /// There are so many threads now.
    pub(crate) fn set_threads(&mut self, threads: u32) {
        self.grain_ns = GRAIN_NS_MIN.max(GRAIN_NS_PER_THREAD.saturating_mul(u64::from(threads)));
    }

    /// Executions on a worker, of tasks that this tally counts.
    pub(crate) fn add(&mut self, worker: WorkerId, tally: u32, passage: Passage) {
        let bar = Bar::new(worker, tally, passage);
        let grain_ns = self.grain_ns;
        match self.open.get_mut(&(worker, bar.thread)) {
            Some(open) if open.takes(&bar, grain_ns) => open.take(bar),
            Some(open) => {
                let ended = std::mem::replace(open, bar);
                self.end(ended);
            }
            None => {
                self.open.insert((worker, bar.thread), bar);
            }
        }
    }

    /// An execution that ended with its worker: a bar of its own, and the thread's last.
    pub(crate) fn add_lost(&mut self, worker: WorkerId, tally: u32, passage: Passage) {
        let bar = Bar { lost: 1, ..Bar::new(worker, tally, passage) };
        if let Some(before) = self.open.remove(&(worker, bar.thread)) {
            self.end(before);
        }
        self.end(bar);
    }

    /// No bar is open any more.
    pub(crate) fn close_all(&mut self) {
        for (_, bar) in std::mem::take(&mut self.open) {
            self.end(bar);
        }
    }

    fn end(&mut self, bar: Bar) {
        if let Some(gone) = self.ended.push(bar) {
            self.gone_end_ns = self.gone_end_ns.max(gone.end_ns);
        }
    }

    /// When the last of the bars from number `first` to before number `end` ended, which may be gone; `None` if those are none.
    pub(crate) fn last_end_ns(&self, first: u64, end: u64) -> Option<u64> {
        let gone = (first < self.ended.gone().min(end)).then_some(self.gone_end_ns);
        let here = usize::try_from(end.saturating_sub(first.max(self.ended.gone()))).unwrap_or(usize::MAX);
        self.ended.since(first).take(here).map(|bar| bar.end_ns).chain(gone).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn run(class: u32, start_ns: u64, duration_ns: u64) -> Passage {
        let stamp = Stamp { thread: 0, started_ns: start_ns, duration_ns };
        Passage::new(ClassId(class), stamp, Label::Generated("f".into(), u128::from(start_ns)))
    }

    fn bars(stream: &mut Stream) -> Vec<(u32, u32, u64)> {
        stream.close_all();
        stream.ended.since(0).map(|bar| (bar.tally, bar.runs, bar.end_ns - bar.start_ns)).collect()
    }

    #[test]
    fn long_executions_have_bars_of_their_own() {
        let mut stream = Stream::default();
        (0..3).for_each(|i| stream.add(WorkerId(0), 7, run(0, i * 20 * MS, 20 * MS)));
        assert_eq!(bars(&mut stream), [(7, 1, 20 * MS); 3]);
    }

    #[test]
    fn what_is_left_out_had_ended_by_the_end_of_its_last() {
        let mut stream = Stream::default();
        // The only bar of a worker that is idle from then on is closed last.
        stream.add(WorkerId(1), 7, run(0, 0, 5 * MS));
        (0..LEN_MAX as u64 + 11).for_each(|i| stream.add(WorkerId(0), 7, run(0, i * 20 * MS, 20 * MS)));
        stream.close_all();
        let end_of = |number: u64| Some((number + 1) * 20 * MS);
        let count = stream.ended.count();
        assert_eq!((count, stream.ended.gone()), (LEN_MAX as u64 + 12, 12));
        assert_eq!(stream.last_end_ns(0, 5), end_of(11), "when exactly is forgotten");
        assert_eq!(stream.last_end_ns(0, count), end_of(count - 2));
        assert_eq!(stream.last_end_ns(20, 30), end_of(29));
        assert_eq!((stream.last_end_ns(30, 30), stream.last_end_ns(0, 0)), (None, None));
    }

    #[test]
    fn short_ones_share_until_the_bar_is_long_or_there_is_a_gap() {
        let mut stream = Stream::default();
        (0..1_500).for_each(|i| stream.add(WorkerId(0), 7, run(0, i * MS / 10, MS / 10)));
        let found = bars(&mut stream);
        assert_eq!(found.iter().map(|bar| bar.1).sum::<u32>(), 1_500);
        assert_eq!(found.len(), 2, "150 ms are two bars: {found:?}");
        let mut stream = Stream::default();
        stream.add(WorkerId(0), 7, run(0, 0, 10));
        stream.add(WorkerId(0), 7, run(0, 50 * MS, 10));
        stream.add(WorkerId(1), 7, run(0, 50 * MS, 10));
        assert_eq!(bars(&mut stream).len(), 3);
    }

    #[test]
    fn a_mixed_bar_belongs_to_whom_took_most_of_it() {
        let mut stream = Stream::default();
        stream.set_threads(100);
        for i in 0..1_000 {
            stream.add(WorkerId(0), 1, run(0, i * 10_000, 2_000));
            stream.add(WorkerId(0), 2, run(1, i * 10_000 + 2_000, 7_000));
        }
        let found = bars(&mut stream);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, found[0].1), (2, 2_000));
    }

    #[test]
    fn stamps_of_a_worker_whose_clock_runs_wild_do_no_harm() {
        let mut stream = Stream::default();
        for start in [u64::MAX, 0, u64::MAX - 5, 17] {
            stream.add(WorkerId(0), 1, run(0, start, u64::MAX));
        }
        let mut passage = run(0, 100, 10);
        assert!(!passage.extend(ClassId(0), Stamp { thread: 0, started_ns: 5, duration_ns: 1 }));
        assert_eq!(bars(&mut stream).len(), 4);
    }
}
