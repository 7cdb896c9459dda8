//! Messages that are late, stale, said twice, or were never called for: nothing panics and every account stays right.

use rask_scheduler_core::Event;
use rask_types::columns::HeldByWorker;
use rask_types::msg::{ClientToScheduler, Metrics, Query, WorkerOp, WorkerToScheduler};
use rask_types::{ClientId, FunctionId, FutureId, Payload, RequestId, RunId, TypeId, WorkerId};

use crate::stage::{Graph, Stage, columns, executing, held, inline, item, numbers, raised, run, str_key};

fn busy() -> Stage {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker(1, 1);
    stage.submit(0, Graph::at(1).calls(4));
    stage.hold(0, &[("t0#1", 9)]);
    stage
}

/// Runs of every wrong kind: finished, queued, given to another, of the future, of slots that never were.
fn wrong_runs() -> Vec<RunId> {
    ["t0#1", "t0#0", "t0#7", "t1#1", "t3#0", "t3#1", "t9#0", "t4000000000#1", "t4294967295#4294967295"]
        .iter()
        .map(|text| run(text))
        .collect()
}

#[test]
fn answers_that_nobody_asked_for_count_for_nothing() {
    for wrong in wrong_runs() {
        let text = format!("{wrong:?}");
        let answers = [
            WorkerToScheduler::Finished(inline(&[(&text, "v")], 1)),
            WorkerToScheduler::Finished(held(&[(&text, 5)])),
            raised(&text, "boom"),
            WorkerToScheduler::Retracted { runs: vec![wrong, wrong] },
            executing([wrong]),
            WorkerToScheduler::Seceded { run: wrong },
            WorkerToScheduler::Rejoined { run: wrong },
            WorkerToScheduler::Reschedule { run: wrong },
            WorkerToScheduler::Missing { value: wrong, workers: vec![WorkerId(1), WorkerId(99)] },
        ];
        for answer in answers {
            let mut stage = busy();
            let frees = matches!(&answer, WorkerToScheduler::Finished(columns) if !columns.held.is_empty());
            let said = stage.say(0, answer.clone());
            // What it claims to keep it may drop, unless that is its one copy of a value that is needed.
            let expected =
                if frees && wrong != run("t0#1") { vec![format!("w0 free {text}")] } else { vec![] };
            assert_eq!(said, expected, "{answer:?}");
            assert_eq!(stage.say(0, answer), expected);
            // The rest goes on as if nothing had been said.
            assert_eq!(stage.finish(0, &[("t2#1", "c")]), ["w0 run t3#1", "c0 done 3=`c`"]);
            assert_eq!(stage.finish(1, &[("t1#1", "b")]), ["c0 done 2=`b`"]);
        }
    }
}

#[test]
fn values_that_were_never_made_are_dropped() {
    for wrong in wrong_runs() {
        let mut stage = busy();
        let said = stage.stored(1, &format!("{wrong:?}"), u64::MAX);
        if wrong == run("t0#1") {
            assert_eq!(said, [""; 0]);
        } else {
            assert_eq!(said, [format!("w1 free {wrong:?}")]);
        }
    }
}

#[test]
fn what_a_gone_worker_says_is_not_heard() {
    let mut stage = busy();
    stage.nanny(0, 100);
    stage.worker_with(2, 1, |worker| worker.nanny_instance = Some(100));
    assert_eq!(stage.die(0)[0], "c0 pending 1");
    assert_eq!(stage.finish(0, &[("t2#1", "c")]), [""; 0]);
    assert_eq!(stage.say(0, WorkerToScheduler::Heartbeat(Metrics::default())), [""; 0]);
    // Nor one whose nanny is awaited: it cannot come back by registering.
    stage.die(2);
    assert_eq!(stage.say(2, WorkerToScheduler::Register(Default::default())), [""; 0]);
    assert_eq!(stage.scheduler.worker_count(), 1);
    assert_eq!(stage.say(7, WorkerToScheduler::Heartbeat(Metrics::default())), [""; 0]);
    assert_eq!(stage.die(7), [""; 0]);
}

