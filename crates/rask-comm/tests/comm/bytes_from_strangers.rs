//! Peers that are broken, hostile or something else altogether: they are dropped and everyone else lives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rask_comm::*;
use rask_types::msg::ClientToScheduler;
use rask_wire::handshake::{Challenge, HELLO_BYTES, Initiator, Step};

use super::node::*;

fn raw(address: &Address) -> TcpStream {
    let Address::Tcp { host, port } = address else { panic!("{address}") };
    let stream = TcpStream::connect((host.as_str(), *port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream
}

/// Everything it says until it closes.
fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is a way to close, too.
    let _ = stream.read_to_end(&mut said);
    said
}

/// Does a proper handshake as a client.
fn authenticated(address: &Address) -> TcpStream {
    let mut stream = raw(address);
    let mut out = Vec::new();
    let mut initiator = Initiator::new(Role::Client, Challenge::default(), &mut out);
    loop {
        stream.write_all(&out).expect("sent");
        out.clear();
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        match initiator.receive(&mut &byte[..]).expect("it accepts") {
            Step::Read => {}
            Step::ChooseSecret(_) => {
                initiator.choose(Ok(Secret::new(*b"client")), &mut out).expect("a secret")
            }
            Step::Done(_) => return stream,
        }
    }
}

fn scheduler() -> (Node, Address) {
    let options = Options { handshake_timeout_ms: 300, ..Options::default() };
    let scheduler = Node::start_with(options, Habit::Report, None);
    let address = scheduler.listen("tcp://127.0.0.1:0", acceptance());
    (scheduler, address)
}

/// A proper client still gets in and is heard.
fn assert_lives(scheduler: &Node, address: &Address) {
    let client = Node::start(Habit::Report);
    let link = client.connect(address, Role::Client, client_secret());
    client.expect_open();
    scheduler.expect_open();
    client.send(link, ClientToScheduler::Shutdown);
    assert_eq!(scheduler.expect_message(), ClientToScheduler::Shutdown.into());
    drop(client);
    scheduler.expect_close();
}

#[test]
fn a_browser_is_turned_away_without_a_word() {
    let (scheduler, address) = scheduler();
    let mut browser = raw(&address);
    browser.write_all(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(read_all(&browser), b"");
    assert_lives(&scheduler, &address);
}

#[test]
fn someone_who_says_nothing_is_dropped_in_time() {
    let (scheduler, address) = scheduler();
    let silent = raw(&address);
    let mut half = raw(&address);
    half.write_all(&rask_wire::handshake::MAGIC).expect("sent");
    assert_lives(&scheduler, &address);
    assert_eq!(read_all(&silent), b"");
    assert_eq!(read_all(&half), b"");
    assert_lives(&scheduler, &address);
}

#[test]
fn a_hello_without_a_proof_gets_a_hello_and_no_more() {
    let (scheduler, address) = scheduler();
    let mut stranger = raw(&address);
    let mut hello = Vec::new();
    Initiator::new(Role::Client, Challenge::default(), &mut hello);
    stranger.write_all(&hello).expect("sent");
    assert_eq!(read_all(&stranger).len(), HELLO_BYTES);
    assert_lives(&scheduler, &address);
}

#[test]
fn messages_before_the_proof_are_not_read() {
    let (scheduler, address) = scheduler();
    let mut stranger = raw(&address);
    let mut hello = Vec::new();
    Initiator::new(Role::Client, Challenge::default(), &mut hello);
    // The frame stands where the proof should.
    let mut outgoing = rask_wire::Outgoing::default();
    rask_wire::encode(&ClientToScheduler::AbortGraph { graph: 1 }.into(), &mut outgoing).expect("encoded");
    hello.extend(outgoing.take_contiguous());
    hello.extend([0; 100]);
    stranger.write_all(&hello).expect("sent");
    let said = read_all(&stranger);
    assert_eq!(said.len(), HELLO_BYTES + rask_wire::handshake::VERDICT_BYTES);
    assert_eq!(said[HELLO_BYTES], 2, "wrong secret");
    assert_lives(&scheduler, &address);
}

#[test]
fn garbage_after_the_handshake_closes_that_link_only() {
    let (scheduler, address) = scheduler();
    let witness = authenticated(&address);
    scheduler.expect_open();
    let mut vandal = authenticated(&address);
    let (link, _) = scheduler.expect_open();
    vandal.write_all(&[0xff; 64]).expect("sent");
    let (closed, reason) = scheduler.expect_close();
    assert_eq!(closed, link);
    assert_eq!(reason, CloseReason::Garbage(WireError::BadHeader));
    assert_eq!(read_all(&vandal), b"");
    drop(witness);
    assert_eq!(scheduler.expect_close().1, CloseReason::Peer);
    assert_lives(&scheduler, &address);
}

#[test]
fn a_frame_of_absurd_length_is_refused() {
    let (scheduler, address) = scheduler();
    let mut vandal = authenticated(&address);
    scheduler.expect_open();
    let mut header = [0; 16];
    header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    vandal.write_all(&header).expect("sent");
    let reason = scheduler.expect_close().1;
    assert!(matches!(reason, CloseReason::Garbage(WireError::FrameTooLong { .. })), "{reason:?}");
}

#[test]
fn a_client_may_not_speak_as_a_worker() {
    let (scheduler, address) = scheduler();
    let mut impostor = authenticated(&address);
    scheduler.expect_open();
    let mut outgoing = rask_wire::Outgoing::default();
    let goodbye = rask_types::msg::WorkerToScheduler::Goodbye { reason: "x".into() };
    rask_wire::encode(&goodbye.into(), &mut outgoing).expect("encoded");
    impostor.write_all(&outgoing.take_contiguous()).expect("sent");
    let reason = scheduler.expect_close().1;
    assert!(matches!(reason, CloseReason::Garbage(WireError::UnexpectedKind(_))), "{reason:?}");
}

#[test]
fn a_connection_that_ends_inside_a_message_is_told_from_one_that_ends_after_it() {
    let (scheduler, address) = scheduler();
    let mut outgoing = rask_wire::Outgoing::default();
    let message = ClientToScheduler::Want { future: rask_types::FutureId(1), key: vec![1; 500].into() };
    rask_wire::encode(&message.clone().into(), &mut outgoing).expect("encoded");
    let frame = outgoing.take_contiguous();
    for cut in [1, 15, 16, 17, frame.len() - 1, frame.len()] {
        let mut peer = authenticated(&address);
        scheduler.expect_open();
        peer.write_all(&frame[..cut]).expect("sent");
        drop(peer);
        if cut == frame.len() {
            assert_eq!(scheduler.expect_message(), message.clone().into());
            assert_eq!(scheduler.expect_close().1, CloseReason::Peer);
        } else {
            assert_eq!(scheduler.expect_close().1, CloseReason::Truncated, "{cut} bytes");
        }
    }
}

#[test]
fn someone_who_never_reads_holds_up_nobody() {
    let (scheduler, address) = scheduler();
    let deaf = authenticated(&address);
    let (link, _) = scheduler.expect_open();
    let notice = |text: String| rask_types::msg::SchedulerToClient::Notice { topic: "log".into(), text };
    let text = "x".repeat(10_000_000);
    scheduler.with_io(move |io| (0..4).for_each(|_| io.send(link, notice(text.clone()))));
    assert!(scheduler.with_io(move |io| io.queued_bytes(link)) > 0);
    assert_lives(&scheduler, &address);
    drop(deaf);
    assert_eq!(scheduler.expect_close().0, link);
    assert_eq!(scheduler.with_io(move |io| io.queued_bytes(link)), 0);
}

#[test]
fn a_crowd_of_strangers_does_not_lock_the_door_for_good() {
    let (scheduler, address) = scheduler();
    let crowd: Vec<TcpStream> = (0..200).map(|_| raw(&address)).collect();
    assert_lives(&scheduler, &address);
    crowd.iter().for_each(|stranger| assert_eq!(read_all(stranger), b""));
    assert_lives(&scheduler, &address);
}
