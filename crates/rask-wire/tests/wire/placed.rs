//! Frames whose bodies lie elsewhere.

use bytes::Bytes;
use rask_types::msg::{FromData, Message};
use rask_types::{Payload, RequestId, RunId};
use rask_wire::{Apart, Decoder, Family, WireError, forget_segment};

use super::frame_of;

fn value() -> Message {
    let buffers = vec![Bytes::from(vec![7; 100_000]), Bytes::from(vec![8; 20_000])];
    let payload = Payload { head: Bytes::from_static(b"head"), buffers, local: None };
    FromData::Value { request: RequestId(3), value: RunId::new(1, 1), result: Ok(payload) }.into()
}

fn decoder() -> Decoder {
    let mut decoder = Decoder::new(Family::FromData, 1 << 20);
    decoder.allow_placed();
    decoder
}

#[test]
fn a_placed_message_is_the_same_message() {
    let mut apart = Apart::new(&value(), 1 << 20).expect("it can be sent");
    let header = apart.placed_in(5);
    let body = Bytes::from(apart.body.take_contiguous());
    assert_eq!(body, frame_of(&value())[header.len()..], "its body is that of any frame");

    let stored = Message::from(FromData::Stored { request: RequestId(4) });
    let bytes = [&header[..], &frame_of(&stored)].concat();
    let (mut decoder, mut input) = (decoder(), &bytes[..]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    let placed = decoder.take_placed().expect("a placed frame");
    assert_eq!((placed.segment, placed.body_bytes), (5, body.len() as u64));
    let message = placed.decode(&body).expect("a message");
    assert_eq!(message, value());
    let Message::FromData(FromData::Value { result: Ok(payload), .. }) = message else { panic!("a value") };
    assert!(body.as_ptr_range().contains(&payload.buffers[0].as_ptr()), "long values are not copied");
    assert_eq!(decoder.decode(&mut input), Ok(Some(stored)), "what follows is as ever");
    assert_eq!(decoder.take_placed(), None);
}

#[test]
fn a_header_that_comes_in_parts_is_placed_when_it_is_whole() {
    let header = forget_segment(Family::FromData, 300);
    let mut decoder = decoder();
    for at in 0..header.len() {
        assert_eq!(decoder.take_placed(), None);
        assert_eq!(decoder.decode(&mut &header[at..=at]), Ok(None));
    }
    let placed = decoder.take_placed().expect("a placed frame");
    assert_eq!((placed.segment, placed.body_bytes), (300, 0));
}

#[test]
fn connections_without_segments_know_no_placed_frames() {
    let header = forget_segment(Family::FromData, 1);
    let mut decoder = Decoder::new(Family::FromData, 1 << 20);
    assert_eq!(decoder.decode(&mut &header[..]), Err(WireError::BadHeader));
}

#[test]
fn a_placed_frame_is_bounded_as_any_other() {
    assert!(matches!(Apart::new(&value(), 1_000), Err(WireError::FrameTooLong { .. })));
    let header = Apart::new(&value(), 1 << 20).expect("it can be sent").placed_in(1);
    let mut decoder = Decoder::new(Family::FromData, 1_000);
    decoder.allow_placed();
    assert!(matches!(decoder.decode(&mut &header[..]), Err(WireError::FrameTooLong { .. })));
}
