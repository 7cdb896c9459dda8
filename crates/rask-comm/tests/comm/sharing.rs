//! Long values between processes of one machine, through memory that both have. (Here both are one process; nothing knows.)

use std::time::{Duration, Instant};

use bytes::Bytes;
use rask_comm::*;
use rask_types::msg::{FromData, Message, ToData};
use rask_types::{Payload, RequestId, RunId};

use super::node::*;

const LEN: usize = 3_000_000;

fn value(request: u32, fill: u8) -> FromData {
    let buffers = vec![Bytes::from(vec![fill; LEN])];
    let payload = Payload { head: Bytes::from_static(b"head"), buffers, local: None };
    FromData::Value { request: RequestId(request), value: RunId::new(1, 1), result: Ok(payload) }
}

fn buffer_of(message: Message) -> Bytes {
    match message {
        Message::FromData(FromData::Value { result: Ok(payload), .. }) => payload.buffers[0].clone(),
        other => panic!("expected a value, got {other:?}"),
    }
}

/// Whether bytes lie in a shared segment.
fn is_shared(bytes: &Bytes) -> bool {
    let at = bytes.as_ptr() as u64;
    let maps = std::fs::read_to_string("/proc/self/maps").expect("a list of mappings");
    maps.lines().filter(|line| line.contains("memfd:rask")).any(|line| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let (start, end) = range.expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        (number(start)..number(end)).contains(&at)
    })
}

/// Sends values until one comes through shared memory; the first of them has a segment made. That one.
fn until_shared(pair: &Pair, fill: u8) -> Bytes {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        pair.scheduler.send(pair.at_scheduler, value(1, fill));
        let bytes = buffer_of(pair.client.expect_message());
        assert_eq!(bytes, vec![fill; LEN]);
        if is_shared(&bytes) {
            return bytes;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing went through shared memory");
}

fn data_pair(kind: &str) -> Pair {
    Pair::with(kind, Habit::Report, Role::Data, Options::default())
}

#[test]
#[cfg(target_os = "linux")]
fn a_long_value_comes_in_memory_of_its_own_and_the_memory_is_used_again() {
    let pair = data_pair("unix");
    let first = until_shared(&pair, 1);
    assert_eq!(first.as_ptr() as usize % 64, 0, "array data is aligned");
    let second = until_shared(&pair, 2);
    assert_eq!(first, vec![1; LEN], "it is not touched while someone has it");
    let at = first.as_ptr();
    drop(first);
    let third = until_shared(&pair, 3);
    assert_eq!(third.as_ptr(), at);
    assert_eq!(second, vec![2; LEN]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_value_outlives_its_link_and_its_sender() {
    let pair = data_pair("unix");
    let bytes = until_shared(&pair, 7);
    let Pair { scheduler, client, .. } = pair;
    scheduler.stop();
    client.stop();
    assert_eq!(bytes, vec![7; LEN]);
}

#[test]
fn the_order_of_messages_stays() {
    for kind in kinds() {
        let pair = data_pair(kind);
        let link = pair.at_scheduler;
        for round in 0..5 {
            pair.scheduler.with_io(move |io| {
                for request in 0..6 {
                    match request % 2 {
                        0 => io.send(link, value(request, request as u8)),
                        _ => io.send(link, FromData::Stored { request: RequestId(request) }),
                    }
                }
            });
            for request in 0..6 {
                let message = pair.client.expect_message();
                match request % 2 {
                    0 => assert_eq!(message, value(request, request as u8).into(), "{kind}, round {round}"),
                    _ => assert_eq!(message, FromData::Stored { request: RequestId(request) }.into()),
                }
            }
        }
    }
}

#[test]
fn what_was_queued_before_a_link_is_closed_arrives() {
    for kind in ["tcp", "unix"] {
        let pair = data_pair(kind);
        let link = pair.at_client;
        let put = |fill| ToData::Put {
            request: RequestId(1),
            value: RunId::new(1, 1),
            payload: Payload { buffers: vec![Bytes::from(vec![fill; LEN])], ..Payload::default() },
            type_name: "bytes".into(),
        };
        for fill in 0..4 {
            pair.client.send(link, put(fill));
            assert_eq!(pair.scheduler.expect_message(), put(fill).into(), "{kind}");
        }
        pair.client.with_io(move |io| {
            io.send(link, put(5));
            io.send(link, put(6));
            io.close(link, "enough");
        });
        for fill in [5, 6] {
            assert_eq!(pair.scheduler.expect_message(), put(fill).into(), "{kind}");
        }
        assert_eq!(pair.scheduler.expect_close(), (pair.at_scheduler, CloseReason::Peer), "{kind}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn who_connects_over_tcp_on_the_same_machine_shares_memory_as_well() {
    let (holder, asker) = (Node::start(Habit::Report), Node::start(Habit::Report));
    let address = holder.listen("tcp://127.0.0.1:0", acceptance());
    let nearby = address.clone();
    holder.with_io(move |io| io.listen_nearby(&nearby, acceptance()));
    asker.connect(&address, Role::Data, Credentials::secret(*b"data"));
    let (at_client, peer) = asker.expect_open();
    assert_eq!((peer.address, peer.local_ip), (address.to_string(), None), "it is not TCP");
    let (at_scheduler, _) = holder.expect_open();
    let pair = Pair::of(holder, at_scheduler, asker, at_client);
    until_shared(&pair, 9);
    let other = pair.client.connect(&address, Role::Client, client_secret());
    let (link, peer) = pair.client.expect_open();
    assert_eq!((link, peer.local_ip.is_some()), (other, true), "what are no data goes over TCP");
}
