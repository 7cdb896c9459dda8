//! The page of a cluster and its data as JSON, served from the scheduler's process on a thread of its own.
//!
//! The scheduler does not draw, and does not even write JSON: it lets this crate look at its state for moments, and everything
//! else is done here or in the browser. Ten pages that are open cost it what one costs.
//!
//! * [`gate`](self): the token, and who may look;
//! * `listen`: connections, and their bounds;
//! * `routes`: which path gives what; `page` has the files, `api` the answers, `metrics` Prometheus' text;
//! * `question`: how the scheduler is asked;
//! * `link`: where browsers find it all;
//! * `beat`: the pulse that all open pages share; `live` is one page's WebSocket, `graph` the pictures.
//!
//! `docs/dashboard-api.md` is the reference of what is answered.

mod api;
mod beat;
mod exposition;
mod failure;
mod gate;
mod graph;
mod link;
mod listen;
mod live;
mod metrics;
mod page;
mod pages;
mod picture;
mod process;
mod pulse;
mod question;
mod routes;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use rask_scheduler::Views;
use tokio::sync::oneshot;

use crate::gate::Gate;
pub use crate::link::told_link;

/// How long a dashboard that is dropped waits for its thread.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a dashboard is served, and to whom.
#[derive(Clone, Debug)]
pub struct DashboardOptions {
    /// Where to listen; empty means at all addresses of this machine.
    pub host: String,
    /// Port to listen at; 0 lets the system choose.
    pub port: u16,
    /// The host that the link names instead, if a browser should use another than the one that is listened at.
    pub link_host: Option<String>,
    /// Names of this machine: a browser may use them.
    pub machine_names: Vec<String>,
    /// The cluster's id in hexadecimal digits.
    pub cluster: String,
    /// Who knows it may look. Of characters that a link may have.
    pub token: String,
}

/// A dashboard that has its address, so that the scheduler can be told the link, but does not answer yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    options: DashboardOptions,
}

/// A dashboard that answers. Dropping it ends it, and what is open.
pub struct Dashboard {
    link: String,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    /// Disconnected when the thread is done.
    ended: mpsc::Receiver<()>,
    /// A forked child has this value but not the thread.
    pid: u32,
}

impl Dashboard {
    /// Takes the address.
    ///
    /// # Errors
    /// If it is in use or is none; the error names it.
    pub fn bind(options: DashboardOptions) -> io::Result<Bound> {
        let (host, port) = (if options.host.is_empty() { "0.0.0.0" } else { &options.host }, options.port);
        let listener = TcpListener::bind((host, port)).map_err(|error| {
            io::Error::new(error.kind(), format!("the dashboard cannot listen at {host}:{port}: {error}"))
        })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Bound { listener, address, options })
    }

    /// The port it is served at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The link to where it is served; it has the token. Users are told what [`told_link`] makes of it.
    pub fn link(&self) -> &str {
        &self.link
    }
}

impl Bound {
    /// The port it will be served at.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The link to where it is served; it has the token. Users are told what [`told_link`] makes of it.
    pub fn link(&self) -> String {
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        };
        let host = self.options.link_host.clone().unwrap_or_else(|| ip.to_string());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("http://{host}:{}/status?token={}", self.port(), self.options.token)
    }

    /// Answers from now on, on a thread named `rask-dashboard`, from what the scheduler lets see.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn serve(self, views: Views) -> io::Result<Dashboard> {
        let (link, port) = (self.link(), self.port());
        let DashboardOptions { host, link_host, machine_names, cluster, token, .. } = self.options;
        let hosts = machine_names.into_iter().chain(link_host).chain([host]);
        let gate = Gate::new(&cluster, &token, hosts);
        // One thread: what is asked is small, and the scheduler needs the other processors. Layouts go to a thread beside it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(1)
            .thread_name("rask-layout")
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let (ending, ended) = mpsc::channel::<()>();
        std::thread::Builder::new().name("rask-dashboard".to_owned()).spawn(move || {
            let _ending = ending;
            runtime.block_on(listen::serve(self.listener, gate, views, cluster, stopped));
            // Ends all connections, and waits for no layout.
            runtime.shutdown_background();
        })?;
        Ok(Dashboard { link, port, stop: Some(stop), ended, pid: std::process::id() })
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.pid == std::process::id() {
            // Disconnected at once in all but the worst cases; then the thread ends when it can.
            let _ = self.ended.recv_timeout(END_TIMEOUT);
        }
    }
}
