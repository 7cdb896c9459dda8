//! What a worker and the scheduler say to each other.

use std::sync::Arc;

use bytes::Bytes;

use crate::class::{FunctionId, TaskClass};
use crate::columns::{ComputeColumns, FinishedColumns};
use crate::error::TaskError;
use crate::id::{ClassId, RequestId, RunId, TypeId, WorkerId};
use crate::payload::Payload;

/// What a worker says of itself when it registers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WorkerDescription {
    /// The user's name for it; unique in the cluster.
    pub name: String,
    /// Where it listens for data connections: `tcp://host:port` or `unix://path`.
    pub address: String,
    /// Host it runs on.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// How many tasks it runs at once.
    pub nthreads: u32,
    /// Memory it may use, in bytes; 0 means no limit.
    pub memory_limit_bytes: u64,
    /// Abstract resources it offers.
    pub resources: Vec<(String, f64)>,
    /// Its language runtime, such as `python 3.11.7`.
    pub runtime: String,
    /// rask's version.
    pub version: String,
    /// Folder for its temporary files.
    pub local_directory: String,
    /// Number of the process among those its nanny started; `None` without a nanny.
    pub nanny_instance: Option<u64>,
}

/// A worker's vital signs.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Metrics {
    /// CPU use of the process, in percent of one core.
    pub cpu_percent: f32,
    /// Resident memory of the process, in bytes.
    pub rss_bytes: u64,
    /// Bytes of values it keeps.
    pub managed_bytes: u64,
    /// Values it keeps.
    pub values: u32,
    /// Runs that are executing.
    pub executing: u32,
    /// Runs that could start.
    pub ready: u32,
    /// Bytes received from peers since it started.
    pub received_bytes: u64,
    /// Bytes sent to peers since it started.
    pub sent_bytes: u64,
}

/// What one of a worker's threads executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadRun {
    /// The thread's number.
    pub thread: u16,
    /// What it executes.
    pub run: RunId,
    /// For how long it has been seen to, in milliseconds: it began a little earlier.
    pub seen_for_ms: u32,
}

/// Values that a worker fetched from another: one, or several short fetches that followed each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// One of them, the first.
    pub value: RunId,
    /// Who had them.
    pub from: WorkerId,
    /// How many.
    pub values: u32,
    /// Their bytes.
    pub nbytes: u64,
    /// How long before this message the last one had come.
    pub ended_ns_ago: u64,
    /// From the first question to the last answer.
    pub duration_ns: u64,
}

/// Something to do on a worker outside the task system.
#[derive(Clone, PartialEq, Debug)]
pub enum WorkerOp {
    /// Call a function: an encoded `(function, args, kwargs)`.
    Call(Payload),
    /// Write a file into the worker's folder and make it importable.
    UploadFile {
        /// Name without folders.
        name: String,
        /// Content.
        content: Bytes,
        /// Import it at once.
        load: bool,
    },
}

/// Worker → scheduler. For each run it was given, a worker says exactly one of finished, erred, retracted.
#[derive(Clone, PartialEq, Debug)]
pub enum WorkerToScheduler {
    /// First message.
    Register(WorkerDescription),
    /// Results.
    Finished(FinishedColumns),
    /// A run failed.
    Erred {
        /// Which.
        run: RunId,
        /// When it began, in nanoseconds of Unix time.
        started_ns: u64,
        /// How long it took, in nanoseconds.
        duration_ns: u64,
        /// On which of the worker's threads; 0 also if it never began.
        thread: u16,
        /// Why.
        error: Arc<TaskError>,
    },
    /// Runs given back unstarted, because they were taken back, or because the worker closes.
    Retracted {
        /// Which.
        runs: Vec<RunId>,
    },
    /// Some of these runs have been executing for a while: if the worker dies now, they may be why.
    Executing {
        /// All that execute now; none if none of them has for a while.
        runs: Vec<ThreadRun>,
    },
    /// The run left the thread pool (`secede`): its thread is free for another.
    Seceded {
        /// Which.
        run: RunId,
    },
    /// The run came back to the thread pool (`rejoin`).
    Rejoined {
        /// Which.
        run: RunId,
    },
    /// The task asks to run elsewhere (`Reschedule`).
    Reschedule {
        /// Which.
        run: RunId,
    },
    /// A dependency could not be had from anyone named; the dependents were given back by `Retracted`.
    Missing {
        /// The value.
        value: RunId,
        /// Workers that did not have it or could not be reached.
        workers: Vec<WorkerId>,
    },
    /// The worker keeps a value that it did not compute: fetched from a peer, or brought by a client.
    Stored {
        /// The value.
        value: RunId,
        /// Its size in memory, in bytes.
        nbytes: u64,
        /// Its type, in this worker's numbering.
        type_id: TypeId,
    },
    /// The name of a type, before its number is first used.
    DefineType {
        /// The worker's number.
        id: TypeId,
        /// Such as `numpy.ndarray`.
        name: String,
    },
    /// Answer to `SchedulerToWorker::Do`.
    Reply {
        /// The question.
        request: RequestId,
        /// The value, or the error.
        result: Result<Payload, Arc<TaskError>>,
    },
    /// Vital signs, every so often.
    Heartbeat(Metrics),
    /// What was fetched since the last heartbeat, in the order in which it came.
    Transferred(Vec<Transfer>),
    /// A message for clients' eyes.
    Notice {
        /// `print`, `warn` or `log`.
        topic: String,
        /// The text.
        text: String,
    },
    /// The worker leaves in good order.
    Goodbye {
        /// Why.
        reason: String,
    },
}

/// Scheduler → worker.
#[derive(Clone, PartialEq, Debug)]
pub enum SchedulerToWorker {
    /// The worker is accepted.
    Welcome {
        /// Its number.
        worker: WorkerId,
        /// A random number of this scheduler process's life.
        epoch: u64,
        /// Secret of data connections.
        data_secret: Bytes,
        /// How often to send a heartbeat, in milliseconds.
        heartbeat_ms: u32,
    },
    /// The scheduler does not want this worker (a name in use, another version); it must not try again.
    Refused {
        /// Why.
        reason: String,
    },
    /// A function's code, before the first class that uses it.
    DefineFunction {
        /// Its content address.
        id: FunctionId,
        /// Its encoding.
        payload: Payload,
    },
    /// A class, before the first run of it.
    DefineClass {
        /// The scheduler's number.
        id: ClassId,
        /// The class.
        class: TaskClass,
    },
    /// Where another worker listens; said before its number is first used.
    DefinePeer {
        /// The other worker.
        worker: WorkerId,
        /// Its address.
        address: String,
    },
    /// Runs to execute.
    Compute(ComputeColumns),
    /// Give these runs back if they have not started (answered by `Retracted`). With `discard`, also drop the result of
    /// those that have (they are still answered).
    Retract {
        /// Which.
        runs: Vec<RunId>,
        /// The results are not wanted.
        discard: bool,
    },
    /// Drop these values.
    Free {
        /// Which.
        values: Vec<RunId>,
    },
    /// Fetch and keep these values, too.
    Replicate {
        /// Values with those who have them.
        sources: Vec<(RunId, Vec<WorkerId>)>,
    },
    /// Do something; answered by `Reply`.
    Do {
        /// The question.
        request: RequestId,
        /// What.
        op: WorkerOp,
    },
    /// Stop.
    Close {
        /// Why.
        reason: String,
    },
}
