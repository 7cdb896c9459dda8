//! Workers come, speak and go.

use rask_types::msg::{SchedulerToWorker, WorkerDescription, WorkerToScheduler};
use rask_types::{TypeId, WorkerId};

use crate::effect::Effect;
use crate::loss::Departure;
use crate::scheduler::Scheduler;
use crate::watch::Stamp;
use crate::worker::{WorkerOutbox, WorkerStatus};

/// No worker has more of a resource than this.
const AMOUNT_MAX: f64 = 1e15;

impl Scheduler {
    /// A worker said something.
    pub(crate) fn on_worker(&mut self, worker: WorkerId, message: WorkerToScheduler) {
        use WorkerToScheduler as Said;
        let now = self.now;
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        if matches!(entry.status, WorkerStatus::AwaitingExitReport { .. }) {
            // Its connection has ended: this cannot have come from it.
            return;
        }
        entry.last_seen = now;
        entry.page = self.watch.tallies.page();
        if entry.status == WorkerStatus::Joining && !matches!(message, Said::Register(_)) {
            return self.refuse_worker(worker, "the first message of a worker must be its registration");
        }
        match message {
            Said::Register(description) => self.on_register_worker(worker, description),
            Said::Finished(columns) => self.on_finished(worker, &columns),
            Said::Erred { run, thread, started_ns, duration_ns, error } => {
                let stamp = Stamp { thread, started_ns, duration_ns };
                self.on_erred(worker, run, stamp, error);
            }
            Said::Retracted { runs } => self.on_retracted(worker, &runs),
            Said::Executing { runs } => entry.note_executing(&runs, now, entry.page),
            Said::Seceded { run } => self.on_seceded(worker, run, true),
            Said::Rejoined { run } => self.on_seceded(worker, run, false),
            Said::Reschedule { run } => self.on_reschedule(worker, run),
            Said::Missing { value, workers } => self.on_missing(value, &workers),
            Said::Stored { value, nbytes, type_id } => self.on_stored(worker, value, nbytes, type_id),
            Said::DefineType { id, name } => self.on_define_type(worker, id, &name),
            Said::Reply { request, result } => self.on_op_reply(worker, request, result),
            Said::Heartbeat(metrics) => entry.metrics = metrics,
            Said::Transferred(transfers) => self.on_transferred(worker, &transfers),
            Said::Notice { topic, text } => self.on_notice(worker, &topic, &text),
            Said::Goodbye { reason } => {
                self.late_effects.push(Effect::CloseWorker(worker));
                self.remove_worker(worker, &Departure::Orderly, &reason);
            }
        }
    }

    fn on_register_worker(&mut self, worker: WorkerId, mut description: WorkerDescription) {
        if self.workers.get(worker.0).is_none_or(|entry| entry.status != WorkerStatus::Joining) {
            return self.refuse_worker(worker, "it registered twice");
        }
        if description.name.is_empty() {
            description.name.clone_from(&description.address);
        }
        // A worker without threads is a mistake; Dask's workers have at least one, too.
        description.nthreads = description.nthreads.max(1);
        // `max` takes what is not a number for nothing, and without end it could not be added up.
        for (_, amount) in &mut description.resources {
            let at_least_nothing = amount.max(0.0);
            *amount = at_least_nothing.min(AMOUNT_MAX);
        }
        self.bury_namesake(&description.name);
        let is_taken = self
            .workers
            .iter()
            .any(|(_, other)| other.is_here() && other.description.name == description.name);
        if is_taken {
            let reason =
                format!("a worker named {:?} is already here: choose another name", description.name);
            return self.refuse_worker(worker, &reason);
        }
        let nanny = self.nanny_of(&description);
        let welcome = SchedulerToWorker::Welcome {
            worker,
            epoch: self.config.epoch,
            data_secret: self.config.data_secret.clone(),
            heartbeat_ms: self.config.heartbeat_ms,
        };
        let now = self.now;
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.status = WorkerStatus::Running;
        entry.nanny = nanny;
        entry.resources_used = vec![0.0; description.resources.len()];
        entry.description = description;
        entry.outbox.push(welcome);
        entry.joined = now;
        entry.facts = Some(entry.make_facts(worker, self.config.tick_zero_unix_s));
        self.greet_with_standing_ops(worker);
        self.note_worker_joined(worker);
        self.workers_changed();
    }

    /// A worker has something to say to users: clients are told, but for what it only logged.
    fn on_notice(&mut self, worker: WorkerId, topic: &str, text: &str) {
        let at_s = self.unix_s(self.now);
        if let Some(entry) = self.workers.get_mut(worker.0) {
            entry.log.push(at_s, topic, text);
        }
        if topic != "log" {
            self.notify_clients(topic, text);
        }
    }

    /// A worker does not keep to the protocol, or is not wanted: it is sent away.
    pub(crate) fn refuse_worker(&mut self, worker: WorkerId, reason: &str) {
        self.note_worker_refused(worker, reason);
        let refused = SchedulerToWorker::Refused { reason: reason.to_owned() };
        self.late_effects.push(Effect::ToWorker(worker, refused));
        self.late_effects.push(Effect::CloseWorker(worker));
        self.remove_worker(worker, &Departure::Orderly, reason);
    }

    fn on_define_type(&mut self, worker: WorkerId, id: TypeId, name: &str) {
        let interned = self.intern_type(name);
        if let Some(entry) = self.workers.get_mut(worker.0) {
            entry.types.insert(id, interned);
        }
    }

    /// A worker's connection ended. If it has a nanny, that one is heard before anyone is blamed.
    pub(crate) fn on_worker_gone(&mut self, worker: WorkerId, reason: &str) {
        let until = self.now.plus_ms(self.config.exit_report_grace_ms);
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        match entry.status {
            WorkerStatus::Joining => {
                self.workers.remove(worker.0);
                return;
            }
            WorkerStatus::AwaitingExitReport { .. } => return,
            WorkerStatus::Running | WorkerStatus::Retiring => {}
        }
        let nanny = entry.nanny.and_then(|nanny| self.nannies.get_mut(&nanny));
        let Some((nanny, instance)) = nanny.zip(entry.description.nanny_instance) else {
            return self.remove_worker(worker, &Departure::Death(None), reason);
        };
        if let Some(exit) = nanny.exits.remove(&instance) {
            return self.remove_worker(worker, &Departure::Death(Some(&exit)), reason);
        }
        if !entry.is_loaded() {
            return self.remove_worker(worker, &Departure::Death(None), reason);
        }
        entry.status = WorkerStatus::AwaitingExitReport { until };
        entry.page = self.watch.tallies.page();
        entry.outbox = WorkerOutbox::default();
        let local = std::mem::take(&mut entry.local);
        self.workers_changed();
        self.lose_replicas(worker);
        self.requeue(&local);
        self.fail_ops_of(worker, reason);
        self.retirements_lose(worker);
    }
}
