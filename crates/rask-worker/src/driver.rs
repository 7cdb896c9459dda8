//! The worker on the reactor thread: messages and what threads left become events, effects become messages and work.

use std::sync::Arc;

use rask_comm::{
    Acceptance, Address, CloseReason, Driver, Io, LinkId, PeerInfo, Role, Secret, Secrets, Tick,
};
use rask_types::msg::{FromData, Message, SchedulerToWorker, ToData, WorkerDescription, WorkerToScheduler};
use rask_types::{Payload, TaskError, WorkerId};
use rask_worker_core::{Effect, Event, Failure, Limits, WorkerCore};

use crate::kept::{Kept, spare_objects_on_this_thread};
use crate::lane::{Ending, Load, WAIT_NS_MAX};
use crate::peers::PeerLinks;
use crate::pulse::Pulse;
use crate::serve::{Serving, received};
use crate::shared::{Note, Shared};
use crate::stop::StopReason;

/// How far the worker is with its scheduler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Connecting,
    Registering,
    Running,
    Stopped,
}

pub(crate) struct WorkerDriver {
    shared: Arc<Shared>,
    core: WorkerCore<Arc<Kept>>,
    stage: Stage,
    /// Why it will have stopped, once it closes in good order.
    closing: Option<StopReason>,
    scheduler: LinkId,
    description: WorkerDescription,
    listening: Address,
    acceptance: Acceptance,
    cluster: rask_comm::ClusterId,
    peers: PeerLinks,
    serving: Serving,
    pulse: Pulse,
    /// When to look at the lanes without being woken.
    watch: Option<Tick>,
    /// Runs went into the queue in this turn.
    queued_now: bool,
}

impl WorkerDriver {
    pub fn new(
        shared: Arc<Shared>,
        scheduler: LinkId,
        description: WorkerDescription,
        listening: Address,
        acceptance: Acceptance,
        limits: Limits,
    ) -> WorkerDriver {
        WorkerDriver {
            core: WorkerCore::new(limits),
            stage: Stage::Connecting,
            closing: None,
            scheduler,
            description,
            listening,
            acceptance,
            cluster: rask_comm::ClusterId::UNKNOWN,
            peers: PeerLinks::default(),
            serving: Serving::new(Arc::clone(&shared.errands), Arc::clone(&shared.classes)),
            pulse: Pulse::default(),
            watch: None,
            queued_now: false,
            shared,
        }
    }

    fn stop(&mut self, reason: StopReason, io: &mut Io) {
        self.stage = Stage::Stopped;
        self.shared.stop(reason);
        self.shared.pool.take_all();
        io.stop();
    }

    fn on_scheduler_open(&mut self, peer: &PeerInfo, io: &mut Io) {
        self.stage = Stage::Registering;
        self.cluster = peer.cluster;
        let contact = contact(&self.listening, peer);
        io.listen_nearby(&contact, self.acceptance.clone());
        self.description.address = contact.to_string();
        io.send(self.scheduler, WorkerToScheduler::Register(self.description.clone()));
    }

    fn on_scheduler(&mut self, message: SchedulerToWorker, io: &mut Io) {
        let now = io.now();
        let event = match message {
            SchedulerToWorker::Welcome { worker, data_secret, heartbeat_ms, .. } => {
                self.on_welcome(worker, Secret::new(data_secret), heartbeat_ms, now);
                Event::Welcomed { me: worker }
            }
            SchedulerToWorker::Refused { reason } => return self.stop(StopReason::Refused(reason), io),
            SchedulerToWorker::DefineFunction { id, payload } => {
                return self.shared.classes.define_function(id, payload);
            }
            SchedulerToWorker::DefineClass { id, class } => {
                let priority = class.priority;
                self.shared.classes.define_class(id, class);
                Event::ClassDefined { class: id, priority }
            }
            SchedulerToWorker::DefinePeer { worker, address } => {
                self.peers.define(worker, &address);
                Event::PeerDefined { worker }
            }
            SchedulerToWorker::Compute(columns) => Event::Compute(columns),
            SchedulerToWorker::Retract { runs, discard } => Event::Retract { runs, discard },
            SchedulerToWorker::Free { values } => Event::Free { values },
            SchedulerToWorker::Replicate { sources } => Event::Replicate { sources },
            SchedulerToWorker::Do { request, op } => return self.shared.ops.push(request, op),
            SchedulerToWorker::Close { reason } => {
                self.closing.get_or_insert(StopReason::Closed(reason.clone()));
                self.collect(now, io); // What is finished is answered as such.
                Event::Close { reason }
            }
        };
        self.core.handle(now, event);
    }

