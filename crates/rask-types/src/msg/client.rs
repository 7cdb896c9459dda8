//! What a client and the scheduler say to each other.

use std::sync::Arc;

use bytes::Bytes;

use crate::class::FunctionId;
use crate::columns::{DoneColumns, GraphChunk, NumberedClass};
use crate::error::TaskError;
use crate::id::{ClientId, FutureId, RequestId, RunId, TypeId, WorkerId};
use crate::msg::worker::WorkerOp;
use crate::payload::Payload;

/// Client → scheduler. Wants and releases are one ordered stream per session.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientToScheduler {
    /// First message of a session.
    Register {
        /// A name for logs and pages.
        name: String,
        /// 64 random bits: the high half of the tokens of this session's impure tasks.
        session: u64,
        /// The client's language runtime, such as `python 3.11.7`; empty if it has none.
        runtime: String,
        /// rask's version.
        version: String,
        /// The scheduler's epoch if this session had one before and comes back.
        epoch: Option<u64>,
    },
    /// A function's code, before the first class that uses it.
    DefineFunction {
        /// Its content address.
        id: FunctionId,
        /// Its encoding.
        payload: Payload,
    },
    /// A class, before the first task of it.
    DefineClass(NumberedClass),
    /// Tasks.
    Graph(GraphChunk),
    /// Forget a graph of which not all chunks were sent.
    AbortGraph {
        /// The client's number of it.
        graph: u32,
    },
    /// The client no longer holds these futures.
    Release(Vec<FutureId>),
    /// Hold a future, under a new number, for a task that someone named before. Answered like any future; `Lost` if
    /// there is no such task.
    Want {
        /// The client's new number.
        future: FutureId,
        /// Canonical bytes of the key.
        key: Bytes,
    },
    /// Give up these tasks: nobody's wish to run them counts but (without `force`) that of other clients.
    Cancel {
        /// Which.
        futures: Vec<FutureId>,
        /// Also against other clients' wish.
        force: bool,
        /// The user's words, for whoever waits.
        reason: String,
    },
    /// Run erred tasks again (and the erred dependencies to blame).
    Retry {
        /// Which.
        futures: Vec<FutureId>,
    },
    /// Keep these tasks wanted until they finish, whoever leaves.
    FireAndForget {
        /// Which.
        futures: Vec<FutureId>,
    },
    /// Values of the client's own are to become futures: where shall they go? Answered by `ScatterPlan`.
    Scatter {
        /// Names the question.
        request: RequestId,
        /// Names the first value; the others follow without gaps.
        first: FutureId,
        /// The values.
        items: Vec<ScatterItem>,
        /// Workers (addresses, names, hosts) they may go to; empty means any.
        workers: Vec<String>,
        /// Put each on all of those workers.
        broadcast: bool,
    },
    /// Which workers hold these finished futures? Answered by `Located`.
    Locate {
        /// Names the question.
        request: RequestId,
        /// Which.
        futures: Vec<FutureId>,
    },
    /// Facts about the cluster. Answered by `Reply` with a value in the tagged codec.
    Query {
        /// Names the question.
        request: RequestId,
        /// What.
        query: Query,
    },
    /// Do something on workers. Answered by `WorkerReplies`.
    Broadcast {
        /// Names the question.
        request: RequestId,
        /// Addresses, names or hosts; `None` means all.
        workers: Option<Vec<String>>,
        /// Do it on workers that join later, too.
        and_future_workers: bool,
        /// What.
        op: WorkerOp,
    },
    /// Forget all tasks of all clients and start every worker process anew. Answered by `Reply`.
    Restart {
        /// Names the question.
        request: RequestId,
    },
    /// Close these workers after their values have moved to others. Answered by `Reply` with the addresses closed.
    RetireWorkers {
        /// Names the question.
        request: RequestId,
        /// Addresses, names or hosts.
        workers: Vec<String>,
    },
    /// Close the whole cluster.
    Shutdown,
    /// The session ends in good order.
    Goodbye,
}

/// How the key of a scattered value is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyChoice {
    /// `prefix-<token>`; equal values have equal tokens when the client hashed them.
    Generated {
        /// The prefix, the type's name mostly.
        prefix: String,
        /// The token.
        token: u128,
    },
    /// Canonical bytes of a key the user gave.
    Named(Bytes),
}

/// One value that a client scatters.
#[derive(Clone, PartialEq, Debug)]
pub struct ScatterItem {
    /// Its key.
    pub key: KeyChoice,
    /// Its size in bytes.
    pub nbytes: u64,
    /// Its type's name.
    pub type_name: String,
    /// The value itself if it is small: it then goes nowhere else.
    pub inline: Option<Bytes>,
}

