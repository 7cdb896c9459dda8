//! A local cluster: the scheduler on a thread of this process, worker processes beside it, unix sockets between them. Workers
//! that live in this process are the language runtime's business; they attach to the scheduler's reactor.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rask_comm::{Address, Credentials, ReactorHandle};
use rask_dashboard::{Bound, Dashboard, DashboardOptions};
use rask_scheduler::{SchedulerConfig, SchedulerHandle, SchedulerOptions};

use crate::access::{AccessFile, AccessGuard};
use crate::entropy::{random_bytes, random_u64, random_uuid};
use crate::nanny::{Nanny, NannyOptions, Reach};
use crate::spawn::{OutputSink, WorkerCommand, WorkerSettings};

/// Over what workers and scheduler talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// Unix sockets: half of TCP's latency.
    #[default]
    Unix,
    /// TCP on the loopback interface, or on the host that was given.
    Tcp,
}

/// What a local cluster needs to start.
pub struct LocalClusterOptions {
    /// Host for TCP; workers of others may reach it if it is not the loopback one.
    pub host: String,
    /// The scheduler's TCP port; 0 lets the system choose.
    pub scheduler_port: u16,
    /// Between workers and scheduler.
    pub protocol: Protocol,
    /// Where to serve the dashboard: host and port, 0 for any; `None` for no dashboard. If the port is taken, another is used.
    pub dashboard: Option<(String, u16)>,
    /// The program that is a worker; `None` if all workers live in this process.
    pub command: Option<WorkerCommand>,
    /// Takes what workers print; `None` lets them inherit this process's outputs.
    pub sink: Option<OutputSink>,
    /// The state machine's settings, as far as they are not the cluster's own.
    pub config: SchedulerConfig,
}

/// What one more worker gets.
#[derive(Clone, Debug)]
pub struct LocalWorker {
    /// Its name.
    pub name: String,
    /// Tasks at once.
    pub nthreads: u32,
    /// Memory it may use, in bytes; 0 means no limit.
    pub memory_limit_bytes: u64,
    /// Abstract resources.
    pub resources: Vec<(String, f64)>,
}

/// A running local cluster. Dropping it ends everything.
pub struct LocalCluster {
    nanny: Option<Nanny>,
    scheduler: Option<SchedulerHandle>,
    dashboard: Option<Dashboard>,
    access: AccessFile,
    guard: Option<AccessGuard>,
    folder: tempfile::TempDir,
    protocol: Protocol,
    host: String,
    worker_address: Address,
    memory_address: Address,
    next_socket: AtomicU32,
}

impl LocalCluster {
    /// Starts the scheduler and, if there is a command for workers, the nanny; no workers yet.
    ///
    /// # Errors
    /// If a port is in use or a folder cannot be made; the error names it.
    pub fn start(options: LocalClusterOptions) -> io::Result<LocalCluster> {
        let folder = tempfile::Builder::new().prefix("rask-").tempdir()?;
        let tcp = Address::tcp(options.host.clone(), options.scheduler_port);
        let memory_address = Address::Memory(random_uuid());
        let mut listen = vec![tcp, memory_address.clone()];
        if options.protocol == Protocol::Unix {
            listen.push(Address::Unix(folder.path().join("scheduler")));
        }
        let mut access = AccessFile::new(Vec::new());
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let dashboard = options.dashboard.map(|place| bind_dashboard(place, &mut access)).transpose()?;
        let config = SchedulerConfig {
            dashboard_link: dashboard.as_ref().map_or_else(String::new, Bound::link),
            dashboard_port: dashboard.as_ref().map_or(0, Bound::port),
            epoch: random_u64(),
            name: format!("Scheduler-{}", random_uuid()),
            data_secret: random_bytes::<32>().to_vec().into(),
            started_unix_s: started,
            ..options.config
        };
        let scheduler =
            rask_scheduler::start(SchedulerOptions { listen, acceptance: access.acceptance(), config })?;
        let dashboard = dashboard.map(|bound| bound.serve(scheduler.views())).transpose()?;
        let worker_address = match options.protocol {
            Protocol::Tcp => scheduler.addresses()[0].clone(),
            Protocol::Unix => scheduler.addresses()[2].clone(),
        };
        access.addresses = vec![scheduler.addresses()[0].clone()];
        let guard = access.publish().map_err(|error| io::Error::other(error.to_string()))?;
        let nanny = match options.command {
            None => None,
            Some(command) => {
                let reach = Reach::Memory(scheduler.reactor().clone());
                let folder = folder.path().to_owned();
                let nanny = Nanny::start(NannyOptions { reach, command, folder, sink: options.sink })?;
                let connected = nanny.wait_until_connected(Duration::from_secs(5));
                connected.map_err(|_| io::Error::other("the nanny cannot reach its own scheduler"))?;
                Some(nanny)
            }
        };
        Ok(LocalCluster {
            nanny,
            scheduler: Some(scheduler),
            dashboard,
            access,
            guard: Some(guard),
            folder,
            protocol: options.protocol,
            host: options.host,
            worker_address,
            memory_address,
            next_socket: AtomicU32::new(0),
        })
    }

