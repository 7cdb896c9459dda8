//! A core with a few peers, and short words for what happens to it.
#![allow(dead_code)] // each test binary uses its part

use std::sync::Arc;

use bytes::Bytes;
use rask_types::msg::{FetchFailure, WorkerToScheduler};
use rask_types::{
    ArgsColumn, ClassId, ComputeColumns, DepSource, ErrorKind, Payload, RequestId, RunId, TaskError, Tick,
    WorkerId,
};
use rask_worker_core::{
    Completion, Completions, DepSlot, DepValue, Effect, Event, Failure, Limits, Product, ReadyRun, WorkerCore,
};

pub const ME: WorkerId = WorkerId(1);
pub const NEAR: WorkerId = WorkerId(2);
pub const FAR: WorkerId = WorkerId(3);
pub const CLASS: ClassId = ClassId(7);
pub const PRIORITY: i32 = 5;

pub type Effects = Vec<Effect<u32>>;

pub struct Scenario {
    pub core: WorkerCore<u32>,
    pub now: Tick,
}

impl Scenario {
    pub fn new() -> Scenario {
        Scenario::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Scenario {
        let mut scenario = Scenario { core: WorkerCore::new(limits), now: Tick::ZERO };
        scenario.feed(Event::Welcomed { me: ME });
        scenario.feed(Event::ClassDefined { class: CLASS, priority: PRIORITY });
        scenario.feed(Event::PeerDefined { worker: NEAR });
        scenario.feed(Event::PeerDefined { worker: FAR });
        scenario
    }

    pub fn handle(&mut self, event: Event<u32>) {
        self.core.handle(self.now, event);
        self.check();
    }

    pub fn check(&self) {
        if let Err(defect) = self.core.check_invariants() {
            panic!("{defect}\n{:#?}", self.core);
        }
    }

    /// Handles one event and drains.
    pub fn feed(&mut self, event: Event<u32>) -> Effects {
        self.handle(event);
        let effects = std::iter::from_fn(|| self.core.poll_effect()).collect();
        self.check();
        effects
    }

    pub fn compute(&mut self, runs: &[(RunId, Vec<DepSource>)]) -> Effects {
        self.feed(Event::Compute(columns(runs)))
    }

    pub fn finish(&mut self, run: RunId, value: &'static [u8]) -> Effects {
        self.feed(Event::Finished(inline(&[(run, value)])))
    }

    pub fn finish_kept(&mut self, run: RunId, value: u32) -> Effects {
        self.feed(Event::Finished(kept(run, value)))
    }

    pub fn retract(&mut self, runs: &[RunId]) -> Effects {
        self.feed(Event::Retract { runs: runs.to_vec(), discard: false })
    }

    pub fn fetched(&mut self, worker: WorkerId, request: RequestId, value: RunId) -> Effects {
        let result = Ok((DepValue::Kept(value.task.0), 100));
        self.feed(Event::Fetched { worker, request, value, result })
    }

    pub fn not_fetched(&mut self, worker: WorkerId, request: RequestId, value: RunId) -> Effects {
        self.feed(Event::Fetched { worker, request, value, result: Err(FetchFailure::Missing) })
    }
}

/// Run 1 of slot `task`.
pub fn run(task: u32) -> RunId {
    RunId::new(task, 1)
}

pub fn held(value: RunId, workers: &[WorkerId]) -> DepSource {
    DepSource::Held { run: value, nbytes: 10, workers: workers.to_vec() }
}

pub fn columns(runs: &[(RunId, Vec<DepSource>)]) -> ComputeColumns {
    let n = runs.len() as u32;
    let mut deps = Vec::new();
    let mut dep_ends = Vec::new();
    for (_, sources) in runs {
        deps.extend(sources.iter().cloned());
        dep_ends.push(deps.len() as u32);
    }
    ComputeColumns {
        runs: runs.iter().map(|r| r.0).collect(),
        classes: vec![(CLASS, n)],
        orders: (0..u64::from(n)).collect(),
        tokens: runs.iter().map(|r| u128::from(r.0.task.0)).collect(),
        names: vec![],
        args: ArgsColumn {
            ends: (1..=n).collect(),
            blob: Bytes::from(vec![b'a'; n as usize]),
            buffers: vec![],
        },
        dep_ends,
        deps,
        values: vec![Payload::from_head(&b"small"[..])],
        keep_inline: false,
    }
}

pub fn completion(run: RunId, value_end: u32) -> Completion {
    Completion { run, started_ns: 1000, duration_ns: 50, value_end }
}

pub fn inline(runs: &[(RunId, &'static [u8])]) -> Completions<u32> {
    let mut blob = Vec::new();
    let mut completions = Completions::new(0);
    for (run, value) in runs {
        blob.extend_from_slice(value);
        completions.runs.push(completion(*run, blob.len() as u32));
    }
    completions.blob = Bytes::from(blob);
    completions
}

pub fn kept(run: RunId, value: u32) -> Completions<u32> {
    let mut completions = Completions::new(0);
    completions.runs.push(completion(run, 0));
    completions.kept.push((0, Product { value, nbytes: 100, type_name: Arc::from("array") }));
    completions
}

pub fn failed(run: RunId, text: &str) -> Event<u32> {
    Event::Failed(Failure { thread: 0, run, started_ns: 0, duration_ns: 0, error: failure(text) })
}

pub fn failure(text: &str) -> Arc<TaskError> {
    Arc::new(TaskError::new(ErrorKind::Exception, "k", text))
}

pub fn retracted(runs: &[RunId]) -> Effect<u32> {
    Effect::Send(WorkerToScheduler::Retracted { runs: runs.to_vec() })
}

pub fn fetch(worker: WorkerId, request: u32, values: &[RunId]) -> Effect<u32> {
    Effect::Fetch { worker, request: RequestId(request), values: values.to_vec() }
}

/// The runs of all `Ready` effects, with what each depends on, and which is here.
pub fn ready(effects: &Effects) -> Vec<(RunId, Vec<DepValue<u32>>)> {
    let here = |slot: &DepSlot<u32>| match slot {
        DepSlot::Here(value) => value.clone(),
        DepSlot::Awaited(run) => panic!("{run:?} is still awaited"),
    };
    ready_runs(effects).iter().map(|run| (run.run, run.deps.iter().map(here).collect())).collect()
}

/// The runs of all `Ready` effects: which, how many slots await its result, and of how many results it waits itself.
pub fn chained(effects: &Effects) -> Vec<(RunId, u32, Vec<RunId>)> {
    let awaited = |slot: &DepSlot<u32>| match slot {
        DepSlot::Here(_) => None,
        DepSlot::Awaited(run) => Some(*run),
    };
    let runs = ready_runs(effects);
    runs.iter().map(|run| (run.run, run.followers, run.deps.iter().filter_map(awaited).collect())).collect()
}

fn ready_runs(effects: &Effects) -> Vec<ReadyRun<u32>> {
    let of = |effect: &Effect<u32>| match effect {
        Effect::Ready(runs) => runs.clone(),
        _ => vec![],
    };
    effects.iter().flat_map(of).collect()
}

/// Each answer in these effects, by its run.
pub fn answers(effects: &Effects) -> Vec<(RunId, &'static str)> {
    let of = |effect: &Effect<u32>| match effect {
        Effect::Send(WorkerToScheduler::Finished(columns)) => {
            columns.runs.iter().map(|run| (*run, "finished")).collect()
        }
        Effect::Send(WorkerToScheduler::Erred { run, .. }) => vec![(*run, "erred")],
        Effect::Send(WorkerToScheduler::Reschedule { run }) => vec![(*run, "rescheduled")],
        Effect::Send(WorkerToScheduler::Retracted { runs }) => {
            runs.iter().map(|run| (*run, "retracted")).collect::<Vec<_>>()
        }
        _ => vec![],
    };
    effects.iter().flat_map(of).collect()
}
