//! What those who look on see: whole pulses, deltas, pages.

use rask_scheduler_core::Event;
use rask_scheduler_core::view::{Pulse, Seen, TaskFilter};
use rask_types::msg::{ClientToScheduler, Metrics, Transfer, WorkerToScheduler};
use rask_types::{Key, RequestId, RunId, WorkerId};
use serde_json::{Value, json};

use crate::stage::{Graph, Stage, columns, executing, inline, key_of, raised, run, str_key};

fn pulse(stage: &mut Stage, seen: &mut Seen) -> Pulse {
    stage.tell(Event::TurnPage);
    stage.scheduler.pulse(seen, 0)
}

/// Nothing but the scheduler's own row is in it.
fn is_quiet(pulse: &Pulse) -> bool {
    pulse.workers.is_empty()
        && pulse.workers_gone.is_empty()
        && pulse.prefixes.is_empty()
        && pulse.executing.is_empty()
        && pulse.bars.is_empty()
        && pulse.transfers.is_empty()
        && pulse.events.is_empty()
}

fn json_of(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// What of an object has these names.
fn part(value: &Value, names: &[&str]) -> Value {
    names.iter().map(|&name| (name.to_owned(), value[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn a_pulse_is_whole_first_and_then_says_what_changed() {
    let mut stage = Stage::with_workers(2, 1);
    let mut seen = Seen::default();
    let first = pulse(&mut stage, &mut seen);
    assert!(first.full);
    let joined = json_of(&first.events);
    assert_eq!(joined[1]["kind"], "worker-joined");
    assert_eq!(joined[1]["subject"], "w0");
    assert_eq!(json_of(&first.workers)[1]["address"], "tcp://h1:1");
    assert!(is_quiet(&pulse(&mut stage, &mut seen)));

    stage.submit(0, Graph::at(1).calls(2).call(&[1, 2]));
    stage.finish(0, &[("t0#1", "a")]);
    let second = pulse(&mut stage, &mut seen);
    assert!(!second.full);
    let prefixes = json_of(&second.prefixes);
    let counts = ["prefix", "total", "waiting", "processing", "memory", "finished", "mean_s"];
    assert_eq!(
        part(&prefixes[0], &counts),
        json!({"prefix": "f", "total": 3, "waiting": 1, "processing": 1, "memory": 1, "finished": 1, "mean_s": 0.05})
    );
    let bars = json_of(&second.bars);
    assert_eq!(bars, json!([[0, 0, "f", 0.0, 0.05, 0.05, 1, 0, key_of(0, 1).to_string(), 0]]));
    assert_eq!(second.scheduler.finished, 1);

    stage.die(1);
    let third = pulse(&mut stage, &mut seen);
    assert_eq!(third.workers_gone, [1]);
    assert_eq!(json_of(&third.events)[0]["kind"], "worker-lost");
    assert_eq!(json_of(&third.events)[0]["text"], "connection reset");
}

#[test]
fn what_executes_for_long_is_told_when_it_changes() {
    let mut stage = Stage::with_workers(1, 2);
    let mut seen = Seen::default();
    pulse(&mut stage, &mut seen);
    stage.submit(0, Graph::at(1).calls(2));
    stage.pass_ms(10_000);
    stage.say(0, executing([run("t0#1"), run("t1#1")]));
    let began = json_of(stage.scheduler.worker_page("w0"))["executing"][0]["for_s"].as_f64().unwrap();
    assert!((0.375..0.376).contains(&began), "{began}");
    let told = json_of(pulse(&mut stage, &mut seen).executing);
    let at = told[0][1][0][2].as_f64().unwrap();
    assert!((9.6..9.7).contains(&at), "{told}");
    let row = |thread: u16, task: u64| json!([thread, "f", at, key_of(0, task).to_string(), false]);
    assert_eq!(told, json!([[0, [row(0, 1), row(1, 2)]]]));
    assert!(is_quiet(&pulse(&mut stage, &mut seen)));

    stage.pass_ms(5_000);
    stage.finish(0, &[("t0#1", "a")]);
    let whole = json_of(pulse(&mut stage, &mut Seen::default()).executing);
    assert_eq!(whole, json!([[0, [row(1, 2)]]]), "what was answered for executes no more, whatever is said");
    stage.say(0, executing([]));
    assert_eq!(json_of(pulse(&mut stage, &mut seen).executing), json!([[0, []]]));
    assert_eq!(json_of(pulse(&mut stage, &mut Seen::default()).executing), json!([]));
}

#[test]
fn a_pulse_says_from_when_on_it_has_all_bars() {
    let mut stage = Stage::with_workers(1, 1);
    stage.checks = false; // 4 100 times 4 100 tasks
    stage.submit(0, Graph::at(1).calls(4_100));
    let mut seen = Seen::default();
    pulse(&mut stage, &mut seen);
    (0..4_100).for_each(|task| drop(stage.finish(0, &[(&format!("t{task}#1"), "a")])));
    for seen in [&mut Seen::default(), &mut seen] {
        let told = pulse(&mut stage, seen);
        assert_eq!(told.bars.len(), 4_000);
        let first = &told.bars[0];
        assert_eq!(told.bars_from, Some(first.3 + first.4));
        assert_eq!(pulse(&mut stage, seen).bars_from, None, "no more was left out");
    }
}

#[test]
fn what_is_done_and_forgotten_still_counts_as_released_until_a_pause() {
    let mut stage = Stage::with_workers(1, 4);
    let mut seen = Seen::default();
    stage.submit(0, Graph::at(1).calls(2));
    stage.finish(0, &[("t0#1", "a"), ("t1#1", "b")]);
    stage.release(0, &[1, 2]);
    let row = |stage: &mut Stage, seen: &mut Seen| json_of(&pulse(stage, seen).prefixes)[0].clone();
    assert_eq!(part(&row(&mut stage, &mut seen), &["total", "released"]), json!({"total": 2, "released": 2}));
    stage.submit(0, Graph::at(3).calls(1));
    assert_eq!(part(&row(&mut stage, &mut seen), &["total", "released"]), json!({"total": 3, "released": 2}));
    stage.cancel(0, &[3], true);
    stage.pass_ms(60_000);
    stage.submit(0, Graph::at(4).calls(1));
    assert_eq!(part(&row(&mut stage, &mut seen), &["total", "released"]), json!({"total": 1, "released": 0}));
}

#[test]
fn what_never_came_to_a_value_does_not_count_as_done() {
    let mut stage = Stage::with_workers(1, 1);
    let mut seen = Seen::default();
    let counts = |stage: &mut Stage, seen: &mut Seen| {
        let names = ["total", "memory", "erred", "released", "given_up"];
        part(&json_of(&pulse(stage, seen).prefixes)[0], &names)
    };
    stage.submit(0, Graph::at(1).calls(4));
    stage.finish(0, &[("t0#1", "a")]);
    stage.cancel(0, &[2, 3], false);
    let two_cancelled = json!({"total": 4, "memory": 1, "erred": 0, "released": 0, "given_up": 2});
    assert_eq!(counts(&mut stage, &mut seen), two_cancelled);
    stage.give_back(0, &["t1#1"]);
    stage.err(0, "t3#1", "no");
    stage.release(0, &[1, 4]);
    let one_done = json!({"total": 4, "memory": 0, "erred": 0, "released": 1, "given_up": 3});
    assert_eq!(counts(&mut stage, &mut seen), one_done);
    // They count anew after a pause, these too.
    stage.pass_ms(60_000);
    stage.submit(0, Graph::at(11).calls(1));
    let anew = json!({"total": 1, "memory": 0, "erred": 0, "released": 0, "given_up": 0});
    assert_eq!(counts(&mut stage, &mut seen), anew);
}

#[test]
fn what_is_given_up_and_then_needed_after_all_counts_as_any_other() {
    let mut stage = Stage::with_workers(1, 1);
    let mut seen = Seen::default();
    // The sum of two: one raises, nobody needs the other now.
    stage.submit(0, Graph::at(1).pure(1, &[]).pure(2, &[]).pure(3, &[1, 2]).want(&[2]));
    let counts = |stage: &mut Stage, seen: &mut Seen| {
        part(&json_of(&pulse(stage, seen).prefixes)[0], &["total", "memory", "erred", "released", "given_up"])
    };
    stage.err(0, "t0#1", "no");
    let one_raised = json!({"total": 3, "memory": 0, "erred": 2, "released": 0, "given_up": 1});
    assert_eq!(counts(&mut stage, &mut seen), one_raised);
    stage.submit(0, Graph::at(11).pure(2, &[]));
    assert_eq!(counts(&mut stage, &mut seen)["given_up"], 0);
    stage.release(0, &[3, 11]);
    assert_eq!(counts(&mut stage, &mut seen)["given_up"], 3);
}

#[test]
fn tasks_that_no_worker_may_run_are_told_apart() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.workers = vec!["w9".into()]);
    stage.submit(0, Graph::at(1).class(1).calls(3));
    let mut seen = Seen::default();
    let counts = |told: Pulse| {
        let rows = json_of(&told.prefixes);
        (!told.prefixes.is_empty()).then(|| part(&rows[0], &["queued", "no_worker"]))
    };
    assert_eq!(counts(pulse(&mut stage, &mut seen)), Some(json!({"queued": 0, "no_worker": 3})));
    assert_eq!(counts(pulse(&mut stage, &mut seen)), None, "said once");
    stage.define(0, 2, |class| class.workers = vec!["w8".into()]);
    stage.submit(0, Graph::at(11).class(2).calls(1));
    stage.worker(1, 1);
    assert_eq!(counts(pulse(&mut stage, &mut seen)), Some(json!({"queued": 0, "no_worker": 4})));
    stage.worker_with(9, 1, |worker| worker.name = "w9".into());
    stage.give_back(9, &["t0#1"]);
    let told = counts(pulse(&mut stage, &mut seen)).expect("it changed");
    assert_eq!(told["no_worker"], 1);
    let filter = TaskFilter { state: Some("no-worker".into()), ..TaskFilter::default() };
    assert!(filter.is_sound());
    assert_eq!(stage.scheduler.scan_tasks(0, 100, 100, &filter).rows.len(), 1);
}

#[test]
fn a_flood_of_short_executions_is_a_few_bars() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(10_000));
    stage.finish_fast(0, &[("t0#1", "v")]);
    let runs: Vec<RunId> = (1..10_000).map(|slot| RunId::new(slot, 1)).collect();
    let mut results = columns(runs, 10_000);
    results.started_ns = (1..10_000_u64).map(|i| i * 10_000).collect();
    results.value_ends = (1..10_000).collect();
    results.blob = vec![b'v'; 9_999].into();
    // Not all of them were given out: what was not expected is not drawn.
    stage.checks = false;
    stage.say(0, WorkerToScheduler::Finished(results));
    let bars = pulse(&mut stage, &mut Seen::default()).bars;
    assert!((1..=4).contains(&bars.len()), "{bars:?}");
}

#[test]
fn errors_are_in_the_stream_the_chronicle_and_the_workers_log() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.retries = 1);
    stage.submit(0, Graph::at(1).class(1).call(&[]));
    let mut seen = Seen::default();
    pulse(&mut stage, &mut seen);
    stage.say(0, raised("t0#1", "boom"));
    stage.say(0, raised("t0#2", "boom"));
    let told = pulse(&mut stage, &mut seen);
    let kinds: Vec<&str> = told.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["retry", "error"]);
    assert_eq!(told.scheduler.erred, 2);
    assert_eq!(told.bars.iter().map(|bar| bar.7).sum::<u32>(), 2);
    let page = json_of(stage.scheduler.worker_page("w0"));
    assert_eq!(page["log"][1]["topic"], "error");
    assert_eq!(page["log"][1]["text"], format!("{}: boom", key_of(0, 1)));
    let task = json_of(stage.scheduler.task_page(&key_of(0, 1)));
    assert_eq!(task["error"]["text"], "boom");
    assert_eq!(task["state"], "erred");
    assert_eq!(task["story"][4]["cause"], "raised an exception");
    assert_eq!(task["attempt"], 2);
    assert_eq!(task["story"][4]["duration_s"], 0.0);
    assert!(task["story"][3]["duration_s"].is_null());
}

