//! `rask scheduler`: a scheduler alone in this process. It needs no Python.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use rask_cluster::{AccessFile, AccessGuard, access, random_bytes, random_u64, random_uuid};
use rask_comm::{Address, DEFAULT_PORT};
use rask_dashboard::{Bound, Dashboard, DashboardOptions};
use rask_scheduler::{SchedulerConfig, SchedulerHandle, SchedulerOptions};

use crate::exit::{self, Failure};
use crate::pid_file::PidFile;
use crate::{host, say, signals};

/// The port of the dashboard when none is given, as in Dask.
const DASHBOARD_PORT: u16 = 8787;

/// The environment variable with the setting `distributed.scheduler.allowed-failures`.
const ALLOWED_FAILURES_VARIABLE: &str = "RASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES";

/// The environment variable with the setting `distributed.dashboard.link`.
const DASHBOARD_LINK_VARIABLE: &str = "RASK_DISTRIBUTED__DASHBOARD__LINK";

/// Start a scheduler.
#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 ended by a signal or by a client, 1 broke down, 2 cannot run as told.")]
pub struct Options {
    /// Where to listen: IP or host name. 0.0.0.0 lets other machines in (they need the access file)
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Listen on this network interface, such as eth0, instead of --host
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// tcp is the only one so far
    #[arg(long, value_name = "NAME", default_value = "tcp")]
    protocol: String,
    /// File with address and secrets for those who may join; written here, or used again if it exists, so that a scheduler that
    /// is restarted is the same cluster
    #[arg(long, visible_alias = "scheduler-file", value_name = "FILE")]
    access_file: Option<PathBuf>,
    /// Where the dashboard is to be served
    #[arg(long, value_name = "HOST:PORT", default_value = ":8787")]
    dashboard_address: String,
    /// Serve the dashboard (the default)
    #[arg(long, overrides_with = "no_dashboard")]
    dashboard: bool,
    /// Serve no dashboard
    #[arg(long)]
    no_dashboard: bool,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
}

/// Runs until a signal or a client ends it.
///
/// # Errors
/// If it cannot listen, or cannot leave an access file, or breaks down.
pub fn run(options: Options) -> Result<(), Failure> {
    let listen = listen_address(&options)?;
    let mut access = known_access(options.access_file.as_deref())?;
    let wanted = dashboard_address(&options, &listen)?;
    let dashboard = wanted.map(|place| bind_dashboard(place, &mut access)).transpose()?;
    let scheduler = start(&listen, &access, dashboard.as_ref())?;
    let dashboard = dashboard.map(|bound| bound.serve(scheduler.views())).transpose();
    let dashboard =
        dashboard.map_err(|error| Failure::new(exit::BROKEN, format!("no dashboard: {error}")))?;
    let reactor = scheduler.reactor().clone();
    let interrupted = Arc::new(AtomicBool::new(false));
    let noted = interrupted.clone();
    signals::on_first(move || {
        noted.store(true, Ordering::Release);
        reactor.stop();
    })?;

    let addresses = host::contact_addresses(&scheduler.addresses()[0]);
    access = AccessFile { addresses, pid: std::process::id(), host: access::hostname(), ..access };
    let published = publish(&access, options.access_file.as_deref())?;
    let _pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;

    let link = dashboard.as_ref().map(|dashboard| for_browsers(dashboard.link()));
    greet(&access, options.access_file.as_deref().unwrap_or(published.path()), link.as_deref());

    if scheduler.wait() {
        say("rask scheduler: shut down by a client");
    } else if interrupted.load(Ordering::Acquire) {
        say("rask scheduler: ended by a signal");
    } else {
        let text = "the scheduler stopped by itself, which is a bug in rask; the lines above say more";
        return Err(Failure::new(exit::BROKEN, text));
    }
    Ok(())
}

fn listen_address(options: &Options) -> Result<Address, Failure> {
    if !matches!(options.protocol.trim_end_matches("://"), "tcp") {
        let text = format!("--protocol {} is not offered yet: only tcp is", options.protocol);
        return Err(Failure::usage(text));
    }
    if let Some(name) = &options.interface {
        let ip = host::ip_of_interface(name).map_err(Failure::usage)?;
        return Ok(Address::tcp(ip.to_string(), options.port));
    }
    let text = options.host.as_str();
    let has_port = text.contains("://") || (text.matches(':').count() == 1) || text.contains("]:");
    let parsed = if text.is_empty() { Ok(Address::tcp("", options.port)) } else { text.parse() };
    match parsed {
        Ok(Address::Tcp { host, port }) => Ok(Address::tcp(host, if has_port { port } else { options.port })),
        Ok(_) => Err(Failure::usage(format!("--host {text}: a scheduler listens on TCP"))),
        Err(error) => Err(Failure::usage(format!("--host: {error}"))),
    }
}