#[test]
fn broken_columns_send_a_worker_away_and_its_runs_elsewhere() {
    let kept = |position| HeldByWorker { position, nbytes: 1, type_id: TypeId(0) };
    let good = || columns(vec![run("t2#1"), run("t9#9")], 1);
    let mut broken = vec![good(); 6];
    broken[0].value_ends = vec![1];
    broken[1].value_ends = vec![2, 1];
    broken[2].value_ends = vec![0, 0];
    broken[3].value_ends = vec![0, 0];
    broken[3].held = vec![kept(1), kept(0)];
    broken[4].value_ends = vec![0, 0];
    broken[4].held = vec![kept(0), kept(0)];
    broken[5].value_ends = vec![0, 0];
    broken[5].held = vec![kept(0), kept(1), kept(2)];
    for columns in broken {
        let mut stage = busy();
        let said = stage.say(0, WorkerToScheduler::Finished(columns));
        assert_eq!(said, ["c0 pending 1", "w0 refused: its columns of results are broken", "w0 hang up"]);
        assert_eq!(stage.finish(1, &[("t1#1", "b")])[0], "w1 run t0#3");
    }
}

#[test]
fn registration_comes_first_and_once() {
    let mut stage = Stage::new();
    stage.tell(Event::WorkerJoined(WorkerId(0)));
    assert_eq!(
        stage.give_back(0, &[]),
        ["w0 refused: the first message of a worker must be its registration", "w0 hang up"]
    );
    stage.worker(1, 1);
    assert_eq!(
        stage.say(1, WorkerToScheduler::Register(Default::default())),
        ["w1 refused: it registered twice", "w1 hang up"]
    );
    stage.tell(Event::ClientJoined(ClientId(0)));
    let wrong = "c0 closing: a session begins with its registration, and has only one";
    assert_eq!(stage.release(0, &[1]), [wrong, "c0 hang up"]);
    stage.client(1);
    let again = ClientToScheduler::Register {
        name: String::new(),
        session: 0,
        runtime: String::new(),
        version: String::new(),
        epoch: None,
    };
    assert_eq!(stage.ask(1, again)[0].split(':').next(), Some("c1 closing"));
    stage.scheduler.check_empty();
}

