//! A client, its tasks, and what its scheduler says of them. Shared by the other tests.
#![allow(dead_code)]

use std::sync::Arc;

use bytes::Bytes;
use rask_client_core::{ClientCore, Effect, NewKey, NewTask};
use rask_types::msg::SchedulerToClient;
use rask_types::{
    DoneColumns, ErrorKind, FunctionId, FutureId, HeldByWorker, Language, Payload, RunId, TaskClass,
    TaskError, TypeId, WorkerId,
};

pub const SESSION: u64 = 0x5e55;

/// A client with one class, `inc`.
pub fn core() -> (ClientCore, u32) {
    let mut core = ClientCore::new(SESSION);
    let payload = Payload::from_head(&b"code of inc"[..]);
    let function = FunctionId::of(&payload);
    core.define_function(function, &payload);
    let class = core.define_class(&TaskClass::plain("inc", function, Language::Python)).unwrap();
    (core, class)
}

/// A call of that class.
pub fn task(class: u32, key: NewKey) -> NewTask<'static> {
    NewTask { class, key, args: b"x", buffers: vec![], deps: &[], holds: &[], parent: None }
}

/// An impure task of that class.
pub fn impure(core: &mut ClientCore, class: u32) -> FutureId {
    core.submit_task(task(class, NewKey::Session)).unwrap()
}

/// The scheduler says that these have finished, with small values.
pub fn done(values: &[(FutureId, &[u8])]) -> SchedulerToClient {
    let mut columns = DoneColumns::default();
    let mut blob = Vec::new();
    for (future, value) in values {
        columns.futures.push(*future);
        blob.extend_from_slice(value);
        columns.value_ends.push(blob.len() as u32);
    }
    columns.blob = blob.into();
    SchedulerToClient::Done(columns)
}

/// The scheduler says that this one has finished, and that a worker has the value.
pub fn held(future: FutureId, run: RunId, worker: u32) -> SchedulerToClient {
    SchedulerToClient::Done(DoneColumns {
        futures: vec![future],
        value_ends: vec![0],
        blob: Bytes::new(),
        held: vec![(HeldByWorker { position: 0, nbytes: 5_000, type_id: TypeId(3) }, run, WorkerId(worker))],
    })
}

/// The scheduler says that this one failed.
pub fn erred(future: FutureId) -> SchedulerToClient {
    let error = Arc::new(TaskError::new(ErrorKind::Exception, "inc-1", "ValueError: no"));
    SchedulerToClient::Erred { futures: vec![future], error }
}

/// The scheduler says that this one is to be computed again.
pub fn pending(future: FutureId) -> SchedulerToClient {
    SchedulerToClient::Pending { futures: vec![future] }
}

/// The scheduler says where a worker listens.
pub fn peer(worker: u32) -> SchedulerToClient {
    SchedulerToClient::DefinePeer { worker: WorkerId(worker), address: format!("tcp://10.0.0.{worker}:1") }
}

/// What the driver is to do.
pub fn effects(core: &mut ClientCore) -> Vec<Effect> {
    core.check_invariants();
    let mut effects = Vec::new();
    core.take_effects(&mut effects);
    effects
}
