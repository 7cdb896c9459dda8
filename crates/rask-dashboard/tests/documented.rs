//! The answers against `docs/dashboard-api.md`: every field that is given is described there, and every one described is given.

mod support;

use std::collections::BTreeSet;

use rask_client::{NewKey, WaitFor};
use rask_types::Key;
use serde_json::Value;
use support::cluster::Cluster;
use support::{PATIENCE, next_of};

const REFERENCE: &str = include_str!("../../../docs/dashboard-api.md");

/// What follows this line's beginning in the reference.
fn after(beginning: &str) -> &'static str {
    let at =
        REFERENCE.find(&format!("\n{beginning}")).unwrap_or_else(|| panic!("no line begins {beginning:?}"));
    &REFERENCE[at + 1..]
}

/// The names between backticks in the first column of the first table after that.
fn table(beginning: &str) -> BTreeSet<String> {
    let rows = after(beginning).lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells = rows.take_while(|line| line.starts_with('|')).map(|line| line.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The quoted names in the first piece of code after that which begins with a brace; `[…]` of a nested one included.
fn braced(beginning: &str) -> BTreeSet<String> {
    let text = after(beginning);
    let code = &text[text.find("`{").unwrap() + 1..];
    let code = &code[..code.find('`').unwrap()];
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// How many things are in the first array after that.
fn array_len(beginning: &str) -> usize {
    let text = after(beginning);
    let code = &text[text.find("`[").unwrap() + 2..];
    code[..code.find(']').unwrap()].split(',').count()
}

fn fields(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect()
}

/// The first that is.
fn first(list: &Value) -> &Value {
    list.get(0).unwrap_or_else(|| panic!("nothing there: {list}"))
}

#[test]
fn every_field_is_described_and_every_description_is_of_a_field() {
    let cluster = Cluster::start("alice");
    let bad = cluster.submit_named(Key::Str("bad".into()), "fail", "ValueError: no", &[]);
    let waiting = cluster.submit_named(Key::Str("slow".into()), "wait", "", &[]);
    let after_it = cluster.submit("inc", "echo", NewKey::Token(1), "", &[waiting]);
    cluster.client.wait(&[bad], WaitFor::All, Some(PATIENCE), &mut || false).unwrap();

    let pulse = cluster.served.until("/api/v1/status", |pulse| pulse["bars"][0].is_array());
    assert_eq!(fields(&pulse), table("## The pulse"));
    assert_eq!(fields(&pulse["scheduler"]), table("`scheduler`:"));
    assert_eq!(fields(first(&pulse["workers"])), table("A worker row:"));
    assert_eq!(fields(first(&pulse["prefixes"])), table("A prefix row counts"));
    assert_eq!(first(&pulse["bars"]).as_array().unwrap().len(), array_len("A bar is an array"));
    let executing = cluster.served.until("/api/v1/status", |pulse| pulse["executing"][0].is_array());
    let of_worker = executing["executing"][0].as_array().unwrap();
    assert_eq!((of_worker.len(), &of_worker[0]), (2, &executing["workers"][0]["id"]));
    let row = of_worker[1][0].as_array().unwrap();
    assert_eq!(1 + row.len(), array_len("What executes for long is"), "the worker, and a row");
    assert_eq!(of_worker[1][0][3], "slow");
    let mut page = cluster.served.page();
    assert_eq!(fields(&next_of(&mut page, "pulse")), table("## The pulse"), "over the WebSocket, too");
    assert_eq!(fields(&cluster.served.until("/api/v1/events", |_| true)["events"][0]), braced("## Events"));

    let slow = |page: &Value| page["executing"][0]["key"] == "slow";
    let worker = cluster.served.until("/api/v1/worker?name=alice", slow);
    assert_eq!(fields(first(&worker["executing"])), braced("- `executing`"));
    assert_eq!(fields(first(&worker["assigned"])), braced("- `assigned`"));
    assert_eq!(fields(first(&worker["log"])), braced("- `log`"));
    assert_eq!(fields(&worker), braced("`/api/v1/worker?name=NAME` (or"));

    let tasks = cluster.served.until("/api/v1/tasks", |_| true);
    assert_eq!(fields(&tasks), braced("`/api/v1/tasks` gives"));
    let row = &REFERENCE[REFERENCE.find("A row is `{").unwrap()..];
    let row: BTreeSet<String> =
        row[..row.find('}').unwrap()].split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(fields(first(&tasks["tasks"])), row);
    let of_task = "`/api/v1/task?key=KEY`, with";
    let task = cluster.served.until("/api/v1/task?key=bad", |task| task["state"] == "erred");
    assert_eq!(fields(&task), table(of_task));
    assert_eq!(fields(first(&task["story"])), braced("| `story`"));
    assert_eq!(fields(&task["error"]), braced("| `error`"));
    let other = cluster.served.until("/api/v1/task?key=slow", |task| task["n_dependents"] == 1);
    assert_eq!(fields(first(&other["dependents"])), braced("| `dependencies`"));

    let graph = cluster.served.until("/api/v1/graph", |graph| graph["shown"] == 3);
    assert_eq!(fields(&graph), table("## The graph"));
    assert_eq!(fields(first(&graph["nodes"])), braced("| `nodes`"));
    assert_eq!(cluster.served.get("/api/v1/task?key=none").json().as_object().unwrap().len(), 1);
    cluster.open_gate();
    cluster.wait(&[after_it]);
}
