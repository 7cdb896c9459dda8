//! Reactors on real sockets and in memory, as a driver sees them.

mod bytes_from_strangers;
mod closing;
mod connecting;
mod messages;
mod node;
mod sharing;
mod waking;
