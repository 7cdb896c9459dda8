//! Names are resolved on threads of their own: the system's resolver blocks, sometimes for long.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::address::Address;
use crate::peer::LinkId;
use crate::wake::{Parcel, Shared};

/// The socket address of a TCP address that needs no name service.
pub(crate) fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port))
}

/// Resolves `address` and posts the result for `link`.
pub(crate) fn resolve_later(address: Address, link: LinkId, reply_to: Arc<Shared>) -> io::Result<()> {
    let resolve = move || {
        let result = address.resolve();
        // A reactor that is gone wants no answer.
        let _ = reply_to.post(Parcel::Resolved { link, result });
    };
    std::thread::Builder::new().name("rask-dns".into()).spawn(resolve).map(drop)
}
