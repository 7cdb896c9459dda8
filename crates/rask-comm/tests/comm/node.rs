//! A reactor on its own thread with a driver that reports everything and does what it is told.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rask_comm::*;
use rask_types::msg::{ClientToScheduler, Message, SchedulerToClient};

/// Nothing here takes longer, unless it never happens.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub enum Event {
    Open(LinkId, PeerInfo),
    Message(Box<Message>),
    Close(LinkId, CloseReason),
}

type Command = Box<dyn FnOnce(&mut Io) + Send>;

/// What it does with messages of its own accord.
#[derive(Clone, Copy, PartialEq)]
pub enum Habit {
    Report,
    Echo,
    /// Counts only, and closes every other link at once.
    Fickle,
}

pub struct Probe {
    events: Sender<Event>,
    commands: Receiver<Command>,
    habit: Habit,
    pub messages: usize,
    pub turns: usize,
    /// What `on_turn` returns.
    pub wake_at: Option<Tick>,
}

impl Driver for Probe {
    fn on_open(&mut self, link: LinkId, peer: PeerInfo, io: &mut Io) {
        if self.habit == Habit::Fickle && link.to_u64().is_multiple_of(2) {
            io.close(link, "not you");
        }
        let _ = self.events.send(Event::Open(link, peer));
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        self.messages += 1;
        match self.habit {
            Habit::Report => drop(self.events.send(Event::Message(Box::new(message)))),
            Habit::Echo => io.send(link, answer_to(message)),
            Habit::Fickle => {}
        }
    }

    fn on_close(&mut self, link: LinkId, reason: CloseReason, _io: &mut Io) {
        let _ = self.events.send(Event::Close(link, reason));
    }

    fn on_wake(&mut self, io: &mut Io) {
        while let Ok(command) = self.commands.try_recv() {
            command(io);
        }
    }

    fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
        self.turns += 1;
        self.wake_at.take()
    }
}

/// Clients and schedulers say different things; an echo says the same in the other's words.
fn answer_to(message: Message) -> Message {
    match message {
        Message::ClientToScheduler(ClientToScheduler::DefineFunction { payload, .. }) => {
            SchedulerToClient::WorkerReplies {
                request: rask_types::RequestId(0),
                replies: vec![("echo".into(), Ok(payload))],
            }
            .into()
        }
        _ => SchedulerToClient::Closing { reason: "echo".into() }.into(),
    }
}

pub struct Node {
    pub handle: ReactorHandle,
    commands: Sender<Command>,
    pub events: Receiver<Event>,
    thread: Option<JoinHandle<Probe>>,
}

impl Node {
    pub fn start(habit: Habit) -> Node {
        Node::start_with(Options::default(), habit, None)
    }

    pub fn start_with(options: Options, habit: Habit, wake_at: Option<Tick>) -> Node {
        let reactor = Reactor::with_options(options).expect("a reactor");
        let (events_in, events) = channel();
        let (commands, commands_out) = channel();
        let probe =
            Probe { events: events_in, commands: commands_out, habit, messages: 0, turns: 0, wake_at };
        let handle = reactor.handle();
        let thread = Some(reactor.spawn("rask-test", probe).expect("a thread"));
        Node { handle, commands, events, thread }
    }

    /// Does something on the reactor's thread and waits for it.
    pub fn with_io<T: Send + 'static>(&self, act: impl FnOnce(&mut Io) -> T + Send + 'static) -> T {
        let (result, done) = channel();
        let command: Command = Box::new(move |io| drop(result.send(act(io))));
        self.commands.send(command).expect("the driver lives");
        self.handle.wake();
        done.recv_timeout(PATIENCE).expect("the reactor turns")
    }

    pub fn listen(&self, address: &str, acceptance: Acceptance) -> Address {
        let address: Address = address.parse().expect("an address");
        self.with_io(move |io| io.listen(&address, acceptance)).expect("it can be listened on")
    }

    pub fn connect(&self, address: &Address, role: Role, credentials: Credentials) -> LinkId {
        let address = address.clone();
        self.with_io(move |io| io.connect(&address, role, credentials))
    }

    pub fn send(&self, link: LinkId, message: impl Into<Message>) {
        let message = message.into();
        self.with_io(move |io| io.send(link, message));
    }

    pub fn next(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("something happens")
    }

    pub fn expect_open(&self) -> (LinkId, PeerInfo) {
        match self.next() {
            Event::Open(link, peer) => (link, peer),
            other => panic!("expected a link to open, got {other:?}"),
        }
    }

    pub fn expect_message(&self) -> Message {
        match self.next() {
            Event::Message(message) => *message,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    pub fn expect_close(&self) -> (LinkId, CloseReason) {
        match self.next() {
            Event::Close(link, reason) => (link, reason),
            other => panic!("expected a link to close, got {other:?}"),
        }
    }

    /// Stops it; what its driver has become.
    pub fn stop(mut self) -> Probe {
        self.handle.stop();
        self.thread.take().expect("it runs").join().expect("it does not panic")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the reactor panicked");
        }
    }
}

pub const CLUSTER: ClusterId = ClusterId([5; 16]);

pub fn acceptance() -> Acceptance {
    Acceptance::new(Secrets {
        cluster: CLUSTER,
        client: Some(Secret::new(*b"client")),
        worker: Some(Secret::new(*b"worker")),
        data: Some(Secret::new(*b"data")),
    })
}

pub fn client_secret() -> Credentials {
    Credentials::secret(*b"client")
}

/// Two nodes and a link between them.
pub struct Pair {
    pub scheduler: Node,
    pub client: Node,
    pub at_scheduler: LinkId,
    pub at_client: LinkId,
    /// Where a unix socket lies, until both nodes are gone.
    _folder: tempfile::TempDir,
}

pub fn kinds() -> [&'static str; 3] {
    ["tcp", "unix", "inproc"]
}

/// A fresh address of a kind.
pub fn address_of(kind: &str, folder: &tempfile::TempDir) -> String {
    match kind {
        "tcp" => "tcp://127.0.0.1:0".into(),
        "unix" => format!("unix://{}/s", folder.path().display()),
        _ => format!("inproc://{}", folder.path().display()),
    }
}

impl Pair {
    pub fn over(kind: &str, habit: Habit) -> Pair {
        Pair::with(kind, habit, Role::Client, Options::default())
    }

    /// Two nodes that have a link already.
    pub fn of(scheduler: Node, at_scheduler: LinkId, client: Node, at_client: LinkId) -> Pair {
        Pair { scheduler, client, at_scheduler, at_client, _folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn with(kind: &str, habit: Habit, role: Role, options: Options) -> Pair {
        let folder = tempfile::tempdir().expect("a folder");
        let scheduler = Node::start_with(options.clone(), habit, None);
        let client = Node::start_with(options, Habit::Report, None);
        let address = scheduler.listen(&address_of(kind, &folder), acceptance());
        let credentials = Credentials::lookup(move |cluster| {
            assert_eq!(cluster, CLUSTER);
            acceptance().secrets().of(role).cloned().ok_or_else(|| "no secret".into())
        });
        let asked = client.connect(&address, role, credentials);
        let (at_client, peer) = client.expect_open();
        assert_eq!(at_client, asked);
        assert_eq!((peer.role, peer.initiated, peer.memory), (role, true, kind == "inproc"));
        assert_eq!(peer.address, address.to_string());
        let (at_scheduler, peer) = scheduler.expect_open();
        assert_eq!((peer.role, peer.initiated, peer.memory), (role, false, kind == "inproc"));
        Pair { scheduler, client, at_scheduler, at_client, _folder: folder }
    }
}
