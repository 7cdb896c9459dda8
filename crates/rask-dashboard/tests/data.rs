//! What is answered about a cluster at work: a real scheduler, a real worker, a real client.

mod support;

use std::collections::BTreeMap;

use rask_client::NewKey;
use rask_types::{FutureId, Key};
use serde_json::Value;
use support::PATIENCE;
use support::cluster::Cluster;

fn tuple(name: &str, number: i64) -> Key {
    Key::Tuple(vec![Key::Str(name.into()), Key::Int(number)])
}

/// A key as a part of a path.
fn encoded(key: &str) -> String {
    key.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

#[test]
fn the_status_has_everything() {
    let cluster = Cluster::start("alice");
    let futures: Vec<FutureId> =
        (0..50).map(|n| cluster.submit("inc", "echo", NewKey::Token(n), "1", &[])).collect();
    cluster.wait(&futures);
    let bad = cluster.submit("bad", "fail", NewKey::Session, "ValueError: no", &[]);
    let waiting = cluster.submit("wait", "wait", NewKey::Session, "", &[]);
    cluster.client.wait(&[bad], rask_client::WaitFor::All, Some(PATIENCE), &mut || false).unwrap();
    let status = cluster.served.until("/api/v1/status", |status| {
        let ended: u64 = status["bars"].as_array().unwrap().iter().map(|bar| bar[6].as_u64().unwrap()).sum();
        ended == 51 && status["workers"][0]["processing"] == 1
    });
    assert_eq!((status["type"].as_str(), status["full"].as_bool()), (Some("pulse"), Some(true)));
    let scheduler = &status["scheduler"];
    for (field, expected) in
        [("tasks", 52), ("clients", 1), ("workers", 1), ("threads", 2), ("finished", 50), ("erred", 1)]
    {
        assert_eq!(scheduler[field], expected, "{field}: {scheduler:#}");
    }
    assert!(scheduler["rss_bytes"].as_u64().unwrap() > 1_000_000);
    assert_eq!(scheduler["address"], cluster.served.scheduler.addresses()[0].to_string());
    let worker = &status["workers"][0];
    assert_eq!((worker["name"].as_str(), worker["status"].as_str()), (Some("alice"), Some("running")));
    let prefixes: BTreeMap<&str, &Value> = status["prefixes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["prefix"].as_str().unwrap(), row))
        .collect();
    assert_eq!(
        (prefixes["inc"]["memory"].as_u64(), prefixes["inc"]["finished"].as_u64()),
        (Some(50), Some(50))
    );
    assert_eq!(
        (prefixes["bad"]["erred"].as_u64(), prefixes["wait"]["processing"].as_u64()),
        (Some(1), Some(1))
    );
    let kinds: Vec<&str> =
        status["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    for kind in ["worker-joined", "client-joined", "error"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let events = cluster.served.until("/api/v1/events", |_| true);
    assert_eq!(events["events"].as_array().unwrap().len(), kinds.len());
    cluster.open_gate();
    cluster.wait(&[waiting]);
    let later = cluster.served.until("/api/v1/status", |status| status["scheduler"]["finished"] == 51);
    assert!(later["scheduler"]["cpu"].as_f64().unwrap() >= 0.0, "rates are known from the second time on");
}

#[test]
fn workers_are_found_by_name_address_and_id() {
    let cluster = Cluster::start("w/ö \"1\"");
    let listed = cluster.served.until("/api/v1/workers", |_| true);
    let row = &listed["workers"][0];
    assert_eq!((row["name"].as_str(), listed["workers"].as_array().unwrap().len()), (Some("w/ö \"1\""), 1));
    let by_name = |name: &Value| format!("/api/v1/worker?name={}", encoded(name.as_str().unwrap()));
    let paths = [by_name(&row["name"]), by_name(&row["address"]), format!("/api/v1/worker?id={}", row["id"])];
    let waiting = cluster.submit("slow", "wait", NewKey::Session, "", &[]);
    for path in &paths {
        let page = cluster.served.until(path, |page| page["assigned"][0]["prefix"] == "slow");
        assert_eq!(page["worker"]["name"], row["name"]);
        assert!(page["log"].is_array() && page["executing"].is_array());
    }
    cluster.open_gate();
    cluster.wait(&[waiting]);
    let unknown = cluster.served.get("/api/v1/worker?name=bob");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("\"bob\""));
    assert_eq!(cluster.served.get("/api/v1/worker?id=77").status, 404);
    for path in ["/api/v1/worker", "/api/v1/worker?id=bob"] {
        assert_eq!(cluster.served.get(path).status, 400, "{path}");
    }
}

#[test]
fn tasks_come_page_by_page_and_by_what_is_asked() {
    let cluster = Cluster::start("alice");
    let mut futures: Vec<FutureId> =
        (0..230).map(|n| cluster.submit("inc", "echo", NewKey::Token(n), "", &[])).collect();
    futures.push(cluster.submit_named(tuple("x", 7), "echo", "", &[]));
    cluster.wait(&futures);
    let get = |query: &str| cluster.served.until(&format!("/api/v1/tasks{query}"), |_| true);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let answer = get(&format!("?limit=100{after}"));
        assert_eq!(answer["total"], 231);
        seen.extend(
            answer["tasks"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned()),
        );
        match answer["after"].as_u64() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 231);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 231, "no task comes twice");
    let keys = |answer: &Value| answer["tasks"].as_array().unwrap().len();
    assert_eq!(keys(&get("")), 100);
    assert_eq!(keys(&get("?search=%28%27x%27%2C+7")), 1);
    assert_eq!(keys(&get("?search=inc-&state=memory&limit=1000")), 230);
    assert_eq!(keys(&get("?state=erred")), 0);
    assert_eq!(keys(&get("?state=&search=")), 100);
    assert_eq!(get("?search=x%27")["tasks"][0]["key"], "('x', 7)");
    for (query, part) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=x", "limit"),
        ("?state=lost", "state"),
        ("?after=-1", "after"),
    ] {
        let answer = cluster.served.get(&format!("/api/v1/tasks{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["error"].as_str().unwrap().contains(part), "{query}: {}", answer.body);
    }
}

#[test]
fn a_task_is_told_by_its_key_whatever_it_is() {
    let cluster = Cluster::start("alice");
    let evil = "<script>alert('/')</script>\u{2028}é";
    let keys = [
        Key::Str(evil.into()),
        tuple("x'", -1),
        Key::Int(7),
        Key::Bytes(vec![0xff, b'"']),
        Key::Str("inc-000000000000000000000000000000ff".into()),
    ];
    let first = cluster.submit_named(Key::Str("first".into()), "wait", "", &[]);
    let futures = keys.clone().map(|key| cluster.submit_named(key, "fail", evil, &[first]));
    for key in &keys {
        let path = format!("/api/v1/task?key={}", encoded(&key.to_string()));
        let task = cluster.served.until(&path, |task| task["n_dependencies"] == 1);
        assert_eq!(task["key"], key.to_string());
        assert!(matches!(task["state"].as_str(), Some("waiting" | "processing")), "{task:#}");
        assert_eq!(task["dependencies"][0]["key"], "first");
        assert!(task["explain"].as_str().unwrap().contains("first"), "{task:#}");
        assert_eq!(task["error"], Value::Null);
    }
    cluster.open_gate();
    for future in futures {
        let _ = cluster.client.wait(&[future], rask_client::WaitFor::All, Some(PATIENCE), &mut || false);
    }
    let path = format!("/api/v1/task?key={}", encoded(evil));
    let task = cluster.served.until(&path, |task| task["state"] == "erred");
    assert_eq!(task["error"]["text"], evil);
    assert!(task["story"].as_array().unwrap().len() >= 2);
    let first = cluster.served.until("/api/v1/task?key=first", |_| true);
    assert_eq!(first["state"], "memory");
    let unknown = cluster.served.get("/api/v1/task?key=nothing%20such");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("nothing such is not known here"));
}

