//! From flags to workers: how many, of what size, what they are called and where they listen.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rask_cluster::{WorkerSettings, access, random_bytes};
use rask_comm::{Address, Secret};

use super::Options;
use crate::exit::Failure;
use crate::{host, quantity};

/// What the flags ask for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Plan {
    names: Vec<String>,
    nthreads: u32,
    memory_limit_bytes: u64,
    resources: Vec<(String, f64)>,
    /// Where to listen; without a host, where the scheduler is seen from.
    host: Option<String>,
    /// The first worker's port; the next has the next. 0 takes free ones.
    first_port: u16,
    local_directory: Option<PathBuf>,
    pub(super) death_timeout: Duration,
}

impl Plan {
    pub(super) fn of(options: &Options, cores: u32) -> Result<Plan, Failure> {
        if !matches!(options.protocol.trim_end_matches("://"), "tcp") {
            let text = format!("--protocol {} is not offered yet: only tcp is", options.protocol);
            return Err(Failure::usage(text));
        }
        let (nworkers, nthreads) =
            split(&options.nworkers, options.nthreads, cores).map_err(Failure::usage)?;
        if options.no_nanny && nworkers > 1 {
            return Err(Failure::usage("--no-nanny runs one worker: leave it out, or --nworkers"));
        }
        let flag = |name: &'static str| move |text| Failure::usage(format!("{name}: {text}"));
        let memory_limit_bytes = memory_limit(&options.memory_limit, nthreads, cores, host::memory_bytes());
        let (host, first_port) = listen(options, nworkers)?;
        Ok(Plan {
            names: names(options.name.as_deref(), nworkers),
            nthreads,
            memory_limit_bytes: memory_limit_bytes.map_err(flag("--memory-limit"))?,
            resources: resources(options.resources.as_deref().unwrap_or("")).map_err(flag("--resources"))?,
            host,
            first_port,
            local_directory: options.local_directory.clone(),
            death_timeout: quantity::duration(&options.death_timeout).map_err(flag("--death-timeout"))?,
        })
    }

    /// A folder for what lives no longer than the command; it is removed when dropped.
    pub(super) fn make_folder(&self) -> Result<tempfile::TempDir, Failure> {
        let parent = self.local_directory.clone().unwrap_or_else(std::env::temp_dir);
        std::fs::create_dir_all(&parent)
            .and_then(|()| tempfile::Builder::new().prefix("rask-worker-").tempdir_in(&parent))
            .map_err(|error| Failure::usage(format!("--local-directory {}: {error}", parent.display())))
    }

    /// The workers, for a scheduler that let us in.
    pub(super) fn workers(&self, scheduler: &Address, secret: &Secret, folder: &Path) -> Vec<WorkerSettings> {
        let seen_from = || {
            let peer = scheduler.resolve().ok().and_then(|peers| peers.into_iter().next());
            peer.and_then(host::ip_towards).map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string())
        };
        let listen_host = self.host.clone().unwrap_or_else(seen_from);
        let told_host = if listen_host.is_empty() { seen_from() } else { listen_host.clone() };
        let port = |index: u16| if self.first_port == 0 { 0 } else { self.first_port + index };
        let settings = |(index, name): (u16, &String)| WorkerSettings {
            scheduler: scheduler.clone(),
            secret: secret.clone(),
            listen: Address::tcp(listen_host.clone(), port(index)),
            name: name.clone(),
            host: told_host.clone(),
            nthreads: self.nthreads,
            memory_limit_bytes: self.memory_limit_bytes,
            resources: self.resources.clone(),
            local_directory: folder.join(name.replace('/', "-")),
        };
        (0..).zip(&self.names).map(settings).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (count, threads) = (self.names.len(), self.nthreads);
        write!(f, "{count} worker{} of {threads} thread{}: ", plural(count), plural(threads as usize))?;
        match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) if count > 2 => write!(f, "{first} … {last}"),
            _ => f.write_str(&self.names.join(", ")),
        }
    }
}

/// Workers, and threads of each.
fn split(nworkers: &str, nthreads: Option<u32>, cores: u32) -> Result<(u32, u32), String> {
    if nthreads == Some(0) {
        return Err("--nthreads: a worker needs a thread".to_owned());
    }
    let nworkers = match (nworkers, nthreads) {
        ("auto", None) if cores <= 4 => cores,
        ("auto", None) => (1..=cores).find(|n| cores.is_multiple_of(*n) && n * n >= cores).unwrap_or(cores),
        ("auto", Some(nthreads)) => (cores / nthreads).max(1),
        (text, _) => {
            let number: i64 =
                text.parse().map_err(|_| format!("--nworkers {text}: not a number, nor auto"))?;
            let count = if number < 0 { i64::from(cores) + 1 + number } else { number };
            u32::try_from(count).ok().filter(|&count| count > 0 && count <= 10_000).ok_or_else(|| {
                format!("--nworkers {text} makes {count} workers on {cores} cores: at least one is needed")
            })?
        }
    };
    Ok((nworkers, nthreads.unwrap_or_else(|| (cores / nworkers).max(1))))
}