    fn on_welcome(&mut self, me: WorkerId, data_secret: Secret, heartbeat_ms: u32, now: Tick) {
        self.stage = Stage::Running;
        self.acceptance.replace(Secrets {
            cluster: self.cluster,
            data: Some(data_secret.clone()),
            ..Secrets::default()
        });
        self.peers.learn_secret(data_secret);
        self.pulse.begin(now, heartbeat_ms);
        self.shared.progress.welcomed(me, self.description.address.clone());
    }

    /// Takes in what the runtime's threads left. True if a lane had something.
    fn collect(&mut self, now: Tick, io: &mut Io) -> bool {
        for note in self.shared.take_notes() {
            self.on_note(note, now, io);
        }
        let mut loads = Vec::new();
        let mut lanes = self.shared.lanes.lock();
        lanes.retain(|lane| {
            // Counted first: who holds no lane any more leaves nothing there either.
            let in_use = Arc::strong_count(lane) > 1;
            let load = lane.unload();
            let stays = in_use || load.is_some();
            loads.extend(load);
            stays
        });
        drop(lanes);
        let found = !loads.is_empty();
        for load in loads {
            self.on_load(load, now);
        }
        found
    }

    fn on_load(&mut self, load: Load, now: Tick) {
        let thread = load.completions.thread;
        self.core.handle(now, Event::Finished(load.completions));
        for ending in load.endings {
            let event = match ending {
                Ending::Failed { run, started_ns, duration_ns, error } => {
                    let error = Arc::new(self.signed(*error));
                    Event::Failed(Failure { thread, run, started_ns, duration_ns, error })
                }
                Ending::Rescheduled { run } => Event::Rescheduled { run },
                Ending::GivenBack { runs } => Event::TakenBack { runs },
            };
            self.core.handle(now, event);
        }
    }

    fn on_note(&mut self, note: Note, now: Tick, io: &mut Io) {
        let message = match note {
            Note::Encoded { value, result } => {
                let result = result.map_err(|error| self.signed(error));
                return self.serving.encoded(value, result, io);
            }
            Note::Reply { request, result } => {
                let result = result.map_err(|error| Arc::new(self.signed(error)));
                WorkerToScheduler::Reply { request, result }
            }
            Note::Seceded(run) => WorkerToScheduler::Seceded { run },
            Note::Rejoined(run) => WorkerToScheduler::Rejoined { run },
            Note::Notice { topic, text } => WorkerToScheduler::Notice { topic, text },
            Note::Close { reason } => {
                self.closing.get_or_insert(StopReason::Left(reason.clone()));
                if self.stage == Stage::Running {
                    self.core.handle(now, Event::Close { reason });
                } else {
                    self.stop(StopReason::Left(reason), io);
                }
                return;
            }
        };
        io.send(self.scheduler, message);
    }

    /// An error with this worker's address, if it has none.
    fn signed(&self, mut error: TaskError) -> TaskError {
        if error.worker.is_empty() {
            error.worker.clone_from(&self.description.address);
        }
        error
    }

    /// Does what the core wants until it wants nothing.
    fn obey(&mut self, now: Tick, io: &mut Io) {
        while let Some(effect) = self.core.poll_effect() {
            match effect {
                Effect::Ready(runs) => {
                    self.shared.pool.push(runs);
                    self.queued_now = true;
                }
                Effect::TakeBack { runs } => {
                    let runs = self.shared.pool.take_back(&runs);
                    self.core.handle(now, Event::TakenBack { runs });
                }
                Effect::TakeBackAll => {
                    let runs = self.shared.pool.take_all();
                    self.core.handle(now, Event::Drained { runs });
                }
                Effect::Send(message) => io.send(self.scheduler, message),
                Effect::Fetch { worker, request, values } => {
                    if !self.peers.ask(worker, request, values, now, io) {
                        self.core.handle(now, Event::PeerLost { worker });
                    }
                }
                Effect::Violation { text } => {
                    io.close(self.scheduler, text.clone());
                    self.stop(StopReason::Violation(text), io);
                }
                Effect::Leave { reason } => {
                    let why = self.closing.take().unwrap_or(StopReason::Left(reason));
                    self.stop(why, io);
                }
            }
        }
    }

