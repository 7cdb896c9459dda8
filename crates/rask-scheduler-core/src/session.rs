//! What clients say.

use rask_types::msg::{ClientToScheduler, SchedulerToClient, WorkerSummary};
use rask_types::{ClientId, FutureId, Key, TaskId};

use crate::effect::Effect;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{KeySource, Maker, TaskState};
use crate::want::Want;

/// Why a client is sent away that gives a number a second meaning.
pub(crate) const NUMBER_IN_USE: &str = "a future's number is in use, or out of range";

impl Scheduler {
    /// A client said something.
    pub(crate) fn on_client(&mut self, client: ClientId, message: ClientToScheduler) {
        use ClientToScheduler as Said;
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        if entry.registered == matches!(message, Said::Register { .. }) {
            return self.refuse_client(client, "a session begins with its registration, and has only one");
        }
        match message {
            Said::Register { name, session, .. } => self.on_register_client(client, name, session),
            Said::DefineFunction { id, payload } => self.classes.define_function(id, payload),
            Said::DefineClass(numbered) => self.on_define_class(client, numbered.number, numbered.class),
            Said::Graph(chunk) => self.on_graph(client, chunk),
            Said::AbortGraph { graph } => self.abort_graph(client, graph),
            Said::Release(futures) => self.on_release(client, &futures),
            Said::Want { future, key } => self.on_want(client, future, &key),
            Said::Cancel { futures, force, reason } => self.on_cancel(client, &futures, force, &reason),
            Said::Retry { futures } => self.on_retry(client, &futures),
            Said::FireAndForget { futures } => self.on_fire_and_forget(client, &futures),
            Said::Scatter { request, first, items, workers, broadcast } => {
                self.on_scatter(client, request, first, items, &workers, broadcast);
            }
            Said::Locate { request, futures } => self.on_locate(client, request, &futures),
            Said::Query { request, query } => {
                let result = self.answer(&query).map(|value| value.to_bytes().into());
                self.tell_client(client, SchedulerToClient::Reply { request, result });
            }
            Said::Broadcast { request, workers, and_future_workers, op } => {
                self.on_broadcast(client, request, workers.as_deref(), and_future_workers, &op);
            }
            Said::Restart { request } => self.on_restart(client, request),
            Said::RetireWorkers { request, workers } => self.on_retire(client, request, &workers),
            Said::Shutdown => self.on_shutdown(),
            Said::Goodbye => {
                self.on_client_gone(client);
                self.late_effects.push(Effect::CloseClient(client));
            }
        }
    }

    fn on_register_client(&mut self, client: ClientId, name: String, session: u64) {
        let workers = self.worker_summary();
        let welcome = SchedulerToClient::Welcome {
            client,
            epoch: self.config.epoch,
            scheduler_name: self.config.name.clone(),
            data_secret: self.config.data_secret.clone(),
            dashboard_link: self.config.dashboard_link.clone(),
            workers,
        };
        let served_now_ns = self.served_now_ns;
        self.note_client_joined(client, &name);
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        entry.registered = true;
        entry.name = name;
        entry.session = session;
        entry.served_ns = served_now_ns;
        entry.outbox.push(welcome);
    }

    fn on_define_class(&mut self, client: ClientId, number: u32, class: rask_types::TaskClass) {
        let is_amount = |amount: f64| amount.is_finite() && amount >= 0.0;
        if !class.resources.iter().all(|(_, amount)| is_amount(*amount)) {
            return self.refuse_client(client, "an amount of a resource is negative or not a number");
        }
        let id = self.intern_class(class);
        if let Some(entry) = self.clients.get_mut(client.0) {
            entry.classes.insert(number, id);
        }
    }

    fn on_want(&mut self, client: ClientId, future: FutureId, key: &[u8]) {
        let Ok(key) = Key::from_canonical(key) else {
            return self.refuse_client(client, "a key is not canonical");
        };
        if self.has_future_in(client, future, 1) {
            return self.refuse_client(client, NUMBER_IN_USE);
        }
        match self.find(&key) {
            Some(task) => self.want_known(client, future, task),
            None => {
                let reason = format!(
                    "no task here has the key {key}: it was never submitted, or is already forgotten"
                );
                if let Some(entry) = self.clients.get_mut(client.0) {
                    entry.outbox.push_cancelled(future, true, &reason);
                }
            }
        }
    }

    /// A client holds a future for a task that exists, whatever becomes of it; one that is not under way will be.
    pub(crate) fn want_known(&mut self, client: ClientId, future: FutureId, task: TaskId) {
        self.add_want(client, future, task);
        self.activate(task, Cause::NeededAgain);
        self.settle(task, Cause::NotNeeded);
    }

