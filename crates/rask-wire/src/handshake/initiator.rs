//! The side that connected.

use rask_types::msg::Role;

use super::hello::{HELLO_BYTES, Hello};
use super::proof::{PROOF_BYTES, Prover, Transcript, VERDICT_BYTES, Verdict, gather};
use super::{Challenge, ClusterId, HandshakeError, Secret};

/// What the initiator needs next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// More bytes from the acceptor.
    Read,
    /// A secret for this cluster: call [`Initiator::choose`].
    ChooseSecret(ClusterId),
    /// Nothing: the handshake is complete. The acceptor's hello says who it is.
    Done(Hello),
}

/// The connecting side of a handshake.
#[derive(Debug)]
pub struct Initiator {
    ours: [u8; HELLO_BYTES],
    theirs: Option<([u8; HELLO_BYTES], Hello)>,
    secret: Option<Secret>,
    role: Role,
    held: Vec<u8>,
}

impl Initiator {
    /// Begins; appends the hello to `out`.
    pub fn new(role: Role, challenge: Challenge, out: &mut Vec<u8>) -> Initiator {
        let ours = Hello::new(role, ClusterId::UNKNOWN, challenge).to_bytes();
        out.extend_from_slice(&ours);
        Initiator { ours, theirs: None, secret: None, role, held: Vec::new() }
    }

    /// Takes bytes from the front of `input`; what follows the handshake stays there.
    ///
    /// # Errors
    /// When the two must not talk. The connection is then to be closed.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Step, HandshakeError> {
        let Some((_, hello)) = &self.theirs else { return self.receive_hello(input) };
        let Some(secret) = &self.secret else { return Ok(Step::ChooseSecret(hello.cluster)) };
        if !gather(&mut self.held, input, VERDICT_BYTES) {
            return Ok(Step::Read);
        }
        match Verdict::of(self.held[0]).ok_or(HandshakeError::NotRask)? {
            Verdict::WrongSecret => Err(HandshakeError::WrongSecret),
            Verdict::RoleRefused => Err(HandshakeError::RoleRefused(self.role)),
            Verdict::Accepted => {
                let mut proof = [0; PROOF_BYTES];
                proof.copy_from_slice(&self.held[1..VERDICT_BYTES]);
                if self.transcript().proof(Prover::Acceptor, secret) == proof {
                    Ok(Step::Done(hello.clone()))
                } else {
                    Err(HandshakeError::WrongSecret)
                }
            }
        }
    }

    fn receive_hello(&mut self, input: &mut &[u8]) -> Result<Step, HandshakeError> {
        let complete = gather(&mut self.held, input, HELLO_BYTES);
        if !Hello::may_begin_with(&self.held) {
            return Err(HandshakeError::NotRask);
        }
        if !complete {
            return Ok(Step::Read);
        }
        let mut bytes = [0; HELLO_BYTES];
        bytes.copy_from_slice(&self.held);
        self.held.clear();
        let hello = Hello::from_bytes(&bytes)?;
        // Our own hello comes back from an echo service, or when a socket connected to itself.
        if hello.role != self.role || bytes == self.ours {
            return Err(HandshakeError::NotRask);
        }
        let cluster = hello.cluster;
        self.theirs = Some((bytes, hello));
        Ok(Step::ChooseSecret(cluster))
    }

    /// Answers [`Step::ChooseSecret`]; appends the proof to `out`. Only the first secret counts.
    ///
    /// # Errors
    /// `NoSecret` with the given reason.
    pub fn choose(
        &mut self,
        secret: Result<Secret, String>,
        out: &mut Vec<u8>,
    ) -> Result<(), HandshakeError> {
        let secret = secret.map_err(HandshakeError::NoSecret)?;
        if self.theirs.is_some() && self.secret.is_none() {
            out.extend_from_slice(self.transcript().proof(Prover::Initiator, &secret).as_bytes());
            self.secret = Some(secret);
        }
        Ok(())
    }

    fn transcript(&self) -> Transcript<'_> {
        let theirs = self.theirs.as_ref().map_or(&self.ours, |(bytes, _)| bytes);
        Transcript { initiator: &self.ours, acceptor: theirs }
    }
}
