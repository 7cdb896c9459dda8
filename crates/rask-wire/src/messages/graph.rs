//! Graph chunks and argument columns.

use bytes::Bytes;
use rask_types::{ArgsColumn, FutureId, GraphChunk, KeyKind, TaskRun, Wants};

use super::parts::{get_buffers, put_buffers};
use crate::codec::Wire;
use crate::error::WireError;
use crate::primitive::{Reader, Writer, get_column, get_tokens, put_column, put_tokens};

impl Wire for ArgsColumn {
    fn put(&self, w: &mut Writer<'_>) {
        let ArgsColumn { ends, blob, buffers } = self;
        put_ends(ends, w);
        w.bytes(blob);
        w.varint(buffers.len() as u64);
        for (position, buffers) in buffers {
            position.put(w);
            put_buffers(buffers, w);
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<ArgsColumn, WireError> {
        let ends = get_column(r)?;
        let blob = r.bytes()?;
        let count = r.count()?;
        let mut buffers: Vec<(u32, Vec<Bytes>)> = Vec::new();
        for _ in 0..count {
            let position: u32 = r.number()?;
            if position as usize >= ends.len() || buffers.last().is_some_and(|last| last.0 >= position) {
                return Err(WireError::Inconsistent("positions of buffers do not ascend within the tasks"));
            }
            buffers.push((position, get_buffers(r)?));
        }
        check_ends(&ends, blob.len(), "argument ends do not ascend to the end of the blob")?;
        Ok(ArgsColumn { ends, blob, buffers })
    }
}

/// Where items end: a column, in which equal lengths are a constant step.
pub(super) fn put_ends(ends: &[u32], w: &mut Writer<'_>) {
    put_column(w.tail(), ends.iter().map(|&end| u64::from(end)));
}

pub(super) fn check_ends(ends: &[u32], total: usize, what: &'static str) -> Result<(), WireError> {
    check(rask_types::columns::ascending_to(ends, total), what)
}

pub(super) fn check(holds: bool, what: &'static str) -> Result<(), WireError> {
    if holds { Ok(()) } else { Err(WireError::Inconsistent(what)) }
}

impl Wire for KeyKind {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(*self as u8);
    }
    fn get(r: &mut Reader<'_>) -> Result<KeyKind, WireError> {
        let found = r.byte()?;
        [KeyKind::Session, KeyKind::Token, KeyKind::Named]
            .into_iter()
            .find(|&kind| kind as u8 == found)
            .ok_or(WireError::UnknownVariant { what: "KeyKind", found })
    }
}

crate::codec::wire_struct!(TaskRun { class, count, keys });
crate::codec::wire_enum!(Wants {
    0 All,
    1 None,
    2 Some(positions),
});

impl Wire for GraphChunk {
    fn put(&self, w: &mut Writer<'_>) {
        let GraphChunk {
            graph,
            first,
            runs,
            tokens,
            names,
            args,
            dep_ends,
            deps,
            holds,
            wants,
            last,
            parent,
        } = self;
        graph.put(w);
        first.put(w);
        last.put(w);
        parent.put(w);
        runs.put(w);
        put_tokens(w, tokens);
        names.put(w);
        args.put(w);
        put_ends(dep_ends, w);
        deps.put(w);
        holds.put(w);
        wants.put(w);
    }

    fn get(r: &mut Reader<'_>) -> Result<GraphChunk, WireError> {
        let (graph, first, last, parent) = (r.number()?, FutureId::get(r)?, bool::get(r)?, Wire::get(r)?);
        let chunk = GraphChunk {
            graph,
            first,
            last,
            parent,
            runs: Wire::get(r)?,
            tokens: get_tokens(r)?,
            names: Wire::get(r)?,
            args: Wire::get(r)?,
            dep_ends: get_column(r)?,
            deps: Wire::get(r)?,
            holds: Wire::get(r)?,
            wants: Wire::get(r)?,
        };
        chunk.defect().map_or(Ok(chunk), |defect| Err(WireError::Inconsistent(defect)))
    }
}
