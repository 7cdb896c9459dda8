//! What clients ask: exact answers.

use rask_types::Key;
use rask_types::msg::Query;
use rask_types::value::Value;

use crate::stage::{Graph, Stage, key_of, str_key};

fn key(text: &str) -> bytes::Bytes {
    str_key(text).to_canonical().into()
}

fn text(text: &str) -> Value {
    Value::str(text)
}

/// "a" is kept on both workers, "b" here, "c" runs on w1, "d" waits for it, "e" has erred, "f" is queued.
fn scene() -> Stage {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.worker_with(1, 1, |worker| worker.resources = vec![("GPU".into(), 2.0)]);
    stage.submit(0, Graph::at(1).named("a", &[]).named("b", &[]));
    stage.hold(0, &[("t0#1", 100)]);
    stage.stored(1, "t0#1", 100);
    stage.finish(1, &[("t1#1", "bbb")]);
    stage.submit(0, Graph::at(3).named("e", &[]).named("c", &[]).named("d", &[4]));
    stage.err(0, "t2#1", "boom");
    stage.define(0, 1, |class| class.workers = vec!["w9".into()]);
    stage.submit(0, Graph::at(6).class(1).named("f", &[]));
    stage
}

#[test]
fn who_has_what() {
    let mut stage = scene();
    let both = Value::Tuple(vec![text("tcp://h0:1"), text("tcp://h1:1")]);
    // A small value is kept here, but said to be where it was made.
    let made_on_w1 = Value::Tuple(vec![text("tcp://h1:1")]);
    let nowhere = || Value::Tuple(vec![]);
    assert_eq!(
        stage.query(0, Query::WhoHas(None)),
        Ok(Value::dict([
            ("a", both.clone()),
            ("b", made_on_w1),
            ("e", nowhere()),
            ("c", nowhere()),
            ("d", nowhere()),
            ("f", nowhere())
        ]))
    );
    let some = Query::WhoHas(Some(vec![key("a"), key("c"), key("nobody")]));
    assert_eq!(stage.query(0, some), Ok(Value::dict([("a", both), ("c", Value::Tuple(vec![]))])));
    let keys = |keys: &[&str]| Value::Tuple(keys.iter().map(|key| text(key)).collect());
    assert_eq!(
        stage.query(0, Query::HasWhat(None)),
        Ok(Value::dict([("tcp://h0:1", keys(&["a"])), ("tcp://h1:1", keys(&["a", "b"]))]))
    );
    assert_eq!(
        stage.query(0, Query::HasWhat(Some(vec!["w1".into(), "w7".into()]))),
        Ok(Value::dict([("tcp://h1:1", keys(&["a", "b"]))]))
    );
    stage.die(1);
    let here = Value::Tuple(vec![text("tcp://s:8786")]);
    let made_by_nobody_here = Query::WhoHas(Some(vec![key("b")]));
    assert_eq!(stage.query(0, made_by_nobody_here), Ok(Value::dict([("b", here)])));
}

#[test]
fn who_does_what() {
    let mut stage = scene();
    assert_eq!(
        stage.query(0, Query::Processing(None)),
        Ok(Value::dict([
            ("tcp://h0:1", Value::Tuple(vec![])),
            ("tcp://h1:1", Value::Tuple(vec![text("c")]))
        ]))
    );
    assert_eq!(
        stage.query(0, Query::Nthreads(None)),
        Ok(Value::dict([("tcp://h0:1", Value::Int(1)), ("tcp://h1:1", Value::Int(1))]))
    );
}

#[test]
fn how_large_things_are() {
    let mut stage = scene();
    let all = Query::Nbytes { keys: None, summary: false };
    assert_eq!(stage.query(0, all), Ok(Value::dict([("a", Value::Int(100)), ("b", Value::Int(3))])));
    let one = Query::Nbytes { keys: Some(vec![key("b"), key("c")]), summary: true };
    assert_eq!(stage.query(0, one), Ok(Value::dict([("b", Value::Int(3))])));
}

#[test]
fn how_many_there_are_in_each_state() {
    let mut stage = scene();
    let Ok(Value::Dict(counts)) = stage.query(0, Query::TaskCounts) else { panic!("a dict") };
    let states = counts.iter().find(|(key, _)| *key == text("states")).expect("states");
    assert_eq!(
        states.1,
        Value::dict([
            ("erred", Value::Int(1)),
            ("memory", Value::Int(2)),
            ("no-worker", Value::Int(1)),
            ("processing", Value::Int(1)),
            ("waiting", Value::Int(1)),
        ])
    );
}

#[test]
fn who_is_who() {
    let mut stage = scene();
    let Ok(Value::Dict(identity)) = stage.query(0, Query::Identity) else { panic!("a dict") };
    let field = |name: &str| identity.iter().find(|(key, _)| *key == text(name)).map(|(_, value)| value);
    assert_eq!(field("address"), Some(&text("tcp://s:8786")));
    assert_eq!(field("n_workers"), Some(&Value::Int(2)));
    let Some(Value::Dict(workers)) = field("workers") else { panic!("workers") };
    assert_eq!(workers[1].0, text("tcp://h1:1"));
    let Value::Dict(worker) = &workers[1].1 else { panic!("a worker") };
    let field = |name: &str| worker.iter().find(|(key, _)| *key == text(name)).map(|(_, value)| value);
    assert_eq!(field("resources"), Some(&Value::dict([("GPU", Value::Float(2.0))])));
    assert_eq!(field("status"), Some(&text("running")));
    assert_eq!(field("name"), Some(&text("w1")));
}