    /// Starts one more worker process.
    ///
    /// # Errors
    /// If the cluster has no command for workers, is closed, or the system gives no thread.
    pub fn add_worker(&self, worker: &LocalWorker) -> io::Result<()> {
        let nanny =
            self.nanny.as_ref().ok_or_else(|| io::Error::other("this cluster starts no worker processes"))?;
        let listen = match self.protocol {
            Protocol::Tcp => Address::tcp(self.host.clone(), 0),
            Protocol::Unix => {
                let number = self.next_socket.fetch_add(1, Ordering::Relaxed);
                Address::Unix(self.folder.path().join(format!("worker-{number}")))
            }
        };
        nanny.add_worker(WorkerSettings {
            scheduler: self.worker_address.clone(),
            secret: self.access.worker_secret.clone().expect("a cluster's own file holds both"),
            listen,
            name: worker.name.clone(),
            host: self.host.clone(),
            nthreads: worker.nthreads,
            memory_limit_bytes: worker.memory_limit_bytes,
            resources: worker.resources.clone(),
            local_directory: self.folder.path().join(format!("files-{}", worker.name)),
        })
    }

    /// The nanny, unless all workers live in this process.
    pub fn nanny(&self) -> Option<&Nanny> {
        self.nanny.as_ref()
    }

    /// Where clients of other processes connect.
    pub fn address(&self) -> &Address {
        &self.access.addresses[0]
    }

    /// Where workers and clients of this process connect.
    pub fn memory_address(&self) -> &Address {
        &self.memory_address
    }

    /// The dashboard, if there is one.
    pub fn dashboard(&self) -> Option<&Dashboard> {
        self.dashboard.as_ref()
    }

    /// What lets others in.
    pub fn access(&self) -> &AccessFile {
        &self.access
    }

    /// The file in this user's folder; `None` once closed.
    pub fn access_path(&self) -> Option<&std::path::Path> {
        self.guard.as_ref().map(AccessGuard::path)
    }

    /// Credentials of a client.
    pub fn client_credentials(&self) -> Credentials {
        Credentials::Secret(self.access.client_secret.clone().expect("a cluster's own file holds both"))
    }

    /// For links within this process; `None` once closed.
    pub fn scheduler_reactor(&self) -> Option<&ReactorHandle> {
        self.scheduler.as_ref().map(SchedulerHandle::reactor)
    }

    /// The folder of this cluster's sockets and files; gone when the cluster is dropped.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A client shut it down, or it was closed.
    pub fn has_ended(&self) -> bool {
        self.scheduler.as_ref().is_none_or(SchedulerHandle::has_ended)
    }

    /// Ends workers and scheduler and takes back the access file. Idempotent.
    pub fn close(&mut self) {
        self.guard = None;
        if let Some(mut nanny) = self.nanny.take() {
            nanny.close();
        }
        self.dashboard = None;
        self.scheduler = None;
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        self.close();
    }
}

/// A dashboard at that host and port, or at any port if that one is taken.
fn bind_dashboard((host, port): (String, u16), access: &mut AccessFile) -> io::Result<Bound> {
    let options = access.dashboard_options(host, port);
    match Dashboard::bind(options.clone()) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Dashboard::bind(DashboardOptions { port: 0, ..options })
        }
        other => other,
    }
}
