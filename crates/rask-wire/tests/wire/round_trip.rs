//! Every message comes back as it was, however its bytes are cut.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rask_types::msg::Message;
use rask_wire::{Decoder, Family, Outgoing, encode};

use super::{decode_all, frame_of, strategies};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn messages_come_back(message in strategies::message()) {
        let bytes = frame_of(&message);
        prop_assert_eq!(decode_all(Family::of(&message), &bytes), Ok(vec![message]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn messages_come_back_in_pieces(
        message in strategies::message(),
        piece_bytes in prop_oneof![1_usize..40, 1000_usize..30_000],
    ) {
        let mut bytes = frame_of(&message);
        bytes.extend(frame_of(&message));
        let mut decoder = Decoder::new(Family::of(&message), 1 << 30);
        let mut messages = Vec::new();
        for mut piece in bytes.chunks(piece_bytes) {
            while let Some(message) = decoder.decode(&mut piece).map_err(|e| TestCaseError::fail(e.to_string()))? {
                messages.push(message);
            }
            prop_assert!(piece.is_empty());
        }
        prop_assert!(decoder.is_between_frames());
        prop_assert_eq!(messages, vec![message.clone(), message]);
    }

    #[test]
    fn messages_come_back_when_read_into_place(message in strategies::message(), first in 0_usize..200) {
        let bytes = frame_of(&message);
        let (mut head, mut tail) = bytes.split_at(first.min(bytes.len()));
        let mut decoder = Decoder::new(Family::of(&message), 1 << 30);
        let mut got = decoder.decode(&mut head).expect("sound bytes");
        while got.is_none() && !tail.is_empty() {
            let spare = decoder.spare_mut();
            let n = spare.len().min(tail.len()).min(7000);
            spare[..n].iter_mut().zip(tail).for_each(|(to, &byte)| {
                to.write(byte);
            });
            tail = &tail[n..];
            // SAFETY: the first `n` bytes were written just now.
            unsafe { decoder.assume_filled(n) };
            got = decoder.decode(&mut if n == 0 { std::mem::take(&mut tail) } else { &[] }).expect("sound bytes");
        }
        prop_assert_eq!(got, Some(message));
    }

    #[test]
    fn many_messages_share_a_queue(messages in proptest::collection::vec(strategies::message(), 1..12)) {
        let mut outgoing = Outgoing::default();
        for message in &messages {
            encode(message, &mut outgoing).expect("it can be sent");
        }
        let together = outgoing.take_contiguous();
        let apart: Vec<u8> = messages.iter().flat_map(frame_of).collect();
        prop_assert_eq!(together, apart);
    }
}

/// A variant that the strategies forget would not be tested at all.
#[test]
fn the_strategies_make_every_kind_of_message() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut kinds = std::collections::BTreeSet::new();
    for _ in 0..3000 {
        let message: Message = strategies::message().new_tree(&mut runner).expect("a message").current();
        kinds.insert(frame_of(&message)[8]);
    }
    assert_eq!(kinds.len(), 18 + 14 + 16 + 11 + 3 + 3 + 2 + 2, "{kinds:?}");
}
