//! What bytes from a broken or hostile peer get: an error, never a panic, never much memory.

use proptest::prelude::*;
use rask_types::msg::{ClientToScheduler, Message, SchedulerToClient, WorkerToScheduler};
use rask_types::{FutureId, LocalObject, Payload};
use rask_wire::{Decoder, Family, Outgoing, WireError, encode};

use super::{decode_all, frame_of, strategies};

const FAMILIES: [Family; 8] = [
    Family::ClientToScheduler,
    Family::SchedulerToClient,
    Family::WorkerToScheduler,
    Family::SchedulerToWorker,
    Family::NannyToScheduler,
    Family::SchedulerToNanny,
    Family::ToData,
    Family::FromData,
];

/// A frame of this kind around any body.
fn frame_around(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u64).to_le_bytes().to_vec();
    frame.push(kind);
    frame.extend_from_slice(&[0; 7]);
    frame.extend_from_slice(body);
    frame
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), family in 0_usize..8) {
        if let Ok(messages) = decode_all(FAMILIES[family], &bytes) {
            // 16 random bytes hardly ever are a header: reserved bytes are zero.
            prop_assert!(messages.is_empty() || bytes[9..16] == [0; 7]);
        }
    }

    #[test]
    fn garbage_in_a_sound_frame_is_an_error_or_a_message(
        body in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..200),
        kind in any::<u8>(),
    ) {
        let bytes = frame_around(kind, &body);
        if let Ok(messages) = decode_all(FAMILIES[usize::from(kind >> 5)], &bytes) {
            // What decodes can be sent on.
            frame_of(&messages[0]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_wrong_byte_never_panics(message in strategies::message(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = frame_of(&message);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(messages) = decode_all(Family::of(&message), &bytes) {
            messages.iter().for_each(|message| { frame_of(message); });
        }
    }

    #[test]
    fn a_frame_that_is_cut_short_is_no_message(message in strategies::message(), cut in any::<prop::sample::Index>()) {
        let bytes = frame_of(&message);
        let cut = cut.index(bytes.len());
        let mut decoder = Decoder::new(Family::of(&message), 1 << 30);
        prop_assert_eq!(decoder.decode(&mut &bytes[..cut]), Ok(None));
        prop_assert_eq!(decoder.is_between_frames(), cut == 0);
    }

    #[test]
    fn a_body_that_is_cut_short_is_an_error(message in strategies::message(), cut in any::<prop::sample::Index>()) {
        let bytes = frame_of(&message);
        prop_assume!(bytes.len() > 16);
        let body = &bytes[16..];
        let short = frame_around(bytes[8], &body[..cut.index(body.len())]);
        prop_assert!(decode_all(Family::of(&message), &short).is_err());
    }

    #[test]
    fn bytes_after_a_message_are_an_error(message in strategies::message(), more in 1_usize..9) {
        let bytes = frame_of(&message);
        let mut body = bytes[16..].to_vec();
        body.extend(std::iter::repeat_n(0, more));
        let long = frame_around(bytes[8], &body);
        prop_assert!(decode_all(Family::of(&message), &long).is_err());
    }

    #[test]
    fn a_peer_may_not_say_what_is_not_its_to_say(message in strategies::message(), family in 0_usize..8) {
        let family = FAMILIES[family];
        prop_assume!(family != Family::of(&message));
        let bytes = frame_of(&message);
        prop_assert_eq!(decode_all(family, &bytes), Err(WireError::UnexpectedKind(bytes[8])));
    }
}

#[test]
fn a_frame_longer_than_allowed_is_refused_by_its_header_alone() {
    let mut frame = frame_around(0, &[]);
    frame[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut decoder = Decoder::new(Family::ClientToScheduler, 1 << 20);
    let refused = Err(WireError::FrameTooLong { body_bytes: u64::MAX, max: 1 << 20 });
    assert_eq!(decoder.decode(&mut &frame[..]), refused);
}

#[test]
fn a_frame_longer_than_any_memory_is_refused() {
    let mut frame = frame_around(0, &[]);
    frame[..8].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    let mut decoder = Decoder::new(Family::ClientToScheduler, u64::MAX);
    assert_eq!(decoder.decode(&mut &frame[..]), Err(WireError::OutOfMemory { body_bytes: 1 << 62 }));
}

#[test]
fn what_is_too_long_is_not_sent_and_leaves_no_trace() {
    let short = Message::from(ClientToScheduler::AbortGraph { graph: 1 });
    let payload = |len: usize| Payload::from_head(vec![1; len]);
    let define = |len| {
        Message::from(ClientToScheduler::DefineFunction { id: Default::default(), payload: payload(len) })
    };
    let mut outgoing = Outgoing::new(30_000);
    encode(&short, &mut outgoing).expect("it fits");
    for len in [29_999, 40_000] {
        let error = encode(&define(len), &mut outgoing).expect_err("it does not fit");
        assert!(matches!(error, WireError::FrameTooLong { max: 30_000, .. }), "{error}");
    }
    encode(&define(20_000), &mut outgoing).expect("it fits");
    let bytes = outgoing.take_contiguous();
    assert_eq!(decode_all(Family::ClientToScheduler, &bytes), Ok(vec![short, define(20_000)]));
}

#[test]
fn a_local_object_is_not_sent() {
    let local: LocalObject = std::sync::Arc::new(5_u8);
    let message = Message::from(ClientToScheduler::DefineFunction {
        id: Default::default(),
        payload: Payload::from_local(local),
    });
    let mut outgoing = Outgoing::default();
    assert_eq!(encode(&message, &mut outgoing), Err(WireError::LocalPayload));
    assert!(outgoing.is_empty());
}

#[test]
fn counts_that_lie_allocate_nothing() {
    // The first varint of each body claims 2^40 items of which nothing follows, in every form a column can have.
    let mut count = vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    for tag in [0x00, 0x01, 0x08, 0x10, 0x14, 0x20] {
        count.truncate(6);
        count.extend_from_slice(&[tag, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0x7f]);
        let release = frame_of(&ClientToScheduler::Release(vec![]).into())[8];
        let finished = frame_of(&WorkerToScheduler::Finished(Default::default()).into())[8];
        let done = frame_of(&SchedulerToClient::Done(Default::default()).into())[8];
        for kind in [release, finished, done] {
            let error = decode_all(FAMILIES[usize::from(kind >> 5)], &frame_around(kind, &count));
            assert!(error.is_err(), "tag {tag:#x}, kind {kind:#x}: {error:?}");
        }
    }
}

#[test]
fn a_short_frame_expands_to_a_bounded_number_of_items() {
    let ids = |n: u64| ClientToScheduler::Release((0..n).map(FutureId).collect()).into();
    let most = frame_of(&ids(1 << 18));
    assert!(most.len() < 40, "a range is a few bytes");
    // One more, and every number takes a byte.
    assert!(frame_of(&ids((1 << 18) + 1)).len() > 1 << 18);
    // Claiming one more in the short form is refused.
    let mut lie = most.clone();
    lie[16..19].copy_from_slice(&[0x81, 0x80, 0x10]);
    assert_eq!(&most[16..19], &[0x80, 0x80, 0x10]);
    assert_eq!(decode_all(Family::ClientToScheduler, &lie), Err(WireError::Overflow));
}
