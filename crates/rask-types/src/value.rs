//! The tagged codec: how values that Python and Rust programs mostly pass become bytes.
//!
//! One value is a tag byte and what the tag says follows. Integers marked *v* are LEB128 varints; *z* is zigzag then
//! varint; all fixed-width numbers are little-endian. *buffer* is the index of one of the payload's buffers.
//!
//! | tag | follows |
//! |---|---|
//! | [`NONE`](tag::NONE) [`FALSE`](tag::FALSE) [`TRUE`](tag::TRUE) [`ELLIPSIS`](tag::ELLIPSIS) | nothing |
//! | [`INT`](tag::INT) | z: fits 64 bits |
//! | [`BIG_INT`](tag::BIG_INT) | v length, two's complement bytes |
//! | [`FLOAT`](tag::FLOAT) | 8 bytes |
//! | [`COMPLEX`](tag::COMPLEX) | 16 bytes |
//! | [`STR`](tag::STR) | v length, UTF-8 |
//! | [`BYTES`](tag::BYTES) [`BYTEARRAY`](tag::BYTEARRAY) | v length, bytes |
//! | [`BYTES_BUFFER`](tag::BYTES_BUFFER) [`BYTEARRAY_BUFFER`](tag::BYTEARRAY_BUFFER) | v buffer |
//! | [`LIST`](tag::LIST) [`TUPLE`](tag::TUPLE) [`SET`](tag::SET) [`FROZENSET`](tag::FROZENSET) | v count, items |
//! | [`DICT`](tag::DICT) | v count, key and value alternating |
//! | [`SLICE`](tag::SLICE) | three values |
//! | [`DEP`](tag::DEP) | v index: the value of the task's dependency of that number |
//! | [`PICKLE`](tag::PICKLE) | v length, pickle bytes, v first buffer, v number of buffers (protocol 5, out of band) |
//! | [`NDARRAY`](tag::NDARRAY) | str dtype, v ndim, v dims, u8 order, v buffer |
//! | [`NDSCALAR`](tag::NDSCALAR) | str dtype, v length, bytes |
//! | [`NDARRAY_INLINE`](tag::NDARRAY_INLINE) | str dtype, v ndim, v dims, u8 order, v length, bytes |
//!
//! The order byte of arrays: bit 0 is set for Fortran order, bit 1 for an array that could only be read.
//!
//! A *call* is what a task's argument payload holds: v number of positional arguments, those; v number of keyword
//! arguments, each a STR value and a value. If the number of positional arguments is [`CALL_PICKLED`], one value follows
//! instead: the pair of both, in one pickle. A literal task's argument payload is one value.
//!
//! [`Value`] is the Rust side of it. It has no case for what only a language runtime can decode; such a value reads as
//! [`Value::Opaque`].

use std::fmt;

/// The tag bytes.
pub mod tag {
    #![allow(missing_docs)] // the table above documents them
    pub const NONE: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const BIG_INT: u8 = 4;
    pub const FLOAT: u8 = 5;
    pub const COMPLEX: u8 = 6;
    pub const STR: u8 = 7;
    pub const BYTES: u8 = 8;
    pub const BYTES_BUFFER: u8 = 9;
    pub const BYTEARRAY: u8 = 10;
    pub const BYTEARRAY_BUFFER: u8 = 11;
    pub const LIST: u8 = 12;
    pub const TUPLE: u8 = 13;
    pub const DICT: u8 = 14;
    pub const SET: u8 = 15;
    pub const FROZENSET: u8 = 16;
    pub const SLICE: u8 = 17;
    pub const ELLIPSIS: u8 = 18;
    pub const DEP: u8 = 19;
    pub const PICKLE: u8 = 20;
    pub const NDARRAY: u8 = 21;
    pub const NDSCALAR: u8 = 22;
    pub const NDARRAY_INLINE: u8 = 23;
}

/// Stands in a call where the number of positional arguments is: one value follows, the pair `(args, kwargs)`.
pub const CALL_PICKLED: u64 = u32::MAX as u64;

/// How deep values may nest; beyond it the encoder falls back to a pickle and the decoder refuses.
pub const DEPTH_MAX: usize = 128;

