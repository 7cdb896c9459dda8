//! Runs end: each is answered here, and those who waited for it go on or are given back.

use std::sync::Arc;

use bytes::Bytes;
use rask_types::msg::WorkerToScheduler;
use rask_types::{Payload, RunId};

use crate::core::{Doom, WorkerCore, word};
use crate::event::{Completion, Completions, Failure, Product};
use crate::task::DepValue;
use crate::waiting::Waiter;
use crate::wanted::{Value, name};

impl<V: Clone> WorkerCore<V> {
    pub(crate) fn on_finished(&mut self, completions: Completions<V>) {
        let Completions { thread, runs, blob, kept } = completions;
        let mut kept = kept.into_iter().peekable();
        let mut start = 0_usize;
        for (i, completion) in runs.iter().enumerate() {
            let end = (completion.value_end as usize).clamp(start, blob.len());
            let product = kept.next_if(|entry| entry.0 as usize == i).map(|entry| entry.1);
            match (self.take_executing(completion.run), product) {
                // Answered already, or never ours.
                (None, _) => {}
                (Some(word::HERE), None) => self.out.finished_inline(thread, completion, &blob[start..end]),
                (Some(flags), None) => {
                    self.finish_inline(flags, thread, completion, blob.slice(start..end));
                }
                (Some(flags), Some(product)) => self.finish_kept(flags, thread, completion, product),
            }
            start = end;
        }
    }

    /// Takes a run that could be executing out of the table; its flags.
    #[inline]
    fn take_executing(&mut self, run: RunId) -> Option<u32> {
        let flags = self.runs.get(run)?;
        if flags & word::WAITING != 0 {
            return None; // What waits cannot have executed.
        }
        self.runs.remove(run).map(|flags| flags & word::FLAGS)
    }

    fn finish_inline(&mut self, flags: u32, thread: u16, completion: &Completion, value: Bytes) {
        self.out.finished_inline(thread, completion, &value);
        let keep = flags & word::KEEP_INLINE != 0 && flags & word::DISCARD == 0;
        if keep || flags & word::WATCHED != 0 {
            let nbytes = value.len() as u64;
            // A copy, so that a few bytes do not hold on to a batch's whole blob.
            let small = DepValue::Small(Payload::from_head(Bytes::copy_from_slice(&value)));
            self.hand_over(completion.run, small, nbytes, keep);
        }
    }

    fn finish_kept(&mut self, flags: u32, thread: u16, completion: &Completion, product: Product<V>) {
        let keep = flags & word::DISCARD == 0;
        if keep {
            self.out.finished_held(thread, completion, product.nbytes, &product.type_name);
        } else {
            self.out.finished_inline(thread, completion, &[]);
        }
        if keep || flags & word::WATCHED != 0 {
            self.hand_over(completion.run, DepValue::Kept(product.value), product.nbytes, keep);
        }
    }

    pub(crate) fn on_failed(&mut self, failure: Failure) {
        let Failure { thread, run, started_ns, duration_ns, error } = failure;
        if let Some(flags) = self.take_executing(run) {
            self.out.send(WorkerToScheduler::Erred { run, started_ns, duration_ns, thread, error });
            self.doom_if_watched(run, flags);
        }
    }

    pub(crate) fn on_rescheduled(&mut self, run: RunId) {
        if let Some(flags) = self.take_executing(run) {
            self.out.send(WorkerToScheduler::Reschedule { run });
            self.doom_if_watched(run, flags);
        }
    }

    /// A run ends without a result here.
    pub(crate) fn doom_if_watched(&mut self, run: RunId, flags: u32) {
        if flags & word::WATCHED != 0 {
            self.doomed.push((run, Doom::GiveBack));
        }
    }

    /// Values that will not come: asks others for those that were to be made here, and ends the runs that wait for the
    /// rest, and the runs that wait for those, and so on.
    pub(crate) fn tell_the_doomed(&mut self) {
        while let Some((value, doom)) = self.doomed.pop() {
            match self.values.remove(&name(value)) {
                None => {}
                Some(kept @ Value::Kept { .. }) => {
                    self.values.insert(name(value), kept);
                }
                Some(Value::Local(quest)) => {
                    let hopeful = quest.holders.iter().any(|holder| holder.worker != self.me);
                    if hopeful {
                        self.fetch(value, quest, false);
                    } else {
                        self.end_waiters(&quest.waiters, &doom);
                    }
                }
                Some(Value::Fetch(fetch)) => {
                    if matches!(doom, Doom::GiveBack) {
                        let workers = fetch.quest.workers();
                        self.out.send(WorkerToScheduler::Missing { value, workers });
                    }
                    self.end_waiters(&fetch.quest.waiters, &doom);
                }
            }
        }
    }

    fn end_waiters(&mut self, waiters: &[Waiter], doom: &Doom) {
        for waiter in waiters {
            if self.waiting.is_live(waiter) {
                let flags = self.stop_waiting(waiter.index);
                match doom {
                    Doom::GiveBack => self.given_back.push(waiter.run),
                    Doom::Fail(error) => self.out.send(WorkerToScheduler::Erred {
                        run: waiter.run,
                        started_ns: 0,
                        duration_ns: 0,
                        thread: 0,
                        error: Arc::clone(error),
                    }),
                }
                self.doom_if_watched(waiter.run, flags);
            }
        }
    }

    /// Takes a waiting run out, from the table and from all that it awaits; its flags. Who calls answers for it.
    pub(crate) fn stop_waiting(&mut self, index: u32) -> u32 {
        let waiting = self.waiting.runs.remove(index as usize);
        for value in waiting.awaited() {
            self.stop_wanting(value);
        }
        self.runs.remove(waiting.run).unwrap_or(word::HERE) & word::FLAGS
    }

    /// One waiter less for `value`; the last one ends the quest, unless an answer is under way already.
    pub(crate) fn stop_wanting(&mut self, value: RunId) {
        let Some(known) = self.values.get_mut(&name(value)) else { return };
        let Some(quest) = known.quest_mut() else { return };
        quest.forget_one();
        if quest.live > 0 {
            return;
        }
        let nbytes = quest.nbytes;
        match known {
            Value::Kept { .. } => {}
            Value::Local(_) => {
                self.values.remove(&name(value));
                if let Some(flags) = self.runs.get(value) {
                    self.runs.set(value, flags & !word::WATCHED);
                }
            }
            Value::Fetch(_) => self.drop_if_idle_and_queued(value, nbytes),
        }
    }
}
