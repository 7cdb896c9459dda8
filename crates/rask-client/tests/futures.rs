//! Futures from submission to value.

mod fake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fake::{
    By, PATIENCE, client, done, echo, heard_all, held, on, peer, run_of, scheduler, silent, wanted, worker,
};
use parking_lot::Mutex;
use rask_client::{
    ChunkBuilder, Client, ClientError, CompletionQueue, FetchError, NewKey, NewTask, Outcome, ScatterValue,
    Status, WaitFor,
};
use rask_types::msg::{
    ClientToScheduler, FetchFailure, FromData, KeyChoice, ScatterItem, ScatterPlacement, SchedulerToClient,
    ToData, Whereabouts,
};
use rask_types::{
    ErrorKind, FunctionId, FutureId, Language, LocalObject, Payload, RunId, TaskClass, TaskError, TypeId,
    WorkerId,
};

fn class(client: &Client) -> u32 {
    client.define_class(&TaskClass::plain("x", FunctionId::LITERAL, Language::Literal)).unwrap()
}

fn submit(client: &Client, class: u32) -> FutureId {
    let key = NewKey::Session;
    let task = NewTask { class, key, args: b"\x00", buffers: vec![], deps: &[], holds: &[], parent: None };
    client.submit_task(task).unwrap()
}

fn number(future: FutureId) -> Result<Payload, FetchError> {
    Ok(Payload::from_head(future.0.to_le_bytes().to_vec()))
}

#[test]
fn tasks_come_back_one_by_one() {
    for by in By::ALL {
        let scheduler = scheduler(by, echo);
        let client = client(by, &scheduler);
        let class = class(&client);
        for _ in 0..100 {
            let future = submit(&client, class);
            client.wait(&[future], WaitFor::All, Some(PATIENCE), &mut on).unwrap();
            assert_eq!(client.fetch(&[future], None, &mut on).unwrap(), [number(future)]);
            client.release(future);
        }
    }
}

#[test]
fn a_hundred_thousand_come_back() {
    for by in By::ALL {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = sizes.clone();
        let scheduler = scheduler(by, move |message| {
            if let ClientToScheduler::Graph(chunk) = message {
                seen.lock().push((chunk.len(), chunk.last));
            }
            echo(message)
        });
        let client = client(by, &scheduler);
        let class = class(&client);
        let first = client.allocate(100_000).unwrap();
        let mut builder = ChunkBuilder::new(first);
        for i in 0..100_000_u32 {
            builder.args().extend_from_slice(&i.to_le_bytes());
            builder.push(class, NewKey::Token(u128::from(i) << 3), &[], true).unwrap();
        }
        client.submit(builder.finish(client.new_graph().unwrap(), true, None)).unwrap();
        let futures: Vec<FutureId> = (0..100_000).map(|i| FutureId(first.0 + i)).collect();
        let values = client.fetch(&futures, Some(PATIENCE), &mut on).unwrap();
        assert!(futures.iter().zip(&values).all(|(&future, value)| *value == number(future)));
        let inline = client.inline_values(&futures).unwrap();
        assert!(inline.others.is_empty());
        assert_eq!(inline.get(77), Some(&futures[77].0.to_le_bytes()[..]));
        assert_eq!(sizes.lock().len(), 10);
        assert!(sizes.lock().iter().enumerate().all(|(i, &(n, last))| n == 10_000 && last == (i == 9)));

        let found = client.lookup_tokens(class, &[8, 16, 9]).unwrap();
        assert_eq!(found, [Some(futures[1]), Some(futures[2]), None]);
        futures.iter().chain(&futures[1..3]).for_each(|&future| client.release(future));
        let mut released = 0;
        scheduler.hear(|message| {
            if let ClientToScheduler::Release(futures) = message {
                released += futures.len();
            }
            (released == 100_000).then_some(())
        });
    }
}

#[test]
fn a_released_future_is_forgotten_before_and_after_it_is_done() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let class = class(&client);
    let future = submit(&client, class);
    client.retain(future).unwrap();
    client.release(future);
    client.release(future);
    let released = scheduler.hear(|message| match message {
        ClientToScheduler::Release(futures) => Some(futures.clone()),
        _ => None,
    });
    assert_eq!(released, [future]);
    scheduler.say(done(&[future]));
    let other = submit(&client, class);
    scheduler.say(done(&[other]));
    client.wait(&[other], WaitFor::All, Some(PATIENCE), &mut on).unwrap();
    assert_eq!(client.status(future), Ok(None));
}

