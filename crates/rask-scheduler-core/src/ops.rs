//! What clients have done on workers outside the task system, and the collecting of what workers answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use rask_types::msg::{SchedulerToClient, SchedulerToWorker, WorkerOp};
use rask_types::{ClientId, ErrorKind, Payload, RequestId, TaskError, WorkerId};

use crate::scheduler::Scheduler;
use crate::worker::WorkerStatus;

type Answer = Result<Payload, Arc<TaskError>>;

/// A question to workers that not all have answered.
#[derive(Debug)]
pub(crate) struct PendingOp {
    client: ClientId,
    request: RequestId,
    /// Address and answer so far, by worker.
    answers: BTreeMap<WorkerId, (String, Option<Answer>)>,
}

impl Scheduler {
    /// A client wants something done on workers.
    pub(crate) fn on_broadcast(
        &mut self,
        client: ClientId,
        request: RequestId,
        words: Option<&[String]>,
        and_future_workers: bool,
        op: &WorkerOp,
    ) {
        if and_future_workers {
            self.standing_ops.push(op.clone());
        }
        let wanted = |entry: &crate::worker::WorkerEntry| {
            entry.status == WorkerStatus::Running
                && words.is_none_or(|words| words.iter().any(|word| entry.is_called(word)))
        };
        let answers: BTreeMap<WorkerId, (String, Option<Answer>)> = self
            .workers
            .iter()
            .filter(|(_, entry)| wanted(entry))
            .map(|(number, entry)| (WorkerId(number), (entry.description.address.clone(), None)))
            .collect();
        let number = self.next_op_number();
        for worker in answers.keys() {
            let entry = self.workers.get_mut(worker.0).expect("just listed");
            entry.outbox.push(SchedulerToWorker::Do { request: number, op: op.clone() });
        }
        self.ops.insert(number, PendingOp { client, request, answers });
        self.finish_op_if_complete(number);
    }

    fn next_op_number(&mut self) -> RequestId {
        self.next_op = self.next_op.wrapping_add(1);
        RequestId(self.next_op)
    }

    /// A worker that joins does what every worker was asked to do, before it gets tasks that may rely on it.
    pub(crate) fn greet_with_standing_ops(&mut self, worker: WorkerId) {
        for op in self.standing_ops.clone() {
            let request = self.next_op_number();
            if let Some(entry) = self.workers.get_mut(worker.0) {
                entry.preparing.insert(request);
                entry.outbox.push(SchedulerToWorker::Do { request, op });
            }
        }
    }

    /// A worker answered.
    pub(crate) fn on_op_reply(&mut self, worker: WorkerId, request: RequestId, result: Answer) {
        if let Some(entry) = self.workers.get_mut(worker.0) {
            entry.preparing.remove(&request);
        }
        let Some(op) = self.ops.get_mut(&request) else { return };
        if let Some((_, answer)) = op.answers.get_mut(&worker) {
            *answer = Some(result);
        }
        self.finish_op_if_complete(request);
    }

    /// A worker is gone: whatever it had not answered, it will not.
    pub(crate) fn fail_ops_of(&mut self, worker: WorkerId, reason: &str) {
        let numbers: Vec<RequestId> = self.ops.keys().copied().collect();
        for number in numbers {
            let op = self.ops.get_mut(&number).expect("just listed");
            if let Some((address, answer @ None)) = op.answers.get_mut(&worker) {
                let text = format!("worker {address} was lost before it answered: {reason}");
                *answer = Some(Err(Arc::new(TaskError::new(ErrorKind::Refused, "", text))));
            }
            self.finish_op_if_complete(number);
        }
    }

    fn finish_op_if_complete(&mut self, number: RequestId) {
        if self.ops.get(&number).is_none_or(|op| op.answers.values().any(|(_, answer)| answer.is_none())) {
            return;
        }
        let op = self.ops.remove(&number).expect("just found");
        let replies =
            op.answers.into_values().filter_map(|(address, answer)| Some((address, answer?))).collect();
        self.tell_client(op.client, SchedulerToClient::WorkerReplies { request: op.request, replies });
    }
}