#[test]
fn a_workers_page_says_what_executes_and_for_how_long() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).calls(1));
    stage.say(0, executing([run("t0#1")]));
    stage.pass_ms(2_000);
    stage.say(0, WorkerToScheduler::Heartbeat(Metrics { rss_bytes: 17, ..Metrics::default() }));
    for topic in ["log", "print"] {
        let text = "<b>hello</b>".to_owned();
        let told = stage.say(0, WorkerToScheduler::Notice { topic: topic.to_owned(), text });
        assert_eq!(told.is_empty(), topic == "log", "what is only logged is told to nobody: {told:?}");
    }
    let page = json_of(stage.scheduler.worker_page("tcp://h0:1"));
    assert_eq!(page["worker"]["rss_bytes"], 17);
    assert_eq!(page["executing"][0]["key"], key_of(0, 1).to_string());
    assert_eq!(page["executing"][0]["for_s"], 2.0 + 0.001);
    assert_eq!(page["assigned"][0]["state"], "processing");
    let why = stage.explain(0, &key_of(0, 1));
    assert_eq!(why, format!("{} has been executing on worker w0 at tcp://h0:1 for 2 s", key_of(0, 1)));
    assert_eq!(page["log"][2]["text"], "<b>hello</b>");
    let mut seen = Seen::default();
    pulse(&mut stage, &mut seen);
    stage.cancel(0, &[1], true);
    let page = json_of(stage.scheduler.worker_page("w0"));
    let key = key_of(0, 1).to_string();
    let goes_on = json!([{"key": key, "prefix": "f", "thread": 0, "for_s": 2.0 + 0.001, "given_up": true}]);
    assert_eq!(page["executing"], goes_on, "what has begun is not stopped");
    assert_eq!(page["assigned"], json!([]));
    for seen in [&mut seen, &mut Seen::default()] {
        let told = json_of(pulse(&mut stage, seen).executing);
        assert_eq!(told, json!([[0, [[0, "f", 0.0, key, true]]]]), "to those who knew and those who did not");
    }
    stage.finish(0, &[("t0#1", "a")]);
    let told = pulse(&mut stage, &mut Seen::default());
    assert_eq!(json_of(&told.bars)[0][8], key, "its time was spent all the same");
    assert_eq!(told.scheduler.finished, 0);
    stage.die(0);
    let gone = json_of(stage.scheduler.worker_page("w0"));
    assert_eq!(gone["gone"]["reason"], "connection reset");
    assert_eq!(gone["log"][3]["text"], "gone: connection reset");
    assert!(stage.scheduler.worker_page("w7").is_none());
}

