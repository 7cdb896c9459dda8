//! Consistent columns, made row by row.

use super::*;

/// Heads one after the other, and where each ends.
fn blob_of<'a>(heads: impl Iterator<Item = &'a Bytes>) -> (Vec<u32>, Bytes) {
    let mut blob = Vec::new();
    let ends = heads
        .map(|head| {
            blob.extend_from_slice(head);
            blob.len() as u32
        })
        .collect();
    (ends, Bytes::from(blob))
}

fn args_of(payloads: &[Payload]) -> ArgsColumn {
    let (ends, blob) = blob_of(payloads.iter().map(|payload| &payload.head));
    let buffers = payloads.iter().enumerate().filter(|(_, payload)| !payload.buffers.is_empty());
    ArgsColumn {
        ends,
        blob,
        buffers: buffers.map(|(i, payload)| (i as u32, payload.buffers.clone())).collect(),
    }
}

/// Numbers of items, summed up, and all items.
fn rows_of<T: Clone>(rows: &[Vec<T>]) -> (Vec<u32>, Vec<T>) {
    let mut items = Vec::new();
    let ends = rows
        .iter()
        .map(|row| {
            items.extend_from_slice(row);
            items.len() as u32
        })
        .collect();
    (ends, items)
}

#[derive(Clone, Debug)]
enum AnyKey {
    Session,
    Token(u128),
    Named(Bytes),
}

fn any_key() -> impl Strategy<Value = AnyKey> {
    prop_oneof![
        4 => Just(AnyKey::Session),
        2 => any::<u128>().prop_map(AnyKey::Token),
        1 => bytes().prop_map(AnyKey::Named),
    ]
}

pub fn graph() -> impl Strategy<Value = GraphChunk> {
    let task = (0_u32..3, any_key(), payload(), vec(any::<u64>().prop_map(FutureId), 0..4), any::<bool>());
    let head = (any::<u32>(), any::<u64>(), any::<bool>(), option::of(run()), 0..3_u8);
    (vec(task, 0..30), head).prop_map(|(tasks, (graph, first, last, parent, wants))| {
        let runs = tasks.iter().map(|task| TaskRun {
            class: task.0,
            count: 1,
            keys: match task.1 {
                AnyKey::Session => KeyKind::Session,
                AnyKey::Token(_) => KeyKind::Token,
                AnyKey::Named(_) => KeyKind::Named,
            },
        });
        let token = |key: &AnyKey| if let AnyKey::Token(token) = key { Some(*token) } else { None };
        let name = |key: &AnyKey| if let AnyKey::Named(name) = key { Some(name.clone()) } else { None };
        let wanted = tasks.iter().zip(0_u32..).filter(|(task, _)| task.4).map(|(_, i)| i);
        let payloads: Vec<Payload> = tasks.iter().map(|task| task.2.clone()).collect();
        let (dep_ends, deps) = rows_of(&tasks.iter().map(|task| task.3.clone()).collect::<Vec<_>>());
        GraphChunk {
            graph,
            first: FutureId(first),
            runs: runs.collect(),
            tokens: tasks.iter().filter_map(|task| token(&task.1)).collect(),
            names: tasks.iter().filter_map(|task| name(&task.1)).collect(),
            args: args_of(&payloads),
            dep_ends,
            holds: deps.first().map(|&dep| (0, dep)).into_iter().collect(),
            deps,
            wants: match wants {
                0 => Wants::All,
                1 => Wants::None,
                _ => Wants::Some(wanted.collect()),
            },
            last,
            parent,
        }
    })
}

fn dep_source() -> impl Strategy<Value = Result<Payload, DepSource>> {
    let held = (run(), any::<u64>(), worker_ids()).prop_map(|(run, nbytes, workers)| DepSource::Held {
        run,
        nbytes,
        workers,
    });
    prop_oneof![payload().prop_map(Ok), held.prop_map(Err)]
}

pub fn compute() -> impl Strategy<Value = ComputeColumns> {
    let token = prop_oneof![any::<u128>(), (1_u128..9).prop_map(|low| 77 << 64 | low)];
    let numbers = (run(), any::<u32>().prop_map(ClassId), any::<u64>(), token);
    let task = (numbers, option::weighted(0.1, bytes()), payload(), vec(dep_source(), 0..3));
    (vec(task, 0..30), any::<bool>()).prop_map(|(tasks, keep_inline)| {
        let mut values = Vec::new();
        let mut rows = Vec::new();
        for task in &tasks {
            let row = task.3.iter().map(|dep| match dep {
                Ok(payload) => {
                    values.push(payload.clone());
                    DepSource::Inline(values.len() as u32 - 1)
                }
                Err(held) => held.clone(),
            });
            rows.push(row.collect::<Vec<_>>());
        }
        let (dep_ends, deps) = rows_of(&rows);
        let payloads: Vec<Payload> = tasks.iter().map(|task| task.2.clone()).collect();
        let names = tasks.iter().zip(0_u32..).filter_map(|(task, i)| Some((i, task.1.clone()?)));
        ComputeColumns {
            runs: tasks.iter().map(|task| task.0.0).collect(),
            classes: tasks.iter().map(|task| (task.0.1, 1)).collect(),
            orders: tasks.iter().map(|task| task.0.2).collect(),
            tokens: tasks.iter().map(|task| task.0.3).collect(),
            names: names.collect(),
            args: args_of(&payloads),
            dep_ends,
            deps,
            values,
            keep_inline,
        }
    })
}

/// A small value that rides along, or a size and a type.
fn outcome() -> impl Strategy<Value = Result<Bytes, (u64, TypeId)>> {
    result(bytes(), (any::<u64>(), any::<u32>().prop_map(TypeId)))
}

fn held_of<'a>(outcomes: impl Iterator<Item = &'a Result<Bytes, (u64, TypeId)>>) -> Vec<HeldByWorker> {
    let held = outcomes.zip(0..).filter_map(|(outcome, position)| Some((position, outcome.as_ref().err()?)));
    held.map(|(position, &(nbytes, type_id))| HeldByWorker { position, nbytes, type_id }).collect()
}

pub fn finished() -> impl Strategy<Value = FinishedColumns> {
    let row = (run(), any::<u64>(), any::<u64>(), any::<u16>(), outcome());
    vec(row, 0..40).prop_map(|rows| {
        let empty = Bytes::new();
        let (value_ends, blob) = blob_of(rows.iter().map(|row| row.4.as_ref().unwrap_or(&empty)));
        FinishedColumns {
            runs: rows.iter().map(|row| row.0).collect(),
            started_ns: rows.iter().map(|row| row.1).collect(),
            duration_ns: rows.iter().map(|row| row.2).collect(),
            threads: rows.iter().map(|row| row.3).collect(),
            value_ends,
            blob,
            held: held_of(rows.iter().map(|row| &row.4)),
        }
    })
}

pub fn done() -> impl Strategy<Value = DoneColumns> {
    let row = (any::<u64>(), outcome(), run(), any::<u32>());
    vec(row, 0..40).prop_map(|rows| {
        let empty = Bytes::new();
        let (value_ends, blob) = blob_of(rows.iter().map(|row| row.1.as_ref().unwrap_or(&empty)));
        let held = held_of(rows.iter().map(|row| &row.1)).into_iter().map(|held| {
            let row = &rows[held.position as usize];
            (held, row.2, WorkerId(row.3))
        });
        DoneColumns {
            futures: rows.iter().map(|row| FutureId(row.0)).collect(),
            value_ends,
            blob,
            held: held.collect(),
        }
    })
}
