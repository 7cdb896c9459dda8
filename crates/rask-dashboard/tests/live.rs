//! The WebSocket: what comes first, what follows, and what ten pages cost.

mod support;

use std::time::Duration;

use rask_client::NewKey;
use rask_types::{FutureId, Key};
use serde_json::Value;
use support::cluster::Cluster;
use support::{next, next_of, serve};
use tungstenite::Message;

fn finished(pulse: &Value) -> u64 {
    pulse["scheduler"]["finished"].as_u64().unwrap()
}

#[test]
fn a_page_is_greeted_gets_everything_and_then_what_is_new() {
    let cluster = Cluster::start("alice");
    let mut page = cluster.served.page();
    let hello = next(&mut page);
    assert_eq!((hello["type"].as_str(), hello["api"].as_u64()), (Some("hello"), Some(1)));
    assert_eq!(hello["cluster"], support::CLUSTER);
    let first = next(&mut page);
    assert_eq!((first["type"].as_str(), first["full"].as_bool()), (Some("pulse"), Some(true)));
    assert_eq!(first["workers"][0]["name"], "alice");
    let futures: Vec<_> = (0..20).map(|n| cluster.submit("inc", "echo", NewKey::Token(n), "", &[])).collect();
    cluster.wait(&futures);
    let (mut runs, mut last) = (0, first);
    while runs < 20 {
        let pulse = next_of(&mut page, "pulse");
        assert_eq!(pulse["full"], false);
        assert!(pulse["at"].as_f64() > last["at"].as_f64());
        runs += pulse["bars"].as_array().unwrap().iter().map(|bar| bar[6].as_u64().unwrap()).sum::<u64>();
        last = pulse;
    }
    assert_eq!((runs, finished(&last)), (20, 20), "each execution is told once");
}

#[test]
fn ten_pages_hear_the_same_pulses() {
    let served = serve();
    let mut pages: Vec<_> = (0..10).map(|_| served.page()).collect();
    let at = |pulse: Value| pulse["at"].as_f64().unwrap();
    let last = pages.last_mut().unwrap();
    assert_eq!(next_of(last, "pulse")["full"], true);
    let of_last = [(); 2].map(|()| at(next_of(last, "pulse")));
    for page in &mut pages[..9] {
        assert_eq!(next_of(page, "pulse")["full"], true);
        // Those of one look at the scheduler, which served all pages: times are those of looks.
        for expected in of_last {
            let heard = std::iter::repeat_with(|| at(next_of(page, "pulse"))).find(|&at| at >= expected);
            assert_eq!(heard, Some(expected));
        }
    }
}

