//! Getting in, staying in, getting out.

mod fake;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fake::{By, PATIENCE, client, echo, on, options, scheduler, scheduler_at, silent};
use rask_client::{
    Address, Client, ClientError, ConnectError, ConnectOptions, NewKey, NewTask, Outcome, Secret, Status,
    WaitFor,
};
use rask_types::msg::{ClientToScheduler, Query, SchedulerToClient, WorkerSummary};
use rask_types::{FunctionId, FutureId, Language, PROTOCOL_VERSION, TaskClass};
use rask_wire::handshake::HELLO_BYTES;

fn class(client: &Client) -> u32 {
    client.define_class(&TaskClass::plain("x", FunctionId::LITERAL, Language::Literal)).unwrap()
}

fn submit(client: &Client, class: u32) -> Result<FutureId, ClientError> {
    client.submit_task(NewTask {
        class,
        key: NewKey::Session,
        args: b"\x00",
        buffers: vec![],
        deps: &[],
        holds: &[],
        parent: None,
    })
}

fn refused_address() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().into()
}

#[test]
fn the_welcome_is_known_once_connected() {
    for by in By::ALL {
        let scheduler = scheduler(by, silent);
        let client = client(by, &scheduler);
        let welcome = client.welcome().unwrap();
        assert_eq!((welcome.scheduler_name.as_str(), welcome.epoch), ("Scheduler-fake", 5));
        assert_eq!(client.worker_summary().n_workers, 1);
        let session = scheduler.hear(|message| match message {
            ClientToScheduler::Register { session, epoch: None, .. } => Some(*session),
            _ => None,
        });
        assert_eq!(session, client.session());
        assert!(!client.is_closed());
    }
}

#[test]
fn nobody_there_is_tried_until_the_time_is_over() {
    let mut options = ConnectOptions::new(refused_address(), Secret::new(&b"x"[..]));
    options.timeout = Duration::from_millis(300);
    let begin = Instant::now();
    let error = Client::connect(options.clone(), &mut on).unwrap_err();
    assert_eq!(error, ConnectError::Refused { address: options.addresses[0].to_string() });
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn a_scheduler_that_comes_late_is_found() {
    let address = refused_address();
    let options = ConnectOptions::new(address.clone(), Secret::new(fake::CLIENT_SECRET));
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        scheduler_at(&address.to_string(), silent)
    });
    let client = Client::connect(options, &mut on).expect("it comes in time");
    assert!(client.welcome().is_some());
    drop(thread.join());
}

#[test]
fn the_second_address_is_tried_when_the_first_is_silent() {
    let scheduler = scheduler(By::Tcp, silent);
    let mut options = options(&scheduler);
    options.addresses.insert(0, refused_address());
    assert!(Client::connect(options, &mut on).is_ok());
}

#[test]
fn a_wrong_secret_is_told_at_once() {
    let scheduler = scheduler(By::Tcp, silent);
    let options = ConnectOptions::new(scheduler.address.clone(), Secret::new(&b"another"[..]));
    let error = Client::connect(options, &mut on).unwrap_err();
    assert_eq!(error, ConnectError::WrongSecret { address: scheduler.address.to_string() });
    assert!(scheduler.heard().is_empty(), "nothing of ours was decoded");
}

#[test]
fn a_secret_that_is_not_found_is_told_with_where_it_was_looked_for() {
    let scheduler = scheduler(By::Tcp, silent);
    let lookup = Arc::new(|_| Err("looked in three places".to_owned()));
    let options = ConnectOptions::with_lookup(scheduler.address.clone(), lookup);
    let error = Client::connect(options, &mut on).unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoSecret { text, .. } if text == "looked in three places"),
        "{error}"
    );
}

#[test]
fn somebody_else_who_answers_is_told_from_a_scheduler() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(&b"HTTP/1.1 400 Bad Request\r\n".repeat(10));
        stream
    });
    let options = ConnectOptions::new(address.clone(), Secret::new(&b"x"[..]));
    let error = Client::connect(options, &mut on).unwrap_err();
    assert_eq!(error, ConnectError::NotRask { address: address.to_string() });
    drop(thread.join());
}

