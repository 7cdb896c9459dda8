//! Workers and nannies come, speak and go.

use std::collections::{BTreeMap, BTreeSet};

use rask_types::msg::{
    NannyToScheduler, SchedulerToNanny, SchedulerToWorker, WorkerDescription, WorkerExit, WorkerToScheduler,
};
use rask_types::{ClientId, RequestId, TaskId, TypeId, WorkerId};

use crate::effect::Effect;
use crate::event::NannyId;
use crate::loss::Departure;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::TaskState;
use crate::worker::{WorkerEntry, WorkerStatus};

/// A nanny, and what it said of processes whose connections have not ended yet.
#[derive(Debug, Default)]
pub(crate) struct NannyEntry {
    pub(crate) instances: BTreeSet<u64>,
    exits: BTreeMap<u64, WorkerExit>,
}

impl Scheduler {
    /// A worker said something.
    pub(crate) fn on_worker(&mut self, worker: WorkerId, message: WorkerToScheduler) {
        use WorkerToScheduler as Said;
        let now = self.now;
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.last_seen = now;
        if entry.status == WorkerStatus::Joining && !matches!(message, Said::Register(_)) {
            return self.refuse_worker(worker, "the first message of a worker must be its registration");
        }
        match message {
            Said::Register(description) => self.on_register_worker(worker, description),
            Said::Finished(columns) => self.on_finished(worker, &columns),
            Said::Erred { run, error, .. } => self.on_erred(worker, run, error),
            Said::Retracted { runs } => self.on_retracted(worker, &runs),
            Said::Executing { runs } => entry.executing = runs,
            Said::Seceded { run } => self.on_seceded(worker, run, true),
            Said::Rejoined { run } => self.on_seceded(worker, run, false),
            Said::Reschedule { run } => self.on_reschedule(worker, run),
            Said::Missing { value, workers } => self.on_missing(value, &workers),
            Said::Stored { value, nbytes, type_id } => self.on_stored(worker, value, nbytes, type_id),
            Said::DefineType { id, name } => self.on_define_type(worker, id, &name),
            Said::Reply { request, result } => self.on_op_reply(worker, request, result),
            Said::Heartbeat(metrics) => entry.metrics = metrics,
            Said::Notice { topic, text } => self.notify_clients(&topic, &text),
            Said::Goodbye { reason } => {
                self.late_effects.push(Effect::CloseWorker(worker));
                self.remove_worker(worker, &Departure::Orderly, &reason);
            }
        }
    }

    fn on_register_worker(&mut self, worker: WorkerId, mut description: WorkerDescription) {
        if description.name.is_empty() {
            description.name = description.address.clone();
        }
        let taken = self
            .workers
            .iter()
            .any(|(_, other)| other.is_here() && other.description.name == description.name);
        if taken {
            let reason =
                format!("a worker named {:?} is already here: choose another name", description.name);
            return self.refuse_worker(worker, &reason);
        }
        let nanny = description.nanny_instance.and_then(|instance| {
            self.nannies.iter().find(|(_, nanny)| nanny.instances.contains(&instance)).map(|(&id, _)| id)
        });
        let welcome = SchedulerToWorker::Welcome {
            worker,
            epoch: self.config.epoch,
            data_secret: self.config.data_secret.clone(),
            heartbeat_ms: self.config.heartbeat_ms,
        };
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.status = WorkerStatus::Running;
        entry.nanny = nanny;
        entry.resources_used = vec![0.0; description.resources.len()];
        entry.description = description;
        entry.outbox.push(welcome);
        self.greet_with_standing_ops(worker);
        self.workers_changed();
    }

