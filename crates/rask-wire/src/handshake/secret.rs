//! A cluster's name and its secrets.

use std::fmt;

use rask_types::msg::Role;

/// Which cluster it is: 16 random bytes that are no secret. All zero: not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClusterId(pub [u8; 16]);

impl ClusterId {
    /// No cluster in particular.
    pub const UNKNOWN: ClusterId = ClusterId([0; 16]);
}

impl fmt::Display for ClusterId {
    /// 32 hexadecimal digits, as in the names of access files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster-{self}")
    }
}

/// What one must know to take a role in a cluster. Any length; 32 random bytes are good.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A secret made of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret(bytes.into())
    }

    /// The bytes, for whoever writes an access file or hands on the data secret.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    /// Never shows the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What an acceptor knows: its cluster, and a secret for each kind of peer it serves.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Secrets {
    /// Its cluster.
    pub cluster: ClusterId,
    /// For [`Role::Client`].
    pub client: Option<Secret>,
    /// For [`Role::Worker`], [`Role::Nanny`] and [`Role::TaskClient`].
    pub worker: Option<Secret>,
    /// For [`Role::Data`].
    pub data: Option<Secret>,
}

impl Secrets {
    /// The secret that a peer of this role must know; `None` if the role is not served.
    pub fn of(&self, role: Role) -> Option<&Secret> {
        match role {
            Role::Client => self.client.as_ref(),
            Role::Worker | Role::Nanny | Role::TaskClient => self.worker.as_ref(),
            Role::Data => self.data.as_ref(),
        }
    }
}