#[test]
fn another_version_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; HELLO_BYTES];
        stream.read_exact(&mut hello).unwrap();
        hello[8..10].copy_from_slice(&(PROTOCOL_VERSION + 1).to_le_bytes());
        hello[12..28].copy_from_slice(b"9.9.9\0\0\0\0\0\0\0\0\0\0\0");
        let _ = stream.write_all(&hello);
        stream
    });
    let options = ConnectOptions::new(address.clone(), Secret::new(&b"x"[..]));
    let error = Client::connect(options, &mut on).unwrap_err();
    let ConnectError::VersionMismatch { address: at, ours, theirs } = &error else { panic!("{error}") };
    assert_eq!(*at, address.to_string());
    assert_eq!((ours.protocol, theirs.protocol), (PROTOCOL_VERSION, PROTOCOL_VERSION + 1));
    assert!(error.to_string().contains("9.9.9") && error.to_string().contains(env!("CARGO_PKG_VERSION")));
    drop(thread.join());
}

#[test]
fn connecting_can_be_interrupted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let options = ConnectOptions::new(address, Secret::new(&b"x"[..]));
    let begin = Instant::now();
    assert_eq!(Client::connect(options, &mut || true).unwrap_err(), ConnectError::Interrupted);
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn closing_says_goodbye_and_cancels() {
    for by in By::ALL {
        let scheduler = scheduler(by, silent);
        let client = client(by, &scheduler);
        let class = class(&client);
        let future = submit(&client, class).unwrap();
        let other = client.clone();
        let waiter = std::thread::spawn(move || other.wait(&[future], WaitFor::All, None, &mut on));
        assert_eq!(client.close(PATIENCE), Ok(true));
        assert_eq!(waiter.join().unwrap(), Ok(()));
        assert_eq!(client.status(future), Ok(Some(Status::Cancelled)));
        assert!(matches!(submit(&client, class), Err(ClientError::Closed { .. })));
        assert!(matches!(client.query(Query::Identity, None, &mut on), Err(ClientError::Closed { .. })));
        assert!(client.is_closed());
        assert_eq!(client.close(PATIENCE), Ok(true), "again");
        let mut graph_first = false;
        scheduler.hear(|message| {
            graph_first |= matches!(message, ClientToScheduler::Graph(_));
            matches!(message, ClientToScheduler::Goodbye).then_some(())
        });
        assert!(graph_first, "what was submitted is sent before the goodbye");
    }
}

#[test]
fn dropping_the_last_handle_says_goodbye() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let clone = client.clone();
    drop(client);
    assert!(!clone.is_closed());
    drop(clone);
    scheduler.hear(|message| matches!(message, ClientToScheduler::Goodbye).then_some(()));
}

#[test]
fn a_scheduler_that_vanishes_cancels_what_is_pending() {
    for by in By::ALL {
        let scheduler = scheduler(by, |message| match message {
            ClientToScheduler::Graph(chunk) if chunk.first == FutureId(1) => echo(message),
            _ => vec![],
        });
        let client = client(by, &scheduler);
        let class = class(&client);
        let finished = submit(&client, class).unwrap();
        client.wait(&[finished], WaitFor::All, Some(PATIENCE), &mut on).unwrap();
        let pending = submit(&client, class).unwrap();
        let asker = client.clone();
        let question = std::thread::spawn(move || asker.query(Query::Identity, None, &mut on));
        scheduler.hear(|message| matches!(message, ClientToScheduler::Query { .. }).then_some(()));
        scheduler.hang_up();
        client.wait(&[pending], WaitFor::All, Some(PATIENCE), &mut on).unwrap();
        let Ok(Outcome::Cancelled { reason }) = client.outcome(pending) else { panic!() };
        assert!(reason.contains("lost the connection to the scheduler"), "{reason}");
        assert_eq!(client.status(finished), Ok(Some(Status::Finished)));
        assert!(matches!(question.join().unwrap(), Err(ClientError::Closed { .. })));
        assert!(matches!(submit(&client, class), Err(ClientError::Closed { .. })));
        assert_eq!(client.close(PATIENCE), Ok(true));
    }
}