    /// A worker does not keep to the protocol, or is not wanted: it is sent away.
    pub(crate) fn refuse_worker(&mut self, worker: WorkerId, reason: &str) {
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

    /// A worker's connection ended. If it has a nanny, that one is heard first.
    pub(crate) fn on_worker_gone(&mut self, worker: WorkerId, reason: &str) {
        let grace_ms = self.config.exit_report_grace_ms;
        let until = self.now.plus_ms(grace_ms);
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        if entry.status == WorkerStatus::Joining {
            self.workers.remove(worker.0);
            return;
        }
        let nanny = entry.nanny.and_then(|nanny| self.nannies.get_mut(&nanny));
        let Some((nanny, instance)) = nanny.zip(entry.description.nanny_instance) else {
            return self.remove_worker(worker, &Departure::Death(None), reason);
        };
        if let Some(exit) = nanny.exits.remove(&instance) {
            return self.remove_worker(worker, &Departure::Death(Some(&exit)), reason);
        }
        if entry.assigned == 0 {
            return self.remove_worker(worker, &Departure::Death(None), reason);
        }
        entry.status = WorkerStatus::AwaitingExitReport { until };
        self.requeue_local(worker);
        self.workers_changed();
    }

    /// A nanny said something.
    pub(crate) fn on_nanny(&mut self, nanny: NannyId, message: NannyToScheduler) {
        let Some(entry) = self.nannies.get_mut(&nanny) else { return };
        match message {
            NannyToScheduler::Register { .. } => {}
            NannyToScheduler::Started { instance } => {
                entry.instances.insert(instance);
            }
            NannyToScheduler::Exited(exit) => {
                entry.instances.remove(&exit.instance);
                self.on_worker_exit(nanny, exit);
            }
        }
    }

    fn on_worker_exit(&mut self, nanny: NannyId, exit: WorkerExit) {
        let of_instance =
            |(_, entry): &(u32, &WorkerEntry)| entry.description.nanny_instance == Some(exit.instance);
        let found =
            self.workers.iter().find(of_instance).map(|(number, entry)| (WorkerId(number), entry.status));
        let Some((worker, status)) = found else { return };
        if matches!(status, WorkerStatus::AwaitingExitReport { .. }) {
            self.remove_worker(worker, &Departure::Death(Some(&exit)), &exit.status);
        } else if let Some(entry) = self.nannies.get_mut(&nanny) {
            // Its connection ends any moment now, after what it still had to say has been read.
            entry.exits.insert(exit.instance, exit);
        }
    }

    /// Everything is forgotten and every worker process starts anew.
    pub(crate) fn on_restart(&mut self, client: ClientId, request: RequestId) {
        let everything: Vec<TaskId> = self.tasks.iter().map(|(id, _)| id).collect();
        for id in everything {
            if self.tasks[id].state == TaskState::Free {
                continue;
            }
            self.tasks[id].fire_and_forget = false;
            for want in self.tasks[id].wants.clone() {
                self.cancel_want(id, want, false, "scheduler-restart");
            }
            if self.tasks[id].state != TaskState::Free && !self.tasks[id].is_needed() {
                self.settle(id, Cause::Restarted);
            }
        }
        let nannied: Vec<(WorkerId, NannyId, u64)> = self
            .workers
            .iter()
            .filter_map(|(number, entry)| {
                Some((WorkerId(number), entry.nanny?, entry.description.nanny_instance?))
            })
            .collect();
        for (worker, nanny, instance) in nannied {
            self.late_effects.push(Effect::ToNanny(nanny, SchedulerToNanny::Restart { instance }));
            self.late_effects.push(Effect::CloseWorker(worker));
            self.remove_worker(worker, &Departure::Orderly, "the cluster is restarted");
        }
        let reply = rask_types::msg::SchedulerToClient::Reply {
            request,
            result: Ok(rask_types::value::Value::None.to_bytes().into()),
        };
        self.tell_client(client, reply);
    }

    /// Workers are to leave: they get no more work, and close once nothing is kept on them alone.
    pub(crate) fn on_retire(&mut self, client: ClientId, request: RequestId, words: &[String]) {
        let named = |entry: &WorkerEntry| words.iter().any(|word| entry.is_called(word));
        let retired: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(_, entry)| entry.status == WorkerStatus::Running && named(entry))
            .map(|(number, _)| WorkerId(number))
            .collect();
        let mut addresses = Vec::new();
        for &worker in &retired {
            let entry = self.workers.get_mut(worker.0).expect("just listed");
            entry.status = WorkerStatus::Retiring;
            addresses.push(rask_types::value::Value::str(&entry.description.address));
            self.requeue_local(worker);
            self.take_back_unstarted(worker);
            self.evacuate(worker);
        }
        self.close_evacuated();
        let result = Ok(rask_types::value::Value::List(addresses).to_bytes().into());
        self.tell_client(client, rask_types::msg::SchedulerToClient::Reply { request, result });
    }

    /// Asks other workers to fetch what only a retiring worker keeps.
    fn evacuate(&mut self, worker: WorkerId) {
        let running: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(_, entry)| entry.status == WorkerStatus::Running)
            .map(|(number, _)| WorkerId(number))
            .collect();
        if running.is_empty() {
            return;
        }
        let alone: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| {
                task.state == TaskState::Memory { inline: None } && task.replicas.as_slice() == [worker]
            })
            .map(|(id, _)| id)
            .collect();
        for (i, id) in alone.into_iter().enumerate() {
            let to = running[i % running.len()];
            let run = self.tasks.run(id);
            self.define_peer(to, worker);
            let entry = self.workers.get_mut(to.0).expect("just listed");
            entry.outbox.push(SchedulerToWorker::Replicate { sources: vec![(run, vec![worker])] });
        }
    }

    /// Closes retiring workers that run nothing and on which nothing is kept alone.
    pub(crate) fn close_evacuated(&mut self) {
        let retiring: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(_, entry)| entry.status == WorkerStatus::Retiring && entry.assigned == 0)
            .map(|(number, _)| WorkerId(number))
            .collect();
        for worker in retiring {
            let running = self.workers.iter().any(|(_, entry)| entry.status == WorkerStatus::Running);
            let alone = self.workers.get(worker.0).is_some_and(|entry| entry.replicas > 0)
                && self.tasks.iter().any(|(_, task)| {
                    task.state == TaskState::Memory { inline: None } && task.replicas.as_slice() == [worker]
                });
            if alone && running {
                continue;
            }
            let entry = self.workers.get(worker.0).expect("just listed");
            if let (Some(nanny), Some(instance)) = (entry.nanny, entry.description.nanny_instance) {
                self.late_effects.push(Effect::ToNanny(nanny, SchedulerToNanny::Retire { instance }));
            }
            let reason = "the worker was retired".to_owned();
            self.late_effects.push(Effect::ToWorker(worker, SchedulerToWorker::Close { reason }));
            self.late_effects.push(Effect::CloseWorker(worker));
            self.remove_worker(worker, &Departure::Orderly, "the worker was retired");
        }
    }

    /// The whole cluster is to end.
    pub(crate) fn on_shutdown(&mut self) {
        self.shutting_down = true;
        let reason = "the cluster was shut down".to_owned();
        let nannies: Vec<NannyId> = self.nannies.keys().copied().collect();
        for nanny in nannies {
            self.late_effects
                .push(Effect::ToNanny(nanny, SchedulerToNanny::Close { reason: reason.clone() }));
        }
        for (_, worker) in self.workers.iter_mut().filter(|(_, worker)| worker.is_here()) {
            worker.outbox.push(SchedulerToWorker::Close { reason: reason.clone() });
        }
        for (_, client) in self.clients.iter_mut().filter(|(_, client)| client.registered) {
            client.outbox.push(rask_types::msg::SchedulerToClient::Closing { reason: reason.clone() });
        }
        self.late_effects.push(Effect::Shutdown);
    }
}
