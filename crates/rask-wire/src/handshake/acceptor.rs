//! The side that listens.

use rask_types::msg::Role;

use super::hello::{HELLO_BYTES, Hello};
use super::proof::{PROOF_BYTES, Prover, Transcript, Verdict, gather};
use super::{Challenge, ClusterId, HandshakeError, Secrets};

/// A peer that proved what it claims to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Its role.
    pub role: Role,
    /// Its version of rask.
    pub rask_version: String,
}

/// The listening side of a handshake.
#[derive(Debug)]
pub struct Acceptor {
    secrets: Secrets,
    challenge: Challenge,
    hellos: Option<([u8; HELLO_BYTES], [u8; HELLO_BYTES], Hello)>,
    held: Vec<u8>,
}

impl Acceptor {
    /// Begins. Says nothing before the initiator has.
    pub fn new(secrets: Secrets, challenge: Challenge) -> Acceptor {
        Acceptor { secrets, challenge, hellos: None, held: Vec::new() }
    }

    /// The cluster it speaks for.
    pub fn cluster(&self) -> ClusterId {
        self.secrets.cluster
    }

    /// Takes bytes from the front of `input` and appends answers to `out`; `Some` when the peer is accepted. What
    /// follows the handshake stays in `input`.
    ///
    /// # Errors
    /// When the two must not talk. The connection is then to be closed, after `out` has been sent: it tells the peer why.
    pub fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Accepted>, HandshakeError> {
        if self.hellos.is_none() {
            self.receive_hello(input, out)?;
        }
        let Some((theirs, ours, hello)) = &self.hellos else { return Ok(None) };
        if !gather(&mut self.held, input, PROOF_BYTES) {
            return Ok(None);
        }
        let mut proof = [0; PROOF_BYTES];
        proof.copy_from_slice(&self.held);
        let refuse = |verdict: Verdict, out: &mut Vec<u8>| {
            out.push(verdict as u8);
            out.extend_from_slice(&[0; PROOF_BYTES]);
        };
        let Some(secret) = self.secrets.of(hello.role) else {
            refuse(Verdict::RoleRefused, out);
            return Err(HandshakeError::RoleRefused(hello.role));
        };
        let transcript = Transcript { initiator: theirs, acceptor: ours };
        if transcript.proof(Prover::Initiator, secret) != proof {
            refuse(Verdict::WrongSecret, out);
            return Err(HandshakeError::WrongSecret);
        }
        out.push(Verdict::Accepted as u8);
        out.extend_from_slice(transcript.proof(Prover::Acceptor, secret).as_bytes());
        Ok(Some(Accepted { role: hello.role, rask_version: hello.rask_version.clone() }))
    }

    fn receive_hello(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), HandshakeError> {
        let complete = gather(&mut self.held, input, HELLO_BYTES);
        if !Hello::may_begin_with(&self.held) {
            return Err(HandshakeError::NotRask);
        }
        if !complete {
            return Ok(());
        }
        let mut theirs = [0; HELLO_BYTES];
        theirs.copy_from_slice(&self.held);
        self.held.clear();
        let answer = |role| Hello::new(role, self.secrets.cluster, self.challenge).to_bytes();
        match Hello::from_bytes(&theirs) {
            Ok(hello) => {
                let ours = answer(hello.role);
                out.extend_from_slice(&ours);
                self.hellos = Some((theirs, ours, hello));
                Ok(())
            }
            Err(error) => {
                if matches!(error, HandshakeError::VersionMismatch { .. }) {
                    // The other side names both versions only if it learns ours; the role is of no account then.
                    out.extend_from_slice(&answer(Role::Client));
                }
                Err(error)
            }
        }
    }
}
