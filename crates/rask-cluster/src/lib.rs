//! Clusters: who may join them, who starts their processes, and the one that a notebook starts for itself.
//!
//! * [`access`]: the file that a scheduler leaves for those who may join, and the folder where such files lie.
//! * [`lookup`]: where a client or worker looks for its secret, and what it says when there is none.
//! * [`nanny`]: starts worker processes, restarts the dead, and tells the scheduler what they were executing.
//! * [`local`]: a scheduler on threads of this process with worker processes beside it.
//! * [`spawn`]: how a worker process is started and what it is told.

pub mod access;
mod entropy;
pub mod local;
pub mod lookup;
pub mod nanny;
pub mod spawn;

pub use access::{AccessError, AccessFile, AccessGuard};
pub use entropy::{random_bytes, random_u64, random_uuid};
pub use local::{LocalCluster, LocalClusterOptions};
pub use lookup::{SecretSource, find_cluster};
pub use nanny::{Nanny, NannyOptions};
pub use spawn::{Output, WorkerCommand, WorkerProcess, WorkerSettings};
