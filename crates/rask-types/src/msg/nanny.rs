//! What a nanny and the scheduler say to each other. A nanny starts worker processes, notices when they die, and tells
//! what they were executing, so that a crash blames the task that ran and none of its neighbours.

use crate::id::RunId;

/// How a worker process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerExit {
    /// The process among those this nanny started.
    pub instance: u64,
    /// What its threads were executing, read from the page it shared with the nanny.
    pub executing: Vec<RunId>,
    /// Exit status in words: `exit code 3`, `killed by signal 9 (SIGKILL)`.
    pub status: String,
    /// The nanny starts another in its place.
    pub restarts: bool,
}

/// Nanny → scheduler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NannyToScheduler {
    /// First message.
    Register {
        /// Host it runs on.
        host: String,
        /// Process id.
        pid: u32,
    },
    /// A process it starts, before that process can register.
    Started {
        /// Its number.
        instance: u64,
    },
    /// A worker process ended.
    Exited(WorkerExit),
}

/// Scheduler → nanny.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SchedulerToNanny {
    /// Kill this process and start another.
    Restart {
        /// Which.
        instance: u64,
    },
    /// End this process and do not start another.
    Retire {
        /// Which.
        instance: u64,
    },
    /// End all processes and leave.
    Close {
        /// Why.
        reason: String,
    },
}
