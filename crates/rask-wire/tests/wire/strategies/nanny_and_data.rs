//! Nannies and data connections.

use rask_types::msg::{
    FetchFailure, FromData, NannyToScheduler as N, SchedulerToNanny as S, ToData, WorkerExit,
};

use super::*;

pub fn nanny_to_scheduler() -> impl Strategy<Value = N> {
    prop_oneof![
        (text(), any::<u32>()).prop_map(|(host, pid)| N::Register { host, pid }),
        any::<u64>().prop_map(|instance| N::Started { instance }),
        (any::<u64>(), runs(), text(), any::<bool>()).prop_map(|(instance, executing, status, restarts)| {
            N::Exited(WorkerExit { instance, executing, status, restarts })
        }),
    ]
}

pub fn scheduler_to_nanny() -> impl Strategy<Value = S> {
    prop_oneof![
        any::<u64>().prop_map(|instance| S::Restart { instance }),
        any::<u64>().prop_map(|instance| S::Retire { instance }),
        text().prop_map(|reason| S::Close { reason }),
    ]
}

pub fn to_data() -> impl Strategy<Value = ToData> {
    prop_oneof![
        (request(), runs()).prop_map(|(request, values)| ToData::Fetch { request, values }),
        (request(), run(), payload(), text()).prop_map(|(request, value, payload, type_name)| ToData::Put {
            request,
            value,
            payload,
            type_name
        }),
    ]
}

pub fn from_data() -> impl Strategy<Value = FromData> {
    let failure = prop_oneof![Just(FetchFailure::Missing), error().prop_map(FetchFailure::Unserializable)];
    prop_oneof![
        4 => (request(), run(), result(payload(), failure))
            .prop_map(|(request, value, result)| FromData::Value { request, value, result }),
        1 => request().prop_map(|request| FromData::Stored { request }),
    ]
}