#[test]
fn a_worker_is_found_by_its_name_whatever_the_others_numbers_and_addresses() {
    let mut stage = Stage::with_workers(2, 1);
    stage.worker_with(9, 1, |worker| worker.name = "1".into());
    stage.worker_with(10, 1, |worker| worker.name = "tcp://h0:1".into());
    let found = |stage: &Stage, word: &str| {
        let page = stage.scheduler.worker_page(word)?;
        Some(page.worker.map(|row| row.facts.id).or(page.gone.map(|gone| gone.facts.id)).unwrap())
    };
    for gone in [false, true] {
        if gone {
            [0, 1, 9, 10].into_iter().for_each(|worker| drop(stage.die(worker)));
        }
        for (word, id) in
            [("1", Some(9)), ("w0", Some(0)), ("tcp://h0:1", Some(10)), ("tcp://h1:1", Some(1)), ("9", None)]
        {
            assert_eq!(found(&stage, word), id, "{word}");
        }
    }
}

#[test]
fn of_workers_that_had_the_same_name_each_is_found() {
    let mut stage = Stage::with_workers(1, 1);
    stage.die(0);
    stage.worker_with(5, 1, |worker| worker.name = "w0".into());
    stage.worker_with(6, 1, |worker| worker.name = "w6".into());
    stage.die(5);
    stage.worker_with(7, 1, |worker| worker.name = "w0".into());
    let page = json_of(stage.scheduler.worker_page("w0"));
    assert_eq!(page["worker"]["id"], 7);
    let ids = |page: &Value| -> Vec<u64> {
        page["earlier"].as_array().unwrap().iter().filter_map(|one| one["id"].as_u64()).collect()
    };
    assert_eq!(ids(&page), [5, 0], "newest first");
    let gone = json_of(stage.scheduler.worker_page_by_id(WorkerId(5)));
    assert_eq!((gone["gone"]["id"].as_u64(), ids(&gone)), (Some(5), vec![0]));
    assert!(stage.scheduler.worker_page_by_id(WorkerId(4)).is_none());
    let told = json_of(pulse(&mut stage, &mut Seen::default()));
    assert_eq!(told["names"], json!({"0": "w0", "5": "w0"}));
    let of_workers = |event: &Value| event["subject"] == "w0" && event["kind"] == "worker-lost";
    let lost = told["events"].as_array().unwrap().iter().rfind(|event| of_workers(event)).unwrap();
    assert_eq!(lost["worker_id"], 5);
}

