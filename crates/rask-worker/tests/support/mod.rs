//! A scripted scheduler on real links, and a runner that executes Rust functions by name.
#![allow(dead_code)] // each test binary uses its part

pub mod runner;
pub mod scheduler;

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use rask_comm::Address;
use rask_types::msg::SchedulerToWorker;
use rask_types::{
    ArgsColumn, ClassId, ComputeColumns, DepSource, FunctionId, Language, Payload, RunId, TaskClass, WorkerId,
};

pub const SECRET: &[u8] = b"a worker's secret";
pub const DATA_SECRET: &[u8] = b"for data connections";

/// Over what the tests talk.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Over {
    Memory,
    Tcp,
    Unix,
}

impl Over {
    /// Somewhere to listen that nobody else uses.
    pub fn fresh(self) -> Address {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("rask-worker-test-{}-{number}", std::process::id());
        match self {
            Over::Memory => Address::Memory(unique),
            Over::Tcp => Address::tcp("127.0.0.1", 0),
            Over::Unix => Address::Unix(std::env::temp_dir().join(unique)),
        }
    }
}

/// Run 1 of slot `slot`.
pub fn run(slot: u32) -> RunId {
    RunId::new(slot, 1)
}

pub fn held(value: RunId, nbytes: u64, workers: &[WorkerId]) -> DepSource {
    DepSource::Held { run: value, nbytes, workers: workers.to_vec() }
}

/// What defines the function of this name as a class.
pub fn define(class: u32, function: &str) -> Vec<SchedulerToWorker> {
    let payload = Payload::from_head(function.as_bytes().to_vec());
    let id = FunctionId::of(&payload);
    let class_id = ClassId(class);
    vec![
        SchedulerToWorker::DefineFunction { id, payload },
        SchedulerToWorker::DefineClass {
            id: class_id,
            class: TaskClass::plain(function, id, Language::Rust),
        },
    ]
}

/// Runs of one class with arguments and dependencies.
pub fn compute(class: u32, runs: &[(RunId, &str, Vec<DepSource>)]) -> SchedulerToWorker {
    let n = runs.len() as u32;
    let (mut blob, mut ends, mut deps, mut dep_ends) = (vec![], vec![], vec![], vec![]);
    for (_, args, sources) in runs {
        blob.extend_from_slice(args.as_bytes());
        ends.push(blob.len() as u32);
        deps.extend(sources.iter().cloned());
        dep_ends.push(deps.len() as u32);
    }
    SchedulerToWorker::Compute(ComputeColumns {
        runs: runs.iter().map(|r| r.0).collect(),
        classes: vec![(ClassId(class), n)],
        orders: runs.iter().map(|r| u64::from(r.0.task.0)).collect(),
        tokens: runs.iter().map(|r| u128::from(r.0.task.0)).collect(),
        names: vec![],
        args: ArgsColumn { ends, blob: Bytes::from(blob), buffers: vec![] },
        dep_ends,
        deps,
        values: vec![],
        keep_inline: false,
    })
}
