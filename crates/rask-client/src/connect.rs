//! Getting in: what a client brings, and why it may stay outside.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rask_comm::{Address, CloseReason, ClusterId, Credentials, HandshakeError, Role, Secret, Version};

/// Finds the client secret of the cluster that answers; the error is the reason that the user will read, such as where
/// it was looked for.
pub type SecretLookup = Arc<dyn Fn(ClusterId) -> Result<Secret, String> + Send + Sync>;

/// What a client brings.
#[derive(Clone)]
pub struct ConnectOptions {
    /// Where the scheduler may be; tried in turn.
    pub addresses: Vec<Address>,
    /// Its secret.
    pub secret: SecretLookup,
    /// [`Role::Client`], or [`Role::TaskClient`] inside a task, which shows the worker secret.
    pub role: Role,
    /// A name for logs and pages.
    pub name: String,
    /// The language runtime, such as `python 3.11.7`; empty if there is none.
    pub runtime: String,
    /// How long to try. A scheduler that is not there yet is tried again and again until then.
    pub timeout: Duration,
}

impl ConnectOptions {
    /// Options for a scheduler at `address` whose client secret is known.
    pub fn new(address: Address, secret: Secret) -> ConnectOptions {
        ConnectOptions::with_lookup(address, Arc::new(move |_| Ok(secret.clone())))
    }

    /// Options for a scheduler at `address` whose secret is looked up once its cluster is known.
    pub fn with_lookup(address: Address, secret: SecretLookup) -> ConnectOptions {
        ConnectOptions {
            addresses: vec![address],
            secret,
            role: Role::Client,
            name: "Client".to_owned(),
            runtime: String::new(),
            timeout: Duration::from_secs(30),
        }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        let secret = self.secret.clone();
        Credentials::lookup(move |cluster| secret(cluster))
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("addresses", &self.addresses)
            .field("role", &self.role)
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why a client stays outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectError {
    /// Nothing listens at the address; it was tried until the time was over.
    Refused {
        /// Where.
        address: String,
    },
    /// There is no way to the address: the host is unknown, the network is down, the socket file is not there.
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        text: String,
    },
    /// Somebody accepts connections there, or the network swallows them, but no session came about in time.
    TimedOut {
        /// Where.
        address: String,
    },
    /// Whoever answers there does not speak rask.
    NotRask {
        /// Where.
        address: String,
    },
    /// The cluster there has another secret than the one that was found for it.
    WrongSecret {
        /// Where.
        address: String,
    },
    /// No secret was found for the cluster there.
    NoSecret {
        /// Where.
        address: String,
        /// Where it was looked for.
        text: String,
    },
    /// The two sides are of different versions.
    VersionMismatch {
        /// Where.
        address: String,
        /// This side.
        ours: Version,
        /// The other.
        theirs: Version,
    },
    /// The connection ended before the session began.
    Ended {
        /// Where.
        address: String,
        /// Why, in words.
        text: String,
    },
    /// No address was given.
    NoAddress,
    /// The caller's `interrupt` said so.
    Interrupted,
    /// The system gave no poll, thread or entropy.
    System(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Refused { address } => {
                write!(f, "no scheduler listens at {address}; is it running, and is this its address?")
            }
            ConnectError::Unreachable { address, text } => {
                write!(f, "there is no way to the scheduler at {address}: {text}")
            }
            ConnectError::TimedOut { address } => {
                write!(f, "timed out trying to connect to the scheduler at {address}")
            }
            ConnectError::NotRask { address } => {
                write!(f, "whoever answers at {address} is not a rask scheduler")
            }
            ConnectError::WrongSecret { address } => write!(
                f,
                "the scheduler at {address} has another secret: the access file or secret given here is another \
                 cluster's, or an old one"
            ),
            ConnectError::NoSecret { address, text } => {
                write!(f, "no secret for the scheduler at {address}: {text}")
            }
            ConnectError::VersionMismatch { address, ours, theirs } => write!(
                f,
                "the scheduler at {address} is {theirs}, this client is {ours}: install the same version on both"
            ),
            ConnectError::Ended { address, text } => {
                write!(f, "the scheduler at {address} did not take this client: {text}")
            }
            ConnectError::NoAddress => f.write_str("no scheduler address was given"),
            ConnectError::Interrupted => f.write_str("interrupted while connecting"),
            ConnectError::System(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ConnectError {}

impl ConnectError {
    /// What a link's end means for whoever wanted a session on it.
    pub(crate) fn from_close(reason: &CloseReason, address: &str) -> ConnectError {
        let address = address.to_owned();
        match reason {
            CloseReason::ConnectFailed { kind: std::io::ErrorKind::ConnectionRefused, .. } => {
                ConnectError::Refused { address }
            }
            CloseReason::ConnectFailed { text, .. } => {
                ConnectError::Unreachable { address, text: text.clone() }
            }
            CloseReason::ConnectTimeout { .. } => ConnectError::TimedOut { address },
            CloseReason::HandshakeTimeout => ConnectError::NotRask { address },
            CloseReason::Handshake(error) => match error {
                HandshakeError::NotRask => ConnectError::NotRask { address },
                HandshakeError::VersionMismatch { ours, theirs } => {
                    ConnectError::VersionMismatch { address, ours: ours.clone(), theirs: theirs.clone() }
                }
                HandshakeError::WrongSecret => ConnectError::WrongSecret { address },
                HandshakeError::NoSecret(text) => ConnectError::NoSecret { address, text: text.clone() },
                HandshakeError::RoleRefused(_) | HandshakeError::Truncated => {
                    ConnectError::Ended { address, text: error.to_string() }
                }
            },
            other => ConnectError::Ended { address, text: other.to_string() },
        }
    }
}
