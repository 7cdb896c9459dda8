//! A scheduler and workers that follow a script, on real links. Shared by the other tests.
#![allow(dead_code)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rask_client::{Address, Client, ConnectOptions, ReactorHandle, Secret};
use rask_comm::{Acceptance, CloseReason, ClusterId, Driver, Io, LinkId, Message, PeerInfo, Reactor, Tick};
use rask_types::msg::{ClientToScheduler, FromData, SchedulerToClient, ToData, WorkerSummary};
use rask_types::{ClientId, DoneColumns, FutureId, GraphChunk, HeldByWorker, RunId, TypeId, Wants, WorkerId};

/// How long a test waits for something that should come at once.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The secret of clients.
pub const CLIENT_SECRET: &[u8] = b"client secret";
const WORKER_SECRET: &[u8] = b"worker secret";
const DATA_SECRET: &[u8] = b"data secret";
const CLUSTER: ClusterId = ClusterId([7; 16]);

/// Never interrupts.
pub fn on() -> bool {
    false
}

/// What a part answers to a message.
type Script<In, Out> = Box<dyn FnMut(&In) -> Vec<Out> + Send>;

/// One side of a conversation, with a line to the test.
pub struct Part<In, Out> {
    script: Script<In, Out>,
    heard: Sender<In>,
    links: Vec<LinkId>,
    line: Arc<Line<Out>>,
}

/// What the test wants said and done.
pub struct Line<Out> {
    say: Mutex<Vec<Out>>,
    hang_up: Mutex<bool>,
}

/// A part that runs, as the test sees it.
pub struct Running<In, Out> {
    /// Where it listens.
    pub address: Address,
    pub handle: ReactorHandle,
    heard: Receiver<In>,
    line: Arc<Line<Out>>,
    thread: Option<JoinHandle<()>>,
}

pub type Scheduler = Running<ClientToScheduler, SchedulerToClient>;
pub type Worker = Running<ToData, FromData>;

impl<In, Out> Running<In, Out> {
    /// Has it say this to everyone connected.
    pub fn say(&self, message: Out) {
        self.line.say.lock().push(message);
        self.handle.wake();
    }

    /// Has it close all its links.
    pub fn hang_up(&self) {
        *self.line.hang_up.lock() = true;
        self.handle.wake();
    }

    /// The next message that `pick` takes.
    pub fn hear<R>(&self, mut pick: impl FnMut(&In) -> Option<R>) -> R {
        loop {
            let message = self.heard.recv_timeout(PATIENCE).expect("the message comes");
            if let Some(picked) = pick(&message) {
                return picked;
            }
        }
    }

    /// All heard so far.
    pub fn heard(&self) -> Vec<In> {
        self.heard.try_iter().collect()
    }
}

impl<In, Out> Drop for Running<In, Out> {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What messages a part takes and gives.
pub trait Speaks: Sized {
    fn of(message: Message) -> Option<Self>;
}

impl Speaks for ClientToScheduler {
    fn of(message: Message) -> Option<ClientToScheduler> {
        match message {
            Message::ClientToScheduler(message) => Some(message),
            _ => None,
        }
    }
}

impl Speaks for ToData {
    fn of(message: Message) -> Option<ToData> {
        match message {
            Message::ToData(message) => Some(message),
            _ => None,
        }
    }
}

impl<In, Out> Driver for Part<In, Out>
where
    In: Speaks + Send,
    Out: Into<Message> + Clone + Send,
{
    fn on_open(&mut self, link: LinkId, _peer: PeerInfo, _io: &mut Io) {
        self.links.push(link);
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        let message = In::of(message).expect("of the right family");
        (self.script)(&message).into_iter().for_each(|answer| io.send(link, answer));
        let _ = self.heard.send(message);
    }

    fn on_close(&mut self, link: LinkId, _reason: CloseReason, _io: &mut Io) {
        self.links.retain(|&other| other != link);
    }

    fn on_wake(&mut self, io: &mut Io) {
        for message in self.line.say.lock().drain(..) {
            self.links.iter().for_each(|&link| io.send(link, message.clone()));
        }
        if std::mem::take(&mut *self.line.hang_up.lock()) {
            self.links.drain(..).for_each(|link| io.close(link, "the test wants it"));
        }
    }

    fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
        None
    }
}

fn start<In, Out>(address: &str, acceptance: Acceptance, script: Script<In, Out>) -> Running<In, Out>
where
    In: Speaks + Send + 'static,
    Out: Into<Message> + Clone + Send + 'static,
{
    let mut reactor = Reactor::new().unwrap();
    let address = reactor.io().listen(&address.parse().unwrap(), acceptance).unwrap();
    let handle = reactor.handle();
    let (sender, heard) = channel();
    let line = Arc::new(Line { say: Mutex::new(Vec::new()), hang_up: Mutex::new(false) });
    let part = Part { script, heard: sender, links: Vec::new(), line: line.clone() };
    let thread = std::thread::spawn(move || drop(reactor.run(part)));
    Running { address, handle, heard, line, thread: Some(thread) }
}

