//! Where one listens and connects.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// The port of a scheduler when none is given, as in Dask.
pub const DEFAULT_PORT: u16 = 8786;

/// An address.
///
/// ```
/// use rask_comm::Address;
/// let parse = |text: &str| text.parse::<Address>().map(|address| address.to_string());
/// assert_eq!(parse("127.0.0.1"), Ok("tcp://127.0.0.1:8786".into()));
/// assert_eq!(parse("tcp://[::1]:9000"), Ok("tcp://[::1]:9000".into()));
/// assert_eq!(parse("unix:///run/rask/s"), Ok("unix:///run/rask/s".into()));
/// assert!(parse("http://example.org").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Address {
    /// `tcp://host:port`. Port 0 lets a listener choose.
    Tcp {
        /// A name or an IP address, IPv6 without brackets. Empty, for a listener: all interfaces.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix:///path`.
    Unix(PathBuf),
    /// `inproc://name`: within this process.
    Memory(String),
}

/// Why a text is not an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressParseError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for AddressParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an address: {} (expected host:port, tcp://host:port or unix:///path)",
            self.text, self.why
        )
    }
}

impl std::error::Error for AddressParseError {}

impl Address {
    /// A TCP address.
    pub fn tcp(host: impl Into<String>, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    /// The socket addresses behind a TCP address; asks the name service, and so may block. Empty for other addresses.
    ///
    /// # Errors
    /// If the name is not known.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let Address::Tcp { host, port } = self else { return Ok(Vec::new()) };
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Ok((host, *port).to_socket_addrs()?.collect())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Memory(name) => write!(f, "inproc://{name}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::tcp(address.ip().to_string(), address.port())
    }
}

impl FromStr for Address {
    type Err = AddressParseError;

    fn from_str(text: &str) -> Result<Address, AddressParseError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let parsed = match scheme {
            "tcp" => parse_host_port(rest),
            "unix" if rest.is_empty() => Err("the path is missing"),
            "unix" => Ok(Address::Unix(PathBuf::from(rest))),
            "inproc" if rest.is_empty() => Err("the name is missing"),
            "inproc" => Ok(Address::Memory(rest.to_owned())),
            _ => Err("unknown protocol"),
        };
        parsed.map_err(|why| AddressParseError { text: text.to_owned(), why })
    }
}

fn parse_host_port(text: &str) -> Result<Address, &'static str> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        (host, rest.strip_prefix(':').or(if rest.is_empty() { None } else { Some(rest) }))
    } else if text.matches(':').count() > 1 {
        (text, None) // an IPv6 address without brackets
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    if host.chars().any(|c| c.is_whitespace() || c == '/') {
        return Err("the host contains a space or a slash");
    }
    if host.is_empty() && port.is_none() {
        return Err("it is empty");
    }
    let port =
        port.map_or(Ok(DEFAULT_PORT), str::parse).map_err(|_| "the port is not a number below 65536")?;
    Ok(Address::tcp(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_type_is_understood() {
        for (text, expected) in [
            ("localhost:8786", Address::tcp("localhost", 8786)),
            ("localhost", Address::tcp("localhost", 8786)),
            ("tcp://10.0.0.1:1", Address::tcp("10.0.0.1", 1)),
            (":9000", Address::tcp("", 9000)),
            ("::1", Address::tcp("::1", 8786)),
            ("[fe80::1]:5", Address::tcp("fe80::1", 5)),
            ("[::1]", Address::tcp("::1", 8786)),
            ("unix:///tmp/x.sock", Address::Unix("/tmp/x.sock".into())),
            ("inproc://a", Address::Memory("a".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}, printed and parsed");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_text() {
        for text in [
            "",
            "http://x:1",
            "x:port",
            "x:70000",
            "[::1",
            "[::1]x",
            "a b:1",
            "tcp://x/y:1",
            "unix://",
            "inproc://",
        ] {
            let error = text.parse::<Address>().expect_err(text);
            assert_eq!(error.text, text);
        }
    }

    #[test]
    fn literal_addresses_resolve_without_asking_anyone() {
        let resolve =
            |text: &str| text.parse::<Address>().map(|address| address.resolve().map_err(|e| e.kind()));
        assert_eq!(resolve("127.0.0.1:80"), Ok(Ok(vec![SocketAddr::from(([127, 0, 0, 1], 80))])));
        assert_eq!(resolve(":80"), Ok(Ok(vec![SocketAddr::from(([0, 0, 0, 0], 80))])));
        assert_eq!(resolve("unix:///x"), Ok(Ok(vec![])));
    }
}
