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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitive::put_column;
    use proptest::prelude::*;

    fn there_and_back(values: &[u64]) -> (Vec<u8>, Result<Vec<u64>, WireError>) {
        let mut bytes = Vec::new();
        put_column(&mut bytes, values.iter().copied());
        let mut r = Reader::borrowed(&bytes);
        let back = get_column(&mut r);
        assert_eq!(r.remaining(), 0);
        (bytes, back)
    }

    /// Columns as they occur: scattered over any width, climbing by steps of any width, in ranges.
    fn columns() -> impl Strategy<Value = Vec<u64>> {
        let near = (any::<u64>(), 0_u32..65, proptest::collection::vec(any::<u64>(), 0..40)).prop_map(
            |(base, shift, all)| {
                all.into_iter().map(|v| base.wrapping_add(v.checked_shr(shift).unwrap_or(0))).collect()
            },
        );
        let climbing = (any::<u64>(), 0_u32..65, proptest::collection::vec(any::<u64>(), 0..40)).prop_map(
            |(first, shift, steps)| {
                let next = |at: &mut u64, step: u64| {
                    *at = at.wrapping_add(step.checked_shr(shift).unwrap_or(0));
                    Some(*at)
                };
                steps.into_iter().scan(first, next).collect()
            },
        );
        let ranges = proptest::collection::vec((any::<u64>(), 1_u64..80), 0..5).prop_map(|ranges| {
            ranges.into_iter().flat_map(|(start, n)| (0..n).map(move |i| start.wrapping_add(i))).collect()
        });
        prop_oneof![near, climbing, ranges]
    }

    proptest! {
        #[test]
        fn columns_come_back(values in columns()) {
            prop_assert_eq!(there_and_back(&values).1, Ok(values));
        }

        #[test]
        fn garbage_is_a_column_or_an_error(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..40], 0..60)) {
            if let Ok(values) = get_column::<u64>(&mut Reader::borrowed(&bytes)) {
                prop_assert_eq!(there_and_back(&values).1, Ok(values));
            }
        }
    }

    #[test]
    fn each_shape_takes_its_shortest_form() {
        let form_and_len = |values: Vec<u64>| {
            let bytes = there_and_back(&values).0;
            (bytes[values.len().ilog2() as usize / 7 + 1], bytes.len())
        };
        assert_eq!(form_and_len(vec![7; 100]), (PLAIN << 4, 3));
        assert_eq!(form_and_len((50..150).collect()), (STEPS << 4, 4));
        assert_eq!(form_and_len((0..100).map(|i| i * 3).collect()), (STEPS << 4, 4));
        assert_eq!(form_and_len((0..100).map(|i| 1000 + i * i % 7).collect()), (PLAIN << 4 | 1, 104));
        assert_eq!(form_and_len((0..100).map(|i| i * 1000 + i * i % 7).collect()).0, STEPS << 4 | 1);
        assert_eq!(form_and_len((0..50).chain(9000..9050).collect()).0, RANGES << 4);
    }

    #[test]
    fn a_number_too_large_for_its_column_is_an_error() {
        for values in
            [vec![1, 1 << 32], vec![1 << 32, (1 << 32) + 1], (0..100).map(|i| (1 << 32) - 50 + i).collect()]
        {
            let mut bytes = Vec::new();
            put_column(&mut bytes, values.iter().copied());
            assert_eq!(
                get_column::<u32>(&mut Reader::borrowed(&bytes)),
                Err(WireError::Overflow),
                "{values:?}"
            );
        }
    }
}
