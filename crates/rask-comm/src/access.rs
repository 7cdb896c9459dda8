//! Secrets on both ends of a handshake.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rask_wire::handshake::{ClusterId, Secret, Secrets};

/// How to find a secret once the cluster is known; the error is the reason that the user will read. Runs on the
/// reactor's thread: it may read a small file, no more.
pub type SecretLookup = Box<dyn FnOnce(ClusterId) -> Result<Secret, String> + Send>;

/// What a connecting side has to show.
pub enum Credentials {
    /// This secret, whatever the cluster.
    Secret(Secret),
    /// The secret of the cluster that answers.
    Lookup(SecretLookup),
}

impl Credentials {
    /// Credentials of these bytes.
    pub fn secret(bytes: impl Into<Vec<u8>>) -> Credentials {
        Credentials::Secret(Secret::new(bytes))
    }

    /// Credentials that look the secret up.
    pub fn lookup(find: impl FnOnce(ClusterId) -> Result<Secret, String> + Send + 'static) -> Credentials {
        Credentials::Lookup(Box::new(find))
    }

    pub(crate) fn for_cluster(self, cluster: ClusterId) -> Result<Secret, String> {
        match self {
            Credentials::Secret(secret) => Ok(secret),
            Credentials::Lookup(find) => find(cluster),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Secret(_) => "Credentials::Secret(…)",
            Credentials::Lookup(_) => "Credentials::Lookup(…)",
        })
    }
}

/// Whom a listener lets in: its cluster and one secret per kind of peer. A role without a secret is refused.
///
/// Clones share the secrets, so a worker can listen first and learn the data secret when the scheduler welcomes it.
/// Over memory links everyone is let in: whoever is in the process is in.
#[derive(Clone, Default)]
pub struct Acceptance {
    secrets: Arc<RwLock<Secrets>>,
}

impl Acceptance {
    /// Lets in whoever knows one of these.
    pub fn new(secrets: Secrets) -> Acceptance {
        Acceptance { secrets: Arc::new(RwLock::new(secrets)) }
    }

    /// Lets in clients and workers, as a scheduler does.
    pub fn of_scheduler(cluster: ClusterId, client: Secret, worker: Secret) -> Acceptance {
        Acceptance::new(Secrets { cluster, client: Some(client), worker: Some(worker), data: None })
    }

    /// Lets in peers that want or bring values, as a worker does.
    pub fn of_worker(cluster: ClusterId, data: Secret) -> Acceptance {
        Acceptance::new(Secrets { cluster, data: Some(data), ..Secrets::default() })
    }

    /// Uses these from now on, in all clones.
    pub fn replace(&self, secrets: Secrets) {
        *self.secrets.write() = secrets;
    }

    /// The secrets now.
    pub fn secrets(&self) -> Secrets {
        self.secrets.read().clone()
    }
}

impl fmt::Debug for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acceptance({:?})", self.secrets.read().cluster)
    }
}
