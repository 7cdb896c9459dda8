//! Data connections to other workers: opened when something is to be fetched, closed after a while without use. Only the side
//! that opened one closes it for idleness, so a question never meets a closing door.

use hashbrown::HashMap;
use rask_comm::{Address, Credentials, Io, LinkId, Role, Secret, Tick};
use rask_types::msg::ToData;
use rask_types::{RequestId, RunId, WorkerId};

/// How long a connection may lie idle.
const IDLE_MS_MAX: u64 = 60_000;

#[derive(Default)]
pub(crate) struct PeerLinks {
    peers: HashMap<WorkerId, Peer>,
    by_link: HashMap<LinkId, WorkerId>,
    secret: Option<Secret>,
    /// Bytes received since the start.
    pub received_bytes: u64,
}

struct Peer {
    /// `None` if what the scheduler said is no address.
    address: Option<Address>,
    link: Option<LinkId>,
    /// Values asked for and not answered.
    unanswered: usize,
    last_used: Tick,
}

impl PeerLinks {
    pub fn learn_secret(&mut self, secret: Secret) {
        self.secret = Some(secret);
    }

    pub fn define(&mut self, worker: WorkerId, address: &str) {
        let address = address.parse().ok();
        self.peers.entry(worker).and_modify(|peer| peer.address.clone_from(&address)).or_insert(Peer {
            address,
            link: None,
            unanswered: 0,
            last_used: Tick::ZERO,
        });
    }

    /// Asks a peer. False if it cannot be asked.
    pub fn ask(
        &mut self,
        worker: WorkerId,
        request: RequestId,
        values: Vec<RunId>,
        now: Tick,
        io: &mut Io,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&worker) else { return false };
        let link = match (peer.link, &peer.address, &self.secret) {
            (Some(link), ..) => link,
            (None, Some(address), Some(secret)) => {
                let link = io.connect(address, Role::Data, Credentials::Secret(secret.clone()));
                self.by_link.insert(link, worker);
                link
            }
            _ => return false,
        };
        peer.link = Some(link);
        peer.unanswered += values.len();
        peer.last_used = now;
        io.send(link, ToData::Fetch { request, values });
        true
    }

    /// A value, or why not, came over `link`: from whom.
    pub fn answered(&mut self, link: LinkId, nbytes: u64, now: Tick) -> Option<WorkerId> {
        let worker = *self.by_link.get(&link)?;
        self.received_bytes += nbytes;
        if let Some(peer) = self.peers.get_mut(&worker) {
            peer.unanswered = peer.unanswered.saturating_sub(1);
            peer.last_used = now;
        }
        Some(worker)
    }

    /// A link is gone: the peer that still owed answers on it.
    pub fn closed(&mut self, link: LinkId) -> Option<WorkerId> {
        let worker = self.by_link.remove(&link)?;
        let peer = self.peers.get_mut(&worker).filter(|peer| peer.link == Some(link))?;
        peer.link = None;
        (std::mem::take(&mut peer.unanswered) > 0).then_some(worker)
    }

    /// Closes what nobody used for long. When to look again.
    pub fn close_idle(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        let mut next = None;
        for peer in self.peers.values_mut().filter(|peer| peer.unanswered == 0) {
            let Some(link) = peer.link else { continue };
            let due = peer.last_used.plus_ms(IDLE_MS_MAX);
            if due <= now {
                peer.link = None;
                self.by_link.remove(&link);
                io.close(link, "idle");
            } else {
                next = Some(next.map_or(due, |next: Tick| next.min(due)));
            }
        }
        next
    }
}
