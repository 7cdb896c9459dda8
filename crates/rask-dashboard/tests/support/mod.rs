//! A scheduler with its dashboard, and a browser of a few lines.

#![allow(dead_code)] // each test binary uses its part

pub mod cluster;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rask_dashboard::{Dashboard, DashboardOptions};
use rask_scheduler::{SchedulerHandle, SchedulerOptions};
use tungstenite::WebSocket;

pub const CLUSTER: &str = "0123456789abcdef0123456789abcdef";
pub const COOKIE: &str = "rask-0123456789abcdef";
pub const TOKEN: &str = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";
/// Longer than any answer takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Both run until dropped.
pub struct Served {
    pub dashboard: Dashboard,
    pub scheduler: SchedulerHandle,
}

pub fn options(port: u16) -> DashboardOptions {
    DashboardOptions {
        host: "127.0.0.1".into(),
        port,
        link_host: None,
        machine_names: vec!["lab7".into()],
        cluster: CLUSTER.into(),
        token: TOKEN.into(),
    }
}

/// A scheduler that lets nobody in but over memory links, and its dashboard.
pub fn serve() -> Served {
    let scheduler =
        rask_scheduler::start(SchedulerOptions::new("tcp://127.0.0.1:0".parse().unwrap())).unwrap();
    let dashboard = Dashboard::bind(options(0)).unwrap().serve(scheduler.views()).unwrap();
    Served { dashboard, scheduler }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Served {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.dashboard.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes and reads all that comes until the dashboard closes.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request += &format!("Host: 127.0.0.1:{}\r\n", self.dashboard.port());
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let text = self.raw(&(request + "\r\n"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// As a page that has the cookie.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[("Cookie", &format!("{COOKIE}={TOKEN}"))])
    }

    /// Asks until the answer is as it should be: what a client submitted, the scheduler may hear of a moment later, and
    /// till then the task is not known.
    pub fn until(&self, path: &str, good: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let begin = Instant::now();
        loop {
            let answer = self.get(path);
            assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.body);
            assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
            let value = answer.json();
            if answer.status == 200 && good(&value) {
                return value;
            }
            assert!(begin.elapsed() < PATIENCE, "{path}: {value:#}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Opens the WebSocket with these headers.
    pub fn live(&self, headers: &[(&str, &str)]) -> Result<WebSocket<TcpStream>, tungstenite::Error> {
        let mut request = tungstenite::http::Request::builder()
            .uri(format!("ws://127.0.0.1:{}/api/v1/live", self.dashboard.port()))
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("Host", format!("127.0.0.1:{}", self.dashboard.port()));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match tungstenite::client(request.body(()).unwrap(), self.connect()) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
            Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the handshake took too long"),
        }
    }

    /// As a page does.
    pub fn page(&self) -> WebSocket<TcpStream> {
        let origin = format!("http://127.0.0.1:{}", self.dashboard.port());
        self.live(&[("Cookie", &format!("{COOKIE}={TOKEN}")), ("Origin", &origin)]).unwrap()
    }
}

/// The next message.
pub fn next(socket: &mut WebSocket<TcpStream>) -> serde_json::Value {
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            tungstenite::Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

/// The next message that is of this type.
pub fn next_of(socket: &mut WebSocket<TcpStream>, kind: &str) -> serde_json::Value {
    loop {
        let message = next(socket);
        if message["type"] == kind {
            return message;
        }
    }
}
