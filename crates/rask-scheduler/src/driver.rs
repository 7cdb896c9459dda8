//! Which link is whom, and the translation both ways.

use std::collections::BTreeMap;

use std::sync::Arc;

use rask_comm::{CloseReason, Driver, Io, LinkId, PeerInfo, Role, Tick};
use rask_scheduler_core::{Effect, Event, NannyId, Scheduler};
use rask_types::msg::Message;
use rask_types::{ClientId, WorkerId};

use crate::views::{Look, LookQueue, Waiting, thread_cpu_ns};

/// Who speaks on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Peer {
    Client(ClientId),
    Worker(WorkerId),
    Nanny(NannyId),
}

/// The driver.
pub(crate) struct SchedulerDriver {
    core: Scheduler,
    peers: BTreeMap<LinkId, Peer>,
    clients: BTreeMap<ClientId, LinkId>,
    workers: BTreeMap<WorkerId, LinkId>,
    nannies: BTreeMap<NannyId, LinkId>,
    next: u32,
    shut_down: bool,
    looks: Arc<LookQueue>,
}

impl SchedulerDriver {
    pub(crate) fn new(core: Scheduler, looks: Arc<LookQueue>) -> SchedulerDriver {
        SchedulerDriver {
            core,
            peers: BTreeMap::new(),
            clients: BTreeMap::new(),
            workers: BTreeMap::new(),
            nannies: BTreeMap::new(),
            next: 0,
            shut_down: false,
            looks,
        }
    }

    /// A cluster was told to end by one of its clients, rather than by whoever holds the handle.
    pub(crate) fn was_shut_down(&self) -> bool {
        self.shut_down
    }

    fn carry_out(&mut self, effect: Effect, io: &mut Io) {
        match effect {
            Effect::ToClient(client, message) => send(io, self.clients.get(&client), message),
            Effect::ToWorker(worker, message) => send(io, self.workers.get(&worker), message),
            Effect::ToNanny(nanny, message) => send(io, self.nannies.get(&nanny), message),
            Effect::CloseClient(client) => close(io, self.clients.get(&client)),
            Effect::CloseWorker(worker) => close(io, self.workers.get(&worker)),
            Effect::Shutdown => {
                self.shut_down = true;
                io.stop();
            }
        }
    }
}

impl Drop for SchedulerDriver {
    fn drop(&mut self) {
        self.looks.close();
    }
}

fn send(io: &mut Io, link: Option<&LinkId>, message: impl Into<Message>) {
    if let Some(&link) = link {
        io.send(link, message);
    }
}

fn close(io: &mut Io, link: Option<&LinkId>) {
    if let Some(&link) = link {
        io.close(link, "the scheduler ended the session");
    }
}

impl Driver for SchedulerDriver {
    fn on_open(&mut self, link: LinkId, peer: PeerInfo, io: &mut Io) {
        let number = self.next;
        let (peer, event) = match peer.role {
            Role::Client | Role::TaskClient => {
                self.clients.insert(ClientId(number), link);
                (Peer::Client(ClientId(number)), Event::ClientJoined(ClientId(number)))
            }
            Role::Worker => {
                self.workers.insert(WorkerId(number), link);
                (Peer::Worker(WorkerId(number)), Event::WorkerJoined(WorkerId(number)))
            }
            Role::Nanny => {
                self.nannies.insert(NannyId(number), link);
                (Peer::Nanny(NannyId(number)), Event::NannyJoined(NannyId(number)))
            }
            Role::Data => return io.close(link, "a scheduler keeps no values to fetch"),
        };
        self.next += 1;
        self.peers.insert(link, peer);
        self.core.handle(io.now(), event);
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        let event = match (self.peers.get(&link), message) {
            (Some(&Peer::Client(client)), Message::ClientToScheduler(said)) => Event::Client(client, said),
            (Some(&Peer::Worker(worker)), Message::WorkerToScheduler(said)) => Event::Worker(worker, said),
            (Some(&Peer::Nanny(nanny)), Message::NannyToScheduler(said)) => Event::Nanny(nanny, said),
            (Some(_), _) => return io.close(link, "that message is not for a scheduler"),
            (None, _) => return,
        };
        self.core.handle(io.now(), event);
    }

    fn on_close(&mut self, link: LinkId, reason: CloseReason, io: &mut Io) {
        let Some(peer) = self.peers.remove(&link) else { return };
        let event = match peer {
            Peer::Client(client) => {
                self.clients.remove(&client);
                Event::ClientGone(client)
            }
            Peer::Worker(worker) => {
                self.workers.remove(&worker);
                Event::WorkerGone(worker, reason.to_string())
            }
            Peer::Nanny(nanny) => {
                self.nannies.remove(&nanny);
                Event::NannyGone(nanny)
            }
        };
        self.core.handle(io.now(), event);
    }

    fn on_wake(&mut self, io: &mut Io) {
        for Waiting { for_news, look } in self.looks.take() {
            let event = if for_news { Event::TurnPage } else { Event::Look };
            self.core.handle(io.now(), event);
            look(Look { core: &self.core, cpu_ns: thread_cpu_ns() });
        }
    }

    fn on_turn(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        if self.core.poll_timeout().is_some_and(|due| due <= now) {
            self.core.handle(now, Event::Tick);
        }
        while let Some(effect) = self.core.poll_effect() {
            self.carry_out(effect, io);
        }
        self.core.poll_timeout()
    }
}