/// Names that no other worker of the cluster has, unless the user gives them.
fn names(given: Option<&str>, nworkers: u32) -> Vec<String> {
    let base = given.map_or_else(
        || {
            let unique = access::to_hex(&random_bytes::<4>());
            format!("{}-{unique}", access::hostname())
        },
        str::to_owned,
    );
    if nworkers == 1 {
        return vec![base];
    }
    (0..nworkers).map(|index| format!("{base}-{index}")).collect()
}

/// Bytes of memory of one worker; 0 means no limit.
fn memory_limit(text: &str, nthreads: u32, cores: u32, machine_bytes: u64) -> Result<u64, String> {
    let share = |share: f64| (machine_bytes as f64 * share) as u64;
    match text.parse::<f64>() {
        _ if text == "auto" => Ok(share((f64::from(nthreads) / f64::from(cores)).min(1.0))),
        Ok(fraction) if fraction > 0.0 && fraction <= 1.0 => Ok(share(fraction)),
        _ => quantity::bytes(text).map(|bytes| bytes.min(machine_bytes)),
    }
}

/// `GPU=2 MEM=10e9`, with spaces or commas between.
fn resources(text: &str) -> Result<Vec<(String, f64)>, String> {
    let parse = |part: &str| {
        let (name, amount) = part.split_once('=')?;
        let amount: f64 = amount.parse().ok()?;
        (!name.is_empty() && amount.is_finite() && amount >= 0.0).then(|| (name.to_owned(), amount))
    };
    text.split([' ', ',', '\t'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            parse(part).ok_or_else(|| format!("{part:?} is not of the form NAME=AMOUNT, such as GPU=2"))
        })
        .collect()
}

/// The host to listen on, if the flags name one, and the first port.
fn listen(options: &Options, nworkers: u32) -> Result<(Option<String>, u16), Failure> {
    let (host, first, last) = if let Some(text) = &options.listen_address {
        match text.parse() {
            Ok(Address::Tcp { host, port }) => (Some(host), port, port),
            Ok(_) => return Err(Failure::usage(format!("--listen-address {text}: a worker listens on TCP"))),
            Err(error) => return Err(Failure::usage(format!("--listen-address: {error}"))),
        }
    } else {
        let host = match (&options.interface, &options.host) {
            (Some(name), _) => Some(host::ip_of_interface(name).map_err(Failure::usage)?.to_string()),
            (None, host) => host.clone(),
        };
        let (first, last) = ports(options.worker_port.as_deref().unwrap_or("0")).map_err(Failure::usage)?;
        (host, first, last)
    };
    if first != 0 && u32::from(last - first) + 1 < nworkers {
        let text =
            format!("{nworkers} workers need {nworkers} ports: name them with --worker-port FIRST:LAST");
        return Err(Failure::usage(text));
    }
    // A wildcard is no address to tell others; an empty host means the same and is known to be none.
    let unspecified = |host: &String| host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified());
    Ok((host.map(|host| if unspecified(&host) { String::new() } else { host }), first))
}

