//! The page of a cluster, served from the scheduler's process on a thread of its own.
//!
//! For now it is a plain page that says that the cluster runs and how to ask it: it holds none of the cluster's data, so
//! nobody has to show a secret to read it. `/health` answers `ok`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a browser may take to ask, or to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// A request line longer than this is none.
const LINE_BYTES_MAX: u64 = 8 * 1024;

const PAGE: &str = include_str!("page.html");

/// A running page. Dropping it ends it.
pub struct Dashboard {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dashboard {
    /// Serves the page at `host:port`; port 0 lets the system choose.
    ///
    /// # Errors
    /// If the address is in use or is none.
    pub fn start(host: &str, port: u16) -> io::Result<Dashboard> {
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        let listener = TcpListener::bind((host, port)).map_err(|error| {
            io::Error::new(error.kind(), format!("the dashboard cannot listen at {host}:{port}: {error}"))
        })?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("rask-dashboard".to_owned()).spawn({
            let stopping = stopping.clone();
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::Acquire) {
                        break;
                    }
                    // A reader that goes away in the middle is its own affair.
                    let _ = stream.and_then(answer);
                }
            }
        })?;
        Ok(Dashboard { address, stopping, thread: Some(thread) })
    }

    /// The port it is served at.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The link that users are told.
    pub fn link(&self) -> String {
        let ip = self.address.ip();
        let host = if ip.is_unspecified() { "127.0.0.1".to_owned() } else { ip.to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("http://{host}:{}/status", self.port())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // The thread waits for a reader: be one.
        let ip = if self.address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { self.address.ip() };
        let woken = TcpStream::connect_timeout(&SocketAddr::new(ip, self.port()), PATIENCE);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(io::Read::take(&stream, LINE_BYTES_MAX)).read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/health") => ("200 OK", "text/plain", "ok\n"),
        ("GET" | "HEAD", "/" | "/status") => ("200 OK", "text/html; charset=utf-8", PAGE),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "There is no such page.\n"),
        _ => ("405 Method Not Allowed", "text/plain", "Only GET.\n"),
    };
    let body = if method == "HEAD" { "" } else { body };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nX-Content-Type-Options: nosniff\r\n\r\n",
        body.len()
    );
    let mut stream = &stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn ask(dashboard: &Dashboard, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", dashboard.port())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn pages_are_served_and_others_are_not() {
        let dashboard = Dashboard::start("127.0.0.1", 0).unwrap();
        assert!(ask(&dashboard, "GET /status?x=1 HTTP/1.1\r\n\r\n").contains("<title>rask"));
        assert!(ask(&dashboard, "GET /health HTTP/1.1\r\n\r\n").ends_with("ok\n"));
        assert!(ask(&dashboard, "GET /nope HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask(&dashboard, "POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(ask(&dashboard, "\r\n").starts_with("HTTP/1.1 405"));
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_it() {
        let dashboard = Dashboard::start("127.0.0.1", 0).unwrap();
        let error = Dashboard::start("127.0.0.1", dashboard.port()).err().unwrap();
        assert!(error.to_string().contains(&dashboard.port().to_string()), "{error}");
    }

    #[test]
    fn it_ends_when_dropped() {
        let dashboard = Dashboard::start("127.0.0.1", 0).unwrap();
        let port = dashboard.port();
        drop(dashboard);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
