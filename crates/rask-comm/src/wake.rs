//! How other threads reach a reactor: flags, an inbox of parcels, and a waker that is only rung when the reactor sleeps.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rask_types::msg::{Message, Role};

use crate::peer::LinkId;

/// What other threads put before a reactor. Links are the receiver's.
pub(crate) enum Parcel {
    /// Open a memory link to this reactor.
    Attach { acceptor: Arc<Shared>, role: Role },
    /// A reactor opened a memory link to this one.
    MemoryOpened { from: Arc<Shared>, from_link: LinkId, role: Role, address: String },
    /// The other reactor took it, and calls it so.
    MemoryAccepted { link: LinkId, by: Arc<Shared>, peer_link: LinkId },
    /// What the other end of a memory link sent.
    Messages { link: LinkId, messages: Vec<Message> },
    /// The other end of a memory link closed it, or refused it.
    MemoryClosed { link: LinkId },
    /// A name was resolved.
    Resolved { link: LinkId, result: io::Result<Vec<SocketAddr>> },
}

#[derive(Default)]
struct Inbox {
    parcels: Vec<Parcel>,
    /// The reactor is gone.
    closed: bool,
}

/// What a reactor and its handles share.
pub(crate) struct Shared {
    waker: mio::Waker,
    /// The reactor sleeps or is about to: whoever changes one of the flags below must ring.
    asleep: AtomicBool,
    woken: AtomicBool,
    stop: AtomicBool,
    has_parcels: AtomicBool,
    inbox: Mutex<Inbox>,
}

impl Shared {
    pub fn new(waker: mio::Waker) -> Shared {
        Shared {
            waker,
            asleep: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            has_parcels: AtomicBool::new(false),
            inbox: Mutex::new(Inbox::default()),
        }
    }

    pub fn wake(&self) {
        // If it was set already, whoever set it has rung or found the reactor awake.
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.rouse();
        }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.rouse();
    }

    /// Puts a parcel before the reactor; gives it back if the reactor is gone.
    pub fn post(&self, parcel: Parcel) -> Result<(), Parcel> {
        {
            let mut inbox = self.inbox.lock();
            if inbox.closed {
                return Err(parcel);
            }
            inbox.parcels.push(parcel);
        }
        if !self.has_parcels.swap(true, Ordering::SeqCst) {
            self.rouse();
        }
        Ok(())
    }

    /// Rings, if the reactor sleeps. The flag that is the reason was set before: either the reactor sees it when it has
    /// declared itself asleep, or we see here that it has. (All of this is sequentially consistent for that reason.)
    fn rouse(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // The system refuses only if its counter is full, and then the reactor is being woken already.
            let _ = self.waker.wake();
        }
    }

    /// Declares the reactor asleep, unless there is something for it to do.
    pub fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let awaited = [&self.woken, &self.stop, &self.has_parcels];
        let busy = awaited.iter().any(|flag| flag.load(Ordering::SeqCst));
        if busy {
            self.asleep.store(false, Ordering::SeqCst);
        }
        !busy
    }

    pub fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    pub fn take_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::SeqCst)
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub fn take_parcels(&self) -> Vec<Parcel> {
        if !self.has_parcels.swap(false, Ordering::SeqCst) {
            return Vec::new();
        }
        std::mem::take(&mut self.inbox.lock().parcels)
    }

    /// Refuses everything from now on; returns what nobody will look at.
    pub fn close(&self) -> Vec<Parcel> {
        let mut inbox = self.inbox.lock();
        inbox.closed = true;
        std::mem::take(&mut inbox.parcels)
    }
}
