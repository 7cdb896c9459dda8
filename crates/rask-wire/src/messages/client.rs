//! Client and scheduler.

use rask_types::msg::{
    ClientToScheduler, KeyChoice, Query, ScatterItem, ScatterPlacement, SchedulerToClient, Whereabouts,
    WorkerSummary,
};

use crate::codec::{wire_enum, wire_struct};

wire_enum!(ClientToScheduler {
    0 Register { name, session, runtime, version, epoch },
    1 DefineFunction { id, payload },
    2 DefineClass(class),
    3 Graph(chunk),
    4 AbortGraph { graph },
    5 Release(futures),
    6 Want { future, key },
    7 Cancel { futures, force, reason },
    8 Retry { futures },
    9 FireAndForget { futures },
    10 Scatter { request, first, items, workers, broadcast },
    11 Locate { request, futures },
    12 Query { request, query },
    13 Broadcast { request, workers, and_future_workers, op },
    14 Restart { request },
    15 RetireWorkers { request, workers },
    16 Shutdown,
    17 Goodbye,
});
wire_enum!(KeyChoice {
    0 Generated { prefix, token },
    1 Named(key),
});
wire_struct!(ScatterItem { key, nbytes, type_name, inline });
wire_struct!(ScatterPlacement { run, workers });
wire_struct!(Whereabouts { run, workers, inline });
wire_enum!(Query {
    0 WhoHas(keys),
    1 HasWhat(workers),
    2 Processing(workers),
    3 Nthreads(workers),
    4 Nbytes { keys, summary },
    5 Identity,
    6 TaskCounts,
    7 Story(keys),
    8 Explain(key),
});
wire_struct!(WorkerSummary { n_workers, n_threads, memory_bytes, runtimes, versions });
wire_enum!(SchedulerToClient {
    0 Welcome { client, epoch, scheduler_name, data_secret, dashboard_link, workers },
    1 Done(columns),
    2 Erred { futures, error },
    3 Cancelled { futures, lost, reason },
    4 Pending { futures },
    5 ScatterPlan { request, placements },
    6 Located { request, items },
    7 Reply { request, result },
    8 WorkerReplies { request, replies },
    9 DefinePeer { worker, address },
    10 DefineType { id, name },
    11 WorkersChanged(summary),
    12 Notice { topic, text },
    13 Closing { reason },
});