/// Appends `number` as a LEB128 varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Maps signed to unsigned so that small magnitudes stay small.
#[inline]
pub const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Why bytes are not a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes end inside a value.
    Truncated,
    /// A byte that is no tag.
    UnknownTag(u8),
    /// A string that is not UTF-8.
    NotUtf8,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// A number too large for what it counts.
    Overflow,
    /// Bytes are left over after the value.
    TrailingBytes,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Truncated => f.write_str("the bytes end inside a value"),
            DecodeError::UnknownTag(tag) => write!(f, "unknown tag {tag}"),
            DecodeError::NotUtf8 => f.write_str("a string is not UTF-8"),
            DecodeError::TooDeep => write!(f, "nested more than {DEPTH_MAX} deep"),
            DecodeError::Overflow => f.write_str("a count or index is out of range"),
            DecodeError::TrailingBytes => f.write_str("bytes are left over after the value"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads the codec's primitives from a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True at the end.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// A varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(DecodeError::Overflow);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::Overflow)
    }

    /// A varint that counts things of which each takes at least `bytes_min` of the bytes left: a lying count fails here,
    /// before anything is allocated for it.
    #[inline]
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::Overflow)?;
        if count.saturating_mul(bytes_min) > self.rest.len() {
            Err(DecodeError::Truncated)
        } else {
            Ok(count)
        }
    }

    /// A varint length and that many bytes.
    #[inline]
    pub fn sized(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.count(1)?;
        self.take(len)
    }

    /// A varint length and that many bytes of UTF-8.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.sized()?).map_err(|_| DecodeError::NotUtf8)
    }
}

/// A decoded value, for Rust tasks and for the answers to queries.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Python's `None`, Rust's `()`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer: two's complement, little-endian.
    BigInt(Vec<u8>),
    /// A float.
    Float(f64),
    /// A string.
    Str(String),
    /// Bytes that lie in the head.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dict, in its order.
    Dict(Vec<(Value, Value)>),
    /// A set, in the order it was encoded.
    Set(Vec<Value>),
    /// The value of a dependency, by index.
    Dep(u64),
    /// A value that needs a language runtime; the tag says which kind.
    Opaque(u8),
}

impl Value {
    /// A string value.
    pub fn str(text: impl Into<String>) -> Value {
        Value::Str(text.into())
    }

    /// A dict with string keys.
    pub fn dict<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Dict(entries.into_iter().map(|(key, value)| (Value::str(key), value)).collect())
    }

    /// The value's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends the value's bytes. An opaque value cannot be encoded again and becomes `None`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut many = |tag: u8, items: &[Value]| {
            out.push(tag);
            put_varint(out, items.len() as u64);
            items.iter().for_each(|item| item.encode(out));
        };
        match self {
            Value::None | Value::Opaque(_) => out.push(tag::NONE),
            Value::Bool(false) => out.push(tag::FALSE),
            Value::Bool(true) => out.push(tag::TRUE),
            Value::Int(number) => {
                out.push(tag::INT);
                put_varint(out, zigzag(*number));
            }
            Value::BigInt(bytes) => put_sized(out, tag::BIG_INT, bytes),
            Value::Float(number) => {
                out.push(tag::FLOAT);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Value::Str(text) => put_sized(out, tag::STR, text.as_bytes()),
            Value::Bytes(bytes) => put_sized(out, tag::BYTES, bytes),
            Value::List(items) => many(tag::LIST, items),
            Value::Tuple(items) => many(tag::TUPLE, items),
            Value::Set(items) => many(tag::SET, items),
            Value::Dict(entries) => {
                out.push(tag::DICT);
                put_varint(out, entries.len() as u64);
                for (key, value) in entries {
                    key.encode(out);
                    value.encode(out);
                }
            }
            Value::Dep(index) => {
                out.push(tag::DEP);
                put_varint(out, *index);
            }
        }
    }

    /// The one value that `bytes` hold.
    ///
    /// # Errors
    /// If they hold anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Value, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Value::decode(&mut reader, 0)?;
        if reader.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes) }
    }

    fn decode(reader: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
        if depth > DEPTH_MAX {
            return Err(DecodeError::TooDeep);
        }
        let many = |reader: &mut Reader<'_>| -> Result<Vec<Value>, DecodeError> {
            let count = reader.count(1)?;
            (0..count).map(|_| Value::decode(reader, depth + 1)).collect()
        };
        Ok(match reader.byte()? {
            tag::NONE => Value::None,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Int(unzigzag(reader.varint()?)),
            tag::BIG_INT => Value::BigInt(reader.sized()?.to_vec()),
            tag::FLOAT => Value::Float(f64::from_le_bytes(reader.array()?)),
            tag::STR => Value::Str(reader.str()?.to_owned()),
            tag::BYTES | tag::BYTEARRAY => Value::Bytes(reader.sized()?.to_vec()),
            tag::LIST => Value::List(many(reader)?),
            tag::TUPLE => Value::Tuple(many(reader)?),
            tag::SET | tag::FROZENSET => Value::Set(many(reader)?),
            tag::DICT => {
                let count = reader.count(2)?;
                let entry = |_| Ok((Value::decode(reader, depth + 1)?, Value::decode(reader, depth + 1)?));
                Value::Dict((0..count).map(entry).collect::<Result<_, DecodeError>>()?)
            }
            tag::DEP => Value::Dep(reader.varint()?),
            other => {
                skip_opaque(other, reader, depth)?;
                Value::Opaque(other)
            }
        })
    }
}

