//! A non-blocking byte stream: TCP or unix socket.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

use crate::files;

/// A dead peer behind a dead network is noticed after about a minute of silence.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// Writing to a peer that is gone is an error, not a signal that kills the process.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
/// Elsewhere the socket has that as an option, which `mio` sets.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const SEND_FLAGS: i32 = 0;

pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub fn connect_tcp(address: SocketAddr) -> io::Result<Stream> {
        TcpStream::connect(address).map(Stream::Tcp)
    }

    pub fn connect_unix(path: &Path) -> io::Result<Stream> {
        UnixStream::connect(path).map(Stream::Unix)
    }

    /// Whether a connection that was begun has come about; an error if it failed.
    pub fn is_connected(&self) -> io::Result<bool> {
        let (error, peer) = match self {
            Stream::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Stream::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
        };
        match (error, peer) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(true),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (None, Err(error)) => Err(error),
        }
    }

    /// What every connection wants: no delay for small writes, and probes that find out when the peer is gone.
    pub fn set_options(&self) -> io::Result<()> {
        let Stream::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)
    }

    pub fn local_ip(&self) -> Option<IpAddr> {
        match self {
            Stream::Tcp(stream) => stream.local_addr().ok().map(|address| address.ip()),
            Stream::Unix(_) => None,
        }
    }

    pub fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => registry.register(stream, token, interest),
            Stream::Unix(stream) => registry.register(stream, token, interest),
        }
    }

    pub fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => registry.reregister(stream, token, interest),
            Stream::Unix(stream) => registry.reregister(stream, token, interest),
        }
    }

    fn socket(&self) -> SockRef<'_> {
        match self {
            Stream::Tcp(stream) => SockRef::from(stream),
            Stream::Unix(stream) => SockRef::from(stream),
        }
    }

    /// Reads into initialised memory.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        without_interrupts(|| match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        })
    }

    /// Reads into memory that need not be initialised; as many of the first bytes are then as the result says.
    pub fn read_uninit(&mut self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        without_interrupts(|| self.socket().recv(buffer))
    }

    pub fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        without_interrupts(|| self.socket().send_vectored_with_flags(slices, SEND_FLAGS))
    }

    /// Writes bytes that are not none, with a file that then comes with the first of them. Over a unix socket.
    pub fn write_with_file(&mut self, bytes: &[u8], file: &OwnedFd) -> io::Result<usize> {
        let Stream::Unix(stream) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        without_interrupts(|| files::send(stream.as_raw_fd(), bytes, file.as_raw_fd(), SEND_FLAGS))
    }

    /// Reads as [`Stream::read_uninit`] does, and takes the file that came with the bytes, if one did. Over a unix socket. A
    /// read ends before the next file, so one that is short does not mean that nothing is left.
    pub fn read_with_file(&mut self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Option<OwnedFd>)> {
        let Stream::Unix(stream) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        without_interrupts(|| files::receive(stream.as_raw_fd(), buffer))
    }

    /// Tells the peer that nothing more will come. An error means that the peer knows, or is gone.
    pub fn shut_down_write(&self) {
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

fn without_interrupts<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
