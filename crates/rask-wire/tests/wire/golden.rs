//! The exact bytes of the hello and of one small message of each hot kind. If one of these fails, the protocol has changed:
//! count `rask_types::PROTOCOL_VERSION` up and then set the new bytes here.

use bytes::Bytes;
use rask_types::msg::{
    ClientToScheduler, FromData, Message, NannyToScheduler, Role, SchedulerToClient, SchedulerToNanny,
    SchedulerToWorker, ToData, WorkerToScheduler,
};
use rask_types::*;
use rask_wire::Family;
use rask_wire::handshake::{ClusterId, Hello};

use super::{decode_all, frame_of};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares a frame with its bytes, given as header and parts of the body.
fn check(message: impl Into<Message>, golden: &[&str]) {
    let message = message.into();
    let frame = frame_of(&message);
    assert_eq!(hex(&frame), golden.concat(), "{message:?}");
    assert_eq!(decode_all(Family::of(&message), &frame), Ok(vec![message]));
}

#[test]
fn hello() {
    let mut bytes = Hello::new(Role::Worker, ClusterId([0xcc; 16]), [0xab; 32]).to_bytes();
    bytes[12..28].fill(0x76); // rask's version is not the protocol's
    let golden = [
        "937261736b0d0a1a",
        "0100",
        "02",
        "00",
        &"76".repeat(16),
        &"cc".repeat(16),
        &"ab".repeat(32),
        "00000000",
    ];
    assert_eq!(hex(&bytes), golden.concat());
}

fn args() -> ArgsColumn {
    ArgsColumn {
        ends: vec![2, 4, 7],
        blob: Bytes::from_static(b"aabbccc"),
        buffers: vec![(1, vec![Bytes::from_static(b"xyz")])],
    }
}

#[test]
fn graph() {
    let chunk = GraphChunk {
        graph: 5,
        first: FutureId(300),
        runs: vec![
            TaskRun { class: 1, count: 1, keys: KeyKind::Session },
            TaskRun { class: 2, count: 1, keys: KeyKind::Token },
            TaskRun { class: 3, count: 1, keys: KeyKind::Named },
        ],
        tokens: vec![0x0102],
        names: vec![Bytes::from_static(b"key")],
        args: args(),
        dep_ends: vec![0, 1, 3],
        deps: vec![FutureId(300), FutureId(300), FutureId(301)],
        holds: vec![(2, FutureId(7))],
        wants: Wants::Some(vec![0, 2]),
        last: true,
        parent: Some(RunId::new(9, 2)),
    };
    check(
        ClientToScheduler::Graph(chunk),
        &[
            "58000000000000000300000000000000",
            "05ac020101090203010100020101030102010101000000000000000001010082",
            "020100036b657903010200020507616162626363630101010300000000000000",
            "78797a0301000001030301ac020000010102070202100004",
        ],
    );
}

#[test]
fn compute() {
    let held =
        DepSource::Held { run: RunId::new(6, 1), nbytes: 300, workers: vec![WorkerId(1), WorkerId(2)] };
    let columns = ComputeColumns {
        runs: vec![RunId::new(10, 1), RunId::new(11, 1), RunId::new(13, 4)],
        classes: vec![(ClassId(2), 3)],
        orders: vec![100, 101, 102],
        tokens: vec![7 << 64 | 300, 7 << 64 | 301, 7 << 64 | 302],
        names: vec![(2, Bytes::from_static(b"key"))],
        args: args(),
        dep_ends: vec![0, 1, 2],
        deps: vec![DepSource::Inline(0), held],
        values: vec![Payload::from_head(&b"v"[..])],
        keep_inline: true,
    };
    check(
        SchedulerToWorker::Compute(columns),
        &[
            "55000000000000006500000000000000",
            "0103010a00010303010100000301020303106402030101070000000000000003",
            "0310ac02020102036b6579030102000205076161626263636301010103000000",
            "78797a0310000202000d01ac020201020100017600",
        ],
    );
}

#[test]
fn finished() {
    let columns = FinishedColumns {
        runs: vec![RunId::new(10, 1), RunId::new(11, 1), RunId::new(13, 4)],
        started_ns: vec![1_000_000, 1_000_300, 1_000_900],
        duration_ns: vec![250, 260, 70_000],
        threads: vec![0, 0, 1],
        value_ends: vec![2, 4, 4],
        blob: Bytes::from_static(b"aabb"),
        held: vec![HeldByWorker { position: 2, nbytes: 8000, type_id: TypeId(3) }],
    };
    check(
        WorkerToScheduler::Finished(columns),
        &[
            "42000000000000004100000000000000",
            "03010a0001030301010000030302c0843d00002c0184030304fa01000000000a",
            "0000007610010003010000000103010200020204616162620100020100c03e01",
            "0003",
        ],
    );
}

#[test]
fn done() {
    let held = HeldByWorker { position: 2, nbytes: 8000, type_id: TypeId(3) };
    let columns = DoneColumns {
        futures: vec![FutureId(300), FutureId(301), FutureId(303)],
        value_ends: vec![2, 4, 4],
        blob: Bytes::from_static(b"aabb"),
        held: vec![(held, RunId::new(13, 4), WorkerId(1))],
    };
    check(
        SchedulerToClient::Done(columns),
        &[
            "27000000000000002100000000000000",
            "0301ac0200010303010200020204616162620100020100c03e01000301008480",
            "8080d001010001",
        ],
    );
}

#[test]
fn a_value_with_a_buffer() {
    let payload = Payload {
        head: Bytes::from_static(b"head"),
        buffers: vec![Bytes::from_static(b"data")],
        local: None,
    };
    let message = FromData::Value { request: RequestId(1), value: RunId::new(2, 3), result: Ok(payload) };
    check(
        message,
        &[
            "4400000000000000e000000000000000",
            "0102030004686561640104000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "64617461",
        ],
    );
}

#[test]
fn cold_messages() {
    let mut class = TaskClass::plain("inc", FunctionId(1), Language::Python);
    class.priority = -1;
    class.workers = vec!["a".into()];
    class.resources = vec![("GPU".into(), 1.0)];
    check(
        SchedulerToWorker::DefineClass { id: ClassId(4), class },
        &[
            "2a000000000000006300000000000000",
            "0403696e63010000000000000000000000000000000101000101610001034750",
            "55000000000000f03f00",
        ],
    );
    let mut error = TaskError::new(ErrorKind::Exception, "k", "t");
    error.traceback_text = "f".into();
    error.worker = "w".into();
    check(
        WorkerToScheduler::Erred {
            run: RunId::new(1, 2),
            started_ns: 3,
            duration_ns: 4,
            thread: 5,
            error: error.into(),
        },
        &["12000000000000004200000000000000", "010203040500016b01740000000001660177"],
    );
    check(
        ToData::Fetch { request: RequestId(1), values: vec![RunId::new(2, 3), RunId::new(9, 3)] },
        &["0800000000000000c000000000000000", "010210020e020003"],
    );
    check(
        ClientToScheduler::Release((1000..2000).map(FutureId).collect()),
        &["06000000000000000500000000000000", "e80710e80702"],
    );
    check(
        NannyToScheduler::Register { host: "h".into(), pid: 300 },
        &["04000000000000008000000000000000", "0168ac02"],
    );
    check(SchedulerToNanny::Restart { instance: 1 }, &["0100000000000000a000000000000000", "01"]);
}
