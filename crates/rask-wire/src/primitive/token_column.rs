//! Columns of 128-bit tokens. Those of impure tasks share their session's number in the high half and count up in the low
//! one; those of pure tasks are hashes, which nothing shortens.

use rask_types::value::put_varint;

use super::{Reader, Writer, get_column, put_column};
use crate::error::WireError;

const RAW: u8 = 0;
const BY_SESSION: u8 = 1;

const TOKEN_BYTES: usize = 16;

/// Appends a column of tokens: their number, the form, and either all bytes, or stretches of equal high halves followed by a
/// column of low halves.
pub(crate) fn put_tokens(w: &mut Writer<'_>, tokens: &[u128]) {
    let out = w.tail();
    put_varint(out, tokens.len() as u64);
    if tokens.is_empty() {
        return;
    }
    let high = |token: &u128| (token >> 64) as u64;
    let stretches = || tokens.chunk_by(|a, b| high(a) == high(b));
    // A token that is a hash has a high half of its own; look only as far as it takes to see that.
    let limit = tokens.len() / 8 + 1;
    if stretches().take(limit + 1).count() <= limit {
        out.push(BY_SESSION);
        put_varint(out, stretches().count() as u64);
        for stretch in stretches() {
            out.extend_from_slice(&high(&stretch[0]).to_le_bytes());
            put_varint(out, stretch.len() as u64);
        }
        put_column(out, tokens.iter().map(|&token| token as u64));
    } else {
        out.push(RAW);
        let start = out.len();
        out.resize(start + tokens.len() * TOKEN_BYTES, 0);
        let (chunks, _) = out[start..].as_chunks_mut::<TOKEN_BYTES>();
        chunks.iter_mut().zip(tokens).for_each(|(to, token)| *to = token.to_le_bytes());
    }
}

/// Reads what [`put_tokens`] wrote.
pub(crate) fn get_tokens(r: &mut Reader<'_>) -> Result<Vec<u128>, WireError> {
    let len: usize = r.number()?;
    if len == 0 {
        return Ok(Vec::new());
    }
    match r.byte()? {
        RAW => {
            let raw = r.raw(len.checked_mul(TOKEN_BYTES).ok_or(WireError::Overflow)?)?;
            Ok(raw.as_chunks().0.iter().map(|&bytes| u128::from_le_bytes(bytes)).collect())
        }
        BY_SESSION => {
            let stretches = r.count()?;
            let heads: Vec<(u64, usize)> = (0..stretches)
                .map(|_| Ok((u64::from_le_bytes(r.array()?), r.number()?)))
                .collect::<Result<_, _>>()?;
            let lows: Vec<u64> = get_column(r)?;
            let counted = heads.iter().try_fold(0_usize, |sum, head| sum.checked_add(head.1));
            if lows.len() != len || counted != Some(len) {
                return Err(WireError::Inconsistent("stretches of tokens do not add up"));
            }
            let highs = heads.iter().flat_map(|&(high, count)| std::iter::repeat_n(high, count));
            let mut tokens = Vec::with_capacity(len);
            tokens.extend(highs.zip(lows).map(|(high, low)| u128::from(high) << 64 | u128::from(low)));
            Ok(tokens)
        }
        found => Err(WireError::UnknownVariant { what: "token column", found }),
    }
}
