//! What a call costs and how long an answer takes, with a scheduler that echoes:
//! `cargo run --release -p rask-client --example latency`.

use std::time::{Duration, Instant};

use rask_client::{
    Address, ChunkBuilder, Client, ConnectOptions, NewKey, NewTask, ReactorHandle, Secret, WaitFor,
};
use rask_comm::{Acceptance, CloseReason, ClusterId, Driver, Io, LinkId, Message, PeerInfo, Reactor, Tick};
use rask_types::msg::{ClientToScheduler, SchedulerToClient, WorkerSummary};
use rask_types::{ClientId, DoneColumns, FunctionId, FutureId, Language, TaskClass};

/// Says that every task is done as soon as it comes.
struct Echo;

impl Driver for Echo {
    fn on_open(&mut self, _link: LinkId, _peer: PeerInfo, _io: &mut Io) {}
    fn on_message(&mut self, link: LinkId, message: Message, io: &mut Io) {
        match message {
            Message::ClientToScheduler(ClientToScheduler::Register { .. }) => {
                let welcome = SchedulerToClient::Welcome {
                    client: ClientId(1),
                    epoch: 1,
                    scheduler_name: String::new(),
                    data_secret: vec![].into(),
                    dashboard_link: String::new(),
                    workers: WorkerSummary::default(),
                };
                io.send(link, welcome);
            }
            Message::ClientToScheduler(ClientToScheduler::Graph(chunk)) => {
                let n = chunk.len() as u64;
                let done = DoneColumns {
                    futures: (0..n).map(|i| FutureId(chunk.first.0 + i)).collect(),
                    value_ends: (1..=n as u32).map(|i| i * 3).collect(),
                    blob: vec![5; 3 * n as usize].into(),
                    held: vec![],
                };
                io.send(link, SchedulerToClient::Done(done));
            }
            _ => {}
        }
    }
    fn on_close(&mut self, _link: LinkId, _reason: CloseReason, _io: &mut Io) {}
    fn on_wake(&mut self, _io: &mut Io) {}
    fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
        None
    }
}

fn start(address: &str) -> (Address, ReactorHandle) {
    let mut reactor = Reactor::new().expect("a poll");
    let secret = Secret::new(&b"secret"[..]);
    let acceptance = Acceptance::of_scheduler(ClusterId([1; 16]), secret.clone(), secret);
    let address = reactor.io().listen(&address.parse().expect("an address"), acceptance).expect("it is free");
    let handle = reactor.handle();
    std::thread::spawn(move || reactor.run(Echo));
    (address, handle)
}

fn main() {
    let socket = std::env::temp_dir().join(format!("rask-latency-{}", std::process::id()));
    let addresses =
        ["tcp://127.0.0.1:0".to_owned(), format!("unix://{}", socket.display()), "inproc://echo".to_owned()];
    for address in addresses {
        let (address, handle) = start(&address);
        println!("{address}");
        let options = ConnectOptions::new(address.clone(), Secret::new(&b"secret"[..]));
        let client = Client::connect(options, &mut || false).expect("it lets us in");
        measure(&client);
        client.close(Duration::from_secs(5)).expect("not forked");
        handle.stop();
    }
}

fn measure(client: &Client) {
    let class = TaskClass::plain("inc", FunctionId::LITERAL, Language::Literal);
    let class = client.define_class(&class).expect("a literal needs no function");
    let task = || NewTask {
        class,
        key: NewKey::Session,
        args: &[1, 3, 2],
        buffers: vec![],
        deps: &[],
        holds: &[],
        parent: None,
    };
    let on = &mut || false;
    let wait = |futures: &[FutureId], on: &mut dyn FnMut() -> bool| {
        client.wait(futures, WaitFor::All, None, on).expect("all is well");
    };

    let mut times: Vec<u64> = (0..5_000)
        .map(|_| {
            let begin = Instant::now();
            let future = client.submit_task(task()).expect("sound");
            wait(&[future], on);
            client.outcome(future).expect("not forked");
            let time = begin.elapsed().as_nanos() as u64;
            client.release(future);
            time
        })
        .collect();
    times.sort_unstable();
    println!("  submit, wait, value: p50 {} us, p99 {} us", times[2_500] / 1_000, times[4_950] / 1_000);

    for round in 0..2 {
        const N: usize = 100_000;
        let begin = Instant::now();
        let futures: Vec<FutureId> = (0..N).map(|_| client.submit_task(task()).expect("sound")).collect();
        let submitted = begin.elapsed();
        wait(&futures, on);
        let waited = begin.elapsed();
        let values = client.inline_values(&futures).expect("not forked");
        assert!(values.others.is_empty());
        let begin = Instant::now();
        futures.iter().for_each(|&future| client.release(future));
        let released = begin.elapsed();
        let ns = |time: Duration| time.as_nanos() as usize / N;
        println!(
            "  round {round}: 100 000 one by one: submit {} ns, until all are done {} ns, release {} ns",
            ns(submitted),
            ns(waited),
            ns(released)
        );

        let begin = Instant::now();
        let first = client.allocate(N as u64).expect("not forked");
        let mut builder = ChunkBuilder::new(first);
        for _ in 0..N {
            builder.args().extend_from_slice(&[1, 3, 2]);
            builder.push(class, NewKey::Session, &[], true).expect("small");
        }
        let graph = client.new_graph().expect("not forked");
        client.submit(builder.finish(graph, true, None)).expect("sound");
        let submitted = begin.elapsed();
        let futures: Vec<FutureId> = (0..N as u64).map(|i| FutureId(first.0 + i)).collect();
        wait(&futures, on);
        let waited = begin.elapsed();
        futures.iter().for_each(|&future| client.release(future));
        println!(
            "  round {round}: 100 000 in a chunk: submit {} ns, until all are done {} ns",
            ns(submitted),
            ns(waited)
        );
    }
}
