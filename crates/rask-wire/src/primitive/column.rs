//! Columns of numbers: the encoder looks at a column once and takes the shortest of three forms.
//!
//! | form | when | bytes |
//! |---|---|---|
//! | plain | numbers lie close together | the least, then each number's distance to it |
//! | steps | each lies close to the one before | the first, the least step, then each step's distance to it |
//! | ranges | mostly counting up by one | where each stretch begins, and its length |
//!
//! Distances are little-endian, of one width for the whole column: 0, 1, 2, 4 or 8 bytes. Width 0 is a constant column or a
//! constant step. A column begins with its length (varint); if that is not 0, a byte follows with the form in the high
//! half and the width in the low one.

use rask_types::value::{put_varint, zigzag};

use super::COLLAPSED_MAX;

pub(super) const PLAIN: u8 = 0;
pub(super) const STEPS: u8 = 1;
pub(super) const RANGES: u8 = 2;

/// About what one range costs.
const RANGE_BYTES: usize = 5;

/// What one look at a column tells.
struct Shape {
    len: usize,
    first: u64,
    min: u64,
    max: u64,
    step_min: i64,
    step_max: i64,
    /// How often the next number is not one more.
    breaks: usize,
}

/// Appends a column.
pub(crate) fn put_column<I>(out: &mut Vec<u8>, values: I)
where
    I: Iterator<Item = u64> + Clone,
{
    let Some(shape) = look_at(values.clone()) else {
        put_varint(out, 0);
        return;
    };
    put_varint(out, shape.len as u64);
    let width_min = usize::from(shape.len > COLLAPSED_MAX);
    let plain = width_of(shape.max - shape.min).max(width_min);
    let steps = width_of(shape.step_max.wrapping_sub(shape.step_min) as u64).max(width_min);
    let narrow_bytes = plain.min(steps) * shape.len;
    if shape.len <= COLLAPSED_MAX && (shape.breaks + 1) * RANGE_BYTES < narrow_bytes {
        out.push(RANGES << 4);
        put_ranges(out, values, shape.breaks + 1);
    } else if steps < plain {
        out.push(STEPS << 4 | steps as u8);
        put_varint(out, shape.first);
        put_varint(out, zigzag(shape.step_min));
        let least = shape.step_min as u64;
        let steps_of = values.clone().zip(values.skip(1)).map(|(a, b)| b.wrapping_sub(a).wrapping_sub(least));
        put_fixed(out, steps, shape.len - 1, steps_of);
    } else {
        out.push(PLAIN << 4 | plain as u8);
        put_varint(out, shape.min);
        put_fixed(out, plain, shape.len, values.map(|value| value - shape.min));
    }
}

fn look_at(mut values: impl Iterator<Item = u64>) -> Option<Shape> {
    let first = values.next()?;
    let mut shape =
        Shape { len: 1, first, min: first, max: first, step_min: i64::MAX, step_max: i64::MIN, breaks: 0 };
    let mut previous = first;
    for value in values {
        let step = value.wrapping_sub(previous) as i64;
        shape.len += 1;
        shape.min = shape.min.min(value);
        shape.max = shape.max.max(value);
        shape.step_min = shape.step_min.min(step);
        shape.step_max = shape.step_max.max(step);
        shape.breaks += usize::from(step != 1);
        previous = value;
    }
    if shape.len == 1 {
        (shape.step_min, shape.step_max) = (0, 0);
    }
    Some(shape)
}

fn width_of(distance: u64) -> usize {
    match distance {
        0 => 0,
        0x1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

fn put_fixed(out: &mut Vec<u8>, width: usize, len: usize, distances: impl Iterator<Item = u64>) {
    let start = out.len();
    // Filling first and overwriting costs little and lets the loops below go without a check per number.
    out.resize(start + width * len, 0);
    let room = &mut out[start..];
    match width {
        0 => {}
        1 => room.iter_mut().zip(distances).for_each(|(to, d)| *to = d as u8),
        2 => fill::<2>(room, distances.map(|d| (d as u16).to_le_bytes())),
        4 => fill::<4>(room, distances.map(|d| (d as u32).to_le_bytes())),
        _ => fill::<8>(room, distances.map(u64::to_le_bytes)),
    }
}

fn fill<const N: usize>(room: &mut [u8], numbers: impl Iterator<Item = [u8; N]>) {
    let (chunks, _) = room.as_chunks_mut::<N>();
    chunks.iter_mut().zip(numbers).for_each(|(to, number)| *to = number);
}

fn put_ranges(out: &mut Vec<u8>, mut values: impl Iterator<Item = u64>, ranges: usize) {
    put_varint(out, ranges as u64);
    let Some(mut start) = values.next() else { return };
    let mut expected = 0_u64;
    let mut len = 1_u64;
    let mut put = |start: u64, len: u64| {
        put_varint(out, zigzag(start.wrapping_sub(expected) as i64));
        put_varint(out, len);
        expected = start.wrapping_add(len);
    };
    for value in values {
        if value == start.wrapping_add(len) {
            len += 1;
        } else {
            put(start, len);
            (start, len) = (value, 1);
        }
    }
    put(start, len);
}
