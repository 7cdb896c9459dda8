//! Links within the process: messages move as values, from one reactor's outbox to the other's inbox, once a turn.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rask_types::msg::Role;

use super::Io;
use super::receiving::memory_peer;
use crate::address::Address;
use crate::link::{MemoryEnd, Phase};
use crate::peer::{CloseReason, LinkId, PeerInfo};
use crate::wake::{Parcel, Shared};

/// Who listens on which `inproc://` name.
static NAMES: Mutex<BTreeMap<String, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// Frees a name, if it is still this reactor's.
pub(super) fn unregister(name: &str, owner: &Arc<Shared>) {
    let mut names = NAMES.lock();
    if names.get(name).is_some_and(|found| std::ptr::eq(found.as_ptr(), Arc::as_ptr(owner))) {
        names.remove(name);
    }
}

impl Io {
    pub(super) fn listen_memory(&mut self, name: &str) -> io::Result<()> {
        let mut names = NAMES.lock();
        if names.get(name).is_some_and(|found| found.strong_count() > 0) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "someone listens there already"));
        }
        names.insert(name.to_owned(), Arc::downgrade(&self.shared));
        self.memory_names.push(name.to_owned());
        Ok(())
    }

    pub(super) fn stop_listening_memory(&mut self, name: &str) {
        self.memory_names.retain(|known| known != name);
        unregister(name, &self.shared);
    }

    pub(super) fn connect_memory(&mut self, name: &str, role: Role) -> LinkId {
        let address = Address::Memory(name.to_owned()).to_string();
        let acceptor = NAMES.lock().get(name).and_then(Weak::upgrade);
        let attached = acceptor.and_then(|acceptor| self.attach(acceptor, role, address.clone()));
        let id = attached.unwrap_or_else(|| self.add_link(address, Phase::Resolving));
        if let Some(link) = self.link_mut(id) {
            link.announced = true;
        }
        if attached.is_none() {
            let nobody = io::Error::new(io::ErrorKind::NotFound, "nobody in this process listens there");
            self.connect_failed(id, &nobody);
        }
        id
    }

    /// Opens a link to a reactor; `None` if it is gone, or this one is going. The driver does not know of it yet.
    pub(crate) fn attach(&mut self, acceptor: Arc<Shared>, role: Role, address: String) -> Option<LinkId> {
        if self.stopping {
            return None;
        }
        let end = MemoryEnd { peer: acceptor.clone(), peer_link: None };
        let id = self.add_link(address.clone(), Phase::Memory(end));
        let link = self.link_mut(id)?;
        link.initiated = true;
        link.role = Some(role);
        let opened = Parcel::MemoryOpened { from: self.shared.clone(), from_link: id, role, address };
        if acceptor.post(opened).is_err() {
            self.links.remove(id.slot());
            return None;
        }
        Some(id)
    }

    /// Another reactor opened a link to this one.
    pub(crate) fn memory_opened(
        &mut self,
        from: Arc<Shared>,
        from_link: LinkId,
        role: Role,
        address: String,
    ) -> Option<(LinkId, PeerInfo)> {
        if self.stopping {
            let _ = from.post(Parcel::MemoryClosed { link: from_link });
            return None;
        }
        let end = MemoryEnd { peer: from.clone(), peer_link: Some(from_link) };
        let id = self.add_link(address, Phase::Memory(end));
        if from
            .post(Parcel::MemoryAccepted { link: from_link, by: self.shared.clone(), peer_link: id })
            .is_err()
        {
            self.links.remove(id.slot());
            return None;
        }
        let link = self.link_mut(id)?;
        link.announced = true;
        link.role = Some(role);
        Some((id, memory_peer(link, role)))
    }

    /// The other reactor took the link. If it was closed here meanwhile, the other must hear of it.
    pub(crate) fn memory_accepted(&mut self, id: LinkId, by: &Shared, peer_link: LinkId) -> Option<PeerInfo> {
        let Some(link) = self.link_mut(id) else {
            let _ = by.post(Parcel::MemoryClosed { link: peer_link });
            return None;
        };
        let role = link.role?;
        let Phase::Memory(end) = &mut link.phase else { return None };
        end.peer_link = Some(peer_link);
        link.announced = true;
        let peer = memory_peer(link, role);
        self.mark_dirty(id);
        Some(peer)
    }

    /// Hands over what was sent in this turn.
    pub(super) fn flush_memory(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        let Phase::Memory(MemoryEnd { peer, peer_link: Some(peer_link) }) = &link.phase else { return };
        if link.messages.is_empty() {
            return;
        }
        let messages = std::mem::take(&mut link.messages);
        if peer.post(Parcel::Messages { link: *peer_link, messages }).is_err() {
            self.end(id, CloseReason::Peer);
        }
    }

    /// Ends this end and tells the other.
    pub(super) fn close_memory(&mut self, id: LinkId, reason: CloseReason) {
        let Some(link) = self.link_mut(id) else { return };
        if let Phase::Memory(MemoryEnd { peer, peer_link: Some(peer_link) }) = &link.phase {
            let _ = peer.post(Parcel::MemoryClosed { link: *peer_link });
        }
        self.end(id, reason);
    }

    /// The reactor is going: whoever is attached to it, or tries to be, must hear of it.
    pub(super) fn abandon_memory(&mut self) {
        for name in std::mem::take(&mut self.memory_names) {
            unregister(&name, &self.shared);
        }
        let unread = self.shared.close();
        for parcel in unread {
            if let Parcel::MemoryOpened { from, from_link, .. } = parcel {
                let _ = from.post(Parcel::MemoryClosed { link: from_link });
            }
        }
        let ids: Vec<LinkId> = self.links.iter().map(|(_, link)| link.id).collect();
        for id in ids {
            self.close_memory(id, CloseReason::Stopped);
        }
    }
}