/// `9000` or `9000:9010`.
fn ports(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("--worker-port {text}: not a port, nor FIRST:LAST")),
    }
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

    fn plan(flags: &[&str]) -> Result<Plan, String> {
        let options = Line::parse_from([&["rask"], flags].concat()).options;
        Plan::of(&options, 8).map_err(|failure| failure.text)
    }

    #[test]
    fn workers_and_threads_share_the_cores_as_in_dask() {
        for (nworkers, nthreads, cores, expected) in [
            ("1", None, 8, (1, 8)),
            ("2", None, 8, (2, 4)),
            ("3", Some(5), 8, (3, 5)),
            ("16", None, 8, (16, 1)),
            ("-1", None, 8, (8, 1)),
            ("-3", Some(2), 8, (6, 2)),
            ("auto", None, 2, (2, 1)),
            ("auto", None, 8, (4, 2)),
            ("auto", None, 32, (8, 4)),
            ("auto", Some(3), 8, (2, 3)),
            ("auto", Some(30), 8, (1, 30)),
        ] {
            assert_eq!(split(nworkers, nthreads, cores), Ok(expected), "{nworkers} {nthreads:?} {cores}");
        }
        for nworkers in ["0", "-9", "many", "1.5", "99999999999"] {
            assert!(split(nworkers, None, 8).is_err_and(|text| text.contains(nworkers)), "{nworkers}");
        }
        assert!(split("1", Some(0), 8).is_err());
    }

    #[test]
    fn a_memory_limit_is_bytes_a_share_or_nothing() {
        for (text, expected) in
            [("auto", 250), ("0", 0), ("0.5", 500), ("1", 1000), ("100", 100), ("0.1kB", 100), ("5GB", 1000)]
        {
            assert_eq!(memory_limit(text, 2, 8, 1000), Ok(expected), "{text}");
        }
        assert_eq!(memory_limit("auto", 16, 8, 1000), Ok(1000));
        assert!(memory_limit("much", 1, 1, 1).is_err());
    }

    #[test]
    fn resources_are_names_and_amounts() {
        let expected = Ok(vec![("GPU".to_owned(), 2.0), ("MEM".to_owned(), 10e9)]);
        assert_eq!(resources("GPU=2 MEM=10e9"), expected);
        assert_eq!(resources("GPU=2,MEM=10e9"), expected);
        assert_eq!(resources("GPU=2, MEM=10e9 "), expected);
        assert_eq!(resources(""), Ok(vec![]));
        for text in ["GPU", "GPU=", "=2", "GPU=two", "GPU=-1", "GPU=inf"] {
            assert!(resources(text).is_err_and(|why| why.contains(text)), "{text}");
        }
    }

    #[test]
    fn several_workers_get_numbers_and_unnamed_ones_are_unlike_any_other() {
        assert_eq!(names(Some("alice"), 1), ["alice"]);
        assert_eq!(names(Some("alice"), 2), ["alice-0", "alice-1"]);
        assert_ne!(names(None, 1), names(None, 1));
    }

    #[test]
    fn each_worker_listens_at_a_port_of_its_own() {
        let secret = Secret::new([1_u8; 32]);
        let listens = |flags: &[&str], scheduler: &str| -> Vec<(String, String)> {
            let workers = plan(flags).unwrap().workers(&scheduler.parse().unwrap(), &secret, Path::new("/f"));
            workers.into_iter().map(|worker| (worker.listen.to_string(), worker.host)).collect()
        };
        let pair = |listen: &str, host: &str| (listen.to_owned(), host.to_owned());
        assert_eq!(listens(&[], "127.0.0.1:8786"), [pair("tcp://127.0.0.1:0", "127.0.0.1")]);
        assert_eq!(
            listens(&["--nworkers", "2", "--worker-port", "9000:9001", "--host", "10.0.0.1"], "h:1"),
            [pair("tcp://10.0.0.1:9000", "10.0.0.1"), pair("tcp://10.0.0.1:9001", "10.0.0.1")]
        );
        assert_eq!(
            listens(&["--listen-address", "tcp://0.0.0.0:9000"], "127.0.0.1:8786"),
            [pair("tcp://:9000", "127.0.0.1")]
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_flag() {
        for (flags, part) in [
            (&["--protocol", "tls"][..], "--protocol tls"),
            (&["--nworkers", "2", "--no-nanny"], "--no-nanny"),
            (&["--nworkers", "2", "--worker-port", "9000"], "--worker-port"),
            (&["--nworkers", "2", "--listen-address", "tcp://h:9000"], "2 ports"),
            (&["--worker-port", "9:8"], "--worker-port"),
            (&["--listen-address", "unix:///x"], "--listen-address"),
            (&["--memory-limit", "much"], "--memory-limit"),
            (&["--resources", "GPU"], "--resources"),
            (&["--death-timeout", "soon"], "--death-timeout"),
            (&["--interface", "none-such"], "none-such"),
        ] {
            let text = plan(flags).expect_err(part);
            assert!(text.contains(part), "{flags:?}: {text}");
        }
    }

    #[test]
    fn a_plan_reads_as_a_sentence() {
        let text = |flags: &[&str]| plan(flags).unwrap().to_string();
        assert_eq!(text(&["--name", "a", "--nthreads", "1"]), "1 worker of 1 thread: a");
        assert_eq!(text(&["--name", "a", "--nworkers", "2"]), "2 workers of 4 threads: a-0, a-1");
        assert_eq!(text(&["--name", "a", "--nworkers", "4"]), "4 workers of 2 threads: a-0 … a-3");
    }
}
