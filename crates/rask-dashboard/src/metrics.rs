//! Numbers for Prometheus, under the names that Dask gives them, with `rask` in the place of `dask`: boards that exist need only
//! another prefix. What rask does not count is left out.

use rask_scheduler::Views;
use rask_scheduler_core::view::{Counters, PrefixRow, WorkerRow};

use crate::exposition::Exposition;
use crate::exposition::Kind::{self, Counter, Gauge};
use crate::failure::Failure;
use crate::process::rss_bytes;
use crate::question::ask;

/// `/metrics`
pub(crate) async fn text(views: &Views) -> Result<String, Failure> {
    let look = |look: rask_scheduler::Look<'_>| (look.core.counters(), look.core.worker_rows(), look.cpu_ns);
    let (counters, workers, cpu_ns) = ask(views, look).await?;
    let mut text = Exposition::default();
    of_scheduler(&mut text, &counters, &workers, cpu_ns);
    of_tasks(&mut text, &counters);
    of_workers(&mut text, &workers);
    Ok(text.finish())
}

fn of_scheduler(text: &mut Exposition, counters: &Counters, workers: &[WorkerRow], cpu_ns: u64) {
    let mut say = |name: &str, kind, help: &str, value: f64| {
        text.single(&format!("rask_scheduler_{name}"), kind, help, value);
    };
    say("clients", Gauge, "Clients that are connected.", f64::from(counters.clients));
    say("client_connections_added_total", Counter, "Clients that have come.", counters.clients_added as f64);
    say(
        "client_connections_removed_total",
        Counter,
        "Clients that have left.",
        counters.clients_removed as f64,
    );
    say("workers_added_total", Counter, "Workers that have joined.", counters.workers_added as f64);
    say("workers_removed_total", Counter, "Workers that left or were lost.", counters.workers_removed as f64);
    say("cpu_seconds_total", Counter, "Processor time of the scheduler's thread.", cpu_ns as f64 / 1e9);
    if let Some(bytes) = rss_bytes() {
        say("memory_bytes", Gauge, "Resident memory of the scheduler's process.", bytes as f64);
    }
    say("start_time_seconds", Gauge, "When the scheduler started, in Unix time.", counters.started);
    let help = "Workers. idle: nothing is assigned to it; saturated: no less than it has threads; retiring: it is about to leave.";
    let states = ["idle", "partially_saturated", "saturated", "retiring"];
    let samples = states.map(|state| {
        let here = workers.iter().filter(|row| worker_state(row) == Some(state));
        (vec![("state", state)], here.count() as f64)
    });
    text.family("rask_scheduler_workers", Gauge, help, samples);
}

/// In the words of Dask's metrics; `None` for one that has ended.
fn worker_state(row: &WorkerRow) -> Option<&'static str> {
    match (row.status, row.processing) {
        ("closed", _) => None,
        ("closing_gracefully", _) => Some("retiring"),
        (_, 0) => Some("idle"),
        (_, processing) if processing >= row.facts.nthreads => Some("saturated"),
        _ => Some("partially_saturated"),
    }
}

