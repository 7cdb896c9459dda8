//! Listening sockets.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use crate::access::Acceptance;
use crate::address::Address;
use crate::nearby;
use crate::stream::Stream;

pub(crate) struct Listener {
    /// Where it listens, with the port that was chosen.
    pub address: Address,
    pub acceptance: Acceptance,
    socket: Socket,
    /// Kept for its end: it removes the file.
    _file: Option<SocketFile>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    pub fn bind_tcp(candidates: &[SocketAddr], acceptance: Acceptance) -> io::Result<Listener> {
        let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        for &candidate in candidates {
            // `mio` sets SO_REUSEADDR: connections of a predecessor that linger do not matter, a live listener does.
            result = TcpListener::bind(candidate);
            if result.is_ok() {
                break;
            }
        }
        let listener = result?;
        let address = Address::from(listener.local_addr()?);
        Ok(Listener { address, acceptance, socket: Socket::Tcp(listener), _file: None })
    }

    pub fn bind_unix(path: &Path, acceptance: Acceptance) -> io::Result<Listener> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let file = SocketFile::of(path)?;
        let address = Address::Unix(path.to_owned());
        Ok(Listener { address, acceptance, socket: Socket::Unix(listener), _file: Some(file) })
    }

    /// Listens for data connections from processes of this machine to what listens at a TCP address.
    pub fn bind_nearby(address: &Address, acceptance: Acceptance) -> io::Result<Listener> {
        let socket = Socket::Unix(nearby::bind(address)?);
        Ok(Listener { address: address.clone(), acceptance, socket, _file: None })
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Socket::Unix(listener) => registry.register(listener, token, Interest::READABLE),
        }
    }

    /// The next connection, and where it comes from.
    pub fn accept(&self) -> io::Result<(Stream, String)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, from) = listener.accept()?;
                Ok((Stream::Tcp(stream), Address::from(from).to_string()))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((Stream::Unix(stream), self.address.to_string()))
            }
        }
    }
}

/// The file of a unix listener: removed with it, unless someone put another in its place.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // Nothing to do about a file that stays; the next listener there replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the socket file of a listener that is gone. A file of another kind stays and will be in the way.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is in the way"));
    }
    // Without waiting: a listener that is too busy to answer is a listener.
    match Stream::connect_unix(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "someone listens there already")),
    }
}