    /// One of `n` numbers from `first` on is in use, or beyond what a number can be.
    pub(crate) fn has_future_in(&self, client: ClientId, first: FutureId, n: u64) -> bool {
        self.clients.get(client.0).is_some_and(|entry| entry.futures.any_in(first, n))
    }

    fn tasks_of(&self, client: ClientId, futures: &[FutureId]) -> Vec<TaskId> {
        let Some(entry) = self.clients.get(client.0) else { return Vec::new() };
        futures.iter().filter_map(|&future| entry.futures.get(future)).collect()
    }

    fn on_retry(&mut self, client: ClientId, futures: &[FutureId]) {
        let tasks = self.tasks_of(client, futures);
        self.retry_tasks(&tasks);
    }

    fn on_fire_and_forget(&mut self, client: ClientId, futures: &[FutureId]) {
        for task in self.tasks_of(client, futures) {
            let state = self.tasks[task].state;
            if state.is_active() || matches!(state, TaskState::Arriving { .. }) {
                self.tasks[task].fire_and_forget = true;
            }
        }
    }

    /// A client's connection ended, or it said good-bye: what only it wanted is given up.
    pub(crate) fn on_client_gone(&mut self, client: ClientId) {
        let Some(entry) = self.clients.get(client.0) else { return };
        let session = entry.session;
        let open: Vec<u32> = entry.open_graphs.keys().copied().collect();
        for graph in open {
            self.close_graph(client, graph);
        }
        let futures = self.clients.get(client.0).map(|entry| entry.futures.all()).unwrap_or_default();
        for (future, task) in futures {
            // Others may go on holding an impure task: its key no longer says where to find it.
            let is_own = self.tasks[task].token.get() >> 64 == u128::from(session);
            if is_own && self.tasks[task].wants.by_another_than(client) {
                self.index_session_key(task);
            }
            if let Some(entry) = self.clients.get_mut(client.0) {
                entry.futures.remove(future);
            }
            self.drop_want(task, Want { client, future });
        }
        let Some(entry) = self.clients.remove(client.0) else { return };
        if entry.registered {
            self.note_client_left(client, &entry.name);
        }
        for run in entry.bringing {
            // Somebody else needs what it will not bring any more.
            if self.tasks.is_arriving(run) {
                self.lose_forever(run.task);
            }
        }
    }

    /// Makes an impure task's key known by itself: its session ends, or its future travels.
    pub(crate) fn index_session_key(&mut self, id: TaskId) {
        let task = &mut self.tasks[id];
        if task.key_source != KeySource::Session {
            return;
        }
        let key = rask_types::KeyId(task.token.get() ^ self.classes[task.class].prefix_hash);
        if task.maker != Maker::Nobody && !self.by_key.contains_key(&key) {
            task.key_source = KeySource::Token;
            self.by_key.insert(key, id);
        }
    }

    /// A client does not keep to the protocol: it is sent away, and nobody else notices.
    pub(crate) fn refuse_client(&mut self, client: ClientId, reason: &str) {
        self.tell_client(client, SchedulerToClient::Closing { reason: reason.to_owned() });
        let goodbye = self.clients.get_mut(client.0).map(|entry| entry.outbox.take()).unwrap_or_default();
        self.late_effects.extend(goodbye.into_iter().map(|message| Effect::ToClient(client, message)));
        self.late_effects.push(Effect::CloseClient(client));
        self.on_client_gone(client);
    }

    /// What clients keep of the workers without asking.
    pub(crate) fn worker_summary(&self) -> WorkerSummary {
        let mut summary = WorkerSummary::default();
        for (_, worker) in self.workers.iter().filter(|(_, worker)| worker.is_here()) {
            summary.n_workers += 1;
            summary.n_threads = summary.n_threads.saturating_add(worker.description.nthreads);
            summary.memory_bytes = summary.memory_bytes.saturating_add(worker.description.memory_limit_bytes);
            summary.runtimes.push(worker.description.runtime.clone());
            summary.versions.push(worker.description.version.clone());
        }
        for list in [&mut summary.runtimes, &mut summary.versions] {
            list.sort();
            list.dedup();
        }
        summary
    }

    /// Workers came or went: every client is told, and lanes may be served by others.
    pub(crate) fn workers_changed(&mut self) {
        self.lanes_version += 1;
        let summary = self.worker_summary();
        self.watch.stream.set_threads(summary.n_threads);
        for (_, client) in self.clients.iter_mut().filter(|(_, client)| client.registered) {
            client.outbox.push(SchedulerToClient::WorkersChanged(summary.clone()));
        }
    }

    /// A message for the users' eyes.
    pub(crate) fn notify_clients(&mut self, topic: &str, text: &str) {
        for (_, client) in self.clients.iter_mut().filter(|(_, client)| client.registered) {
            client.outbox.push(SchedulerToClient::Notice { topic: topic.to_owned(), text: text.to_owned() });
        }
    }
}
