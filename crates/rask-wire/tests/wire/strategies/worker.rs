//! Worker and scheduler.

use rask_types::msg::{
    Metrics, SchedulerToWorker as S, ThreadRun, Transfer, WorkerDescription, WorkerToScheduler as W,
};

use super::*;

pub fn to_scheduler() -> impl Strategy<Value = W> {
    prop_oneof![about_runs().boxed(), about_the_worker().boxed()]
}

fn about_runs() -> impl Strategy<Value = W> {
    prop_oneof![
        5 => finished().prop_map(W::Finished),
        1 => (run(), any::<u64>(), any::<u64>(), any::<u16>(), error()).prop_map(
            |(run, started_ns, duration_ns, thread, error)| {
                W::Erred { run, started_ns, duration_ns, thread, error }
            }
        ),
        1 => runs().prop_map(|runs| W::Retracted { runs }),
        1 => vec(thread_run(), 0..5).prop_map(|runs| W::Executing { runs }),
        1 => run().prop_map(|run| W::Seceded { run }),
        1 => run().prop_map(|run| W::Rejoined { run }),
        1 => run().prop_map(|run| W::Reschedule { run }),
        1 => (run(), worker_ids()).prop_map(|(value, workers)| W::Missing { value, workers }),
        1 => (run(), any::<u64>(), any::<u32>())
            .prop_map(|(value, nbytes, id)| W::Stored { value, nbytes, type_id: TypeId(id) }),
    ]
}

fn thread_run() -> impl Strategy<Value = ThreadRun> {
    (any::<u16>(), run(), any::<u32>()).prop_map(|(thread, run, seen_for_ms)| ThreadRun {
        thread,
        run,
        seen_for_ms,
    })
}

fn description() -> impl Strategy<Value = WorkerDescription> {
    let first = (text(), text(), text(), any::<u32>(), any::<u32>(), any::<u64>());
    let second = (vec((text(), 0.0..1e9_f64), 0..3), text(), text(), text(), option::of(any::<u64>()));
    (first, second).prop_map(
        |(
            (name, address, host, pid, nthreads, memory_limit_bytes),
            (resources, runtime, version, local_directory, nanny_instance),
        )| WorkerDescription {
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
        },
    )
}

fn metrics() -> impl Strategy<Value = Metrics> {
    let bytes = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (0.0..1e4_f32, bytes, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
        |(cpu_percent, (rss_bytes, managed_bytes, received_bytes, sent_bytes), values, executing, ready)| {
            Metrics {
                cpu_percent,
                rss_bytes,
                managed_bytes,
                values,
                executing,
                ready,
                received_bytes,
                sent_bytes,
            }
        },
    )
}

fn transfer() -> impl Strategy<Value = Transfer> {
    (run(), any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
        |(value, from, values, nbytes, ended_ns_ago, duration_ns)| Transfer {
            value,
            from: WorkerId(from),
            values,
            nbytes,
            ended_ns_ago,
            duration_ns,
        },
    )
}

fn about_the_worker() -> impl Strategy<Value = W> {
    prop_oneof![
        description().prop_map(W::Register),
        (any::<u32>(), text()).prop_map(|(id, name)| W::DefineType { id: TypeId(id), name }),
        (request(), result(payload(), error())).prop_map(|(request, result)| W::Reply { request, result }),
        metrics().prop_map(W::Heartbeat),
        proptest::collection::vec(transfer(), 0..5).prop_map(W::Transferred),
        (text(), text()).prop_map(|(topic, text)| W::Notice { topic, text }),
        text().prop_map(|reason| W::Goodbye { reason }),
    ]
}

pub fn from_scheduler() -> impl Strategy<Value = S> {
    prop_oneof![definitions().boxed(), orders().boxed()]
}

fn definitions() -> impl Strategy<Value = S> {
    prop_oneof![
        (any::<u32>(), any::<u64>(), bytes(), any::<u32>()).prop_map(
            |(worker, epoch, data_secret, heartbeat_ms)| S::Welcome {
                worker: WorkerId(worker),
                epoch,
                data_secret,
                heartbeat_ms,
            }
        ),
        text().prop_map(|reason| S::Refused { reason }),
        (any::<u128>(), payload())
            .prop_map(|(id, payload)| S::DefineFunction { id: FunctionId(id), payload }),
        (any::<u32>(), class()).prop_map(|(id, class)| S::DefineClass { id: ClassId(id), class }),
        (any::<u32>(), text())
            .prop_map(|(worker, address)| S::DefinePeer { worker: WorkerId(worker), address }),
    ]
}

fn orders() -> impl Strategy<Value = S> {
    prop_oneof![
        5 => compute().prop_map(S::Compute),
        1 => (runs(), any::<bool>()).prop_map(|(runs, discard)| S::Retract { runs, discard }),
        1 => runs().prop_map(|values| S::Free { values }),
        1 => vec((run(), worker_ids()), 0..5).prop_map(|sources| S::Replicate { sources }),
        1 => (request(), op()).prop_map(|(request, op)| S::Do { request, op }),
        1 => text().prop_map(|reason| S::Close { reason }),
    ]
}
