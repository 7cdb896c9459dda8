//! What the scheduler says, and what it changes.
//!
//! | from \ to | finished | error | cancelled, lost | pending |
//! |---|---|---|---|---|
//! | pending | yes | yes | yes | – |
//! | finished | yes (made again elsewhere) | yes | yes | yes |
//! | error | yes | yes | yes | yes |
//! | cancelled, lost | no | no | no | no |
//!
//! A future that was given up stays so: what the scheduler says of it was said before it heard.

use std::sync::Arc;

use rask_types::msg::SchedulerToClient;
use rask_types::{DoneColumns, FutureId, columns};

use crate::core::{ClientCore, Effect, Session, Welcome, is_reusable};
use crate::requests::Answer;
use crate::slot::{Held, State, Status, watch};

impl ClientCore {
    /// The scheduler said something.
    pub fn on_message(&mut self, message: SchedulerToClient) {
        if !self.is_open() {
            return;
        }
        match message {
            SchedulerToClient::Welcome {
                client,
                epoch,
                scheduler_name,
                data_secret,
                dashboard_link,
                workers,
            } => {
                let welcome = Welcome { client, epoch, scheduler_name, data_secret, dashboard_link };
                self.session = Session::Open(welcome);
                self.workers = workers;
                self.effects.extend([Effect::SessionChanged, Effect::WorkersChanged]);
            }
            SchedulerToClient::Done(done) => self.on_done(&done),
            SchedulerToClient::Erred { futures, error } => {
                self.set_all(&futures, || State::Erred(error.clone()));
            }
            SchedulerToClient::Cancelled { futures, lost, reason } => {
                let reason: Arc<str> = Arc::from(reason);
                self.set_all(&futures, || match lost {
                    true => State::Lost(reason.clone()),
                    false => State::Cancelled(reason.clone()),
                });
            }
            SchedulerToClient::Pending { futures } => self.set_all(&futures, || State::Pending),
            SchedulerToClient::ScatterPlan { request, placements } => {
                self.on_scatter_plan(request, placements);
            }
            SchedulerToClient::Located { request, items } => self.on_located(request, items),
            SchedulerToClient::Reply { request, result } => self.on_answer(request, Answer::Reply(result)),
            SchedulerToClient::WorkerReplies { request, replies } => {
                self.on_answer(request, Answer::Workers(replies));
            }
            SchedulerToClient::DefinePeer { worker, address } => {
                self.peers.insert(worker, Arc::from(address));
            }
            SchedulerToClient::DefineType { id, name } => {
                self.types.insert(id, Arc::from(name));
            }
            SchedulerToClient::WorkersChanged(summary) => {
                self.workers = summary;
                self.effects.push(Effect::WorkersChanged);
            }
            SchedulerToClient::Notice { topic, text } => self.effects.push(Effect::Notice { topic, text }),
            SchedulerToClient::Closing { reason } => {
                self.disconnect(&format!("the scheduler ended the session: {reason}"), false);
            }
        }
    }

    /// Columns that contradict themselves are dropped from the first contradiction on: the futures stay pending.
    fn on_done(&mut self, done: &DoneColumns) {
        if done.value_ends.len() != done.futures.len()
            || !columns::ascending_to(&done.value_ends, done.blob.len())
        {
            return;
        }
        let mut held = done.held.iter().peekable();
        let mut begin = 0;
        for (position, (&future, &end)) in done.futures.iter().zip(&done.value_ends).enumerate() {
            let value = &done.blob[begin..end as usize];
            begin = end as usize;
            let on_worker = held.next_if(|entry| entry.0.position as usize == position);
            let Some(slot) = self.table.get_mut(future) else { continue };
            if matches!(slot.state, State::Cancelled(_) | State::Lost(_)) {
                continue;
            }
            let was_erred = matches!(slot.state, State::Erred(_));
            self.failed -= usize::from(was_erred);
            slot.state = match on_worker {
                None => State::inline(value),
                Some(&(what, run, worker)) => {
                    State::Held(Held { run, worker, type_id: what.type_id, nbytes: what.nbytes })
                }
            };
            if slot.watch != 0 || was_erred {
                self.note_settled(future);
            }
        }
        self.settle();
    }

    fn set_all(&mut self, futures: &[FutureId], state: impl Fn() -> State) {
        for &future in futures {
            self.set(future, state());
        }
        self.settle();
    }

    /// Gives a held future another state, if the table above allows it.
    pub(crate) fn set(&mut self, future: FutureId, state: State) {
        let Some(slot) = self.table.get_mut(future) else { return };
        if matches!(slot.state, State::Cancelled(_) | State::Lost(_)) {
            return;
        }
        if state.is_pending() {
            if !slot.state.is_pending() {
                self.failed -= usize::from(slot.state.is_failed());
                slot.state = state;
                self.reindex(future);
                self.waiters.look_again();
            }
            return;
        }
        // Marks are on pending futures only, but a finished one may fail, too.
        let unmarked = slot.state.status() == Status::Finished;
        if state.status() != Status::Finished && (unmarked || slot.watch & watch::ERROR != 0) {
            self.waiters.note_error();
        }
        self.failed += usize::from(state.is_failed());
        self.failed -= usize::from(slot.state.is_failed());
        slot.state = state;
        self.note_settled(future);
    }

    /// A future stopped being pending: its watchers are to be told, and its key may no longer be shared.
    fn note_settled(&mut self, future: FutureId) {
        self.reindex(future);
        let Some(slot) = self.table.get_mut(future) else { return };
        let watching = std::mem::take(&mut slot.watch);
        self.stirred |= watching;
        if watching & watch::SUBSCRIBED != 0 {
            self.subscriptions.complete(future, &mut self.completions);
        }
    }

    /// A key leads to a future only while another call may share it; an erred call that is made again runs again.
    fn reindex(&mut self, future: FutureId) {
        let Some(slot) = self.table.get(future) else { return };
        let (key, reusable) = (slot.key_id(), is_reusable(&slot.state));
        if slot.form == crate::slot::KeyForm::Session || slot.indexed == reusable {
            return;
        }
        let indexed = if reusable {
            self.keys.insert(key, future, &self.table)
        } else {
            self.keys.remove(key, future);
            false
        };
        if let Some(slot) = self.table.get_mut(future) {
            slot.indexed = indexed;
        }
    }

    /// After each event: lets those look again whose futures stopped being pending.
    pub(crate) fn settle(&mut self) {
        let stirred = std::mem::take(&mut self.stirred);
        if self.waiters.must_look(stirred) {
            self.look_for_waiters();
        }
        if stirred & watch::FETCH != 0 {
            self.resume_fetches();
        }
    }
}