/// Where one scattered value goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScatterPlacement {
    /// The identity under which workers keep it.
    pub run: RunId,
    /// The workers to bring it to; empty if the scheduler keeps it or somebody already had it there.
    pub workers: Vec<WorkerId>,
}

/// Where a finished future's value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whereabouts {
    /// The run that made it.
    pub run: RunId,
    /// Workers that have it.
    pub workers: Vec<WorkerId>,
    /// The value itself, if the scheduler keeps it.
    pub inline: Option<Bytes>,
}

/// A fact that a client may ask for. Answers are in the tagged codec; their shapes are Dask's.
#[derive(Clone, PartialEq, Debug)]
pub enum Query {
    /// `{key: (address, …)}` of these keys, or of all.
    WhoHas(Option<Vec<Bytes>>),
    /// `{address: (key, …)}` of these workers, or of all.
    HasWhat(Option<Vec<String>>),
    /// `{address: (key, …)}` of what is assigned and unfinished.
    Processing(Option<Vec<String>>),
    /// `{address: threads}`.
    Nthreads(Option<Vec<String>>),
    /// `{key: bytes}` or, summarised, `{prefix: bytes}`.
    Nbytes {
        /// Which keys; `None` means all.
        keys: Option<Vec<Bytes>>,
        /// By prefix.
        summary: bool,
    },
    /// The scheduler's identity with all workers, as `Client.scheduler_info` gives it.
    Identity,
    /// `{state: count}` over all tasks, and per prefix.
    TaskCounts,
    /// `[(time, key, start, finish, cause, worker), …]` of one key's transitions.
    Story(Vec<Bytes>),
    /// `(known, sentence)`: whether there is such a task, and why it is not running.
    Explain(Bytes),
}

/// What a client keeps of the cluster's workers without asking.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkerSummary {
    /// Workers that are up.
    pub n_workers: u32,
    /// Their threads.
    pub n_threads: u32,
    /// Their memory limits together, in bytes.
    pub memory_bytes: u64,
    /// Their distinct language runtimes, sorted, such as `python 3.11.7`.
    pub runtimes: Vec<String>,
    /// Their distinct rask versions, sorted.
    pub versions: Vec<String>,
}

/// Scheduler → client.
#[derive(Clone, PartialEq, Debug)]
pub enum SchedulerToClient {
    /// The session is accepted.
    Welcome {
        /// The scheduler's number of the session.
        client: ClientId,
        /// A random number of this scheduler process's life.
        epoch: u64,
        /// Identity of the scheduler, as in `Scheduler-<uuid>`.
        scheduler_name: String,
        /// Secret of data connections.
        data_secret: Bytes,
        /// Link to the dashboard; empty if there is none.
        dashboard_link: String,
        /// The workers now.
        workers: WorkerSummary,
    },
    /// Futures that finished.
    Done(DoneColumns),
    /// Futures that failed.
    Erred {
        /// Which.
        futures: Vec<FutureId>,
        /// Why.
        error: Arc<TaskError>,
    },
    /// Futures that will never finish: cancelled by somebody, or lost with the only worker that could have them.
    Cancelled {
        /// Which.
        futures: Vec<FutureId>,
        /// False: cancelled on demand. True: lost.
        lost: bool,
        /// Why, in words.
        reason: String,
    },
    /// Futures that had finished or failed and run again.
    Pending {
        /// Which.
        futures: Vec<FutureId>,
    },
    /// Where scattered values go; one entry per item.
    ScatterPlan {
        /// The question.
        request: RequestId,
        /// Per item, or why none may be placed.
        placements: Result<Vec<ScatterPlacement>, String>,
    },
    /// Who holds what; `None` for futures that are not finished.
    Located {
        /// The question.
        request: RequestId,
        /// Per future asked for.
        items: Vec<Option<Whereabouts>>,
    },
    /// An answer in the tagged codec, or why there is none.
    Reply {
        /// The question.
        request: RequestId,
        /// The answer.
        result: Result<Bytes, String>,
    },
    /// What workers answered, with their addresses.
    WorkerReplies {
        /// The question.
        request: RequestId,
        /// Per worker: its value, or its error.
        replies: Vec<(String, Result<Payload, Arc<TaskError>>)>,
    },
    /// Where a worker listens for data connections; said before its number is first used.
    DefinePeer {
        /// The worker.
        worker: WorkerId,
        /// Its address.
        address: String,
    },
    /// The name of a type, before its number is first used.
    DefineType {
        /// The number.
        id: TypeId,
        /// Such as `numpy.ndarray`.
        name: String,
    },
    /// Workers came or went.
    WorkersChanged(WorkerSummary),
    /// A message for the user's eyes from somewhere in the cluster.
    Notice {
        /// `print`, `warn` or `log`.
        topic: String,
        /// The text.
        text: String,
    },
    /// The scheduler ends this session.
    Closing {
        /// Why.
        reason: String,
    },
}
