//! Random histories: whatever users and the scheduler do, in whatever order, the invariants hold after every event, the
//! stream to the scheduler makes sense, and in the end nothing is left.

mod listener;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use listener::Listener;
use proptest::prelude::*;
use rask_client_core::{
    ChunkBuilder, ClientCore, Effect, Fetch, FetchId, NewKey, NewTask, QueueId, ScatterId, ScatterValue,
    Status, WaitFor, WaiterId,
};
use rask_types::msg::{
    ClientToScheduler, FetchFailure, FromData, KeyChoice, Query, ScatterItem, ScatterPlacement,
    SchedulerToClient, Whereabouts,
};
use rask_types::{
    DoneColumns, ErrorKind, FunctionId, FutureId, HeldByWorker, Key, Language, Payload, RequestId, RunId,
    TaskClass, TaskError, Tick, TypeId, WorkerId,
};

#[derive(Clone, Debug)]
enum Op {
    Task { key: u8, deps: u8 },
    Chunk { tasks: u8, wanted: u8, key: u8 },
    Scatter { values: u8, key: u8 },
    Want { key: u8 },
    Retain(u8),
    Release(u8),
    Lookup(u8),
    Cancel(u8),
    Retry(u8),
    Wait { futures: Vec<u8>, how: u8 },
    EndWait(u8),
    Subscribe(u8),
    Fetch(Vec<u8>),
    EndFetch(u8),
    Query,
    Done { futures: Vec<u8>, held: bool },
    Erred(u8),
    Cancelled(u8, bool),
    Pending(u8),
    Data { good: bool },
    LinkLost(u8),
    Located { worker: u8, found: bool, inline: bool },
    Planned { good: bool, worker: u8 },
    Say,
    Later,
    Disconnect,
}

