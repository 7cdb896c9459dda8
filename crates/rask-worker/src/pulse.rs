//! What the worker says every so often: its vital signs, and what has been executing for a while.

use std::sync::Arc;

use rask_comm::Tick;
use rask_types::RunId;
use rask_types::msg::{Metrics, ThreadRun, WorkerToScheduler};
use rask_worker_core::Counts;

use crate::peers::PeerLinks;
use crate::serve::Serving;
use crate::shared::Shared;
use crate::vitals::{Vitals, rss_bytes};

/// A run that executes at two looks has been executing for a while.
const LOOK_MS: u64 = 250;

#[derive(Default)]
pub(crate) struct Pulse {
    heartbeat_ms: u64,
    next_heartbeat: Option<Tick>,
    next_look: Option<Tick>,
    /// What executed at the last look, and when that was seen first.
    seen: Vec<(u16, RunId, Tick)>,
    /// What the scheduler was told last.
    told: Vec<(u16, RunId)>,
    vitals: Vitals,
}

impl Pulse {
    pub fn begin(&mut self, now: Tick, heartbeat_ms: u32) {
        self.heartbeat_ms = u64::from(heartbeat_ms.max(1));
        self.next_heartbeat = Some(now);
    }

    pub fn next(&self) -> Option<Tick> {
        [self.next_heartbeat, self.next_look].into_iter().flatten().min()
    }

    pub fn heartbeat_is_due(&self, now: Tick) -> bool {
        self.next_heartbeat.is_some_and(|due| due <= now)
    }

    /// What is due.
    pub fn beat(
        &mut self,
        now: Tick,
        shared: &Arc<Shared>,
        counts: &Counts,
        peers: &mut PeerLinks,
        serving: &Serving,
    ) -> Vec<WorkerToScheduler> {
        let mut messages = Vec::new();
        if self.next_look.is_some_and(|due| due <= now) {
            self.next_look = None;
            messages.extend(self.look(now, shared.page.executing()));
        }
        // There is something to look at as long as runs are owed an answer, or the scheduler believes so.
        if self.next_look.is_none() && (counts.unanswered > counts.waiting || !self.told.is_empty()) {
            self.next_look = Some(now.plus_ms(LOOK_MS));
        }
        if self.heartbeat_is_due(now) {
            self.next_heartbeat = Some(now.plus_ms(self.heartbeat_ms));
            messages.push(WorkerToScheduler::Heartbeat(Metrics {
                cpu_percent: self.vitals.cpu_percent(now),
                rss_bytes: rss_bytes(),
                managed_bytes: counts.kept_bytes,
                values: counts.kept as u32,
                executing: shared.page.executing().len() as u32,
                ready: shared.pool.queued() as u32,
                received_bytes: peers.received_bytes,
                sent_bytes: serving.sent_bytes,
            }));
        }
        messages
    }

    /// Compares what executes with the last look; what to tell, if it changed.
    fn look(&mut self, now: Tick, executing: Vec<(u16, RunId)>) -> Option<WorkerToScheduler> {
        let since = |run| self.seen.iter().find(|seen| seen.1 == run).map_or(now, |seen| seen.2);
        self.seen = executing.iter().map(|&(thread, run)| (thread, run, since(run))).collect();
        let long = self.seen.iter().any(|seen| seen.2 < now);
        let told = if long { executing } else { Vec::new() };
        if told == self.told {
            return None;
        }
        self.told = told;
        let seen_for_ms = |since| (now.ns_since(since) / 1_000_000).min(u64::from(u32::MAX)) as u32;
        let tell = |&(thread, run, since): &_| ThreadRun { thread, run, seen_for_ms: seen_for_ms(since) };
        let runs = if long { self.seen.iter().map(tell).collect() } else { Vec::new() };
        Some(WorkerToScheduler::Executing { runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_is_told_and_taken_back_when_it_ends() {
        let run = |slot| RunId::new(slot, 1);
        let told = |runs: &[(u16, RunId, u32)]| {
            let runs = runs.iter().map(|&(thread, run, seen_for_ms)| ThreadRun { thread, run, seen_for_ms });
            Some(WorkerToScheduler::Executing { runs: runs.collect() })
        };
        let mut pulse = Pulse::default();
        let mut look = |at_ms, runs: &[(u16, RunId)]| pulse.look(Tick::ZERO.plus_ms(at_ms), runs.to_vec());
        assert_eq!(look(0, &[(0, run(1)), (1, run(2))]), None);
        assert_eq!(look(250, &[(0, run(3)), (1, run(2))]), told(&[(0, run(3), 0), (1, run(2), 250)]));
        assert_eq!(look(500, &[(0, run(3)), (1, run(2))]), None, "no news");
        assert_eq!(look(750, &[(1, run(2))]), told(&[(1, run(2), 750)]));
        assert_eq!(look(1_000, &[(0, run(4))]), told(&[]));
        assert_eq!(look(1_250, &[]), None);
    }
}