fn put_sized(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Moves `reader` past a value of a kind that Rust does not decode.
fn skip_opaque(tag: u8, reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
    match tag {
        tag::ELLIPSIS => {}
        tag::COMPLEX => {
            reader.take(16)?;
        }
        tag::BYTES_BUFFER | tag::BYTEARRAY_BUFFER => {
            reader.varint()?;
        }
        tag::SLICE => {
            for _ in 0..3 {
                Value::decode(reader, depth + 1)?;
            }
        }
        tag::PICKLE => {
            reader.sized()?;
            reader.varint()?;
            reader.varint()?;
        }
        tag::NDARRAY => {
            reader.str()?;
            let ndim = reader.count(1)?;
            for _ in 0..ndim {
                reader.varint()?;
            }
            reader.byte()?;
            reader.varint()?;
        }
        tag::NDSCALAR => {
            reader.str()?;
            reader.sized()?;
        }
        tag::NDARRAY_INLINE => {
            reader.str()?;
            let ndim = reader.count(1)?;
            for _ in 0..ndim {
                reader.varint()?;
            }
            reader.byte()?;
            reader.sized()?;
        }
        other => return Err(DecodeError::UnknownTag(other)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e12..1e12).prop_map(Value::Float),
            ".*".prop_map(Value::Str),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
            any::<u64>().prop_map(Value::Dep),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            let items = proptest::collection::vec(inner.clone(), 0..5);
            prop_oneof![
                items.clone().prop_map(Value::List),
                items.clone().prop_map(Value::Tuple),
                items.prop_map(Value::Set),
                proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Dict),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back(value in values()) {
            prop_assert_eq!(Value::from_bytes(&value.to_bytes()), Ok(value));
        }

        #[test]
        fn garbage_is_an_error_or_a_value_but_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::from_bytes(&bytes);
        }

        #[test]
        fn zigzag_comes_back(number in any::<i64>()) {
            prop_assert_eq!(unzigzag(zigzag(number)), number);
        }
    }

    #[test]
    fn a_lying_count_allocates_nothing() {
        let mut bytes = vec![tag::LIST];
        put_varint(&mut bytes, u64::MAX);
        assert_eq!(Value::from_bytes(&bytes), Err(DecodeError::Truncated));
    }

    #[test]
    fn nesting_is_bounded() {
        let mut bytes = [tag::LIST, 1].repeat(100_000);
        bytes.push(tag::NONE);
        assert_eq!(Value::from_bytes(&bytes), Err(DecodeError::TooDeep));
    }

    #[test]
    fn varints_are_bounded() {
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(DecodeError::Overflow));
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(Reader::new(&out).varint(), Ok(u64::MAX));
    }
}
