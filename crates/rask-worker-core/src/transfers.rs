//! Values that were fetched, told to the scheduler now and then for those who look on.

use rask_types::msg::Transfer;
use rask_types::{RunId, Tick, WorkerId};

/// Entries between two tellings; what exceeds them joins the last one.
const LEN_MAX: usize = 128;
/// Fetches at least this long have an entry of their own.
const GRAIN_NS: u64 = 1_000_000;
/// Shorter ones from one peer share an entry up to this length.
const MERGED_NS_MAX: u64 = 50_000_000;

/// One entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: RunId,
    from: WorkerId,
    values: u32,
    nbytes: u64,
    began: Tick,
    ended: Tick,
    /// The longest of its fetches.
    longest_ns: u64,
}

/// What was fetched since it was last told.
#[derive(Debug, Default)]
pub(crate) struct TransferLog(Vec<Entry>);

impl TransferLog {
    /// A value came.
    #[inline]
    pub fn note(&mut self, value: RunId, from: WorkerId, nbytes: u64, began: Tick, ended: Tick) {
        let longest_ns = ended.ns_since(began);
        let is_full = self.0.len() == LEN_MAX;
        if let Some(last) = self.0.last_mut() {
            let is_short = longest_ns < GRAIN_NS && last.longest_ns < GRAIN_NS;
            let fits = last.from == from
                && is_short
                && began <= last.ended.plus_ns(GRAIN_NS)
                && last.ended.ns_since(last.began) < MERGED_NS_MAX;
            if fits || is_full {
                last.values = last.values.saturating_add(1);
                last.nbytes = last.nbytes.saturating_add(nbytes);
                last.ended = last.ended.max(ended);
                return;
            }
        }
        self.0.push(Entry { value, from, values: 1, nbytes, began, ended, longest_ns });
    }

    /// Takes what there is to tell.
    pub fn take(&mut self, now: Tick) -> Vec<Transfer> {
        let tell = |entry: Entry| Transfer {
            value: entry.value,
            from: entry.from,
            values: entry.values,
            nbytes: entry.nbytes,
            ended_ns_ago: now.ns_since(entry.ended),
            duration_ns: entry.ended.ns_since(entry.began),
        };
        self.0.drain(..).map(tell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn long_fetches_are_told_one_by_one_and_short_ones_together() {
        let mut log = TransferLog::default();
        let peer = WorkerId(1);
        for i in 0..10 {
            log.note(
                RunId::new(i, 1),
                peer,
                100,
                Tick(u64::from(i) * 1_000),
                Tick(u64::from(i) * 1_000 + 500),
            );
        }
        log.note(RunId::new(10, 1), peer, 7, Tick(MS), Tick(9 * MS));
        log.note(RunId::new(11, 1), WorkerId(2), 7, Tick(MS), Tick(9 * MS));
        let told = log.take(Tick(10 * MS));
        let short: Vec<(u32, u64, u64)> =
            told.iter().map(|transfer| (transfer.values, transfer.nbytes, transfer.duration_ns)).collect();
        assert_eq!(short, [(10, 1_000, 9_500), (1, 7, 8 * MS), (1, 7, 8 * MS)]);
        assert_eq!(told[1].ended_ns_ago, MS);
        assert!(log.take(Tick(10 * MS)).is_empty());
    }

    #[test]
    fn nothing_is_lost_when_there_are_too_many() {
        let mut log = TransferLog::default();
        for i in 0..1_000 {
            let began = Tick(u64::from(i) * 10 * MS);
            log.note(RunId::new(i, 1), WorkerId(i), 1, began, began.plus_ms(5));
        }
        let told = log.take(Tick(0));
        assert_eq!(told.len(), LEN_MAX);
        assert_eq!(told.iter().map(|transfer| transfer.nbytes).sum::<u64>(), 1_000);
    }
}
