//! Worker and scheduler.

use rask_types::msg::{
    Metrics, SchedulerToWorker, ThreadRun, Transfer, WorkerDescription, WorkerOp, WorkerToScheduler,
};

use crate::codec::{wire_enum, wire_struct};

wire_struct!(WorkerDescription {
    name,
    address,
    host,
    pid,
    nthreads,
    memory_limit_bytes,
    resources,
    runtime,
    version,
    local_directory,
    nanny_instance,
});
wire_struct!(ThreadRun { thread, run, seen_for_ms });
wire_struct!(Transfer { value, from, values, nbytes, ended_ns_ago, duration_ns });
wire_struct!(Metrics {
    cpu_percent,
    rss_bytes,
    managed_bytes,
    values,
    executing,
    ready,
    received_bytes,
    sent_bytes,
});
wire_enum!(WorkerOp {
    0 Call(payload),
    1 UploadFile { name, content, load },
});
wire_enum!(WorkerToScheduler {
    0 Register(description),
    1 Finished(columns),
    2 Erred { run, started_ns, duration_ns, thread, error },
    3 Retracted { runs },
    4 Executing { runs },
    5 Seceded { run },
    6 Rejoined { run },
    7 Reschedule { run },
    8 Missing { value, workers },
    9 Stored { value, nbytes, type_id },
    10 DefineType { id, name },
    11 Reply { request, result },
    12 Heartbeat(metrics),
    13 Notice { topic, text },
    14 Goodbye { reason },
    15 Transferred(transfers),
});
wire_enum!(SchedulerToWorker {
    0 Welcome { worker, epoch, data_secret, heartbeat_ms },
    1 Refused { reason },
    2 DefineFunction { id, payload },
    3 DefineClass { id, class },
    4 DefinePeer { worker, address },
    5 Compute(columns),
    6 Retract { runs, discard },
    7 Free { values },
    8 Replicate { sources },
    9 Do { request, op },
    10 Close { reason },
});