#[test]
fn what_ends_with_its_worker_has_a_bar() {
    let mut stage = Stage::with_workers(1, 2);
    let mut seen = Seen::default();
    stage.submit(0, Graph::at(1).calls(2));
    stage.pass_ms(2_000);
    stage.say(0, executing([run("t0#1"), run("t1#1")]));
    stage.cancel(0, &[2], true);
    pulse(&mut stage, &mut seen);
    stage.pass_ms(3_000);
    stage.die(0);
    let bars = json_of(pulse(&mut stage, &mut seen).bars);
    let told: Vec<(u64, f64, u64)> = (0..2)
        .map(|i| {
            (bars[i][1].as_u64().unwrap(), bars[i][4].as_f64().unwrap().round(), bars[i][9].as_u64().unwrap())
        })
        .collect();
    assert_eq!(told, [(0, 3.0, 1), (1, 3.0, 1)], "{bars}");
    assert_eq!(bars[1][8], key_of(0, 2).to_string(), "what was cancelled but went on, too");
}

#[test]
fn only_who_is_told_what_is_new_ends_bars() {
    let mut stage = Stage::with_workers(1, 1);
    let mut seen = Seen::default();
    stage.submit(0, Graph::at(1).calls(20));
    for task in 0..20 {
        let results = inline(&[(&format!("t{task}#1"), "a")], 10_000);
        stage.say(0, WorkerToScheduler::Finished(results));
        stage.tell(Event::Look);
    }
    assert_eq!(pulse(&mut stage, &mut seen).bars.len(), 1);
}

