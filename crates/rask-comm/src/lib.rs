//! rask's I/O: one reactor thread per part of a process (scheduler, worker, client), which owns the part's sockets, timers
//! and state.
//!
//! A part is a [`Driver`]: a few callbacks on the reactor's thread. It acts through [`Io`]: send, close, connect, listen.
//! Other threads reach it through their own shared state and [`ReactorHandle::wake`]. Nothing here ever blocks but the
//! wait for the next event, and nothing polls.
//!
//! * [`address`]: where one listens and connects.
//! * [`driver`]: what a part of a process implements.
//! * [`peer`]: who is at the other end, and why a link ended.
//! * [`access`]: secrets on both ends of a handshake.
//! * [`io`]: what a driver may do.
//! * [`reactor`]: the loop and its handle.
//!
//! Inside, `link` is what the reactor keeps of a link, and the rooms of `io` are the steps of its life; `stream`, `listener`,
//! `nearby`, `files` and `dns` deal with the system, `segment` with memory that is shared with other processes, `wake` with other threads,
//! `timers` and `alarm` with time.
//!
//! ```
//! use rask_comm::{Acceptance, Address, CloseReason, Driver, Io, LinkId, PeerInfo, Reactor, Tick};
//! use rask_types::msg::Message;
//!
//! /// Sends every message back and stops when the peer leaves.
//! struct Echo;
//! impl Driver for Echo {
//!     fn on_open(&mut self, _link: LinkId, _peer: PeerInfo, _io: &mut Io) {}
//!     fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
//!         io.send(link, message);
//!     }
//!     fn on_close(&mut self, _link: LinkId, _reason: CloseReason, io: &mut Io) {
//!         io.stop();
//!     }
//!     fn on_wake(&mut self, _io: &mut Io) {}
//!     fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
//!         None
//!     }
//! }
//!
//! let mut reactor = Reactor::new()?;
//! let address = reactor.io().listen(&"tcp://127.0.0.1:0".parse::<Address>()?, Acceptance::default())?;
//! assert!(address.to_string().starts_with("tcp://127.0.0.1:"));
//! reactor.handle().stop();
//! let _echo = reactor.run(Echo);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod access;
pub mod address;
mod alarm;
mod clock;
mod dns;
pub mod driver;
mod files;
pub mod io;
mod link;
mod listener;
mod nearby;
pub mod peer;
pub mod reactor;
#[cfg_attr(not(target_os = "linux"), path = "segment/none.rs")]
mod segment;
mod stream;
mod timers;
mod wake;

pub use access::{Acceptance, Credentials};
pub use address::{Address, AddressParseError, DEFAULT_PORT};
pub use clock::now;
pub use driver::Driver;
pub use io::Io;
pub use peer::{CloseReason, LinkId, PeerInfo};
pub use rask_types::Tick;
pub use rask_types::msg::{Message, Role};
pub use rask_wire::WireError;
pub use rask_wire::handshake::{ClusterId, HandshakeError, Secret, Secrets, Version};
pub use reactor::{Options, Reactor, ReactorHandle, memory_pair};
