//! Reads what [`put_column`](super::put_column) wrote.

use rask_types::value::unzigzag;

use super::column::{PLAIN, RANGES, STEPS};
use super::{COLLAPSED_MAX, Reader};
use crate::error::WireError;

/// A number that a column can hold.
pub(crate) trait ColumnItem: Copy {
    /// The largest one, as all ones.
    const MAX: u64;
    /// The number, cut to size.
    fn cut(number: u64) -> Self;
}

macro_rules! column_item {
    ($($int:ty),*) => {$(
        impl ColumnItem for $int {
            const MAX: u64 = <$int>::MAX as u64;
            #[inline]
            fn cut(number: u64) -> $int {
                number as $int
            }
        }
    )*};
}
column_item!(u16, u32, u64);

/// Reads a column.
pub(crate) fn get_column<T: ColumnItem>(r: &mut Reader<'_>) -> Result<Vec<T>, WireError> {
    let len: usize = r.number()?;
    if len == 0 {
        return Ok(Vec::new());
    }
    let tag = r.byte()?;
    let (form, width) = (tag >> 4, tag & 0xf);
    if !matches!(width, 0 | 1 | 2 | 4 | 8) || form > RANGES {
        return Err(WireError::UnknownVariant { what: "column", found: tag });
    }
    if width == 0 && len > COLLAPSED_MAX {
        return Err(WireError::Overflow);
    }
    // Every number goes into `seen`, so that one comparison at the end finds whether any was too large.
    let mut seen = 0;
    let values = match form {
        PLAIN => {
            let min = r.varint()?;
            let keep = |distance: u64| {
                let value = min.wrapping_add(distance);
                seen |= value;
                T::cut(value)
            };
            get_fixed(r, width, len, None, keep)?
        }
        STEPS => {
            let first = r.varint()?;
            let step_min = unzigzag(r.varint()?) as u64;
            let mut value = first;
            seen = first;
            let keep = |distance: u64| {
                value = value.wrapping_add(step_min).wrapping_add(distance);
                seen |= value;
                T::cut(value)
            };
            get_fixed(r, width, len - 1, Some(T::cut(first)), keep)?
        }
        _ => get_ranges(r, len, &mut seen)?,
    };
    if seen > T::MAX { Err(WireError::Overflow) } else { Ok(values) }
}

fn get_fixed<T>(
    r: &mut Reader<'_>,
    width: u8,
    len: usize,
    first: Option<T>,
    mut keep: impl FnMut(u64) -> T,
) -> Result<Vec<T>, WireError> {
    let raw = r.raw(len.checked_mul(usize::from(width)).ok_or(WireError::Overflow)?)?;
    let mut values = Vec::with_capacity(len + 1);
    values.extend(first);
    match width {
        0 => values.extend(std::iter::repeat_n(0, len).map(keep)),
        1 => values.extend(raw.iter().map(|&b| keep(u64::from(b)))),
        2 => values.extend(raw.as_chunks().0.iter().map(|&b| keep(u64::from(u16::from_le_bytes(b))))),
        4 => values.extend(raw.as_chunks().0.iter().map(|&b| keep(u64::from(u32::from_le_bytes(b))))),
        _ => values.extend(raw.as_chunks().0.iter().map(|&b| keep(u64::from_le_bytes(b)))),
    }
    Ok(values)
}

fn get_ranges<T: ColumnItem>(r: &mut Reader<'_>, len: usize, seen: &mut u64) -> Result<Vec<T>, WireError> {
    if len > COLLAPSED_MAX {
        return Err(WireError::Overflow);
    }
    let ranges = r.count()?;
    let mut values = Vec::with_capacity(len);
    let mut expected = 0_u64;
    for _ in 0..ranges {
        let start = expected.wrapping_add(unzigzag(r.varint()?) as u64);
        let count: usize = r.number()?;
        if count > len - values.len() {
            return Err(WireError::Inconsistent("ranges do not add up to the length of their column"));
        }
        expected = start.checked_add(count as u64).ok_or(WireError::Overflow)?;
        *seen |= expected.saturating_sub(1) | start;
        values.extend((start..expected).map(T::cut));
    }
    if values.len() == len {
        Ok(values)
    } else {
        Err(WireError::Inconsistent("ranges do not add up to the length of their column"))
    }
}