#[test]
fn a_worker_that_is_to_go_is_said_to() {
    let mut stage = Stage::with_workers(2, 1);
    let mut seen = Seen::default();
    stage.submit(0, Graph::at(1).calls(2));
    pulse(&mut stage, &mut seen);
    let retire = ClientToScheduler::RetireWorkers { request: RequestId(1), workers: vec!["w0".into()] };
    stage.ask(0, retire);
    let told = json_of(pulse(&mut stage, &mut seen).workers);
    assert_eq!(told[0]["status"], "closing_gracefully", "{told}");
}

#[test]
fn a_story_names_workers_that_are_gone() {
    let mut stage = Stage::with_workers(1, 1);
    stage.submit(0, Graph::at(1).named("a", &[]));
    stage.die(0);
    let task = json_of(stage.scheduler.task_page(&str_key("a")));
    let names: Vec<&str> =
        task["story"].as_array().unwrap().iter().filter_map(|line| line["worker"].as_str()).collect();
    assert_eq!(names.first(), Some(&"w0"), "{task}");
}

#[test]
fn a_tasks_page_names_its_neighbours_and_where_its_value_went() {
    let mut stage = Stage::with_workers(2, 1);
    stage.submit(0, Graph::at(1).named("a", &[]).named("b", &[]).named("c", &[1, 2]));
    stage.hold(0, &[("t0#1", 100)]);
    stage.hold(1, &[("t1#1", 200)]);
    stage.pass_ms(50);
    stage.stored(0, "t1#1", 200);
    let transfer = Transfer {
        value: run("t1#1"),
        from: WorkerId(1),
        values: 1,
        nbytes: 200,
        ended_ns_ago: 1_000_000,
        duration_ns: 9_000_000,
    };
    stage.say(0, WorkerToScheduler::Transferred(vec![transfer]));
    let moved = json_of(&pulse(&mut stage, &mut Seen::default()).transfers);
    assert_eq!((&moved[0][0], &moved[0][1], &moved[0][4]), (&json!(0), &json!(1), &json!(200)));
    assert_eq!(moved[0][6], "b");
    let page = json_of(stage.scheduler.task_page(&str_key("b")));
    assert_eq!(page["transfers"][0]["from"], "w1");
    assert_eq!(page["workers"], json!(["w1", "w0"]));
    assert_eq!(page["dependents"], json!([{"key": "c", "state": "processing"}]));
    assert_eq!(page["duration_s"].as_f64().unwrap() as f32, 0.05);
    assert_eq!(page["clients"], json!(["client 0"]));
    let page = json_of(stage.scheduler.task_page(&str_key("c")));
    assert_eq!(page["dependencies"][1], json!({"key": "b", "state": "memory"}));
    assert!(stage.scheduler.task_page(&Key::Int(3)).is_none());
}

