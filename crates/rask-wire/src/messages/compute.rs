//! Runs on their way to a worker.

use rask_types::{ComputeColumns, DepSource, Payload, RunId, TaskId};

use super::graph::{check, check_ends, put_ends};
use super::parts::{get_buffers, put_buffers};
use crate::codec::{Wire, get_slices};
use crate::error::WireError;
use crate::primitive::{Reader, Writer, get_column, get_tokens, put_column, put_tokens};

/// How many dependencies a message makes room for before it has read any.
const DEPS_CAPACITY_MAX: usize = 4096;

/// A dependency is a number with one bit below it: 0 and the index of an inline value, or 1 and the slot of a held
/// one, followed by attempt, size and holders.
impl Wire for DepSource {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            DepSource::Inline(index) => w.varint(u64::from(*index) << 1),
            DepSource::Held { run, nbytes, workers } => {
                w.varint(u64::from(run.task.0) << 1 | 1);
                run.attempt.put(w);
                nbytes.put(w);
                w.varint(workers.len() as u64);
                workers.iter().for_each(|worker| worker.put(w));
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<DepSource, WireError> {
        let tagged = r.varint()?;
        let number = u32::try_from(tagged >> 1).map_err(|_| WireError::Overflow)?;
        if tagged & 1 == 0 {
            return Ok(DepSource::Inline(number));
        }
        let run = RunId { task: TaskId(number), attempt: r.number()? };
        let nbytes = r.varint()?;
        let count = r.count()?;
        let mut workers = Vec::with_capacity(count.min(8));
        for _ in 0..count {
            workers.push(Wire::get(r)?);
        }
        Ok(DepSource::Held { run, nbytes, workers })
    }

    fn get_list(r: &mut Reader<'_>) -> Result<Vec<DepSource>, WireError> {
        let count = r.count()?;
        let mut deps = Vec::with_capacity(count.min(DEPS_CAPACITY_MAX));
        for _ in 0..count {
            deps.push(DepSource::get(r)?);
        }
        Ok(deps)
    }
}

/// Payloads of small values: all heads in one blob, then the few that have buffers.
fn put_values(values: &[Payload], w: &mut Writer<'_>) {
    if values.iter().any(|value| value.local.is_some()) {
        w.fail(WireError::LocalPayload);
    }
    put_column(w.tail(), values.iter().map(|value| value.head.len() as u64));
    values.iter().for_each(|value| w.raw_bytes(&value.head));
    let with_buffers = || values.iter().enumerate().filter(|(_, value)| !value.buffers.is_empty());
    w.varint(with_buffers().count() as u64);
    for (position, value) in with_buffers() {
        w.varint(position as u64);
        put_buffers(&value.buffers, w);
    }
}

fn get_values(r: &mut Reader<'_>) -> Result<Vec<Payload>, WireError> {
    let mut values: Vec<Payload> = get_slices(r)?.map(Payload::from_head).collect();
    for _ in 0..r.count()? {
        let position: usize = r.number()?;
        let buffers = get_buffers(r)?;
        let value = values
            .get_mut(position)
            .ok_or(WireError::Inconsistent("buffers of a value that is not there"))?;
        value.buffers = buffers;
    }
    Ok(values)
}

impl Wire for ComputeColumns {
    fn put(&self, w: &mut Writer<'_>) {
        let ComputeColumns {
            runs,
            classes,
            orders,
            tokens,
            names,
            args,
            dep_ends,
            deps,
            values,
            keep_inline,
        } = self;
        keep_inline.put(w);
        runs.put(w);
        classes.put(w);
        orders.put(w);
        put_tokens(w, tokens);
        names.put(w);
        args.put(w);
        put_ends(dep_ends, w);
        deps.put(w);
        put_values(values, w);
    }

    fn get(r: &mut Reader<'_>) -> Result<ComputeColumns, WireError> {
        let keep_inline = Wire::get(r)?;
        let columns = ComputeColumns {
            keep_inline,
            runs: Wire::get(r)?,
            classes: Wire::get(r)?,
            orders: Wire::get(r)?,
            tokens: get_tokens(r)?,
            names: Wire::get(r)?,
            args: Wire::get(r)?,
            dep_ends: get_column(r)?,
            deps: Wire::get(r)?,
            values: get_values(r)?,
        };
        check_columns(&columns)?;
        Ok(columns)
    }
}

fn check_columns(columns: &ComputeColumns) -> Result<(), WireError> {
    let n = columns.len();
    let counted: u64 = columns.classes.iter().map(|class| u64::from(class.1)).sum();
    check(counted == n as u64, "classes do not add up to the number of runs")?;
    check(
        columns.orders.len() == n
            && columns.tokens.len() == n
            && columns.args.len() == n
            && columns.dep_ends.len() == n,
        "columns of different lengths",
    )?;
    let ascending = columns.names.windows(2).all(|pair| pair[0].0 < pair[1].0);
    check(
        ascending && columns.names.last().is_none_or(|name| (name.0 as usize) < n),
        "positions of names do not ascend within the runs",
    )?;
    check_ends(
        &columns.dep_ends,
        columns.deps.len(),
        "dependency ends do not ascend to the number of dependencies",
    )?;
    let inline = |dep: &DepSource| match dep {
        DepSource::Inline(index) => (*index as usize) < columns.values.len(),
        DepSource::Held { .. } => true,
    };
    check(columns.deps.iter().all(inline), "an inline value is missing")
}
