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
