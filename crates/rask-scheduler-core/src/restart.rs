//! Everything is to begin anew, or to end.

use rask_types::msg::{SchedulerToClient, SchedulerToNanny, SchedulerToWorker};
use rask_types::value::Value;
use rask_types::{ClientId, RequestId, TaskId, WorkerId};

use crate::effect::Effect;
use crate::event::NannyId;
use crate::loss::Departure;
use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::TaskState;

impl Scheduler {
    /// Everything is forgotten and every worker process starts anew.
    pub(crate) fn on_restart(&mut self, client: ClientId, request: RequestId) {
        self.forget_everything();
        self.note_restart(client);
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
        let result = Ok(Value::None.to_bytes().into());
        self.tell_client(client, SchedulerToClient::Reply { request, result });
    }

    /// No task of any client stays.
    fn forget_everything(&mut self) {
        let open: Vec<(ClientId, u32)> = self
            .clients
            .iter()
            .flat_map(|(number, entry)| entry.open_graphs.keys().map(move |&graph| (ClientId(number), graph)))
            .collect();
        for (client, graph) in open {
            self.close_graph(client, graph);
        }
        let everything: Vec<TaskId> = self.tasks.iter().map(|(id, _)| id).collect();
        for &id in &everything {
            if self.tasks[id].state != TaskState::Free {
                self.tasks[id].fire_and_forget = false;
                for want in self.tasks[id].wants.all() {
                    self.cancel_want(id, want, false, "scheduler-restart");
                }
                self.settle(id, Cause::Restarted);
            }
        }
    }

    /// The whole cluster is to end.
    pub(crate) fn on_shutdown(&mut self) {
        if std::mem::replace(&mut self.shutting_down, true) {
            return;
        }
        let reason = "the cluster was shut down".to_owned();
        for &nanny in self.nannies.keys() {
            let close = SchedulerToNanny::Close { reason: reason.clone() };
            self.late_effects.push(Effect::ToNanny(nanny, close));
        }
        for (_, worker) in self.workers.iter_mut().filter(|(_, worker)| worker.is_here()) {
            worker.outbox.push(SchedulerToWorker::Close { reason: reason.clone() });
        }
        for (_, client) in self.clients.iter_mut().filter(|(_, client)| client.registered) {
            client.outbox.push(SchedulerToClient::Closing { reason: reason.clone() });
        }
        self.late_effects.push(Effect::Shutdown);
    }
}