#[test]
fn the_graph_is_tasks_and_then_groups() {
    let cluster = Cluster::start("alice");
    let first = cluster.submit_named(Key::Str("first".into()), "echo", "", &[]);
    let next: Vec<FutureId> =
        (0..3).map(|n| cluster.submit("next", "echo", NewKey::Token(n), "", &[first])).collect();
    cluster.wait(&next);
    let graph = cluster.served.until("/api/v1/graph", |_| true);
    assert_eq!(
        (graph["of"].as_str(), graph["total"].as_u64(), graph["shown"].as_u64()),
        (Some("tasks"), Some(4), Some(4))
    );
    let node = |number: &Value| &graph["nodes"][number.as_u64().unwrap() as usize];
    let edges = graph["edges"].as_array().unwrap();
    assert_eq!(edges.len(), 3);
    for edge in edges {
        let (from, to) = (node(&edge[0]), node(&edge[1]));
        assert_eq!((from["key"].as_str(), to["prefix"].as_str()), (Some("first"), Some("next")));
        assert!(from["x"].as_f64() < to["x"].as_f64());
        assert!(to["x"].as_f64() <= graph["width"].as_f64() && to["y"].as_f64() <= graph["height"].as_f64());
        assert_eq!(to["state"], "memory");
    }
    let many: Vec<FutureId> =
        (0..1_500).map(|n| cluster.submit("many", "echo", NewKey::Token(n), "", &[next[0]])).collect();
    cluster.wait(&many);
    let groups = cluster.served.until("/api/v1/graph", |graph| graph["of"] == "groups");
    let prefixes: Vec<&str> =
        groups["nodes"].as_array().unwrap().iter().map(|node| node["prefix"].as_str().unwrap()).collect();
    assert_eq!((prefixes.len(), groups["edges"].as_array().unwrap().len()), (3, 2), "{groups:#}");
    let group = cluster.served.until("/api/v1/graph?group=many", |_| true);
    assert_eq!((group["total"].as_u64(), group["shown"].as_u64()), (Some(1_500), Some(1_000)));
    assert_eq!(group["group"], "many");
    let none = cluster.served.until("/api/v1/graph?group=none", |_| true);
    assert_eq!(none["shown"], 0);
}

