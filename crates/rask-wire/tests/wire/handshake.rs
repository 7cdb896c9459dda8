//! Handshakes that work, and every way in which they must not.

use proptest::prelude::*;
use rask_types::msg::Role;
use rask_wire::handshake::*;

const ROLES: [Role; 5] = [Role::Client, Role::Worker, Role::Nanny, Role::Data, Role::TaskClient];

fn secrets() -> Secrets {
    Secrets {
        cluster: ClusterId([7; 16]),
        client: Some(Secret::new(*b"client secret")),
        worker: Some(Secret::new(*b"worker secret")),
        data: Some(Secret::new(*b"data secret")),
    }
}

type Outcome = (Result<Hello, HandshakeError>, Result<Accepted, HandshakeError>);

/// Lets the two talk, `piece_bytes` at a time, until both are done or one refuses.
fn talk(role: Role, offered: Result<Secret, String>, acceptor_knows: Secrets, piece_bytes: usize) -> Outcome {
    let (mut to_acceptor, mut to_initiator) = (Vec::new(), Vec::new());
    let mut initiator = Initiator::new(role, [1; 32], &mut to_acceptor);
    let mut acceptor = Acceptor::new(acceptor_knows, [2; 32]);
    let (mut initiated, mut accepted) = (None, None);
    while !to_acceptor.is_empty() || !to_initiator.is_empty() {
        let sent = std::mem::take(&mut to_acceptor);
        for mut piece in sent.chunks(piece_bytes) {
            if accepted.is_none() {
                accepted = acceptor.receive(&mut piece, &mut to_initiator).transpose();
            }
        }
        let sent = std::mem::take(&mut to_initiator);
        for mut piece in sent.chunks(piece_bytes) {
            if initiated.is_some() {
                continue;
            }
            initiated = match initiator.receive(&mut piece) {
                Ok(Step::Read) => None,
                Ok(Step::Done(hello)) => Some(Ok(hello)),
                Ok(Step::ChooseSecret(cluster)) => {
                    assert_eq!(
                        cluster,
                        ClusterId([7; 16]),
                        "the cluster is known before the secret is chosen"
                    );
                    initiator.choose(offered.clone(), &mut to_acceptor).err().map(Err)
                }
                Err(error) => Some(Err(error)),
            };
        }
    }
    // Whoever still waits sees the other close the connection.
    (initiated.unwrap_or(Err(HandshakeError::Truncated)), accepted.unwrap_or(Err(HandshakeError::Truncated)))
}

#[test]
fn whoever_knows_the_secret_of_its_role_gets_in() {
    for role in ROLES {
        for piece_bytes in [1, 7, 1000] {
            let secret = secrets().of(role).cloned().expect("all roles are served");
            let (initiated, accepted) = talk(role, Ok(secret), secrets(), piece_bytes);
            assert_eq!(initiated.map(|hello| hello.cluster), Ok(ClusterId([7; 16])));
            assert_eq!(accepted.map(|peer| (peer.role, peer.rask_version)), Ok((role, Version::ours().rask)));
        }
    }
}

#[test]
fn the_secret_of_another_role_or_cluster_does_not_help() {
    for role in ROLES {
        for other in ROLES {
            let secret = secrets().of(other).cloned().expect("all roles are served");
            let same = secrets().of(role) == Some(&secret);
            let (initiated, accepted) = talk(role, Ok(secret), secrets(), 1000);
            assert_eq!(
                (initiated.is_ok(), accepted.is_ok()),
                (same, same),
                "{role:?} with the secret of {other:?}"
            );
            if !same {
                assert_eq!(initiated, Err(HandshakeError::WrongSecret));
                assert_eq!(accepted, Err(HandshakeError::WrongSecret));
            }
        }
    }
}

#[test]
fn a_role_that_is_not_served_is_refused() {
    let served = Secrets { client: None, ..secrets() };
    let outcome = talk(Role::Client, Ok(Secret::new(*b"any")), served, 1000);
    let refused = HandshakeError::RoleRefused(Role::Client);
    assert_eq!(outcome, (Err(refused.clone()), Err(refused)));
}

#[test]
fn without_a_secret_nothing_is_proved() {
    let outcome = talk(Role::Client, Err("looked in ~/.rask".into()), secrets(), 1000);
    let nothing = HandshakeError::NoSecret("looked in ~/.rask".into());
    assert_eq!(nothing.to_string(), "looked in ~/.rask");
    assert_eq!(outcome, (Err(nothing), Err(HandshakeError::Truncated)));
}

#[test]
fn another_version_is_named_on_both_sides() {
    let theirs = Version { protocol: 9, rask: "7.5.3".into() };
    let mut hello = Hello::new(Role::Client, ClusterId::UNKNOWN, [1; 32]).to_bytes();
    hello[8..10].copy_from_slice(&9_u16.to_le_bytes());
    hello[12..28].copy_from_slice(b"7.5.3\0\0\0\0\0\0\0\0\0\0\0");
    let mismatch = HandshakeError::VersionMismatch { ours: Version::ours(), theirs };
    assert!(mismatch.to_string().contains("7.5.3") && mismatch.to_string().contains(&Version::ours().rask));

    let mut answer = Vec::new();
    let mut acceptor = Acceptor::new(secrets(), [2; 32]);
    assert_eq!(acceptor.receive(&mut &hello[..], &mut answer), Err(mismatch.clone()));
    assert_eq!(answer.len(), HELLO_BYTES, "it says its own version before it closes");

    let mut initiator = Initiator::new(Role::Client, [1; 32], &mut Vec::new());
    assert_eq!(initiator.receive(&mut &hello[..]), Err(mismatch));
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    for text in ["GET / HTTP/1.1\r\n", "\x16\x03\x01", "\0\0\0\0"] {
        let mut answer = Vec::new();
        let mut acceptor = Acceptor::new(secrets(), [2; 32]);
        assert_eq!(acceptor.receive(&mut text.as_bytes(), &mut answer), Err(HandshakeError::NotRask));
        assert!(answer.is_empty(), "strangers learn nothing");
        let mut initiator = Initiator::new(Role::Client, [1; 32], &mut Vec::new());
        assert_eq!(initiator.receive(&mut text.as_bytes()), Err(HandshakeError::NotRask));
    }
}

