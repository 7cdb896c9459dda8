//! Effects as lines of text: see `stage`.

use rask_scheduler_core::Effect;
use rask_types::msg::{SchedulerToClient, SchedulerToNanny, SchedulerToWorker};
use rask_types::value::Value;
use rask_types::{ComputeColumns, DepSource, DoneColumns, ErrorKind, FutureId, RunId, WorkerId};

/// The effect in a line; `None` for introductions unless they are asked for.
pub fn of(effect: &Effect, introductions: bool) -> Option<String> {
    let (who, is_introduction, what) = match effect {
        Effect::ToClient(client, message) => {
            let (is_introduction, what) = to_client(message);
            (format!("{client:?}"), is_introduction, what)
        }
        Effect::ToWorker(worker, message) => {
            let (is_introduction, what) = to_worker(message);
            (format!("{worker:?}"), is_introduction, what)
        }
        Effect::ToNanny(nanny, message) => {
            let what = match message {
                SchedulerToNanny::Restart { instance } => format!("restart {instance}"),
                SchedulerToNanny::Retire { instance } => format!("retire {instance}"),
                SchedulerToNanny::Close { reason } => format!("close: {reason}"),
            };
            (format!("n{}", nanny.0), false, what)
        }
        Effect::CloseClient(client) => (format!("{client:?}"), false, "hang up".to_owned()),
        Effect::CloseWorker(worker) => (format!("{worker:?}"), false, "hang up".to_owned()),
        Effect::Shutdown => ("shutdown".to_owned(), false, String::new()),
    };
    (introductions || !is_introduction).then(|| format!("{who} {what}").trim().to_owned())
}

fn to_client(message: &SchedulerToClient) -> (bool, String) {
    use SchedulerToClient as Say;
    let is_introduction = matches!(
        message,
        Say::Welcome { .. } | Say::DefinePeer { .. } | Say::DefineType { .. } | Say::WorkersChanged(_)
    );
    let what = match message {
        Say::Welcome { .. } => "welcome".to_owned(),
        Say::Done(done) => format!("done {}", results(done)),
        Say::Erred { futures, error } => {
            let kind = if error.kind == ErrorKind::Exception { "" } else { kind_of(&error.kind) };
            format!("erred {}: {} of {}{kind}", list(futures), error.text, error.key)
        }
        Say::Cancelled { futures, lost: true, reason } => format!("lost {}: {reason}", list(futures)),
        Say::Cancelled { futures, lost: false, reason } => format!("cancelled {}: {reason}", list(futures)),
        Say::Pending { futures } => format!("pending {}", list(futures)),
        Say::ScatterPlan { placements: Err(reason), .. } => format!("plan refused: {reason}"),
        Say::ScatterPlan { placements: Ok(placements), .. } => {
            let places = placements.iter().map(|place| format!("{:?}>{}", place.run, at(&place.workers)));
            format!("plan {}", joined(places))
        }
        Say::Located { items, .. } => {
            let places = items.iter().map(|item| match item {
                None => "nowhere".to_owned(),
                Some(place) => {
                    let value = place.inline.as_ref().map_or(String::new(), |value| quoted(value));
                    format!("{:?}@{}{value}", place.run, at(&place.workers))
                }
            });
            format!("located {}", joined(places))
        }
        Say::Reply { request, result } => {
            let result = result.as_ref().map(|bytes| Value::from_bytes(bytes).expect("a value"));
            format!("reply {request:?} {result:?}")
        }
        Say::WorkerReplies { request, replies } => {
            let replies = replies.iter().map(|(address, result)| match result {
                Ok(payload) => format!("{address}={}", quoted(&payload.head)),
                Err(error) => format!("{address}!{}", error.text),
            });
            format!("answers {request:?} {}", joined(replies))
        }
        Say::DefinePeer { worker, address } => format!("peer {worker:?} {address}"),
        Say::DefineType { id, name } => format!("type {id:?} {name}"),
        Say::WorkersChanged(summary) => format!("workers {}x{}", summary.n_workers, summary.n_threads),
        Say::Notice { topic, text } => format!("notice {topic}: {text}"),
        Say::Closing { reason } => format!("closing: {reason}"),
    };
    (is_introduction, what)
}

