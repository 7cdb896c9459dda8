//! A worker that costs nothing: it speaks the worker's protocol over a real link and says of each run at once that it is
//! done.

use std::io;
use std::thread::JoinHandle;

use rask_comm::{
    Address, CloseReason, Credentials, Driver, Io, LinkId, Message, PeerInfo, Reactor, ReactorHandle, Role,
    Secret, Tick,
};
use rask_types::msg::{SchedulerToWorker, WorkerDescription, WorkerToScheduler};

use crate::stage;

/// Workers of one thread each, on one reactor. Dropping the handle ends them.
pub struct StandIns {
    reactor: ReactorHandle,
    thread: Option<JoinHandle<Workers>>,
}

impl StandIns {
    /// Starts `count` workers that connect to a scheduler.
    ///
    /// # Errors
    /// If the system gives no poll or no thread.
    pub fn start(scheduler: &Address, secret: &Secret, count: usize) -> io::Result<StandIns> {
        let mut reactor = Reactor::new()?;
        let connect = |_| reactor.io().connect(scheduler, Role::Worker, Credentials::Secret(secret.clone()));
        let links = (0..count).map(connect).collect();
        let handle = reactor.handle();
        let thread = reactor.spawn("rask-stand-in", Workers { links })?;
        Ok(StandIns { reactor: handle, thread: Some(thread) })
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        self.reactor.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; a drop has nobody to tell.
            let _ = thread.join();
        }
    }
}

struct Workers {
    links: Vec<LinkId>,
}

impl Driver for Workers {
    fn on_open(&mut self, link: LinkId, _peer: PeerInfo, io: &mut Io) {
        let number = self.links.iter().position(|&known| known == link).expect("it was asked for");
        let description = WorkerDescription {
            name: format!("stand-in-{number}"),
            address: format!("tcp://127.0.0.1:{number}"),
            nthreads: 1,
            ..WorkerDescription::default()
        };
        io.send(link, WorkerToScheduler::Register(description));
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        match message {
            Message::SchedulerToWorker(SchedulerToWorker::Compute(compute)) => {
                io.send(link, WorkerToScheduler::Finished(stage::finished(compute.runs)));
            }
            Message::SchedulerToWorker(SchedulerToWorker::Refused { reason }) => panic!("refused: {reason}"),
            _ => {}
        }
    }

    fn on_close(&mut self, _link: LinkId, _reason: CloseReason, _io: &mut Io) {}

    fn on_wake(&mut self, _io: &mut Io) {}

    fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
        None
    }
}
