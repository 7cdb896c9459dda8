//! Values that clients bring, and values that workers keep without having computed them.

use bytes::Bytes;
use rask_types::msg::{KeyChoice, ScatterItem, ScatterPlacement, SchedulerToClient, Whereabouts};
use rask_types::{
    ClientId, FunctionId, FutureId, Key, KeyId, KeyParseError, Language, RequestId, RunId, TaskClass, TaskId,
    TypeId, WorkerId,
};
use smallvec::{SmallVec, smallvec};

use crate::scheduler::Scheduler;
use crate::session::NUMBER_IN_USE;
use crate::story::Cause;
use crate::task::{Kept, KeySource, Maker, TaskState, Token};
use crate::worker::WorkerStatus;

/// The key of a scattered value, taken apart.
struct ItemKey {
    prefix: String,
    token: u128,
    id: KeyId,
    /// Canonical bytes, if the user gave it.
    name: Option<Bytes>,
}

fn item_key(item: &ScatterItem) -> Result<ItemKey, KeyParseError> {
    Ok(match &item.key {
        KeyChoice::Generated { prefix, token } => {
            let id = KeyId::of_generated(prefix, *token);
            ItemKey { prefix: prefix.clone(), token: *token, id, name: None }
        }
        KeyChoice::Named(name) => {
            let key = Key::from_canonical(name)?;
            ItemKey { prefix: key.prefix(), token: 0, id: key.id(), name: Some(name.clone()) }
        }
    })
}

impl Scheduler {
    /// A client scatters values: makes a task of each and says where to bring it.
    pub(crate) fn on_scatter(
        &mut self,
        client: ClientId,
        request: RequestId,
        first: FutureId,
        items: Vec<ScatterItem>,
        words: &[String],
        broadcast: bool,
    ) {
        if self.has_future_in(client, first, items.len() as u64) {
            return self.refuse_client(client, NUMBER_IN_USE);
        }
        let Ok(keys) = items.iter().map(item_key).collect::<Result<Vec<_>, _>>() else {
            return self.refuse_client(client, "a key is not canonical");
        };
        let targets = self.scatter_targets(words);
        let all_stay_here =
            items.iter().all(|item| item.inline.is_some()) && self.values.has_room_for(items.len() as u64);
        let placements = match targets {
            Err(reason) if !(all_stay_here && words.is_empty()) => Err(reason),
            targets => {
                let targets = targets.unwrap_or_default();
                let items = items.into_iter().zip(keys).enumerate();
                Ok(items
                    .map(|(i, (item, key))| {
                        let future = FutureId(first.0 + i as u64);
                        self.scatter_one(client, future, &item, key, &targets, broadcast)
                    })
                    .collect())
            }
        };
        self.tell_client(client, SchedulerToClient::ScatterPlan { request, placements });
    }

    fn scatter_one(
        &mut self,
        client: ClientId,
        future: FutureId,
        item: &ScatterItem,
        key: ItemKey,
        targets: &[WorkerId],
        broadcast: bool,
    ) -> ScatterPlacement {
        let id = self.scattered_task(client, key);
        let workers = self.place_scattered(id, item, targets, broadcast);
        for &worker in &workers {
            self.introduce_peer(client, worker);
        }
        let run = self.tasks.run(id);
        if !workers.is_empty() && self.tasks.is_arriving(run) {
            self.brings(client, run);
        }
        self.want_known(client, future, id);
        ScatterPlacement { run, workers }
    }