#[test]
fn the_schedulers_last_words_are_the_reason() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let future = submit(&client, class(&client)).unwrap();
    scheduler.say(SchedulerToClient::Closing { reason: "idle for an hour".into() });
    client.wait(&[future], WaitFor::All, Some(PATIENCE), &mut on).unwrap();
    let Ok(Outcome::Cancelled { reason }) = client.outcome(future) else { panic!() };
    assert!(reason.contains("idle for an hour"), "{reason}");
}

#[test]
fn workers_are_waited_for() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    assert_eq!(client.wait_for_workers(1, None, &mut on), Ok(()));
    let too_few = client.wait_for_workers(3, Some(Duration::from_millis(10)), &mut on);
    assert_eq!(too_few, Err(ClientError::TimedOut));
    let other = client.clone();
    let waiter = std::thread::spawn(move || other.wait_for_workers(3, None, &mut on));
    let workers = WorkerSummary { n_workers: 3, n_threads: 12, ..WorkerSummary::default() };
    scheduler.say(SchedulerToClient::WorkersChanged(workers.clone()));
    assert_eq!(waiter.join().unwrap(), Ok(()));
    assert_eq!(client.worker_summary(), workers);
    let other = client.clone();
    let waiter = std::thread::spawn(move || other.wait_for_workers(4, None, &mut on));
    scheduler.hang_up();
    assert!(matches!(waiter.join().unwrap(), Err(ClientError::Closed { .. })));
}

#[test]
fn questions_are_answered_or_refused() {
    let scheduler = scheduler(By::Tcp, |message| match message {
        ClientToScheduler::Query { request, query: Query::Identity } => {
            vec![SchedulerToClient::Reply { request: *request, result: Ok(b"me".to_vec().into()) }]
        }
        ClientToScheduler::Query { request, .. } => {
            vec![SchedulerToClient::Reply { request: *request, result: Err("no such key".into()) }]
        }
        _ => vec![],
    });
    let client = client(By::Tcp, &scheduler);
    assert_eq!(client.query(Query::Identity, None, &mut on).unwrap(), b"me"[..]);
    let refused = client.query(Query::Explain(vec![].into()), None, &mut on);
    assert_eq!(refused, Err(ClientError::Refused("no such key".into())));
    let silent = client.restart(Some(Duration::from_millis(10)), &mut on);
    assert_eq!(silent, Err(ClientError::TimedOut));
}

#[test]
fn notices_are_kept_for_whoever_looks() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    scheduler.say(SchedulerToClient::Notice { topic: "print".into(), text: "hello".into() });
    let notice = client.notices().next(Some(PATIENCE), &mut on).unwrap();
    assert_eq!((notice.topic.as_str(), notice.text.as_str()), ("print", "hello"));
}

#[cfg(unix)]
#[test]
fn in_a_forked_child_every_call_is_an_error_and_drops_do_nothing() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let class = class(&client);
    let future = submit(&client, class).unwrap();
    #[allow(clippy::disallowed_methods)] // forking is what is tested
    // SAFETY: the child only reads atomics through the client, compares, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let forked = client.status(future) == Err(ClientError::Forked)
            && submit(&client, class) == Err(ClientError::Forked)
            && client.wait(&[future], WaitFor::All, None, &mut on) == Err(ClientError::Forked)
            && client.notices().next(None, &mut on) == Err(ClientError::Forked)
            && client.close(PATIENCE) == Err(ClientError::Forked)
            && client.is_closed();
        client.release(future);
        drop(client);
        // SAFETY: ends the child without running anything else of the test's.
        unsafe { libc::_exit(i32::from(!forked)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "all calls in the child were errors");
    assert_eq!(client.status(future), Ok(Some(Status::Pending)), "the parent goes on");
    client.release(future);
    let released = scheduler.hear(|message| match message {
        ClientToScheduler::Release(futures) => Some(futures.clone()),
        _ => None,
    });
    assert_eq!(released, [future]);
}