#[test]
fn why_a_task_does_not_run() {
    let mut stage = scene();
    let cases = [
        ("a", "a has finished; its value is in memory"),
        ("c", "c is assigned to worker w1 at tcp://h1:1"),
        ("d", "d waits for c (processing); first of all, c is assigned to worker w1 at tcp://h1:1"),
        ("e", "e failed on worker w0 at tcp://h0:1: boom"),
        ("f", "f could run, but no worker that is here offers what it asks for: one of the workers w9"),
        ("nobody", "nobody is not known here: it was never submitted, or is already forgotten"),
    ];
    for (name, why) in cases {
        assert_eq!(stage.explain(0, &str_key(name)), why);
        let answer = stage.query(0, Query::Explain(str_key(name).to_canonical().into()));
        let is_known = Value::Bool(name != "nobody");
        assert!(matches!(&answer, Ok(Value::Tuple(parts)) if parts[0] == is_known), "{answer:?}");
    }
    stage.submit(0, Graph::at(10).calls(9));
    let wait = "could run and waits for a free thread; about 8 tasks are queued with it";
    assert_eq!(stage.explain(0, &key_of(0, 18)), format!("{} {wait}", key_of(0, 18)));
    stage.submit(0, Graph::at(30).named("many", &[14, 15, 16, 17, 18]));
    let why = stage.explain(0, &str_key("many"));
    assert!(
        why.starts_with("many waits for f-") && why.contains("(queued) and 2 more; first of all, f-"),
        "{why}"
    );
}

#[test]
fn what_waits_for_a_place_of_its_own_says_which() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker_with(0, 2, |description| description.resources = vec![("GPU".into(), 1.0)]);
    stage.define(0, 1, |class| {
        class.workers = vec!["w0".into()];
        class.resources = vec![("GPU".into(), 1.0)];
    });
    stage.submit(0, Graph::at(1).class(1).named("a", &[]).named("b", &[]));
    // A thread is free, the GPU is not.
    let why = "b could run and waits for a free thread where it may run: one of the workers w0 and the resources GPU=1";
    assert_eq!(stage.explain(0, &str_key("b")), why);
}

#[test]
fn an_explanation_goes_to_the_bottom_of_it() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.workers = vec!["w9".into()]);
    stage.submit(0, Graph::at(1).class(1).named("stuck", &[]));
    stage.submit(0, Graph::at(2).named("middle", &[1]).named("top", &[2]));
    let why = stage.explain(0, &str_key("top"));
    assert!(
        why.starts_with("top waits for middle (waiting); first of all, stuck could run, but no"),
        "{why}"
    );
    stage.submit(0, Graph::at(10).named("bad", &[]).named("child", &[10]));
    stage.err(0, "t3#1", "boom");
    let why = "child failed because bad, which it needs, failed on worker w0 at tcp://h0:1: boom";
    assert_eq!(stage.explain(0, &str_key("child")), why);
}

#[test]
fn a_key_is_explained_by_its_text() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("17", &[]));
    let why = |text: &str| format!("{text} is assigned to worker w0 at tcp://h0:1");
    assert_eq!(stage.explain(0, &str_key("17")), why("17"));
    let tuple = Key::Tuple(vec![str_key("x"), Key::Int(0)]);
    stage.submit(0, Graph::at(2).keyed(&tuple, &[]));
    let queued = "('x', 0) could run and waits for a free thread";
    assert_eq!(stage.explain(0, &str_key("('x', 0)")), queued);
    assert_eq!(stage.explain(0, &tuple), queued);
    assert!(stage.explain(0, &Key::Int(17)).contains("not known"), "a number is not a text");
}

#[test]
fn what_happened_to_a_task() {
    let mut stage = Stage::new();
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).named("a", &[]));
    stage.pass_ms(2_000);
    stage.err(0, "t0#1", "boom");
    stage.retry(0, &[1]);
    stage.pass_ms(1_000);
    let Ok(Value::List(lines)) = stage.query(0, Query::Story(vec![key("a"), key("b")])) else {
        panic!("a list")
    };
    let line = |ago: f64, to: &str, cause: &str, worker: Value| {
        Value::Tuple(vec![Value::Float(ago), text("a"), text(to), text(cause), worker])
    };
    let w0 = || text("tcp://h0:1");
    assert_eq!(
        lines,
        [
            line(3.0, "queued", "submitted", Value::None),
            line(3.0, "processing", "assigned to a worker", w0()),
            line(1.0, "erred", "raised an exception", w0()),
            line(1.0, "released", "retried", Value::None),
            line(1.0, "queued", "retried", Value::None),
            line(1.0, "processing", "assigned to a worker", w0()),
        ]
    );
}

#[test]
fn the_story_is_bounded() {
    let mut stage = Stage::with(|config| config.story_len = 2);
    stage.client(0);
    stage.worker(0, 1);
    stage.submit(0, Graph::at(1).named("a", &[]));
    stage.finish(0, &[("t0#1", "v")]);
    let Ok(Value::List(lines)) = stage.query(0, Query::Story(vec![key("a")])) else { panic!("a list") };
    assert_eq!(lines.len(), 2);
    let mut stage = Stage::with(|config| config.story_len = 0);
    stage.client(0);
    stage.submit(0, Graph::at(1).named("a", &[]));
    assert_eq!(stage.query(0, Query::Story(vec![key("a")])), Ok(Value::List(vec![])));
}
