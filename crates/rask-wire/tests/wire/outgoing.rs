//! The queue of outgoing bytes: what is copied, what is not, and partial writes.

use std::io::IoSlice;

use bytes::Bytes;
use proptest::prelude::*;
use rask_types::msg::{FromData, Message};
use rask_types::{Payload, RequestId, RunId};
use rask_wire::{Decoder, Family, Outgoing, encode};

use super::strategies;

fn value_of(buffers: Vec<Bytes>) -> Message {
    let payload = Payload { head: Bytes::from_static(b"head"), buffers, local: None };
    FromData::Value { request: RequestId(1), value: RunId::new(2, 3), result: Ok(payload) }.into()
}

#[test]
fn large_buffers_are_sent_from_where_they_are() {
    let buffer = Bytes::from(vec![1; 100_000]);
    let mut outgoing = Outgoing::default();
    encode(&value_of(vec![buffer.clone(), Bytes::from_static(b"small"), buffer.clone()]), &mut outgoing)
        .expect("it can be sent");
    let mut slices = [IoSlice::new(&[]); 8];
    let n = outgoing.chunks_vectored(&mut slices);
    assert_eq!(n, 4, "head, buffer, small stuff, buffer");
    assert_eq!(slices[1].as_ptr(), buffer.as_ptr());
    assert_eq!(slices[3].as_ptr(), buffer.as_ptr());
    assert_eq!(slices[..n].iter().map(|slice| slice.len()).sum::<usize>(), outgoing.len_bytes());
}

#[test]
fn a_large_body_is_received_in_one_aligned_place() {
    let buffers: Vec<Bytes> = (1_u8..4).map(|i| Bytes::from(vec![i; 50_000 + usize::from(i)])).collect();
    let message = value_of(buffers);
    let mut outgoing = Outgoing::default();
    encode(&message, &mut outgoing).expect("it can be sent");
    let bytes = outgoing.take_contiguous();
    let mut decoder = Decoder::new(Family::FromData, 1 << 30);
    let (mut first, mut rest) = bytes.split_at(20);
    assert_eq!(decoder.decode(&mut first), Ok(None));
    let body = decoder.spare_mut().as_ptr() as usize - 4;
    assert_eq!(body % 64, 0);
    let received = decoder.decode(&mut rest).expect("sound bytes").expect("a message");
    assert_eq!(received, message);
    let Message::FromData(FromData::Value { result: Ok(payload), .. }) = received else {
        panic!("{received:?}")
    };
    for buffer in &payload.buffers {
        let at = buffer.as_ptr() as usize;
        assert_eq!(at % 64, 0, "array data is aligned");
        assert!((body..body + bytes.len()).contains(&at), "it was not moved");
    }
}

#[test]
fn a_short_value_does_not_keep_a_long_body_alive() {
    let message = value_of(vec![Bytes::from(vec![1; 1 << 20])]);
    let mut outgoing = Outgoing::default();
    encode(&message, &mut outgoing).expect("it can be sent");
    let bytes = outgoing.take_contiguous();
    let (mut first, mut rest) = bytes.split_at(20);
    let mut decoder = Decoder::new(Family::FromData, 1 << 30);
    assert_eq!(decoder.decode(&mut first), Ok(None));
    let body = decoder.spare_mut().as_ptr() as usize - 4;
    let received = decoder.decode(&mut rest).expect("sound bytes").expect("a message");
    let Message::FromData(FromData::Value { result: Ok(payload), .. }) = received else {
        panic!("{received:?}")
    };
    let head = payload.head.as_ptr() as usize;
    assert!(!(body..body + bytes.len()).contains(&head));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn any_sequence_of_partial_writes_sends_the_same_bytes(
        messages in proptest::collection::vec(strategies::message(), 1..8),
        steps in proptest::collection::vec(1_usize..50_000, 1..40),
    ) {
        let mut expected = Vec::new();
        let mut outgoing = Outgoing::default();
        let mut sent = Vec::new();
        let mut steps = steps.into_iter().cycle();
        let mut write = |outgoing: &mut Outgoing, sent: &mut Vec<u8>| {
            let mut slices = [IoSlice::new(&[]); 3];
            let n = outgoing.chunks_vectored(&mut slices);
            let offered: Vec<u8> = slices[..n].iter().flat_map(|slice| slice.to_vec()).collect();
            let taken = offered.len().min(steps.next().unwrap_or(1));
            sent.extend_from_slice(&offered[..taken]);
            outgoing.advance(taken);
        };
        for message in &messages {
            expected.extend(super::frame_of(message));
            encode(message, &mut outgoing).expect("it can be sent");
            write(&mut outgoing, &mut sent);
        }
        while !outgoing.is_empty() {
            prop_assert_eq!(outgoing.len_bytes(), expected.len() - sent.len());
            write(&mut outgoing, &mut sent);
        }
        prop_assert_eq!(sent, expected);
    }
}
