//! The wire from outside: every message there and back, its bytes, and what bytes from a stranger get.

mod decoding;
mod garbage;
mod golden;
mod handshake;
mod outgoing;
mod placed;
mod round_trip;
mod strategies;

use rask_types::msg::Message;
use rask_wire::{Decoder, Family, Outgoing, WireError, encode};

/// A message's frame.
fn frame_of(message: &Message) -> Vec<u8> {
    let mut outgoing = Outgoing::default();
    encode(message, &mut outgoing).expect("it can be sent");
    outgoing.take_contiguous()
}

/// What a decoder for `family` makes of `bytes` that arrive at once.
fn decode_all(family: Family, mut bytes: &[u8]) -> Result<Vec<Message>, WireError> {
    let mut decoder = Decoder::new(family, 1 << 30);
    let mut messages = Vec::new();
    while let Some(message) = decoder.decode(&mut bytes)? {
        messages.push(message);
    }
    Ok(messages)
}