/// A label's value and its number.
type Part<Row> = (&'static str, fn(&Row) -> f64);

/// For each row its parts, labelled with the row's name and with theirs.
fn by_part<'a, Row>(
    rows: &'a [Row],
    (of, name): (&'static str, fn(&Row) -> &str),
    label: &'static str,
    parts: &'a [Part<Row>],
) -> impl Iterator<Item = (Vec<(&'static str, &'a str)>, f64)> {
    let sample =
        move |row: &'a Row, (part, number): &Part<Row>| (vec![(of, name(row)), (label, *part)], number(row));
    rows.iter().flat_map(move |row| parts.iter().map(move |part| sample(row, part)))
}

/// All but released: those are what is left of the tasks that exist.
const TASK_STATES: [Part<PrefixRow>; 6] = [
    ("waiting", |row| f64::from(row.waiting)),
    ("queued", |row| f64::from(row.queued)),
    ("no-worker", |row| f64::from(row.no_worker)),
    ("processing", |row| f64::from(row.processing)),
    ("memory", |row| f64::from(row.memory)),
    ("erred", |row| f64::from(row.erred)),
];

/// Of the states that tasks came to, those that are counted.
const ENDED: [Part<PrefixRow>; 2] =
    [("memory", |row| row.finished as f64), ("erred", |row| row.raised as f64)];

fn prefix_name(row: &PrefixRow) -> &str {
    &row.prefix
}

fn of_tasks(text: &mut Exposition, counters: &Counters) {
    let prefixes = &counters.prefixes;
    let by_state = TASK_STATES.map(|(state, count)| (state, prefixes.iter().map(count).sum::<f64>()));
    let released = counters.tasks as f64 - by_state.iter().map(|(_, count)| count).sum::<f64>();
    let by_state = by_state.into_iter().chain([("released", released)]);
    let by_state = by_state.map(|(state, count)| (vec![("state", state)], count));
    text.family("rask_scheduler_tasks", Gauge, "Tasks that exist, by state.", by_state);
    let seconds = prefixes.iter().map(|row| (vec![("task_prefix_name", &*row.prefix)], row.compute_s));
    let help = "Time that executions took, summed, by prefix.";
    text.family("rask_scheduler_tasks_compute_seconds_total", Counter, help, seconds);
    let help = "Executions that gave a value (memory) or raised (erred), by prefix.";
    let ended = by_part(prefixes, ("task_prefix_name", prefix_name), "state", &ENDED);
    text.family("rask_scheduler_prefix_state_totals_total", Counter, help, ended);
    let mut say = |name: &str, kind, help: &str, value: f64| {
        text.single(&format!("rask_scheduler_{name}"), kind, help, value);
    };
    let groups = prefixes.iter().filter(|row| TASK_STATES.iter().any(|(_, count)| count(row) > 0.0));
    say("task_groups", Gauge, "Prefixes that have tasks.", groups.count() as f64);
    say("tasks_created_total", Counter, "Tasks that were submitted.", counters.created as f64);
    let forgotten = counters.created.saturating_sub(counters.tasks);
    say("tasks_forgotten_total", Counter, "Tasks that are done and forgotten.", forgotten as f64);
    say("tasks_finished_total", Counter, "Executions that gave a value.", counters.finished as f64);
    say("tasks_erred_total", Counter, "Executions that raised.", counters.erred as f64);
    say("tasks_output_bytes", Gauge, "Bytes of all values that exist.", counters.output_bytes as f64);
    let help = "Bytes of the small results that the scheduler keeps itself.";
    say("kept_bytes", Gauge, help, counters.kept_bytes as f64);
    let help = "Time that fetches between workers took, summed.";
    say("tasks_transfer_seconds_total", Counter, help, counters.transfer_s);
    say("transfer_bytes_total", Counter, "Bytes fetched between workers.", counters.bytes_moved as f64);
    say("transfer_count_total", Counter, "Values fetched between workers.", counters.values_moved as f64);
}

/// A name, its kind and help, and its number.
type Family<Row> = (&'static str, Kind, &'static str, fn(&Row) -> f64);

const WORKER_NUMBERS: [Family<WorkerRow>; 6] = [
    ("threads", Gauge, "Threads that execute tasks.", |row| f64::from(row.facts.nthreads)),
    ("cpu_percent", Gauge, "Processor time of its process; 100 is one core.", |row| {
        f64::from(row.cpu_percent)
    }),
    ("memory_limit_bytes", Gauge, "Memory that it may use; 0 means no limit.", |row| {
        row.facts.memory_limit_bytes as f64
    }),
    ("occupancy_seconds", Gauge, "Time that what is assigned to it is expected to take.", |row| {
        row.occupancy_s
    }),
    ("transfer_incoming_bytes_total", Counter, "Bytes that it has fetched from others.", |row| {
        row.received_bytes as f64
    }),
    ("transfer_outgoing_bytes_total", Counter, "Bytes that others have fetched from it.", |row| {
        row.sent_bytes as f64
    }),
];

const WORKER_TASKS: [Part<WorkerRow>; 3] = [
    ("executing", |row| f64::from(row.executing)),
    ("assigned", |row| f64::from(row.processing.saturating_sub(row.executing))),
    ("memory", |row| f64::from(row.in_memory)),
];

const WORKER_MEMORY: [Part<WorkerRow>; 2] = [
    ("managed", |row| row.managed_bytes.min(row.rss_bytes) as f64),
    ("unmanaged", |row| row.rss_bytes.saturating_sub(row.managed_bytes) as f64),
];

fn of_workers(text: &mut Exposition, rows: &[WorkerRow]) {
    for (name, kind, help, number) in WORKER_NUMBERS {
        let samples = rows.iter().map(|row| (vec![("worker", row.facts.name.as_str())], number(row)));
        text.family(&format!("rask_worker_{name}"), kind, help, samples);
    }
    let worker = ("worker", worker_name as fn(&WorkerRow) -> &str);
    let help = "Tasks: executing, assigned and not executing yet, and values in memory.";
    text.family("rask_worker_tasks", Gauge, help, by_part(rows, worker, "state", &WORKER_TASKS));
    let help = "Resident memory of its process.";
    text.family("rask_worker_memory_bytes", Gauge, help, by_part(rows, worker, "type", &WORKER_MEMORY));
}

fn worker_name(row: &WorkerRow) -> &str {
    &row.facts.name
}