    /// Decides whether to look at the lanes again soon, or to let threads wake the reactor.
    fn keep_watch(&mut self, found: bool, now: Tick, io: &mut Io) {
        if found || std::mem::take(&mut self.queued_now) {
            self.shared.watch();
            self.watch = Some(now.plus_ns(WAIT_NS_MAX));
        } else if self.watch.is_none_or(|due| due <= now) {
            self.watch = None;
            if self.shared.stop_watching() {
                // Something came at the last moment, from a thread that saw us watching.
                self.collect(now, io);
                self.obey(now, io);
            }
        }
    }
}

impl Driver for WorkerDriver {
    fn on_open(&mut self, link: LinkId, peer: PeerInfo, io: &mut Io) {
        if link == self.scheduler {
            self.on_scheduler_open(&peer, io);
        } else if !peer.initiated {
            if peer.role == Role::Data {
                self.serving.opened(link, peer.memory);
            } else {
                io.close(link, "a worker answers data connections only");
            }
        }
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        if self.stage == Stage::Stopped {
            return;
        }
        match message {
            Message::SchedulerToWorker(message) if link == self.scheduler => self.on_scheduler(message, io),
            Message::ToData(ToData::Fetch { request, values }) => {
                self.serving.fetch(link, request, &values, &self.core, io);
            }
            Message::ToData(ToData::Put { request, value, payload, type_name }) => {
                let (kept, nbytes) = received(payload, &self.shared.errands);
                let type_name = Arc::from(type_name);
                self.core.handle(io.now(), Event::Brought { value, kept, nbytes, type_name });
                io.send(link, FromData::Stored { request });
            }
            Message::FromData(FromData::Value { request, value, result }) => {
                let nbytes = result.as_ref().map_or(0, Payload::nbytes);
                let Some(worker) = self.peers.answered(link, nbytes, io.now()) else { return };
                let result = result.map(|payload| received(payload, &self.shared.errands));
                self.core.handle(io.now(), Event::Fetched { worker, request, value, result });
            }
            _ => io.close(link, "that message is not for a worker"),
        }
    }

    fn on_close(&mut self, link: LinkId, reason: CloseReason, io: &mut Io) {
        if link == self.scheduler {
            if self.stage == Stage::Stopped {
                return;
            }
            let why = match (self.closing.take(), self.stage) {
                (Some(why), _) => why,
                (None, Stage::Connecting) => StopReason::NotConnected(reason),
                (None, _) => StopReason::SchedulerLost(reason),
            };
            return self.stop(why, io);
        }
        self.serving.closed(link);
        if let Some(worker) = self.peers.closed(link) {
            self.core.handle(io.now(), Event::PeerLost { worker });
        }
    }

    fn on_wake(&mut self, _io: &mut Io) {}

    fn on_turn(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        spare_objects_on_this_thread();
        if self.stage == Stage::Stopped {
            return None;
        }
        let found = self.collect(now, io);
        if self.core.poll_timeout().is_some_and(|due| due <= now) {
            self.core.handle(now, Event::TimedOut);
        }
        self.obey(now, io);
        self.keep_watch(found, now, io);
        if self.stage != Stage::Running {
            return None;
        }
        let pulse = self.pulse.beat(now, &self.shared, &self.core.counts(), &mut self.peers, &self.serving);
        for message in pulse {
            io.send(self.scheduler, message);
        }
        let idle = self.peers.close_idle(now, io);
        [self.watch, self.core.poll_timeout(), self.pulse.next(), idle].into_iter().flatten().min()
    }
}

/// Where others reach what listens at `listening`: an address on all interfaces is told as the one from which the
/// scheduler was reached.
fn contact(listening: &Address, peer: &PeerInfo) -> Address {
    match listening {
        Address::Tcp { host, port } if matches!(host.as_str(), "" | "0.0.0.0" | "::") => {
            let ip = peer.local_ip.map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string());
            Address::tcp(ip, *port)
        }
        other => other.clone(),
    }
}