    /// Remembers who is to bring a value, should it leave before that.
    fn brings(&mut self, client: ClientId, run: RunId) {
        let Some(entry) = self.clients.get_mut(client.0) else { return };
        if entry.bringing.len() == entry.bringing.capacity() {
            entry.bringing.retain(|&run| self.tasks.is_arriving(run));
            entry.bringing.reserve(entry.bringing.len().max(16));
        }
        entry.bringing.push(run);
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
    fn scattered_task(&mut self, client: ClientId, key: ItemKey) -> TaskId {
        if let Some(&known) = self.by_key.get(&key.id) {
            return known;
        }
        let class = self.intern_class(TaskClass::plain(key.prefix, FunctionId::LITERAL, Language::Literal));
        let id = self.tasks.create();
        self.by_key.insert(key.id, id);
        let task = &mut self.tasks[id];
        task.token = Token::new(key.token);
        task.order = self.next_order;
        task.rank = self.next_order as u32;
        task.class = class;
        task.owner = client;
        task.maker = Maker::Client;
        task.key_source = if key.name.is_some() { KeySource::Named } else { KeySource::Token };
        self.next_order += 1;
        self.watch.created(class, self.now);
        if let Some(name) = key.name {
            self.names.insert(id, name);
        }
        id
    }

    /// Where the value is to be brought; nowhere if it is small, there already, or the task computes it itself.
    fn place_scattered(
        &mut self,
        id: TaskId,
        item: &ScatterItem,
        targets: &[WorkerId],
        broadcast: bool,
    ) -> Vec<WorkerId> {
        let is_scattered = self.tasks[id].maker == Maker::Client;
        match self.tasks[id].state {
            TaskState::Released { .. } if is_scattered => self.take_up(id),
            TaskState::Erred(error) if is_scattered => {
                self.errors.release(error);
                self.set_state(id, TaskState::RELEASED, Cause::Scattered);
            }
            TaskState::Memory { inline: None } if broadcast => {
                let replicas = self.tasks[id].replicas();
                return targets.iter().copied().filter(|worker| !replicas.contains(worker)).collect();
            }
            _ => return Vec::new(),
        }
        self.tasks[id].attempt = self.tasks[id].attempt.wrapping_add(1);
        let may_stay_here = targets.is_empty() || self.values.has_room_for(1);
        if let Some(value) = item.inline.as_ref().filter(|_| may_stay_here) {
            let inline = Some(self.values.insert(value));
            self.tasks[id].kept = None;
            self.set_state(id, TaskState::Memory { inline }, Cause::Scattered);
            return Vec::new();
        }
        let type_id = self.intern_type(&item.type_name);
        let nbytes = item.nbytes;
        self.tasks[id].kept = Some(Box::new(Kept { nbytes, type_id, replicas: smallvec![] }));
        // Neighbouring values go to the workers in turn.
        let turn = self.tasks[id].rank as usize % targets.len();
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
                self.tasks[id].kept = Some(Box::new(Kept { nbytes, type_id, replicas: smallvec![] }));
                self.add_replica(id, worker);
                self.set_state(id, TaskState::Memory { inline: None }, Cause::Scattered);
                self.after_memory(id);
            }
            Some(TaskState::Memory { inline }) => {
                if inline.is_some() && self.tasks[id].kept.is_none() {
                    self.tasks[id].kept = Some(Box::new(Kept { nbytes, type_id, replicas: smallvec![] }));
                }
                self.add_replica(id, worker);
            }
            _ => self.tell_to_free(worker, value),
        }
    }

    /// A worker has a value, whose size and type are known.
    pub(crate) fn add_replica(&mut self, id: TaskId, worker: WorkerId) {
        let run = self.tasks.run(id);
        let Some(kept) = &mut self.tasks[id].kept else { return };
        if kept.replicas.contains(&worker) {
            return;
        }
        let nbytes = kept.nbytes;
        kept.replicas.push(worker);
        let others: SmallVec<[WorkerId; 4]> = SmallVec::from_slice(&kept.replicas);
        let Some(entry) = self.workers.get_mut(worker.0) else { return };
        entry.replicas += 1;
        entry.nbytes = entry.nbytes.wrapping_add(nbytes);
        if entry.status == WorkerStatus::Retiring {
            // It is to leave, and so must this.
            entry.unmoved.push(run);
        } else if others.len() > 1 {
            for other in others {
                if let Some(entry) = self.workers.get_mut(other.0) {
                    entry.moving.remove(&run);
                }
            }
        }
    }

    /// A client asks who keeps these values.
    pub(crate) fn on_locate(&mut self, client: ClientId, request: RequestId, futures: &[FutureId]) {
        let mut items = Vec::with_capacity(futures.len());
        for &future in futures {
            let task = self.clients.get(client.0).and_then(|entry| entry.futures.get(future));
            let item = task.and_then(|id| match self.tasks[id].state {
                TaskState::Memory { inline } => Some(Whereabouts {
                    run: self.tasks.run(id),
                    workers: self.tasks[id].replicas().to_vec(),
                    inline: inline.map(|value| Bytes::copy_from_slice(self.values.get(value))),
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