/// Where to serve the dashboard, if there is to be one; without a host, where the scheduler listens.
fn dashboard_address(options: &Options, listen: &Address) -> Result<Option<(String, u16)>, Failure> {
    if options.no_dashboard {
        return Ok(None);
    }
    let text = options.dashboard_address.as_str();
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let host = match (host, listen) {
        ("", Address::Tcp { host, .. }) => host.clone(),
        (host, _) => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
    };
    let parsed = if port.is_empty() { Ok(DASHBOARD_PORT) } else { port.parse() };
    let port = parsed.map_err(|_| {
        Failure::usage(format!("--dashboard-address {text}: the port is not a number below 65536"))
    })?;
    Ok(Some((host, port)))
}

/// A dashboard at that host and port. It moves to no other: somebody may have bookmarked it, or scrape it.
fn bind_dashboard((host, port): (String, u16), access: &mut AccessFile) -> Result<Bound, Failure> {
    let link_host = host::reachable_host(&host);
    let options = DashboardOptions { link_host, ..access.dashboard_options(host, port) };
    Dashboard::bind(options).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::usage(format!(
            "the dashboard's port {port} is in use: perhaps another scheduler or a Client() of yours serves its dashboard there; \
             choose another with --dashboard-address :PORT (0 takes a free one), or do without with --no-dashboard"
        )),
        _ => Failure::usage(format!("{error}; see --dashboard-address and --no-dashboard")),
    })
}

/// The cluster of an access file that exists already, else a new one.
fn known_access(path: Option<&Path>) -> Result<AccessFile, Failure> {
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(AccessFile::new(Vec::new())) };
    let file = AccessFile::read(path).map_err(|error| {
        Failure::usage(format!("{error}; name another file with --access-file, or remove this one"))
    })?;
    if file.client_secret.is_none() || file.worker_secret.is_none() {
        let text = format!("{} lacks one of the two secrets: it was made for those who join", path.display());
        return Err(Failure::usage(text));
    }
    Ok(file)
}

fn start(
    listen: &Address,
    access: &AccessFile,
    dashboard: Option<&Bound>,
) -> Result<SchedulerHandle, Failure> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let defaults = SchedulerConfig::default();
    let allowed_failures = match std::env::var(ALLOWED_FAILURES_VARIABLE) {
        Ok(text) => text.trim().parse().map_err(|_| {
            Failure::usage(format!("{ALLOWED_FAILURES_VARIABLE}={text} is not a number of worker deaths"))
        })?,
        Err(_) => defaults.allowed_failures,
    };
    let config = SchedulerConfig {
        epoch: random_u64(),
        name: format!("Scheduler-{}", random_uuid()),
        data_secret: random_bytes::<32>().to_vec().into(),
        started_unix_s: started,
        dashboard_link: dashboard.map_or_else(String::new, Bound::link),
        dashboard_port: dashboard.map_or(0, Bound::port),
        allowed_failures,
        ..defaults
    };
    let options = SchedulerOptions { listen: vec![listen.clone()], acceptance: access.acceptance(), config };
    rask_scheduler::start(options).map_err(|error| cannot_listen(listen, &error))
}

fn cannot_listen(listen: &Address, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "perhaps a scheduler runs there already; end it, or choose another port with --port (0 takes a free one)"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; see --host and --interface",
        io::ErrorKind::PermissionDenied => "choose another port with --port (0 takes a free one)",
        _ => "see --host and --port",
    };
    let what = match (listen, error.kind()) {
        (Address::Tcp { port, .. }, io::ErrorKind::AddrInUse) => format!("port {port} is in use ({listen})"),
        _ => error.to_string(),
    };
    Failure::usage(format!("{what}: {remedy}"))
}

/// Leaves the access file in the user's folder for as long as the scheduler runs, and where the user wants one.
fn publish(access: &AccessFile, path: Option<&Path>) -> Result<AccessGuard, Failure> {
    if let Some(path) = path {
        access.write(path).map_err(|error| Failure::usage(error.to_string()))?;
    }
    access.publish().map_err(|error| {
        Failure::usage(format!("{error}; another folder can be named in {}", access::FOLDER_VARIABLE))
    })
}

/// The dashboard's link as the settings say that browsers find it.
fn for_browsers(served: &str) -> String {
    let Ok(template) = std::env::var(DASHBOARD_LINK_VARIABLE) else { return served.to_owned() };
    let variable = |name: &str| std::env::var(name).ok();
    rask_dashboard::told_link(served, &template, variable).unwrap_or_else(|error| {
        eprintln!("rask scheduler: {error}; the dashboard's own address is given instead");
        served.to_owned()
    })
}

