//! What a part of a process implements.

use rask_types::Tick;
use rask_types::msg::Message;

use crate::io::Io;
use crate::peer::{CloseReason, LinkId, PeerInfo};

/// A scheduler, worker or client as the reactor sees it. All callbacks run on the reactor's thread and must not block.
///
/// A turn of the loop: what the sockets brought (`on_open`, `on_message`, `on_close` in each link's order), `on_wake` if
/// somebody woke the reactor, `on_turn`, then everything that was sent goes out.
pub trait Driver: Send {
    /// A link is ready: authenticated, or in memory. For a link that this side asked for, `link` is what
    /// [`Io::connect`] returned.
    fn on_open(&mut self, link: LinkId, peer: PeerInfo, io: &mut Io);

    /// A message arrived. Its columns are consistent with each other ([`rask_wire`] checks them); what they say is not
    /// checked. It is of the family that the peer's role may send.
    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io);

    /// The link is gone. Called exactly once for every link that `on_open` announced or [`Io::connect`] returned,
    /// whoever closed it, and never inside one of [`Io`]'s methods. Connections that never got through the
    /// handshake of a listener are not announced at all.
    fn on_close(&mut self, link: LinkId, reason: CloseReason, io: &mut Io);

    /// [`ReactorHandle::wake`](crate::ReactorHandle::wake) was called at least once since the last time.
    fn on_wake(&mut self, io: &mut Io);

    /// The end of every turn: time to drain effects and send. Returns when to be called next at the latest, even if
    /// nothing happens. A time that has passed means the next turn, which first looks at the sockets.
    fn on_turn(&mut self, now: Tick, io: &mut Io) -> Option<Tick>;
}