/// How a test's parts are connected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum By {
    Tcp,
    Memory,
}

impl By {
    pub const ALL: [By; 2] = [By::Tcp, By::Memory];

    fn address(self) -> String {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        match self {
            By::Tcp => "tcp://127.0.0.1:0".to_owned(),
            By::Memory => {
                let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                format!("inproc://fake-{n}")
            }
        }
    }
}

/// Answers a registration; other messages are the script's.
pub fn welcome() -> SchedulerToClient {
    SchedulerToClient::Welcome {
        client: ClientId(1),
        epoch: 5,
        scheduler_name: "Scheduler-fake".into(),
        data_secret: Bytes::from_static(DATA_SECRET),
        dashboard_link: "http://127.0.0.1:8787/status".into(),
        workers: WorkerSummary { n_workers: 1, n_threads: 1, ..WorkerSummary::default() },
    }
}

/// A scheduler that welcomes everyone and answers the rest by `script`.
pub fn scheduler_at(
    address: &str,
    mut script: impl FnMut(&ClientToScheduler) -> Vec<SchedulerToClient> + Send + 'static,
) -> Scheduler {
    let acceptance =
        Acceptance::of_scheduler(CLUSTER, Secret::new(CLIENT_SECRET), Secret::new(WORKER_SECRET));
    let script = move |message: &ClientToScheduler| match message {
        ClientToScheduler::Register { .. } => vec![welcome()],
        other => script(other),
    };
    start(address, acceptance, Box::new(script))
}

/// The same, where a client of that kind can find it.
pub fn scheduler(
    by: By,
    script: impl FnMut(&ClientToScheduler) -> Vec<SchedulerToClient> + Send + 'static,
) -> Scheduler {
    scheduler_at(&by.address(), script)
}

/// A worker that answers by `script`.
pub fn worker(by: By, script: impl FnMut(&ToData) -> Vec<FromData> + Send + 'static) -> Worker {
    start(&by.address(), Acceptance::of_worker(CLUSTER, Secret::new(DATA_SECRET)), Box::new(script))
}

/// What a client of that scheduler brings.
pub fn options(scheduler: &Scheduler) -> ConnectOptions {
    ConnectOptions::new(scheduler.address.clone(), Secret::new(CLIENT_SECRET))
}

/// A client of that scheduler.
pub fn client(by: By, scheduler: &Scheduler) -> Client {
    match by {
        By::Tcp => Client::connect(options(scheduler), &mut on).expect("it lets us in"),
        By::Memory => Client::attach(&scheduler.handle, "Client", "rust", &mut on).expect("it lets us in"),
    }
}

/// The futures that a chunk wants.
pub fn wanted(chunk: &GraphChunk) -> Vec<FutureId> {
    let id = |i: u32| FutureId(chunk.first.0 + u64::from(i));
    match &chunk.wants {
        Wants::All => (0..chunk.len() as u32).map(id).collect(),
        Wants::None => vec![],
        Wants::Some(positions) => positions.iter().copied().map(id).collect(),
    }
}

/// Says that these finished, each with its number's bytes as value.
pub fn done(futures: &[FutureId]) -> SchedulerToClient {
    let mut columns = DoneColumns::default();
    let mut blob = Vec::with_capacity(futures.len() * 8);
    for &future in futures {
        columns.futures.push(future);
        blob.extend_from_slice(&future.0.to_le_bytes());
        columns.value_ends.push(blob.len() as u32);
    }
    columns.blob = blob.into();
    SchedulerToClient::Done(columns)
}

/// Says that one finished and stays on a worker, as run number `future`.
pub fn held(future: FutureId, worker: u32) -> SchedulerToClient {
    SchedulerToClient::Done(DoneColumns {
        futures: vec![future],
        value_ends: vec![0],
        blob: Bytes::new(),
        held: vec![(
            HeldByWorker { position: 0, nbytes: 1 << 20, type_id: TypeId(3) },
            run_of(future),
            WorkerId(worker),
        )],
    })
}

pub fn run_of(future: FutureId) -> RunId {
    RunId::new(future.0 as u32, 1)
}

pub fn peer<In, Out>(number: u32, running: &Running<In, Out>) -> SchedulerToClient {
    SchedulerToClient::DefinePeer { worker: WorkerId(number), address: running.address.to_string() }
}

/// Waits until the client has heard everything that the scheduler was told to say.
pub fn heard_all(client: &Client, scheduler: &Scheduler) {
    scheduler.say(SchedulerToClient::Notice { topic: "test".into(), text: String::new() });
    client.notices().next(Some(PATIENCE), &mut on).expect("the notice comes");
}

/// The script of a scheduler whose tasks are done as soon as they are submitted.
pub fn echo(message: &ClientToScheduler) -> Vec<SchedulerToClient> {
    match message {
        ClientToScheduler::Graph(chunk) => vec![done(&wanted(chunk))],
        _ => vec![],
    }
}

/// The script of one that does nothing.
pub fn silent(_: &ClientToScheduler) -> Vec<SchedulerToClient> {
    vec![]
}