#[test]
fn huge_numbers_do_no_harm() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, u32::MAX, |worker| {
        worker.memory_limit_bytes = u64::MAX;
        worker.resources = vec![("x".into(), f64::NAN), ("y".into(), f64::INFINITY), ("z".into(), -1.0)];
    });
    stage.worker_with(1, u32::MAX, |worker| worker.memory_limit_bytes = u64::MAX);
    stage.define(0, 1, |class| class.resources = vec![("y".into(), 1e14)]);
    assert_eq!(stage.submit(0, Graph::at(1).class(1).calls(3)), ["w0 run t0#1 t1#1 t2#1"]);
    let mut columns = held(&[("t0#1", u64::MAX), ("t1#1", u64::MAX), ("t2#1", 7)]);
    columns.duration_ns = vec![u64::MAX; 3];
    stage.say(0, WorkerToScheduler::Finished(columns));
    stage.submit(0, Graph::at(4).class(1).call(&[1, 2, 3]).call(&[4]));
    stage.query(0, Query::Nbytes { keys: None, summary: true }).expect("an answer");
    stage.query(0, Query::Nbytes { keys: None, summary: false }).expect("an answer");
    stage.query(0, Query::Identity).expect("an answer");
    stage.finish(0, &[("t3#1", "v")]);
    stage.stored(1, "t0#1", u64::MAX);
    stage.release(0, &[1, 2, 3, 4, 5]);
    stage.give_back(0, &["t4#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn clients_may_name_any_number() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    let wild = [0, 7, u64::MAX];
    stage.release(0, &wild);
    stage.cancel(0, &wild, true);
    stage.retry(0, &wild);
    stage.ask(0, ClientToScheduler::FireAndForget { futures: numbers(&wild) });
    stage.ask(0, ClientToScheduler::AbortGraph { graph: u32::MAX });
    stage.ask(0, ClientToScheduler::Locate { request: RequestId(u32::MAX), futures: numbers(&wild) });
    let said = stage.submit(0, Graph::at(u64::MAX).call(&[]));
    assert_eq!(said, ["w0 run t0#1"], "the last number of all is one");
    assert_eq!(stage.want(0, 3, &str_key("x"))[0].split(':').next(), Some("c0 lost 3"));
    let retire = ClientToScheduler::RetireWorkers { request: RequestId(1), workers: vec![String::new()] };
    stage.ask(0, retire);
    for query in [
        Query::WhoHas(Some(vec!["rubbish".into()])),
        Query::Nbytes { keys: Some(vec!["rubbish".into()]), summary: false },
        Query::Story(vec!["rubbish".into()]),
        Query::Explain("rubbish".into()),
    ] {
        assert_eq!(stage.query(0, query), Err("not the canonical bytes of a key".into()));
    }
    let bad_key = ClientToScheduler::Want { future: FutureId(9), key: "rubbish".into() };
    assert_eq!(
        stage.ask(0, bad_key),
        ["w0 discard t0#1", "c0 closing: a key is not canonical", "c0 hang up"]
    );
    stage.give_back(0, &["t0#1"]);
    stage.scheduler.check_empty();
}

#[test]
fn what_a_gone_client_says_is_not_heard() {
    let mut stage = busy();
    stage.leave(0);
    let messages = [
        ClientToScheduler::DefineFunction { id: FunctionId(2), payload: Payload::default() },
        ClientToScheduler::Graph(Graph::at(1).calls(1).build()),
        ClientToScheduler::Release(numbers(&[1])),
        ClientToScheduler::Scatter {
            request: RequestId(1),
            first: FutureId(1),
            items: vec![item("x", 1, Some("v"))],
            workers: vec![],
            broadcast: false,
        },
        ClientToScheduler::Broadcast {
            request: RequestId(1),
            workers: None,
            and_future_workers: true,
            op: WorkerOp::Call(Payload::default()),
        },
        ClientToScheduler::Restart { request: RequestId(1) },
        ClientToScheduler::Shutdown,
        ClientToScheduler::Goodbye,
    ];
    for message in messages {
        assert_eq!(stage.ask(0, message), [""; 0]);
    }
    assert_eq!(stage.leave(0), [""; 0]);
    assert_eq!(stage.leave(9), [""; 0]);
}

#[test]
fn nannies_may_say_anything() {
    let mut stage = busy();
    assert_eq!(stage.exited(5, 1, &["t2#1"]), [""; 0]);
    stage.nanny(0, 1);
    assert_eq!(stage.exited(0, 1, &["t2#1"]), [""; 0]);
    assert_eq!(stage.exited(0, u64::MAX, &["t2#1"]), [""; 0]);
    stage.nanny(1, 7);
    stage.starts(0, 7);
    stage.worker_with(2, 1, |worker| worker.nanny_instance = Some(7));
    // Not its nanny.
    assert_eq!(stage.exited(1, 7, &[]), [""; 0]);
    assert_eq!(stage.tell(Event::NannyGone(rask_scheduler_core::NannyId(0))), [""; 0]);
    assert_eq!(stage.tell(Event::NannyGone(rask_scheduler_core::NannyId(0))), [""; 0]);
    assert_eq!(stage.die(2).len(), 0);
}

#[test]
fn time_that_runs_backwards_is_ignored() {
    let mut stage = busy();
    stage.now = rask_types::Tick::ZERO;
    assert_eq!(stage.tell(Event::Tick), [""; 0]);
    stage.finish(0, &[("t2#1", "c")]);
}

#[test]
fn given_runs_are_not_remembered_for_ever() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 2);
    // One runs all the time, a thousand come and go.
    stage.submit(0, Graph::at(1).calls(1));
    for i in 1..1_000 {
        stage.submit(0, Graph::at(1 + i).calls(1));
        let slot = 1;
        let attempt = 3 * (i - 1) + 1;
        assert_eq!(stage.finish(0, &[(&format!("t{slot}#{attempt}"), "v")]).len(), 1, "{i}");
        stage.release(0, &[1 + i]);
    }
    stage.release(0, &[1]);
    stage.give_back(0, &["t0#1"]);
    stage.scheduler.check_empty();
}