#[test]
fn tasks_and_graphs_are_scanned_piece_by_piece() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.prefix = "load-<script>".into());
    stage.submit(0, Graph::at(1).calls(100).class(1).calls(50));
    let filter = TaskFilter { search: "<SCr".into(), ..TaskFilter::default() };
    let (mut from, mut found, mut looks) = (Some(0), 0, 0);
    while let Some(slot) = from {
        let scan = stage.scheduler.scan_tasks(slot, 40, 20, &filter);
        (from, found, looks) = (scan.next, found + scan.rows.len(), looks + 1);
    }
    assert_eq!((found, looks), (50, 5), "four pieces, and one of them twice");
    for (prefix, found) in [("load-<script>", 50), ("load-", 0), ("f", 100)] {
        let filter = TaskFilter { prefix: Some(prefix.into()), ..TaskFilter::default() };
        assert_eq!(stage.scheduler.scan_tasks(0, 1_000, 1_000, &filter).rows.len(), found, "{prefix}");
    }
    let scan = stage.scheduler.scan_graph(0, 1_000, 1_000, Some("load-<script>"));
    assert_eq!((scan.tasks.len(), scan.next), (50, None));
    let first = &stage.scheduler.scan_graph(0, 1_000, 10, None).tasks[0];
    assert_eq!(first.state, "processing");
    let states = stage.scheduler.states_of(&[(first.id, first.birth), (first.id, first.birth + 1), (999, 1)]);
    assert_eq!(states, ["processing", "forgotten", "forgotten"]);
    let groups: Vec<(String, u64)> =
        stage.scheduler.groups().iter().map(|group| (group.prefix.to_string(), group.tasks)).collect();
    assert_eq!(groups, [("f".to_owned(), 100), ("load-<script>".to_owned(), 50)]);
}

#[test]
fn prefixes_know_what_they_need() {
    let mut stage = Stage::with_workers(1, 1);
    stage.define(0, 1, |class| class.prefix = "load".into());
    stage.define(0, 2, |class| class.prefix = "add".into());
    stage.submit(0, Graph::at(1).class(1).call(&[]).class(2).call(&[1]).call(&[2, 1]));
    let prefixes = json_of(&pulse(&mut stage, &mut Seen::default()).prefixes);
    let add = prefixes.as_array().unwrap().iter().find(|row| row["prefix"] == "add").unwrap();
    assert_eq!(add["needs"], json!(["load"]));
    assert_eq!(stage.scheduler.counters().created, 3);
}
