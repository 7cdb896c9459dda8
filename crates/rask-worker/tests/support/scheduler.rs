//! A scheduler that welcomes every worker, says what the test tells it, and passes on what workers say.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rask_comm::{
    Acceptance, Address, CloseReason, ClusterId, Driver, Io, LinkId, PeerInfo, Reactor, ReactorHandle,
    Secret, Tick,
};
use rask_types::msg::{Message, SchedulerToWorker, WorkerToScheduler};
use rask_types::{RunId, WorkerId};

use super::{DATA_SECRET, Over, SECRET};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the test wants said.
enum Order {
    Say(WorkerId, Vec<SchedulerToWorker>),
    HangUp(WorkerId),
}

pub type Said = (WorkerId, WorkerToScheduler);

pub struct Scheduler {
    pub address: Address,
    orders: Arc<Mutex<Vec<Order>>>,
    said: Receiver<Said>,
    /// What was heard and not asked for yet.
    pending: Vec<Said>,
    reactor: ReactorHandle,
    thread: Option<JoinHandle<Fake>>,
}

struct Fake {
    orders: Arc<Mutex<Vec<Order>>>,
    said: Sender<Said>,
    workers: HashMap<WorkerId, LinkId>,
    by_link: HashMap<LinkId, WorkerId>,
    refuse: Option<String>,
}

impl Driver for Fake {
    fn on_open(&mut self, link: LinkId, _peer: PeerInfo, _io: &mut Io) {
        let worker = WorkerId(self.workers.len() as u32 + 1);
        self.workers.insert(worker, link);
        self.by_link.insert(link, worker);
    }

    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        let Message::WorkerToScheduler(message) = message else { panic!("not from a worker: {message:?}") };
        let worker = self.by_link[&link];
        if let WorkerToScheduler::Register(_) = &message {
            io.send(
                link,
                match &self.refuse {
                    Some(reason) => SchedulerToWorker::Refused { reason: reason.clone() },
                    None => SchedulerToWorker::Welcome {
                        worker,
                        epoch: 1,
                        data_secret: DATA_SECRET.into(),
                        heartbeat_ms: 50,
                    },
                },
            );
        }
        // The test may be over.
        let _ = self.said.send((worker, message));
    }

    fn on_close(&mut self, _link: LinkId, _reason: CloseReason, _io: &mut Io) {}
    fn on_wake(&mut self, _io: &mut Io) {}

    fn on_turn(&mut self, _now: Tick, io: &mut Io) -> Option<Tick> {
        for order in std::mem::take(&mut *self.orders.lock().expect("no test panics here")) {
            match order {
                Order::Say(worker, messages) => {
                    for message in messages {
                        io.send(self.workers[&worker], message);
                    }
                }
                Order::HangUp(worker) => io.close(self.workers[&worker], "the test hangs up"),
            }
        }
        None
    }
}

impl Scheduler {
    pub fn start(over: Over) -> Scheduler {
        Scheduler::start_refusing(over, None)
    }

    pub fn start_refusing(over: Over, refuse: Option<String>) -> Scheduler {
        let mut reactor = Reactor::new().expect("a reactor");
        let secret = |text: &[u8]| Secret::new(text.to_vec());
        let acceptance = Acceptance::of_scheduler(ClusterId([7; 16]), secret(b"client"), secret(SECRET));
        let address = reactor.io().listen(&over.fresh(), acceptance).expect("a free address");
        let handle = reactor.handle();
        let orders = Arc::<Mutex<Vec<Order>>>::default();
        let (sender, said) = channel();
        let fake = Fake {
            orders: Arc::clone(&orders),
            said: sender,
            workers: HashMap::new(),
            by_link: HashMap::new(),
            refuse,
        };
        let thread = reactor.spawn("rask-fake", fake).expect("a thread");
        Scheduler { address, orders, said, pending: vec![], reactor: handle, thread: Some(thread) }
    }

    fn order(&self, order: Order) {
        self.orders.lock().expect("no test panics here").push(order);
        self.reactor.wake();
    }

    pub fn say(&self, worker: WorkerId, message: SchedulerToWorker) {
        self.order(Order::Say(worker, vec![message]));
    }

    pub fn say_all(&self, worker: WorkerId, messages: Vec<SchedulerToWorker>) {
        self.order(Order::Say(worker, messages));
    }

    pub fn hang_up(&self, worker: WorkerId) {
        self.order(Order::HangUp(worker));
    }

    /// Waits for something that `pick` takes; what it does not take can be asked for later.
    pub fn expect<T>(&mut self, what: &str, pick: impl Fn(&Said) -> Option<T>) -> T {
        if let Some((at, found)) =
            self.pending.iter().enumerate().find_map(|(i, said)| Some((i, pick(said)?)))
        {
            self.pending.remove(at);
            return found;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(said) => match pick(&said) {
                    Some(found) => return found,
                    None => self.pending.push(said),
                },
                Err(_) => {
                    let heard: Vec<_> = (self.pending.iter())
                        .filter(|said| !matches!(said.1, WorkerToScheduler::Heartbeat(_)))
                        .collect();
                    panic!("waited in vain for {what}; heard {heard:#?}")
                }
            }
        }
    }

    /// Waits for the answers of `count` runs: what each was, with inline values.
    pub fn answers(&mut self, count: usize) -> HashMap<RunId, Answer> {
        let mut answers = HashMap::new();
        while answers.len() < count {
            let some = self.expect("an answer", |said| answers_in(&said.1));
            for (run, answer) in some {
                let before = answers.insert(run, answer);
                assert_eq!(before, None, "{run:?} is answered twice");
            }
        }
        answers
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Inline(Vec<u8>),
    Held { nbytes: u64 },
    Erred(String),
    Retracted,
    Rescheduled,
}

fn answers_in(message: &WorkerToScheduler) -> Option<Vec<(RunId, Answer)>> {
    Some(match message {
        WorkerToScheduler::Finished(columns) => {
            let mut start = 0;
            let mut answers = vec![];
            for (i, &run) in columns.runs.iter().enumerate() {
                let end = columns.value_ends[i] as usize;
                let held = columns.held.iter().find(|held| held.position as usize == i);
                answers.push((
                    run,
                    match held {
                        Some(held) => Answer::Held { nbytes: held.nbytes },
                        None => Answer::Inline(columns.blob[start..end].to_vec()),
                    },
                ));
                start = end;
            }
            answers
        }
        WorkerToScheduler::Erred { run, error, .. } => vec![(*run, Answer::Erred(error.text.clone()))],
        WorkerToScheduler::Retracted { runs } => runs.iter().map(|&run| (run, Answer::Retracted)).collect(),
        WorkerToScheduler::Reschedule { run } => vec![(*run, Answer::Rescheduled)],
        _ => return None,
    })
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.reactor.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake scheduler panicked");
        }
    }
}
