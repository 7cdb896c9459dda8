//! Proofs of knowing a secret, and the acceptor's verdict.

use super::hello::HELLO_BYTES;
use super::secret::Secret;

/// Length of a proof.
pub const PROOF_BYTES: usize = 32;

/// Length of the acceptor's answer to a proof: what it decided, and its own proof (zeros when it refused).
pub const VERDICT_BYTES: usize = 1 + PROOF_BYTES;

/// What the acceptor decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Verdict {
    Accepted = 1,
    WrongSecret = 2,
    RoleRefused = 3,
}

impl Verdict {
    pub(super) fn of(byte: u8) -> Option<Verdict> {
        [Verdict::Accepted, Verdict::WrongSecret, Verdict::RoleRefused].into_iter().find(|&v| v as u8 == byte)
    }
}

/// Who proves.
#[derive(Clone, Copy)]
pub(super) enum Prover {
    Initiator,
    Acceptor,
}

/// Both hellos, as they were on the wire.
pub(super) struct Transcript<'a> {
    pub initiator: &'a [u8; HELLO_BYTES],
    pub acceptor: &'a [u8; HELLO_BYTES],
}

impl Transcript<'_> {
    /// What `prover` must send. `blake3::Hash` compares in constant time, which is why it is not bytes yet.
    pub(super) fn proof(&self, prover: Prover, secret: &Secret) -> blake3::Hash {
        let key = blake3::derive_key("rask handshake v1", secret.bytes());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(match prover {
            Prover::Initiator => b"initiator",
            Prover::Acceptor => b"acceptor.",
        });
        hasher.update(self.initiator);
        hasher.update(self.acceptor);
        hasher.finalize()
    }
}

/// Moves bytes from the front of `input` into `held` until it has `want`; true when it has.
pub(super) fn gather(held: &mut Vec<u8>, input: &mut &[u8], want: usize) -> bool {
    let take = want.saturating_sub(held.len()).min(input.len());
    held.extend_from_slice(&input[..take]);
    *input = &input[take..];
    held.len() >= want
}
