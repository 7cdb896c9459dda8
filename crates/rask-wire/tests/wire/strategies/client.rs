//! Client and scheduler.

use rask_types::columns::NumberedClass;
use rask_types::msg::{
    ClientToScheduler as C, KeyChoice, Query, ScatterItem, ScatterPlacement, SchedulerToClient as S,
    Whereabouts, WorkerSummary,
};

use super::*;

pub fn to_scheduler() -> impl Strategy<Value = C> {
    prop_oneof![session().boxed(), tasks().boxed(), questions().boxed()]
}

fn session() -> impl Strategy<Value = C> {
    prop_oneof![
        (text(), any::<u64>(), text(), text(), option::of(any::<u64>())).prop_map(
            |(name, session, runtime, version, epoch)| C::Register { name, session, runtime, version, epoch }
        ),
        (any::<u128>(), payload())
            .prop_map(|(id, payload)| C::DefineFunction { id: FunctionId(id), payload }),
        (any::<u32>(), class()).prop_map(|(number, class)| C::DefineClass(NumberedClass { number, class })),
        Just(C::Shutdown),
        Just(C::Goodbye),
    ]
}

fn tasks() -> impl Strategy<Value = C> {
    prop_oneof![
        5 => graph().prop_map(C::Graph),
        1 => any::<u32>().prop_map(|graph| C::AbortGraph { graph }),
        2 => futures().prop_map(C::Release),
        1 => (any::<u64>(), bytes()).prop_map(|(future, key)| C::Want { future: FutureId(future), key }),
        1 => (futures(), any::<bool>(), text())
            .prop_map(|(futures, force, reason)| C::Cancel { futures, force, reason }),
        1 => futures().prop_map(|futures| C::Retry { futures }),
        1 => futures().prop_map(|futures| C::FireAndForget { futures }),
    ]
}

fn questions() -> impl Strategy<Value = C> {
    let scatter = (request(), any::<u64>(), vec(scatter_item(), 0..4), texts(), any::<bool>());
    prop_oneof![
        scatter.prop_map(|(request, first, items, workers, broadcast)| {
            C::Scatter { request, first: FutureId(first), items, workers, broadcast }
        }),
        (request(), futures()).prop_map(|(request, futures)| C::Locate { request, futures }),
        (request(), query()).prop_map(|(request, query)| C::Query { request, query }),
        (request(), option::of(texts()), any::<bool>(), op()).prop_map(
            |(request, workers, and_future_workers, op)| C::Broadcast {
                request,
                workers,
                and_future_workers,
                op
            }
        ),
        request().prop_map(|request| C::Restart { request }),
        (request(), texts()).prop_map(|(request, workers)| C::RetireWorkers { request, workers }),
    ]
}

fn scatter_item() -> impl Strategy<Value = ScatterItem> {
    let key = prop_oneof![
        (text(), any::<u128>()).prop_map(|(prefix, token)| KeyChoice::Generated { prefix, token }),
        bytes().prop_map(KeyChoice::Named),
    ];
    (key, any::<u64>(), text(), option::of(bytes()))
        .prop_map(|(key, nbytes, type_name, inline)| ScatterItem { key, nbytes, type_name, inline })
}

fn query() -> impl Strategy<Value = Query> {
    let keys = || vec(bytes(), 0..4);
    prop_oneof![
        option::of(keys()).prop_map(Query::WhoHas),
        option::of(texts()).prop_map(Query::HasWhat),
        option::of(texts()).prop_map(Query::Processing),
        option::of(texts()).prop_map(Query::Nthreads),
        (option::of(keys()), any::<bool>()).prop_map(|(keys, summary)| Query::Nbytes { keys, summary }),
        Just(Query::Identity),
        Just(Query::TaskCounts),
        keys().prop_map(Query::Story),
        bytes().prop_map(Query::Explain),
    ]
}

pub fn from_scheduler() -> impl Strategy<Value = S> {
    prop_oneof![states().boxed(), answers().boxed(), news().boxed()]
}

fn states() -> impl Strategy<Value = S> {
    prop_oneof![
        3 => done().prop_map(S::Done),
        1 => (futures(), error()).prop_map(|(futures, error)| S::Erred { futures, error }),
        1 => (futures(), any::<bool>(), text())
            .prop_map(|(futures, lost, reason)| S::Cancelled { futures, lost, reason }),
        1 => futures().prop_map(|futures| S::Pending { futures }),
    ]
}

fn answers() -> impl Strategy<Value = S> {
    let placement = (run(), worker_ids()).prop_map(|(run, workers)| ScatterPlacement { run, workers });
    let whereabouts = (run(), worker_ids(), option::of(bytes()))
        .prop_map(|(run, workers, inline)| Whereabouts { run, workers, inline });
    prop_oneof![
        (request(), result(vec(placement, 0..4), text()))
            .prop_map(|(request, placements)| S::ScatterPlan { request, placements }),
        (request(), vec(option::of(whereabouts), 0..4))
            .prop_map(|(request, items)| S::Located { request, items }),
        (request(), result(bytes(), text())).prop_map(|(request, result)| S::Reply { request, result }),
        (request(), vec((text(), result(payload(), error())), 0..3))
            .prop_map(|(request, replies)| S::WorkerReplies { request, replies }),
    ]
}

fn summary() -> impl Strategy<Value = WorkerSummary> {
    (any::<u32>(), any::<u32>(), any::<u64>(), texts(), texts()).prop_map(
        |(n_workers, n_threads, memory_bytes, runtimes, versions)| WorkerSummary {
            n_workers,
            n_threads,
            memory_bytes,
            runtimes,
            versions,
        },
    )
}

fn news() -> impl Strategy<Value = S> {
    let welcome = (any::<u32>(), any::<u64>(), text(), bytes(), text(), summary());
    prop_oneof![
        welcome.prop_map(|(client, epoch, scheduler_name, data_secret, dashboard_link, workers)| {
            S::Welcome {
                client: ClientId(client),
                epoch,
                scheduler_name,
                data_secret,
                dashboard_link,
                workers,
            }
        }),
        (any::<u32>(), text())
            .prop_map(|(worker, address)| S::DefinePeer { worker: WorkerId(worker), address }),
        (any::<u32>(), text()).prop_map(|(id, name)| S::DefineType { id: TypeId(id), name }),
        summary().prop_map(S::WorkersChanged),
        (text(), text()).prop_map(|(topic, text)| S::Notice { topic, text }),
        text().prop_map(|reason| S::Closing { reason }),
    ]
}
