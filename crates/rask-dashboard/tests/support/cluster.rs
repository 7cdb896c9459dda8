//! A scheduler, a worker that executes three functions, a client, and the dashboard of them all.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

use rask_client::{Client, ConnectOptions, NewKey, NewTask, WaitFor};
use rask_comm::{Acceptance, Address, ClusterId, Credentials, Secret};
use rask_dashboard::Dashboard;
use rask_scheduler::SchedulerOptions;
use rask_types::{ErrorKind, FutureId, Key, Language, Payload, TaskClass, TaskError};
use rask_worker::{Errand, RunOutcome, WorkerConfig, WorkerHandle, WorkerThread};

use super::{PATIENCE, Served, options};

/// Ends when dropped.
pub struct Cluster {
    pub served: Served,
    pub client: Client,
    pub worker: WorkerHandle,
    gate: Arc<Gate>,
    threads: Vec<JoinHandle<()>>,
}

/// Where executions wait that are to wait.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

/// What a worker's function of that name does with its arguments: `echo` returns them, `fail` raises them, `wait` waits
/// until the gate is open.
pub const THREADS: u32 = 2;

impl Cluster {
    /// With a worker of that name.
    pub fn start(worker_name: &str) -> Cluster {
        let [client_secret, worker_secret] = [&b"of clients"[..], b"of workers"].map(Secret::new);
        let acceptance =
            Acceptance::of_scheduler(ClusterId([7; 16]), client_secret.clone(), worker_secret.clone());
        let mut settings = SchedulerOptions::new(Address::tcp("127.0.0.1", 0));
        settings.acceptance = acceptance;
        let scheduler = rask_scheduler::start(settings).unwrap();
        let address = scheduler.addresses()[0].clone();
        let dashboard = Dashboard::bind(options(0)).unwrap().serve(scheduler.views()).unwrap();
        let listen = Address::tcp("127.0.0.1", 0);
        let mut config =
            WorkerConfig::new(address.clone(), Credentials::Secret(worker_secret), listen, THREADS);
        config.description.name = worker_name.to_owned();
        let worker = rask_worker::start(config).unwrap();
        let gate = Arc::<Gate>::default();
        let mut threads: Vec<JoinHandle<()>> = (0..THREADS)
            .map(|_| {
                let (worker, gate) = (worker.clone(), gate.clone());
                std::thread::spawn(move || execute(&worker.thread(), &gate))
            })
            .collect();
        threads.push(std::thread::spawn({
            let worker = worker.clone();
            move || while let Some(Errand::Drop(_) | Errand::Encode { .. }) = worker.next_errand() {}
        }));
        assert!(matches!(worker.wait_registered(PATIENCE), Some(Ok(_))));
        let client = Client::connect(ConnectOptions::new(address, client_secret), &mut || false).unwrap();
        Cluster { served: Served { dashboard, scheduler }, client, worker, gate, threads }
    }

    /// Submits one task.
    pub fn submit(
        &self,
        prefix: &str,
        function: &str,
        key: NewKey,
        args: &str,
        deps: &[FutureId],
    ) -> FutureId {
        let payload = Payload::from_head(function.as_bytes().to_vec());
        let function = self.client.define_function(&payload).unwrap();
        let class = self.client.define_class(&TaskClass::plain(prefix, function, Language::Rust)).unwrap();
        let args = args.as_bytes();
        let task = NewTask { class, key, args, buffers: vec![], deps, holds: &[], parent: None };
        self.client.submit_task(task).unwrap()
    }

    /// Submits a task with a key of the user's.
    pub fn submit_named(&self, key: Key, function: &str, args: &str, deps: &[FutureId]) -> FutureId {
        let prefix = key.prefix();
        self.submit(&prefix, function, NewKey::Named(key.to_canonical().into()), args, deps)
    }

    pub fn wait(&self, futures: &[FutureId]) {
        self.client.wait(futures, WaitFor::All, Some(PATIENCE), &mut || false).unwrap();
    }

    pub fn open_gate(&self) {
        *self.gate.open.lock().unwrap() = true;
        self.gate.opened.notify_all();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.open_gate();
        self.worker.close("the test is over");
        if !std::thread::panicking() {
            self.worker.join();
            self.threads.drain(..).for_each(|thread| thread.join().unwrap());
        }
    }
}

fn execute(thread: &WorkerThread, gate: &Gate) {
    let unix_ns = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let mut classes = thread.classes();
    while let Some(first) = thread.next() {
        let mut next = Some(first);
        while let Some(execution) = next {
            let class = classes.get(execution.class);
            let started = unix_ns();
            // A value has at least one byte.
            let args = [b"=", &execution.args.head[..]].concat();
            let outcome = match &class.function.payload.head[..] {
                b"fail" => {
                    let text = String::from_utf8(args[1..].to_vec()).unwrap();
                    let key = class.key_text(&execution.name);
                    RunOutcome::Failed(Box::new(TaskError::new(ErrorKind::Exception, key, text)))
                }
                b"wait" => {
                    let mut open = gate.open.lock().unwrap();
                    while !*open {
                        open = gate.opened.wait(open).unwrap();
                    }
                    RunOutcome::Inline(&args)
                }
                _ => RunOutcome::Inline(&args),
            };
            let run = execution.run;
            drop(execution);
            thread.finish(run, started, unix_ns() - started, outcome);
            next = thread.try_next();
        }
    }
}