#[test]
fn an_overheard_proof_opens_nothing() {
    // A whole handshake is overheard …
    let secret = secrets().client.expect("clients are served");
    let (mut hello, mut answer, mut proof) = (Vec::new(), Vec::new(), Vec::new());
    let mut initiator = Initiator::new(Role::Client, [1; 32], &mut hello);
    let mut acceptor = Acceptor::new(secrets(), [2; 32]);
    assert_eq!(acceptor.receive(&mut &hello[..], &mut answer), Ok(None));
    assert_eq!(initiator.receive(&mut &answer[..]), Ok(Step::ChooseSecret(ClusterId([7; 16]))));
    initiator.choose(Ok(secret), &mut proof).expect("there is a secret");
    assert!(acceptor.receive(&mut &proof[..], &mut Vec::new()).expect("the right proof").is_some());
    // … and played to an acceptor that chose another challenge.
    let mut fresh = Acceptor::new(secrets(), [3; 32]);
    assert_eq!(fresh.receive(&mut &hello[..], &mut Vec::new()), Ok(None));
    assert_eq!(fresh.receive(&mut &proof[..], &mut Vec::new()), Err(HandshakeError::WrongSecret));
}

#[test]
fn an_acceptor_that_does_not_know_the_secret_is_not_believed() {
    let secret = secrets().client.expect("clients are served");
    let mut initiator = Initiator::new(Role::Client, [1; 32], &mut Vec::new());
    let hello = Hello::new(Role::Client, ClusterId([7; 16]), [2; 32]).to_bytes();
    assert!(matches!(initiator.receive(&mut &hello[..]), Ok(Step::ChooseSecret(_))));
    let mut proof = Vec::new();
    initiator.choose(Ok(secret), &mut proof).expect("there is a secret");
    // It can only say "accepted" and send back the proof it got.
    let mut verdict = vec![1];
    verdict.extend_from_slice(&proof);
    assert_eq!(initiator.receive(&mut &verdict[..]), Err(HandshakeError::WrongSecret));
}

#[test]
fn what_follows_the_handshake_is_left_for_the_decoder() {
    let secret = secrets().client.expect("clients are served");
    let (mut to_acceptor, mut to_initiator) = (Vec::new(), Vec::new());
    let mut initiator = Initiator::new(Role::Client, [1; 32], &mut to_acceptor);
    let mut acceptor = Acceptor::new(secrets(), [2; 32]);
    assert_eq!(acceptor.receive(&mut &to_acceptor[..], &mut to_initiator), Ok(None));
    assert!(matches!(initiator.receive(&mut &to_initiator[..]), Ok(Step::ChooseSecret(_))));
    let mut proof = Vec::new();
    initiator.choose(Ok(secret), &mut proof).expect("there is a secret");
    proof.extend_from_slice(b"frames");
    let mut input = &proof[..];
    let mut verdict = Vec::new();
    assert!(acceptor.receive(&mut input, &mut verdict).expect("the right proof").is_some());
    assert_eq!(input, b"frames");
    verdict.extend_from_slice(b"more");
    let mut input = &verdict[..];
    assert!(matches!(initiator.receive(&mut input), Ok(Step::Done(_))));
    assert_eq!(input, b"more");
}

#[test]
fn secrets_are_not_printed() {
    assert!(!format!("{:?}", secrets()).contains("secret\""));
    assert_eq!(format!("{:?}", Secret::new(*b"hush")), "Secret(…)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn strangers_bytes_never_panic(
        magic in any::<bool>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 1_usize..200,
    ) {
        let mut stream = if magic { MAGIC.to_vec() } else { vec![] };
        stream.extend(bytes);
        let mut acceptor = Acceptor::new(secrets(), [2; 32]);
        let mut initiator = Initiator::new(Role::Worker, [1; 32], &mut Vec::new());
        for piece in stream.chunks(cut) {
            if let Ok(accepted) = acceptor.receive(&mut &piece[..], &mut Vec::new()) {
                prop_assert_eq!(accepted, None);
            }
            if let Ok(Step::ChooseSecret(_)) = initiator.receive(&mut &piece[..]) {
                initiator.choose(Ok(Secret::new(*b"x")), &mut Vec::new()).expect("there is a secret");
            }
        }
    }
}

#[test]
fn an_echo_is_not_rask() {
    let mut hello = Vec::new();
    let mut initiator = Initiator::new(Role::Client, [1; 32], &mut hello);
    assert_eq!(initiator.receive(&mut &hello[..]), Err(HandshakeError::NotRask));
}