fn ops() -> impl Strategy<Value = Op> {
    let n = any::<u8>;
    let some = || proptest::collection::vec(any::<u8>(), 0..6);
    prop_oneof![
        4 => (n(), 0..3_u8).prop_map(|(key, deps)| Op::Task { key, deps }),
        2 => (0..9_u8, n(), n()).prop_map(|(tasks, wanted, key)| Op::Chunk { tasks, wanted, key }),
        1 => (0..4_u8, n()).prop_map(|(values, key)| Op::Scatter { values, key }),
        1 => n().prop_map(|key| Op::Want { key }),
        1 => n().prop_map(Op::Retain),
        4 => n().prop_map(Op::Release),
        1 => n().prop_map(Op::Lookup),
        1 => n().prop_map(Op::Cancel),
        1 => n().prop_map(Op::Retry),
        2 => (some(), n()).prop_map(|(futures, how)| Op::Wait { futures, how }),
        1 => n().prop_map(Op::EndWait),
        1 => n().prop_map(Op::Subscribe),
        2 => some().prop_map(Op::Fetch),
        1 => n().prop_map(Op::EndFetch),
        1 => Just(Op::Query),
        4 => (some(), any::<bool>()).prop_map(|(futures, held)| Op::Done { futures, held }),
        1 => n().prop_map(Op::Erred),
        1 => (n(), any::<bool>()).prop_map(|(future, lost)| Op::Cancelled(future, lost)),
        1 => n().prop_map(Op::Pending),
        3 => prop::bool::weighted(0.7).prop_map(|good| Op::Data { good }),
        1 => n().prop_map(Op::LinkLost),
        2 => (n(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(worker, found, inline)| Op::Located { worker, found, inline }),
        1 => (any::<bool>(), n()).prop_map(|(good, worker)| Op::Planned { good, worker }),
        2 => Just(Op::Say),
        2 => Just(Op::Later),
    ]
}

/// The client with all that its user and its driver would remember.
struct World {
    core: ClientCore,
    listener: Listener,
    now: Tick,
    /// One entry per hold.
    holds: Vec<FutureId>,
    /// All futures there ever were.
    ever: Vec<FutureId>,
    /// What was subscribed, and not told of yet.
    subscribed: BTreeMap<u64, FutureId>,
    waiters: Vec<(WaiterId, Vec<FutureId>, WaitFor)>,
    waits_over: BTreeSet<WaiterId>,
    fetches: Vec<FetchId>,
    scatters: Vec<ScatterId>,
    asked: Vec<(WorkerId, RequestId, Vec<RunId>)>,
    puts: Vec<(WorkerId, RequestId)>,
    locates: Vec<(RequestId, usize)>,
    plans: Vec<(RequestId, usize)>,
    questions: BTreeSet<RequestId>,
    class: u32,
}

const WORKERS: u8 = 3;

impl World {
    fn new() -> World {
        let mut core = ClientCore::new(7);
        let payload = Payload::from_head(&b"f"[..]);
        let function = FunctionId::of(&payload);
        core.define_function(function, &payload);
        let class = core.define_class(&TaskClass::plain("f", function, Language::Python)).unwrap();
        for worker in 0..WORKERS {
            let address = format!("tcp://h:{worker}");
            core.on_message(SchedulerToClient::DefinePeer { worker: WorkerId(worker.into()), address });
        }
        World {
            core,
            listener: Listener::default(),
            now: Tick::ZERO,
            holds: vec![],
            ever: vec![],
            subscribed: BTreeMap::new(),
            waiters: vec![],
            waits_over: BTreeSet::new(),
            fetches: vec![],
            scatters: vec![],
            asked: vec![],
            puts: vec![],
            locates: vec![],
            plans: vec![],
            questions: BTreeSet::new(),
            class,
        }
    }

    fn key(n: u8) -> NewKey {
        match n % 3 {
            0 => NewKey::Session,
            1 => NewKey::Token(u128::from(n % 8)),
            _ => NewKey::Named(Key::Int(i64::from(n % 8)).to_canonical().into()),
        }
    }

    fn held(&self, n: u8) -> Option<FutureId> {
        self.holds.get(usize::from(n) % self.holds.len().max(1)).copied()
    }

    fn any(&self, n: u8) -> FutureId {
        self.ever.get(usize::from(n) % self.ever.len().max(1)).copied().unwrap_or(FutureId(1 << 40))
    }

    fn keep(&mut self, future: FutureId) {
        self.holds.push(future);
        if !self.ever.contains(&future) {
            self.ever.push(future);
        }
    }

    fn deps(&self, n: u8) -> Vec<FutureId> {
        let mut deps: Vec<FutureId> = self.holds.iter().rev().take(n.into()).copied().collect();
        deps.sort_unstable();
        deps.dedup();
        deps
    }

    fn chunk(&mut self, tasks: u8, wanted: u8, key: u8) {
        let first = self.core.allocate(tasks.into());
        let deps = self.deps(wanted % 3);
        let mut builder = ChunkBuilder::new(first);
        let mut held = Vec::new();
        for i in 0..tasks {
            builder.args().push(i);
            let is_wanted = wanted >> (i % 8) & 1 == 1;
            let id = builder.push(self.class, World::key(key.wrapping_add(i)), &deps, is_wanted).unwrap();
            held.extend(is_wanted.then_some(id));
        }
        let graph = self.core.new_graph();
        if self.core.submit(builder.finish(graph, true, None)).is_ok() {
            held.into_iter().for_each(|future| self.keep(future));
        }
    }

    fn scatter(&mut self, values: u8, key: u8) {
        let value = |i: u8| ScatterValue {
            item: ScatterItem {
                key: match World::key(key.wrapping_add(i)) {
                    NewKey::Named(name) => KeyChoice::Named(name),
                    _ => KeyChoice::Generated { prefix: "int".into(), token: u128::from(key) },
                },
                nbytes: 5_000,
                type_name: "int".into(),
                inline: None,
            },
            payload: Payload::default(),
        };
        if let Ok((id, first)) = self.core.begin_scatter((0..values).map(value).collect(), vec![], false) {
            self.scatters.push(id);
            (0..u64::from(values)).for_each(|i| self.keep(FutureId(first.0 + i)));
        }
    }

    fn user(&mut self, op: Op) {
        match op {
            Op::Task { key, deps } => {
                let deps = self.deps(deps);
                let new = NewTask {
                    class: self.class,
                    key: World::key(key),
                    args: &[key],
                    buffers: vec![],
                    deps: &deps,
                    holds: &[],
                    parent: None,
                };
                if let Ok(future) = self.core.submit_task(new) {
                    self.keep(future);
                }
            }
            Op::Chunk { tasks, wanted, key } => self.chunk(tasks, wanted, key),
            Op::Scatter { values, key } => self.scatter(values, key),
            Op::Want { key } => {
                let future = self.core.want(&Key::Int(i64::from(key % 8)));
                self.keep(future);
            }
            Op::Retain(n) => {
                if let Some(future) = self.held(n) {
                    assert!(self.core.retain(future));
                    self.keep(future);
                }
            }
            Op::Release(n) => {
                if !self.holds.is_empty() {
                    let future = self.holds.swap_remove(usize::from(n) % self.holds.len());
                    self.core.release(future);
                }
            }
            Op::Lookup(n) => {
                let found = match World::key(n) {
                    NewKey::Token(token) => self.core.lookup_token(self.class, token),
                    _ => self.core.lookup_key(&Key::Int(i64::from(n % 8))),
                };
                found.into_iter().for_each(|future| self.keep(future));
            }
            Op::Cancel(n) => {
                let future = self.any(n);
                self.core.cancel(&[future], false, "enough");
                assert!(!matches!(self.core.status(future), Some(Status::Pending | Status::Finished)));
            }
            Op::Retry(n) => {
                let future = self.any(n);
                self.core.retry(&[future]);
            }
            Op::Wait { futures, how } => {
                let futures: Vec<FutureId> = futures.iter().map(|&n| self.any(n)).collect();
                let how = [WaitFor::All, WaitFor::Any, WaitFor::AllOrFirstError][usize::from(how % 3)];
                match self.core.begin_wait(&futures, how) {
                    Some(waiter) => self.waiters.push((waiter, futures, how)),
                    None => assert!(self.is_over(&futures, how)),
                }
            }
            Op::EndWait(n) => {
                if !self.waiters.is_empty() {
                    let (waiter, ..) = self.waiters.swap_remove(usize::from(n) % self.waiters.len());
                    self.core.end_wait(waiter);
                }
            }
            Op::Subscribe(n) => {
                if let Some(future) = self.held(n) {
                    let tag = self.subscribed.last_key_value().map_or(0, |(tag, _)| tag + 1);
                    self.core.subscribe(future, QueueId(0), tag);
                    self.subscribed.insert(tag, future);
                }
            }
            Op::Fetch(futures) => {
                let futures: Vec<FutureId> = futures.iter().map(|&n| self.any(n)).collect();
                match self.core.begin_fetch(&futures) {
                    Fetch::Over(results) => assert_eq!(results.len(), futures.len()),
                    Fetch::Going(fetch) => self.fetches.push(fetch),
                }
            }
            Op::EndFetch(n) => {
                if !self.fetches.is_empty() {
                    let fetch = self.fetches.swap_remove(usize::from(n) % self.fetches.len());
                    self.core.end_fetch(fetch);
                }
            }
            Op::Query => {
                self.questions.insert(self.core.query(Query::Identity));
            }
            other => self.cluster(other),
        }
    }

    fn done(&mut self, futures: &[u8], held: bool) {
        let mut columns = DoneColumns::default();
        let mut blob = Vec::new();
        for (position, &n) in futures.iter().enumerate() {
            let future = self.any(n);
            columns.futures.push(future);
            if held && n % 2 == 0 {
                let position = position as u32;
                let what = HeldByWorker { position, nbytes: 40 << 20, type_id: TypeId(1) };
                columns.held.push((what, RunId::new(future.0 as u32, 1), WorkerId(u32::from(n % WORKERS))));
            } else {
                blob.extend(std::iter::repeat_n(n, usize::from(n % 40)));
            }
            columns.value_ends.push(blob.len() as u32);
        }
        columns.blob = blob.into();
        self.core.on_message(SchedulerToClient::Done(columns));
    }

    fn cluster(&mut self, op: Op) {
        match op {
            Op::Done { futures, held } => self.done(&futures, held),
            Op::Erred(n) => {
                let error = Arc::new(TaskError::new(ErrorKind::Exception, "f-1", "no"));
                let futures = vec![self.any(n)];
                self.core.on_message(SchedulerToClient::Erred { futures, error });
            }
            Op::Cancelled(n, lost) => {
                let futures = vec![self.any(n)];
                let reason = "because".to_owned();
                self.core.on_message(SchedulerToClient::Cancelled { futures, lost, reason });
            }
            Op::Pending(n) => {
                let futures = vec![self.any(n)];
                self.core.on_message(SchedulerToClient::Pending { futures });
            }
            Op::Data { good } => self.answer_data(good),
            Op::LinkLost(n) => {
                let worker = WorkerId(u32::from(n % WORKERS));
                self.asked.retain(|asked| asked.0 != worker);
                self.puts.retain(|put| put.0 != worker);
                self.core.on_data_link_lost(worker, "reset");
            }
            Op::Located { worker, found, inline } => {
                if let Some((request, n)) = self.locates.pop() {
                    let at = Whereabouts {
                        run: RunId::new(5, 5),
                        workers: vec![WorkerId(u32::from(worker % WORKERS))],
                        inline: inline.then(|| Bytes::from_static(b"v")),
                    };
                    let items = (0..n).map(|_| found.then(|| at.clone())).collect();
                    self.core.on_message(SchedulerToClient::Located { request, items });
                }
            }
            Op::Planned { good, worker } => {
                if let Some((request, n)) = self.plans.pop() {
                    let workers = vec![WorkerId(u32::from(worker % WORKERS))];
                    let placement = ScatterPlacement { run: RunId::new(6, 6), workers };
                    let placements = if good { Ok(vec![placement; n]) } else { Err("no workers".into()) };
                    self.core.on_message(SchedulerToClient::ScatterPlan { request, placements });
                }
            }
            Op::Say => self.say(),
            Op::Later => self.now = self.now.plus_ms(40),
            Op::Disconnect => self.core.disconnect("gone", false),
            _ => unreachable!("users do that"),
        }
    }

    fn answer_data(&mut self, good: bool) {
        if let Some((worker, request)) = self.puts.pop() {
            self.core.on_data(worker, FromData::Stored { request });
        }
        if let Some((worker, request, mut runs)) = self.asked.pop() {
            let value = runs.pop().expect("nobody asks for nothing");
            let result = if good { Ok(Payload::from_head(&b"v"[..])) } else { Err(FetchFailure::Missing) };
            self.core.on_data(worker, FromData::Value { request, value, result });
            if !runs.is_empty() {
                self.asked.push((worker, request, runs));
            }
        }
    }

    fn say(&mut self) {
        self.listener.listen(&mut self.core);
        for message in self.listener.take() {
            match message {
                ClientToScheduler::Locate { request, futures } => self.locates.push((request, futures.len())),
                ClientToScheduler::Scatter { request, items, .. } => self.plans.push((request, items.len())),
                _ => {}
            }
        }
    }

    fn is_over(&self, futures: &[FutureId], how: WaitFor) -> bool {
        let mut statuses = futures.iter().map(|&future| self.core.status(future));
        let failed =
            |status: Option<Status>| !matches!(status, None | Some(Status::Pending | Status::Finished));
        match how {
            WaitFor::All => statuses.all(|status| status != Some(Status::Pending)),
            WaitFor::Any => futures.is_empty() || statuses.any(|status| status != Some(Status::Pending)),
            WaitFor::AllOrFirstError => {
                statuses.clone().any(failed) || statuses.all(|status| status != Some(Status::Pending))
            }
        }
    }

    /// What the driver does after each event, and what must be true then.
    fn settle(&mut self) {
        self.core.advance(self.now);
        let mut effects = Vec::new();
        self.core.take_effects(&mut effects);
        for effect in effects {
            match effect {
                Effect::WaitOver(waiter) => {
                    assert!(self.waits_over.insert(waiter), "a wait is over once");
                }
                Effect::FetchOver(fetch) => {
                    assert!(self.core.take_fetch(fetch).is_some());
                    self.fetches.retain(|&other| other != fetch);
                }
                Effect::ScatterOver(scatter) => {
                    assert!(self.core.take_scatter(scatter).is_some());
                    self.scatters.retain(|&other| other != scatter);
                }
                Effect::FetchFrom { worker, request, values } => self.asked.push((worker, request, values)),
                Effect::PutTo { worker, request, .. } => self.puts.push((worker, request)),
                Effect::Answered(request, _) => assert!(self.questions.remove(&request)),
                Effect::SessionChanged | Effect::WorkersChanged | Effect::Notice { .. } => {}
            }
        }
        let mut completions = Vec::new();
        self.core.take_completions(&mut completions);
        for completion in completions {
            assert_eq!(self.subscribed.remove(&completion.tag), Some(completion.future), "told once");
        }
        self.core.check_invariants();
        for (waiter, futures, how) in &self.waiters {
            if self.is_over(futures, *how) {
                assert!(self.waits_over.contains(waiter), "whoever waits for {futures:?} is told");
            }
        }
        for future in self.subscribed.values() {
            let status = self.core.status(*future);
            assert!(matches!(status, Some(Status::Pending) | None), "subscribers of {future:?} were told");
        }
    }

    fn finish(mut self, disconnected: bool) {
        for future in std::mem::take(&mut self.holds) {
            self.core.release(future);
        }
        self.settle();
        assert_eq!(self.core.futures_held(), 0);
        self.say();
        if disconnected {
            assert!(self.fetches.is_empty() && self.scatters.is_empty() && self.questions.is_empty());
        } else {
            assert_eq!(self.listener.wanted, BTreeSet::new(), "the scheduler knows that nothing is held");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_is_ever_inconsistent(
        history in proptest::collection::vec(ops(), 0..120),
        end in proptest::option::weighted(0.3, 0..120_usize),
    ) {
        let mut world = World::new();
        for (i, op) in history.into_iter().enumerate() {
            if end == Some(i) {
                world.user(Op::Disconnect);
                world.settle();
            }
            world.user(op);
            world.settle();
        }
        if end.is_some() {
            world.user(Op::Disconnect);
        }
        world.finish(end.is_some());
    }
}