/// What to do next, in the few lines a user reads.
fn greet(access: &AccessFile, file: &Path, dashboard_link: Option<&str>) {
    let address = access.addresses[0].to_string();
    let short = address.strip_prefix("tcp://").unwrap_or(&address);
    let mut lines = vec![
        format!("rask scheduler {} at {address}", env!("CARGO_PKG_VERSION")),
        format!("  access file  {} (whoever can read it can join)", file.display()),
        format!("  add workers  rask worker {short}"),
        format!("  connect      Client(\"{short}\")"),
    ];
    lines.extend(dashboard_link.map(|link| format!("  dashboard    {link}")));
    lines.push("Ctrl-C ends it.".to_owned());
    say(&lines.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(flags: &[&str]) -> Options {
        Line::parse_from([&["rask"], flags].concat()).options
    }

    #[test]
    fn it_listens_where_it_is_told_and_nowhere_else_by_default() {
        for (flags, expected) in [
            (&[][..], Ok("tcp://127.0.0.1:8786")),
            (&["--port", "0"], Ok("tcp://127.0.0.1:0")),
            (&["--host", "0.0.0.0"], Ok("tcp://0.0.0.0:8786")),
            (&["--host", "tcp://10.0.0.1:9000"], Ok("tcp://10.0.0.1:9000")),
            (&["--host", "10.0.0.1:9000", "--port", "1"], Ok("tcp://10.0.0.1:9000")),
            (&["--host", "::1", "--port", "7"], Ok("tcp://[::1]:7")),
            (&["--host", "", "--port", "7"], Ok("tcp://:7")),
            (&["--protocol", "tcp://"], Ok("tcp://127.0.0.1:8786")),
            (&["--protocol", "tls"], Err("tls is not offered")),
            (&["--host", "unix:///x"], Err("listens on TCP")),
            (&["--host", "http://x"], Err("unknown protocol")),
            (&["--interface", "none-such"], Err("none-such")),
        ] {
            let found = listen_address(&options(flags)).map(|address| address.to_string());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{flags:?}"),
                (Err(failure), Err(part)) => assert!(failure.text.contains(part), "{flags:?}: {failure}"),
                (found, expected) => panic!("{flags:?}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn the_dashboard_is_served_where_the_scheduler_listens_unless_told_otherwise() {
        let listen = Address::tcp("10.0.0.1", 8786);
        for (flags, expected) in [
            (&[][..], Some(("10.0.0.1", 8787))),
            (&["--dashboard-address", ":9000"], Some(("10.0.0.1", 9000))),
            (&["--dashboard-address", "0.0.0.0:9000"], Some(("0.0.0.0", 9000))),
            (&["--dashboard-address", "[::1]:9000"], Some(("::1", 9000))),
            (&["--dashboard-address", "9000"], Some(("10.0.0.1", 9000))),
            (&["--dashboard-address", ":"], Some(("10.0.0.1", 8787))),
            (&["--no-dashboard"], None),
            (&["--no-dashboard", "--dashboard"], Some(("10.0.0.1", 8787))),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(dashboard_address(&options(flags), &listen), Ok(expected), "{flags:?}");
        }
        assert!(dashboard_address(&options(&["--dashboard-address", ":http"]), &listen).is_err());
    }

    #[test]
    fn a_dashboard_that_cannot_be_where_it_should_is_an_error() {
        let mut access = AccessFile::new(Vec::new());
        let mut bind = |host: &str, port| bind_dashboard((host.to_owned(), port), &mut access);
        let taken = bind("127.0.0.1", 0).unwrap();
        let in_use = bind("127.0.0.1", taken.port()).err().unwrap();
        assert!(in_use.text.contains(&format!("port {} is in use", taken.port())), "{in_use}");
        for failure in [in_use, bind("192.0.2.1", 0).err().unwrap()] {
            assert_eq!(failure.code, exit::USAGE);
            for flag in ["--dashboard-address", "--no-dashboard"] {
                assert!(failure.text.contains(flag), "{failure}");
            }
        }
    }

    #[test]
    fn an_access_file_that_exists_is_the_cluster_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.json");
        assert_ne!(known_access(Some(&path)).unwrap().cluster, known_access(Some(&path)).unwrap().cluster);
        let file = AccessFile::new(vec![Address::tcp("h", 1)]);
        file.write(&path).unwrap();
        assert_eq!(known_access(Some(&path)), Ok(file.clone()));
        AccessFile { client_secret: None, ..file }.write(&path).unwrap();
        assert!(known_access(Some(&path)).unwrap_err().text.contains("lacks"));
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(known_access(Some(&path)).unwrap_err().code, exit::USAGE);
    }
}
