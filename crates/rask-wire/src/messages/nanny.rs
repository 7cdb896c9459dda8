//! Nanny and scheduler.

use rask_types::msg::{NannyToScheduler, SchedulerToNanny, WorkerExit};

use crate::codec::{wire_enum, wire_struct};

wire_struct!(WorkerExit { instance, executing, status, restarts });
wire_enum!(NannyToScheduler {
    0 Register { host, pid },
    1 Started { instance },
    2 Exited(exit),
});
wire_enum!(SchedulerToNanny {
    0 Restart { instance },
    1 Retire { instance },
    2 Close { reason },
});
