//! Arbitrary messages. What must be consistent (columns) is made row by row. Strategies are boxed where they would else pile up
//! on the stack.

mod client;
mod columns;
mod nanny_and_data;
mod worker;

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rask_types::msg::Message;
use rask_types::*;

pub use columns::{compute, done, finished, graph};

/// Any message of any family.
pub fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        client::to_scheduler().prop_map(Message::from).boxed(),
        client::from_scheduler().prop_map(Message::from).boxed(),
        worker::to_scheduler().prop_map(Message::from).boxed(),
        worker::from_scheduler().prop_map(Message::from).boxed(),
        nanny_and_data::nanny_to_scheduler().prop_map(Message::from).boxed(),
        nanny_and_data::scheduler_to_nanny().prop_map(Message::from).boxed(),
        nanny_and_data::to_data().prop_map(Message::from).boxed(),
        nanny_and_data::from_data().prop_map(Message::from).boxed(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

/// Mostly small, sometimes beyond the length from which bytes are not copied.
fn maybe_large_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        8 => bytes(),
        1 => (20_000_usize..40_000, any::<u8>()).prop_map(|(len, byte)| Bytes::from(vec![byte; len])),
    ]
}

fn payload() -> BoxedStrategy<Payload> {
    (maybe_large_bytes(), vec(maybe_large_bytes(), 0..3))
        .prop_map(|(head, buffers)| Payload { head, buffers, local: None })
        .boxed()
}

fn run() -> impl Strategy<Value = RunId> {
    (any::<u32>(), 0_u32..9).prop_map(|(task, attempt)| RunId::new(task, attempt))
}

fn runs() -> impl Strategy<Value = Vec<RunId>> {
    vec(run(), 0..20)
}

/// Scattered, or counting up as they mostly do.
fn futures() -> impl Strategy<Value = Vec<FutureId>> {
    prop_oneof![
        vec(any::<u64>().prop_map(FutureId), 0..20),
        (0..u64::MAX / 2, 0_u64..300).prop_map(|(first, n)| (first..first + n).map(FutureId).collect()),
    ]
}

fn worker_ids() -> impl Strategy<Value = Vec<WorkerId>> {
    vec(any::<u32>().prop_map(WorkerId), 0..4)
}

fn request() -> impl Strategy<Value = RequestId> {
    any::<u32>().prop_map(RequestId)
}

fn class() -> impl Strategy<Value = TaskClass> {
    let language = prop_oneof![Just(Language::Literal), Just(Language::Python), Just(Language::Rust)];
    let resources = vec((text(), -1e9..1e9_f64), 0..3);
    let first = (text(), any::<u128>(), language, any::<i32>(), any::<u32>());
    (first, texts(), any::<bool>(), resources, bytes()).prop_map(
        |(
            (prefix, function, language, priority, retries),
            workers,
            allow_other_workers,
            resources,
            annotations,
        )| {
            TaskClass {
                prefix,
                function: FunctionId(function),
                language,
                priority,
                retries,
                workers,
                allow_other_workers,
                resources,
                annotations,
            }
        },
    )
}

fn error() -> BoxedStrategy<Arc<TaskError>> {
    let killed = (text(), any::<u32>(), texts()).prop_map(|(last_worker, allowed_failures, deaths)| {
        ErrorKind::KilledWorker { last_worker, allowed_failures, deaths }
    });
    let kind = prop_oneof![
        Just(ErrorKind::Exception),
        killed,
        Just(ErrorKind::Undecodable),
        Just(ErrorKind::Unserializable),
        Just(ErrorKind::Refused),
    ];
    (kind, text(), text(), payload(), payload(), text(), text())
        .prop_map(|(kind, key, text, exception, traceback, traceback_text, worker)| {
            Arc::new(TaskError { kind, key, text, exception, traceback, traceback_text, worker })
        })
        .boxed()
}

fn op() -> impl Strategy<Value = msg::WorkerOp> {
    prop_oneof![
        payload().prop_map(msg::WorkerOp::Call),
        (text(), maybe_large_bytes(), any::<bool>())
            .prop_map(|(name, content, load)| msg::WorkerOp::UploadFile { name, content, load }),
    ]
}

fn result<T: Clone + std::fmt::Debug, E: Clone + std::fmt::Debug>(
    ok: impl Strategy<Value = T> + 'static,
    err: impl Strategy<Value = E> + 'static,
) -> impl Strategy<Value = Result<T, E>> {
    prop_oneof![ok.prop_map(Ok), err.prop_map(Err)]
}