fn to_worker(message: &SchedulerToWorker) -> (bool, String) {
    use SchedulerToWorker as Say;
    let is_introduction = matches!(
        message,
        Say::Welcome { .. } | Say::DefineFunction { .. } | Say::DefineClass { .. } | Say::DefinePeer { .. }
    );
    let what = match message {
        Say::Welcome { .. } => "welcome".to_owned(),
        Say::Refused { reason } => format!("refused: {reason}"),
        Say::DefineFunction { id, .. } => format!("function {}", id.0),
        Say::DefineClass { id, class } => format!("class {id:?} {}", class.prefix),
        Say::DefinePeer { worker, address } => format!("peer {worker:?} {address}"),
        Say::Compute(columns) => runs(columns),
        Say::Retract { runs, discard: true } => format!("discard {}", joined(runs.iter().map(name))),
        Say::Retract { runs, discard: false } => format!("retract {}", joined(runs.iter().map(name))),
        Say::Free { values } => format!("free {}", joined(values.iter().map(name))),
        Say::Replicate { sources } => {
            let sources = sources.iter().map(|(run, workers)| format!("{run:?}@{}", at(workers)));
            format!("replicate {}", joined(sources))
        }
        Say::Do { request, .. } => format!("do {request:?}"),
        Say::Close { reason } => format!("close: {reason}"),
    };
    (is_introduction, what)
}

fn runs(columns: &ComputeColumns) -> String {
    let n = columns.len();
    assert_eq!((columns.orders.len(), columns.tokens.len(), columns.args.len()), (n, n, n));
    assert_eq!(columns.classes.iter().map(|(_, count)| *count as usize).sum::<usize>(), n);
    assert_eq!((columns.dep_ends.len(), *columns.dep_ends.last().unwrap() as usize), (n, columns.deps.len()));
    let mut start = 0;
    let runs = columns.runs.iter().zip(&columns.dep_ends).map(|(run, &end)| {
        let deps = &columns.deps[start..end as usize];
        start = end as usize;
        let deps = deps.iter().map(|dep| match dep {
            DepSource::Inline(index) => quoted(&columns.values[*index as usize].head),
            DepSource::Held { run, workers, .. } => format!("{run:?}@{}", at(workers)),
        });
        let deps = joined(deps);
        if deps.is_empty() { name(run) } else { format!("{run:?}({deps})") }
    });
    let keep = if columns.keep_inline { "keep " } else { "" };
    format!("run {keep}{}", joined(runs))
}

fn results(done: &DoneColumns) -> String {
    assert_eq!(done.futures.len(), done.value_ends.len());
    let mut start = 0;
    joined(done.futures.iter().zip(&done.value_ends).enumerate().map(|(i, (future, &end))| {
        let value = &done.blob[start..end as usize];
        start = end as usize;
        match done.held.iter().find(|entry| entry.0.position as usize == i) {
            Some((_, _, worker)) => format!("{}@{worker:?}", future.0),
            None => format!("{}={}", future.0, quoted(value)),
        }
    }))
}

fn kind_of(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Exception => " (raised)",
        ErrorKind::KilledWorker { .. } => " (killed workers)",
        ErrorKind::Undecodable => " (undecodable)",
        ErrorKind::Unserializable => " (unserializable)",
        ErrorKind::Refused => " (refused)",
    }
}

fn name(run: &RunId) -> String {
    format!("{run:?}")
}

fn quoted(value: &[u8]) -> String {
    format!("`{}`", String::from_utf8_lossy(value))
}

fn at(workers: &[WorkerId]) -> String {
    workers.iter().map(|worker| format!("{worker:?}")).collect::<Vec<_>>().join("+")
}

fn list(futures: &[FutureId]) -> String {
    joined(futures.iter().map(|future| future.0.to_string()))
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(" ")
}
