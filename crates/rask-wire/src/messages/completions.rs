//! What finished: runs on their way to the scheduler, futures on their way to a client.

use rask_types::{DoneColumns, FinishedColumns, HeldByWorker, RunId, TypeId, WorkerId};

use super::graph::{check, check_ends, put_ends};
use crate::codec::Wire;
use crate::error::WireError;
use crate::primitive::{Reader, Writer, get_column, put_column};

/// Columns of positions, sizes and types.
fn put_held(held: impl Iterator<Item = HeldByWorker> + Clone, w: &mut Writer<'_>) {
    put_column(w.tail(), held.clone().map(|held| u64::from(held.position)));
    put_column(w.tail(), held.clone().map(|held| held.nbytes));
    put_column(w.tail(), held.map(|held| u64::from(held.type_id.0)));
}

fn get_held(r: &mut Reader<'_>) -> Result<Vec<HeldByWorker>, WireError> {
    let positions: Vec<u32> = get_column(r)?;
    let nbytes: Vec<u64> = get_column(r)?;
    let types: Vec<u32> = get_column(r)?;
    check(nbytes.len() == positions.len() && types.len() == positions.len(), "columns of different lengths")?;
    let sizes = nbytes.into_iter().zip(types);
    let held = positions.into_iter().zip(sizes);
    Ok(held
        .map(|(position, (nbytes, type_id))| HeldByWorker { position, nbytes, type_id: TypeId(type_id) })
        .collect())
}

fn check_held(held: impl Iterator<Item = u32>, value_ends: &[u32]) -> Result<(), WireError> {
    let mut next = 0;
    for position in held {
        let at = position as usize;
        check(
            at >= next && at < value_ends.len(),
            "positions of held results do not ascend within the columns",
        )?;
        next = at + 1;
    }
    Ok(())
}

impl Wire for FinishedColumns {
    fn put(&self, w: &mut Writer<'_>) {
        let FinishedColumns { runs, started_ns, duration_ns, threads, value_ends, blob, held } = self;
        runs.put(w);
        started_ns.put(w);
        duration_ns.put(w);
        threads.put(w);
        put_ends(value_ends, w);
        w.bytes(blob);
        put_held(held.iter().copied(), w);
    }

    fn get(r: &mut Reader<'_>) -> Result<FinishedColumns, WireError> {
        let columns = FinishedColumns {
            runs: Wire::get(r)?,
            started_ns: Wire::get(r)?,
            duration_ns: Wire::get(r)?,
            threads: Wire::get(r)?,
            value_ends: Wire::get(r)?,
            blob: r.bytes()?,
            held: get_held(r)?,
        };
        let n = columns.runs.len();
        let same = [
            columns.started_ns.len(),
            columns.duration_ns.len(),
            columns.threads.len(),
            columns.value_ends.len(),
        ];
        check(same.iter().all(|&len| len == n), "columns of different lengths")?;
        check_ends(
            &columns.value_ends,
            columns.blob.len(),
            "value ends do not ascend to the end of the blob",
        )?;
        check_held(columns.held.iter().map(|held| held.position), &columns.value_ends)?;
        Ok(columns)
    }
}

impl Wire for DoneColumns {
    fn put(&self, w: &mut Writer<'_>) {
        let DoneColumns { futures, value_ends, blob, held } = self;
        futures.put(w);
        put_ends(value_ends, w);
        w.bytes(blob);
        put_held(held.iter().map(|held| held.0), w);
        put_column(w.tail(), held.iter().map(|held| held.1.to_u64()));
        put_column(w.tail(), held.iter().map(|held| u64::from(held.2.0)));
    }

    fn get(r: &mut Reader<'_>) -> Result<DoneColumns, WireError> {
        let futures: Vec<_> = Wire::get(r)?;
        let value_ends: Vec<u32> = get_column(r)?;
        let blob = r.bytes()?;
        let sizes = get_held(r)?;
        let runs: Vec<u64> = get_column(r)?;
        let workers: Vec<u32> = get_column(r)?;
        check(
            value_ends.len() == futures.len() && runs.len() == sizes.len() && workers.len() == sizes.len(),
            "columns of different lengths",
        )?;
        check_ends(&value_ends, blob.len(), "value ends do not ascend to the end of the blob")?;
        check_held(sizes.iter().map(|held| held.position), &value_ends)?;
        let places = runs.into_iter().map(RunId::from_u64).zip(workers.into_iter().map(WorkerId));
        let held = sizes.into_iter().zip(places).map(|(held, (run, worker))| (held, run, worker)).collect();
        Ok(DoneColumns { futures, value_ends, blob, held })
    }
}
