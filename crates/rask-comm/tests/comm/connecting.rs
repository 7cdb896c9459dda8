//! Who gets in, who does not, and what each side is told.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rask_comm::*;

use super::node::*;

fn refusal(address: &Address, role: Role, credentials: Credentials) -> CloseReason {
    let client = Node::start(Habit::Report);
    let link = client.connect(address, role, credentials);
    let (closed, reason) = client.expect_close();
    assert_eq!(closed, link);
    reason
}

#[test]
fn a_wrong_secret_is_told_to_the_one_who_has_it_and_to_nobody_else() {
    for kind in ["tcp", "unix"] {
        let folder = tempfile::tempdir().expect("a folder");
        let scheduler = Node::start(Habit::Report);
        let address = scheduler.listen(&address_of(kind, &folder), acceptance());
        let reason = refusal(&address, Role::Client, Credentials::secret(*b"guess"));
        assert_eq!(reason, CloseReason::Handshake(HandshakeError::WrongSecret));
        // The secret of a client makes no worker.
        let reason = refusal(&address, Role::Worker, client_secret());
        assert_eq!(reason, CloseReason::Handshake(HandshakeError::WrongSecret));
        scheduler.with_io(|_| ());
        assert!(scheduler.events.try_recv().is_err(), "the driver heard nothing of it");
    }
}

#[test]
fn without_a_secret_the_lookup_gives_the_reason() {
    let scheduler = Node::start(Habit::Report);
    let address = scheduler.listen("tcp://127.0.0.1:0", acceptance());
    let nowhere = Credentials::lookup(|cluster| Err(format!("no access file of {cluster}")));
    let reason = refusal(&address, Role::Client, nowhere);
    assert_eq!(reason.to_string(), format!("no access file of {CLUSTER}"));
}

#[test]
fn a_role_without_a_secret_is_refused_until_it_has_one() {
    let worker = Node::start(Habit::Report);
    let acceptance = Acceptance::new(Secrets::default());
    let address = worker.listen("tcp://127.0.0.1:0", acceptance.clone());
    let data = || Credentials::secret(*b"data");
    let refused = CloseReason::Handshake(HandshakeError::RoleRefused(Role::Data));
    assert_eq!(refusal(&address, Role::Data, data()), refused);
    acceptance.replace(Secrets { data: Some(Secret::new(*b"data")), ..Secrets::default() });
    let peer = Node::start(Habit::Report);
    peer.connect(&address, Role::Data, data());
    peer.expect_open();
}

#[test]
fn every_role_gets_in_with_its_secret() {
    for role in [Role::Client, Role::Worker, Role::Nanny, Role::Data, Role::TaskClient] {
        Pair::with("tcp", Habit::Report, role, Options::default());
    }
}

#[test]
fn nobody_listening_is_an_error_with_the_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let nobody = [
        (Address::from(free), ErrorKind::ConnectionRefused),
        (Address::Unix(folder.path().join("none")), ErrorKind::NotFound),
        (Address::Memory("none".into()), ErrorKind::NotFound),
    ];
    for (address, expected) in nobody {
        let reason = refusal(&address, Role::Client, client_secret());
        assert!(reason.is_unreachable());
        assert!(reason.to_string().contains(&address.to_string()), "{reason}");
        assert!(
            matches!(&reason, CloseReason::ConnectFailed { kind, .. } if *kind == expected),
            "{reason:?}"
        );
    }
}

#[test]
fn names_are_resolved_and_every_address_tried() {
    let scheduler = Node::start(Habit::Report);
    // `localhost` may stand for ::1 first, where nobody listens.
    let Address::Tcp { port, .. } = scheduler.listen("tcp://127.0.0.1:0", acceptance()) else {
        panic!("tcp")
    };
    let client = Node::start(Habit::Report);
    client.connect(&Address::tcp("localhost", port), Role::Client, client_secret());
    assert_eq!(client.expect_open().1.address, format!("tcp://localhost:{port}"));
    let (_, peer) = scheduler.expect_open();
    assert!(peer.address.starts_with("tcp://127.0.0.1:"), "{}", peer.address);
    assert_eq!(peer.local_ip.map(|ip| ip.to_string()), Some("127.0.0.1".into()));
}

#[test]
fn an_unknown_name_is_an_error() {
    let reason = refusal(&Address::tcp("no-such-host.invalid", 1), Role::Client, client_secret());
    assert!(matches!(reason, CloseReason::ConnectFailed { .. }), "{reason:?}");
    assert!(reason.to_string().contains("no-such-host.invalid"));
}

#[test]
fn a_silent_listener_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = Address::from(silent.local_addr().expect("an address"));
    let options = Options { handshake_timeout_ms: 100, ..Options::default() };
    let client = Node::start_with(options, Habit::Report, None);
    let start = Instant::now();
    client.connect(&address, Role::Client, client_secret());
    assert_eq!(client.expect_close().1, CloseReason::HandshakeTimeout);
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_port_in_use_is_an_error() {
    let (first, second) = (Node::start(Habit::Report), Node::start(Habit::Report));
    let folder = tempfile::tempdir().expect("a folder");
    for kind in kinds() {
        let address = first.listen(&address_of(kind, &folder), acceptance());
        let again = address.clone();
        let error = second.with_io(move |io| io.listen(&again, acceptance())).expect_err("in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{kind}: {error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        // The first is undisturbed, and the address is free once it stops.
        second.connect(&address, Role::Client, client_secret());
        let (link, _) = second.expect_open();
        let freed = address.clone();
        first.with_io(move |io| io.stop_listening(&freed));
        second.with_io(move |io| io.listen(&address, acceptance())).expect("free again");
        second.with_io(move |io| io.close(link, "done"));
        second.expect_close();
    }
}

#[test]
fn a_port_can_be_used_again_at_once() {
    let first = Node::start(Habit::Report);
    let address = first.listen("tcp://127.0.0.1:0", acceptance());
    let client = Node::start(Habit::Report);
    client.connect(&address, Role::Client, client_secret());
    client.expect_open();
    first.stop();
    client.expect_close();
    let second = Node::start(Habit::Report);
    second.with_io(move |io| io.listen(&address, acceptance())).expect("lingering connections do not matter");
}

#[test]
fn socket_files_come_and_go_with_their_listener() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let address = Address::Unix(path.clone());
    // A crashed predecessor leaves its file.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    assert!(path.exists());
    let node = Node::start(Habit::Report);
    node.listen(&address.to_string(), acceptance());
    node.connect(&address, Role::Client, client_secret());
    node.expect_open();
    node.stop();
    assert!(!path.exists(), "the file goes with its listener");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    std::fs::write(&path, "precious").expect("written");
    let node = Node::start(Habit::Report);
    let address = Address::Unix(path.clone());
    let error = node.with_io(move |io| io.listen(&address, acceptance())).expect_err("in the way");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(path).expect("still there"), "precious");
}