#[test]
fn waiting_ends_by_time_and_by_interrupt_and_the_client_stays_usable() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let class = class(&client);
    let future = submit(&client, class);
    let begin = Instant::now();
    let short = Some(Duration::from_millis(20));
    assert_eq!(client.wait(&[future], WaitFor::All, short, &mut on), Err(ClientError::TimedOut));
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert_eq!(client.fetch(&[future], short, &mut on), Err(ClientError::TimedOut));
    let mut asked = 0;
    let interrupted = client.wait(&[future], WaitFor::Any, None, &mut || {
        asked += 1;
        // The client can be used from inside an interrupt.
        client.status(future) == Ok(Some(Status::Pending)) && asked == 2
    });
    assert_eq!(interrupted, Err(ClientError::Interrupted));
    scheduler.say(done(&[future]));
    assert_eq!(client.wait(&[future], WaitFor::All, Some(PATIENCE), &mut on), Ok(()));
}

#[test]
fn any_and_first_error_end_early() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let class = class(&client);
    let [a, b, c] = [(); 3].map(|()| submit(&client, class));
    scheduler.say(done(&[b]));
    client.wait(&[a, b, c], WaitFor::Any, Some(PATIENCE), &mut on).unwrap();
    let error = Arc::new(TaskError::new(ErrorKind::Exception, "x-1", "ValueError: no"));
    scheduler.say(SchedulerToClient::Erred { futures: vec![c], error: error.clone() });
    client.wait(&[a, b, c], WaitFor::AllOrFirstError, Some(PATIENCE), &mut on).unwrap();
    assert_eq!(client.status(a), Ok(Some(Status::Pending)));
    assert_eq!(client.outcome(c), Ok(Outcome::Erred(error.clone())));
    scheduler.say(SchedulerToClient::Cancelled { futures: vec![a], lost: true, reason: "gone".into() });
    let results = client.fetch(&[a, b, c], Some(PATIENCE), &mut on).unwrap();
    assert_eq!(
        results,
        [Err(FetchError::Lost { reason: "gone".into() }), number(b), Err(FetchError::Erred(error))]
    );
}

#[test]
fn completions_come_to_their_queue() {
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let class = class(&client);
    let futures = [(); 3].map(|()| submit(&client, class));
    let queue = Arc::new(CompletionQueue::new());
    client.subscribe_all(&futures, &queue, 10).unwrap();
    scheduler.say(done(&[futures[2], futures[0]]));
    let mut got = Vec::new();
    while got.len() < 2 {
        got.extend(queue.next_batch(Some(PATIENCE), &mut on).unwrap());
    }
    assert_eq!(got, [(12, futures[2]), (10, futures[0])]);
    client.cancel(&[futures[1]], false, "enough").unwrap();
    assert_eq!(queue.next(Some(PATIENCE), &mut on), Ok((11, futures[1])));
    client.subscribe(futures[0], &queue, 77).unwrap();
    assert_eq!(queue.drain(), [(77, futures[0])]);
    client.close(PATIENCE).unwrap();
    assert!(queue.is_empty());
}

/// A worker that has every value that is asked for: its run number.
fn generous(message: &ToData) -> Vec<FromData> {
    let ToData::Fetch { request, values } = message else { return vec![] };
    let value = |&value: &RunId| FromData::Value {
        request: *request,
        value,
        result: Ok(Payload::from_head(u64::from(value.task.0).to_le_bytes().to_vec())),
    };
    values.iter().rev().map(value).collect()
}

#[test]
fn values_are_fetched_from_their_workers() {
    for by in By::ALL {
        let scheduler = scheduler(by, silent);
        let client = client(by, &scheduler);
        let class = class(&client);
        let workers: Vec<_> = (0..3).map(|_| worker(by, generous)).collect();
        workers.iter().zip(0..).for_each(|(worker, i)| scheduler.say(peer(i, worker)));
        let name = "numpy.ndarray".to_owned();
        scheduler.say(SchedulerToClient::DefineType { id: TypeId(3), name });
        let futures: Vec<FutureId> = (0..100).map(|_| submit(&client, class)).collect();
        futures.iter().zip(0..).for_each(|(&future, i)| scheduler.say(held(future, i % 3)));
        let results = client.fetch(&futures, Some(PATIENCE), &mut on).unwrap();
        assert!(futures.iter().zip(&results).all(|(&future, result)| *result == number(future)));
        for worker in &workers {
            assert_eq!(worker.heard().len(), 1, "each worker is asked once");
        }
        let Ok(Outcome::Held(held)) = client.outcome(futures[0]) else { panic!() };
        assert_eq!(client.type_name(held.type_id).as_deref(), Some("numpy.ndarray"));
        // The second time the links are there already.
        assert_eq!(client.fetch(&futures[..1], Some(PATIENCE), &mut on).unwrap(), [number(futures[0])]);
    }
}

