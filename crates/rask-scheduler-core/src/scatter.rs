//! Values that clients bring, and values that workers keep without having computed them.

use rask_types::msg::{KeyChoice, ScatterItem, ScatterPlacement, SchedulerToClient, Whereabouts};
use rask_types::{
    ClientId, FunctionId, FutureId, Key, KeyId, Language, RequestId, RunId, TaskClass, TaskId, TypeId,
    WorkerId,
};

use crate::scheduler::Scheduler;
use crate::story::Cause;
use crate::task::{KeySource, TaskState, Want};
use crate::worker::WorkerStatus;

impl Scheduler {
    /// A client scatters values: makes a task of each and says where to bring it.
    pub(crate) fn on_scatter(
        &mut self,
        client: ClientId,
        first: FutureId,
        items: Vec<ScatterItem>,
        words: &[String],
        broadcast: bool,
    ) -> Result<Vec<ScatterPlacement>, String> {
        let targets = self.scatter_targets(words)?;
        let mut placements = Vec::with_capacity(items.len());
        for (i, item) in items.into_iter().enumerate() {
            let future = FutureId(first.0 + i as u64);
            let id = self.scattered_task(client, &item)?;
            let want = Want { client, future };
            self.tasks[id].wants.push(want);
            if let Some(entry) = self.clients.get_mut(client.0) {
                entry.futures.insert(future, id);
            }
            let workers = self.place_scattered(id, &item, &targets, broadcast);
            if workers.is_empty() {
                self.report(id, want);
            }
            for &worker in &workers {
                self.introduce_peer(client, worker);
            }
            placements.push(ScatterPlacement { run: self.tasks.run(id), workers });
        }
        Ok(placements)
    }

    fn scatter_targets(&self, words: &[String]) -> Result<Vec<WorkerId>, String> {
        let fits = |entry: &crate::worker::WorkerEntry| {
            entry.status == WorkerStatus::Running
                && (words.is_empty() || words.iter().any(|word| entry.is_called(word)))
        };
        let mut targets: Vec<(u64, WorkerId)> = self
            .workers
            .iter()
            .filter(|(_, entry)| fits(entry))
            .map(|(number, entry)| (entry.nbytes, WorkerId(number)))
            .collect();
        targets.sort_unstable();
        if targets.is_empty() {
            return Err(match words {
                [] => "there are no workers to scatter to".to_owned(),
                words => format!("none of these workers is here: {}", words.join(", ")),
            });
        }
        Ok(targets.into_iter().map(|(_, worker)| worker).collect())
    }

    /// The task of a scattered value: the one that has the key, or a new one.
    fn scattered_task(&mut self, client: ClientId, item: &ScatterItem) -> Result<TaskId, String> {
        let (prefix, token, key_id, name) = match &item.key {
            KeyChoice::Generated { prefix, token } => {
                (prefix.clone(), *token, KeyId::of_generated(prefix, *token), None)
            }
            KeyChoice::Named(name) => {
                let key = Key::from_canonical(name).map_err(|error| error.to_string())?;
                (key.prefix(), 0, key.id(), Some(name.clone()))
            }
        };
        if let Some(&known) = self.by_key.get(&key_id) {
            return Ok(known);
        }
        let class = TaskClass::plain(prefix, FunctionId::LITERAL, Language::Literal);
        let lanes = &mut self.lanes;
        let class = self.classes.intern(class, |class| Scheduler::lane_for(lanes, class));
        let id = self.tasks.create();
        self.by_key.insert(key_id, id);
        let order = self.next_order;
        self.next_order += 1;
        let task = &mut self.tasks[id];
        task.token = token;
        task.order = order;
        task.class = class;
        task.owner = client;
        task.scattered = true;
        task.key_source = if name.is_some() { KeySource::Named } else { KeySource::Token };
        if let Some(name) = name {
            self.names.insert(id, name);
        }
        Ok(id)
    }

    /// Where the value is to be brought; nowhere if it is small, there already, or the task computes it itself.
    fn place_scattered(
        &mut self,
        id: TaskId,
        item: &ScatterItem,
        targets: &[WorkerId],
        broadcast: bool,
    ) -> Vec<WorkerId> {
        let state = self.tasks[id].state;
        let type_id = self.intern_type(&item.type_name);
        match state {
            TaskState::Released if self.tasks[id].scattered => {}
            TaskState::Erred(error) if self.tasks[id].scattered => {
                self.errors.release(error);
                self.set_state(id, TaskState::Released, Cause::Scattered);
            }
            TaskState::Memory { inline: None } if broadcast => {
                let replicas = &self.tasks[id].replicas;
                return targets.iter().copied().filter(|worker| !replicas.contains(worker)).collect();
            }
            _ => return Vec::new(),
        }
        let task = &mut self.tasks[id];
        task.type_id = type_id;
        task.nbytes = item.nbytes;
        task.attempt = task.attempt.wrapping_add(1);
        if let Some(value) = item.inline.as_ref().filter(|_| self.values.has_room_for(1)) {
            let inline = Some(self.values.insert(value));
            self.set_state(id, TaskState::Memory { inline }, Cause::Scattered);
            return Vec::new();
        }
        // Neighbouring values go to the workers in turn.
        let turn = self.tasks[id].order as usize % targets.len();
        let workers = if broadcast { targets.to_vec() } else { vec![targets[turn]] };
        self.set_state(id, TaskState::Arriving { worker: workers[0] }, Cause::Scattered);
        workers
    }

    /// A worker keeps a value that it did not compute.
    pub(crate) fn on_stored(&mut self, worker: WorkerId, value: RunId, nbytes: u64, type_id: TypeId) {
        let type_id = self.translate_type(worker, type_id);
        let state = self.tasks.current(value).map(|task| task.state);
        let id = value.task;
        match state {
            Some(TaskState::Arriving { .. }) => {
                let task = &mut self.tasks[id];
                task.nbytes = nbytes;
                task.type_id = type_id;
                self.add_replica(id, worker);
                self.set_state(id, TaskState::Memory { inline: None }, Cause::Scattered);
                self.after_memory(id);
            }
            Some(TaskState::Memory { .. }) => self.add_replica(id, worker),
            _ => self.tell_to_free(worker, value),
        }
    }

    fn add_replica(&mut self, id: TaskId, worker: WorkerId) {
        let task = &mut self.tasks[id];
        if task.replicas.contains(&worker) {
            return;
        }
        task.replicas.push(worker);
        let nbytes = task.nbytes;
        let entry = self.workers.get_mut(worker.0).expect("it speaks");
        entry.replicas += 1;
        entry.nbytes += nbytes;
    }

    /// A client asks who keeps these values.
    pub(crate) fn on_locate(&mut self, client: ClientId, request: RequestId, futures: &[FutureId]) {
        let mut items = Vec::with_capacity(futures.len());
        for &future in futures {
            let task = self.clients.get(client.0).and_then(|entry| entry.futures.get(future));
            let item = task.and_then(|id| match self.tasks[id].state {
                TaskState::Memory { .. } => Some(Whereabouts {
                    run: self.tasks.run(id),
                    workers: self.tasks[id].replicas.to_vec(),
                    inline: self.inline_payload(id).map(|payload| payload.head),
                }),
                _ => None,
            });
            for &worker in item.iter().flat_map(|item| &item.workers) {
                self.introduce_peer(client, worker);
            }
            items.push(item);
        }
        self.tell_client(client, SchedulerToClient::Located { request, items });
    }
}