#[test]
fn a_graph_is_drawn_and_its_states_follow() {
    let cluster = Cluster::start("alice");
    let first = cluster.submit_named(Key::Str("first".into()), "wait", "", &[]);
    let then = cluster.submit_named(Key::Str("then".into()), "echo", "", &[first]);
    let mut page = cluster.served.page();
    page.send(Message::text(r#"{"watch": "graph", "group": null}"#)).unwrap();
    let mut graph = next_of(&mut page, "graph");
    while graph["shown"] != 2 {
        graph = next_of(&mut page, "graph");
    }
    assert_eq!(graph["edges"], serde_json::json!([[0, 1]]));
    assert_eq!(
        (graph["nodes"][0]["key"].as_str(), graph["nodes"][1]["key"].as_str()),
        (Some("first"), Some("then"))
    );
    cluster.open_gate();
    cluster.wait(&[then]);
    let mut states = [Value::Null, Value::Null];
    while states.iter().any(|state| state != "memory") {
        let message = next_of(&mut page, "graph-states");
        assert_eq!(message["version"], graph["version"]);
        for pair in message["states"].as_array().unwrap() {
            states[pair[0].as_u64().unwrap() as usize] = pair[1].clone();
        }
    }
    cluster.client.release(first);
    cluster.client.release(then);
    while states.iter().any(|state| state != "forgotten") {
        for pair in next_of(&mut page, "graph-states")["states"].as_array().unwrap() {
            states[pair[0].as_u64().unwrap() as usize] = pair[1].clone();
        }
    }
    page.send(Message::text(r#"{"watch": null}"#)).unwrap();
    let other = cluster.submit_named(Key::Str("other".into()), "echo", "", &[]);
    cluster.wait(&[other]);
    page.send(Message::text(r#"{"watch": "graph", "group": "other"}"#)).unwrap();
    let graph = next_of(&mut page, "graph");
    assert_eq!((graph["group"].as_str(), graph["shown"].as_u64()), (Some("other"), Some(1)));
}

#[test]
fn groups_become_tasks_when_these_are_few() {
    let cluster = Cluster::start("alice");
    let many: Vec<FutureId> =
        (0..1_200).map(|n| cluster.submit("many", "echo", NewKey::Token(n), "", &[])).collect();
    cluster.wait(&many);
    let mut page = cluster.served.page();
    page.send(Message::text(r#"{"watch": "graph", "group": null}"#)).unwrap();
    assert_eq!(next_of(&mut page, "graph")["of"], "groups");
    many[100..].iter().for_each(|&future| cluster.client.release(future));
    assert_eq!(next_of(&mut page, "graph")["of"], "tasks");
}

#[test]
fn nonsense_ends_the_page_and_nothing_else() {
    let served = serve();
    let mut other = served.page();
    for said in [Message::text("dance"), Message::binary(vec![1]), Message::text("x".repeat(100_000))] {
        let mut page = served.page();
        page.send(said).unwrap();
        while let Ok(message) = page.read() {
            if message.is_close() {
                break;
            }
        }
    }
    assert_eq!(next_of(&mut other, "pulse")["full"], true);
    assert_eq!(served.get("/api/v1/live").status, 400, "no WebSocket at all");
}

#[test]
fn too_many_pages_are_refused_until_some_are_closed() {
    let served = serve();
    let mut pages: Vec<_> = (0..64).map(|_| served.page()).collect();
    let headers = [("Authorization", format!("Bearer {}", support::TOKEN))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Err(tungstenite::Error::Http(refused)) = served.live(&headers) else { panic!("a page too many") };
    assert_eq!(refused.status(), 503);
    drop(pages.pop());
    while served.live(&headers).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_page_that_does_not_read_delays_nobody_and_gets_everything_later() {
    const BEATS: u64 = 16;
    const TASKS: u64 = 200;
    let cluster = Cluster::start("alice");
    let mut slow = cluster.served.page();
    let mut quick = cluster.served.page();
    assert_eq!(next_of(&mut slow, "pulse")["full"], true);
    // More than the system keeps for the slow one, and than waits for it here.
    let long = "x".repeat(4_000);
    for beat in 0..BEATS {
        let name = |n| format!("p{beat}n{n}{long}");
        let futures: Vec<_> =
            (0..TASKS).map(|n| cluster.submit(&name(n), "echo", NewKey::Session, "", &[])).collect();
        cluster.wait(&futures);
        while finished(&next_of(&mut quick, "pulse")) < (beat + 1) * TASKS {}
        futures.iter().for_each(|&future| cluster.client.release(future));
    }
    let mut wholes = 0;
    loop {
        let pulse = next_of(&mut slow, "pulse");
        wholes += u64::from(pulse["full"] == true);
        if wholes > 0 && finished(&pulse) == BEATS * TASKS {
            break;
        }
    }
    assert_eq!(wholes, 1, "it was passed over once, and then went on");
    assert_eq!(next_of(&mut slow, "pulse")["full"], false);
}

#[test]
fn when_the_scheduler_ends_pages_are_told() {
    let served = serve();
    let mut page = served.page();
    next_of(&mut page, "pulse");
    served.scheduler.stop();
    let frame = loop {
        match page.read().unwrap() {
            Message::Close(frame) => break frame.unwrap(),
            _ => continue,
        }
    };
    assert!(frame.reason.contains("ended"), "{frame:?}");
}
