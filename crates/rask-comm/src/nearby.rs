//! Unix sockets beside TCP, for data connections between processes of one machine.
//!
//! Who listens for data connections at a TCP address listens under that address in the machine's abstract namespace of unix sockets
//! as well (see `unix(7)`), and who connects to it looks there first. That somebody answers shows that it is on this machine and
//! in the same network namespace, which an IP address does not; that it is the right one, the handshake shows, as ever. Such a
//! socket is no file: nothing is left behind.

#[cfg(target_os = "linux")]
pub(crate) use linux::{bind, connect};
#[cfg(not(target_os = "linux"))]
pub(crate) use none::{bind, connect};

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    use mio::net::{UnixListener, UnixStream};

    use crate::address::Address;

    pub(crate) fn bind(address: &Address) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&name_of(address)?)
    }

    /// A connection to whoever listens nearby at `address`. One of another user's is none: anyone may take a name.
    pub(crate) fn connect(address: &Address) -> Option<UnixStream> {
        let stream = UnixStream::connect_addr(&name_of(address).ok()?).ok()?;
        // SAFETY: asks for a number.
        let ours = unsafe { libc::geteuid() };
        let theirs = user_of(&stream).ok()?;
        (theirs == ours).then_some(stream)
    }

    fn name_of(address: &Address) -> io::Result<SocketAddr> {
        SocketAddr::from_abstract_name(format!("rask {address}"))
    }

    /// The user whose process listened.
    fn user_of(stream: &UnixStream) -> io::Result<libc::uid_t> {
        let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        // SAFETY: the system writes at most `len` bytes, the size of what is there.
        let done = unsafe {
            libc::getsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut credentials).cast(),
                &raw mut len,
            )
        };
        if done == 0 { Ok(credentials.uid) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::io;

    use mio::net::{UnixListener, UnixStream};

    use crate::address::Address;

    pub(crate) fn bind(_address: &Address) -> io::Result<UnixListener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn connect(_address: &Address) -> Option<UnixStream> {
        None
    }
}