#[test]
fn a_value_that_moved_is_found() {
    let poor = worker(By::Tcp, |message| {
        let ToData::Fetch { request, values } = message else { return vec![] };
        let value = values[0];
        vec![FromData::Value { request: *request, value, result: Err(FetchFailure::Missing) }]
    });
    let rich = worker(By::Tcp, generous);
    let scheduler = scheduler(By::Tcp, |message| match message {
        ClientToScheduler::Locate { request, futures } => {
            let at = |&future: &FutureId| {
                Some(Whereabouts {
                    run: run_of(future),
                    workers: vec![WorkerId(0), WorkerId(9), WorkerId(1)],
                    inline: None,
                })
            };
            vec![SchedulerToClient::Located { request: *request, items: futures.iter().map(at).collect() }]
        }
        _ => vec![],
    });
    let client = client(By::Tcp, &scheduler);
    let future = submit(&client, class(&client));
    scheduler.say(peer(0, &poor));
    scheduler.say(peer(1, &rich));
    scheduler.say(SchedulerToClient::DefinePeer { worker: WorkerId(9), address: "tcp://127.0.0.1:1".into() });
    scheduler.say(held(future, 0));
    assert_eq!(client.fetch(&[future], Some(PATIENCE), &mut on).unwrap(), [number(future)]);
}

#[test]
fn a_value_whose_worker_died_is_waited_for() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let dying = worker(By::Tcp, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        vec![]
    });
    let scheduler = scheduler(By::Tcp, |message| match message {
        ClientToScheduler::Locate { request, futures } => vec![
            SchedulerToClient::Pending { futures: futures.clone() },
            SchedulerToClient::Located { request: *request, items: vec![None; futures.len()] },
        ],
        _ => vec![],
    });
    let client = client(By::Tcp, &scheduler);
    let future = submit(&client, class(&client));
    scheduler.say(peer(0, &dying));
    scheduler.say(held(future, 0));
    let other = client.clone();
    let fetch = std::thread::spawn(move || other.fetch(&[future], Some(PATIENCE), &mut on));
    dying.hear(|message| matches!(message, ToData::Fetch { .. }).then_some(()));
    drop(dying);
    scheduler.hear(|message| matches!(message, ClientToScheduler::Locate { .. }).then_some(()));
    scheduler.say(done(&[future]));
    assert_eq!(fetch.join().unwrap().unwrap(), [number(future)]);
}

#[test]
fn a_value_that_cannot_travel_says_so() {
    let error = Arc::new(TaskError::new(ErrorKind::Unserializable, "x-1", "cannot pickle"));
    let theirs = error.clone();
    let worker = worker(By::Tcp, move |message| {
        let ToData::Fetch { request, values } = message else { return vec![] };
        let result = Err(FetchFailure::Unserializable(theirs.clone()));
        vec![FromData::Value { request: *request, value: values[0], result }]
    });
    let scheduler = scheduler(By::Tcp, silent);
    let client = client(By::Tcp, &scheduler);
    let future = submit(&client, class(&client));
    scheduler.say(peer(0, &worker));
    scheduler.say(held(future, 0));
    let results = client.fetch(&[future], Some(PATIENCE), &mut on).unwrap();
    assert_eq!(results, [Err(FetchError::Unserializable(error))]);
}

#[test]
fn within_a_process_values_pass_by_reference() {
    let object: LocalObject = Arc::new("an object of the runtime");
    let theirs = object.clone();
    let worker = worker(By::Memory, move |message| match message {
        ToData::Fetch { request, values } => vec![FromData::Value {
            request: *request,
            value: values[0],
            result: Ok(Payload::from_local(theirs.clone())),
        }],
        ToData::Put { request, payload, .. } => {
            assert!(payload.local.as_ref().is_some_and(|local| Arc::ptr_eq(local, &theirs)));
            vec![FromData::Stored { request: *request }]
        }
    });
    let scheduler = scheduler(By::Memory, |message| match message {
        ClientToScheduler::Scatter { request, first, .. } => vec![
            SchedulerToClient::ScatterPlan {
                request: *request,
                placements: Ok(vec![ScatterPlacement { run: run_of(*first), workers: vec![WorkerId(0)] }]),
            },
            held(*first, 0),
        ],
        _ => vec![],
    });
    let client = client(By::Memory, &scheduler);
    scheduler.say(peer(0, &worker));
    heard_all(&client, &scheduler);
    let first = scatter(&client, 1, Payload::from_local(object.clone())).unwrap();
    let results = client.fetch(&[first], Some(PATIENCE), &mut on).unwrap();
    let Ok(Payload { local: Some(local), .. }) = &results[0] else { panic!("{results:?}") };
    assert!(Arc::ptr_eq(local, &object));
}