#[test]
fn prometheus_gets_its_numbers() {
    let cluster = Cluster::start("a\"\\\nb");
    let futures: Vec<FutureId> =
        (0..5).map(|n| cluster.submit("inc", "echo", NewKey::Token(n), "", &[])).collect();
    cluster.wait(&futures);
    let bad = cluster.submit("bad", "fail", NewKey::Session, "ValueError: no", &[]);
    cluster.client.wait(&[bad], rask_client::WaitFor::All, Some(PATIENCE), &mut || false).unwrap();
    let first = cluster.submit("first", "echo", NewKey::Session, "", &[]);
    cluster.wait(&[cluster.submit("then", "echo", NewKey::Session, "", &[first])]);
    cluster.client.release(first);
    cluster.served.until("/api/v1/tasks?state=released", |found| found["tasks"][0]["prefix"] == "first");
    let answer = cluster.served.get("/metrics");
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let mut kinds = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kinds.insert(name, kind), None, "{name} is there once");
        } else if !line.starts_with("# HELP ") {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let kind = kinds.get(name).unwrap_or_else(|| panic!("{name} has no type"));
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            samples.insert(sample, number(value));
        }
    }
    for (sample, expected) in [
        ("rask_scheduler_tasks{state=\"memory\"}", 6.0),
        ("rask_scheduler_tasks{state=\"released\"}", 1.0),
        ("rask_scheduler_workers{state=\"idle\"}", 1.0),
        ("rask_scheduler_clients", 1.0),
        ("rask_scheduler_workers_added_total", 1.0),
        ("rask_scheduler_tasks_finished_total", 7.0),
        ("rask_scheduler_prefix_state_totals_total{task_prefix_name=\"inc\",state=\"memory\"}", 5.0),
        ("rask_scheduler_prefix_state_totals_total{task_prefix_name=\"bad\",state=\"erred\"}", 1.0),
        ("rask_scheduler_tasks_erred_total", 1.0),
        ("rask_worker_threads{worker=\"a\\\"\\\\\\nb\"}", 2.0),
        ("rask_worker_tasks{worker=\"a\\\"\\\\\\nb\",state=\"executing\"}", 0.0),
    ] {
        assert_eq!(samples.get(sample), Some(&expected), "{sample}\n{}", answer.body);
    }
}