fn scatter(client: &Client, n: u8, payload: Payload) -> Result<FutureId, ClientError> {
    let value = |i: u8| ScatterValue {
        item: ScatterItem {
            key: KeyChoice::Generated { prefix: "ndarray".into(), token: u128::from(i) },
            nbytes: 5_000,
            type_name: "numpy.ndarray".into(),
            inline: None,
        },
        payload: payload.clone(),
    };
    client.scatter((0..n).map(value).collect(), vec![], false, Some(PATIENCE), &mut on)
}

#[test]
fn scattered_values_are_brought_to_their_workers() {
    let stored: Arc<Mutex<BTreeMap<RunId, u32>>> = Arc::default();
    let workers: Vec<_> = (0..2)
        .map(|i| {
            let stored = stored.clone();
            worker(By::Tcp, move |message| {
                let ToData::Put { request, value, payload, type_name } = message else { return vec![] };
                assert_eq!((type_name.as_str(), payload.buffers.len()), ("numpy.ndarray", 1));
                stored.lock().insert(*value, i);
                vec![FromData::Stored { request: *request }]
            })
        })
        .collect();
    let scheduler = scheduler(By::Tcp, |message| match message {
        ClientToScheduler::Scatter { request, first, items, .. } => {
            let at = |i: u64| ScatterPlacement {
                run: run_of(FutureId(first.0 + i)),
                workers: vec![WorkerId((i % 2) as u32)],
            };
            let mut answers = vec![SchedulerToClient::ScatterPlan {
                request: *request,
                placements: Ok((0..items.len() as u64).map(at).collect()),
            }];
            answers.extend((0..items.len() as u64).map(|i| held(FutureId(first.0 + i), (i % 2) as u32)));
            answers
        }
        _ => vec![],
    });
    let client = client(By::Tcp, &scheduler);
    workers.iter().zip(0..).for_each(|(worker, i)| scheduler.say(peer(i, worker)));
    heard_all(&client, &scheduler);
    let mut payload = Payload::from_head(&b"head"[..]);
    payload.buffers.push(vec![7; 1 << 20].into());
    let first = scatter(&client, 10, payload).unwrap();
    let expected = (0..10).map(|i| (run_of(FutureId(first.0 + i)), (i % 2) as u32)).collect();
    assert_eq!(*stored.lock(), expected);
    assert_eq!(client.describe(first).unwrap().to_string(), format!("ndarray-{:032x}", 0));
    assert_eq!(client.status(first), Ok(Some(Status::Finished)));
}

#[test]
fn a_scatter_that_cannot_be_placed_leaves_nothing_behind() {
    let scheduler = scheduler(By::Tcp, |message| match message {
        ClientToScheduler::Scatter { request, .. } => {
            vec![SchedulerToClient::ScatterPlan { request: *request, placements: Err("no workers".into()) }]
        }
        _ => vec![],
    });
    let client = client(By::Tcp, &scheduler);
    let refused = scatter(&client, 2, Payload::from_head(&b"v"[..]));
    assert_eq!(refused, Err(ClientError::Refused("no workers".into())));
    let released = scheduler.hear(|message| match message {
        ClientToScheduler::Release(futures) => Some(futures.len()),
        _ => None,
    });
    assert!(released >= 1);
}

#[test]
fn many_threads_use_one_client() {
    let scheduler = scheduler(By::Tcp, echo);
    let client = client(By::Tcp, &scheduler);
    let class = class(&client);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            std::thread::spawn(move || {
                for _ in 0..200 {
                    let futures: Vec<FutureId> = (0..50).map(|_| submit(&client, class)).collect();
                    let values = client.fetch(&futures, Some(PATIENCE), &mut on).unwrap();
                    assert!(futures.iter().zip(values).all(|(&future, value)| value == number(future)));
                    futures.iter().for_each(|&future| client.release(future));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut released = 0;
    let mut submitted = 0;
    scheduler.hear(|message| {
        match message {
            ClientToScheduler::Release(futures) => released += futures.len(),
            ClientToScheduler::Graph(chunk) => submitted += wanted(chunk).len(),
            _ => {}
        }
        (released == 40_000).then_some(())
    });
    assert_eq!(submitted, 40_000);
}
