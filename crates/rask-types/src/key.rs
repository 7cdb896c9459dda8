//! A task's identity as users see it: Dask's keys, their canonical bytes, and the 128-bit id of either.
//!
//! A key is a str, bytes, int, float or a tuple of keys. Most keys are *generated*: a class's prefix and a 128-bit
//! token, rendered `prefix-<32 hex digits>` only when someone looks. Rendering and parsing are inverse, so a
//! generated key that comes back as a string is the same task:
//!
//! ```
//! use rask_types::{Key, KeyId};
//! let key = Key::generated("inc", 0x3f2a);
//! assert_eq!(key.to_string(), "inc-00000000000000000000000000003f2a");
//! assert_eq!(key.id(), KeyId::of_generated("inc", 0x3f2a));
//! ```

use std::fmt;

use crate::class::first_u128;

mod text;

/// How deep tuples may nest inside a key that arrives from outside.
const DEPTH_MAX: usize = 64;

/// A key.
#[derive(Clone, PartialEq, Debug)]
pub enum Key {
    /// The usual kind.
    Str(String),
    /// Opaque bytes.
    Bytes(Vec<u8>),
    /// An integer.
    Int(i64),
    /// A float; two floats are the same key if their bits are.
    Float(f64),
    /// A tuple, as the parts of a collection have: `("x-3f2a", 0, 1)`.
    Tuple(Vec<Key>),
}

/// 128 bits that stand for a key: for a generated key a mix of prefix and token, else a hash of the canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u128);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key-{:032x}", self.0)
    }
}

impl KeyId {
    /// The id of the key that renders as `prefix-<token>`.
    pub fn of_generated(prefix: &str, token: u128) -> KeyId {
        KeyId(token ^ KeyId::of_prefix(prefix))
    }

    /// What a prefix contributes to the ids of its generated keys; worth keeping where many are computed.
    pub fn of_prefix(prefix: &str) -> u128 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"rask prefix");
        hasher.update(prefix.as_bytes());
        first_u128(hasher.finalize().as_bytes())
    }
}

/// Why bytes are not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyParseError;

impl fmt::Display for KeyParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the canonical bytes of a key")
    }
}

impl std::error::Error for KeyParseError {}

impl Key {
    /// The key `prefix-<token as 32 hex digits>`.
    pub fn generated(prefix: &str, token: u128) -> Key {
        Key::Str(format!("{prefix}-{token:032x}"))
    }

    /// Prefix and token if this key has the form of a generated one.
    pub fn parse_generated(&self) -> Option<(&str, u128)> {
        let Key::Str(text) = self else { return None };
        split_generated(text)
    }

    /// What groups this key with its kin, as Dask's `key_split` does: the text before the token or number.
    pub fn prefix(&self) -> String {
        match self {
            Key::Str(text) => prefix_of_text(text).to_owned(),
            Key::Tuple(items) => items.first().map_or_else(|| "Other".to_owned(), Key::prefix),
            Key::Bytes(bytes) => prefix_of_text(&String::from_utf8_lossy(bytes)).to_owned(),
            Key::Int(_) | Key::Float(_) => "Other".to_owned(),
        }
    }

    /// The id of this key.
    pub fn id(&self) -> KeyId {
        match self.parse_generated() {
            Some((prefix, token)) => KeyId::of_generated(prefix, token),
            None => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(b"rask key");
                hasher.update(&self.to_canonical());
                KeyId(first_u128(hasher.finalize().as_bytes()))
            }
        }
    }

    /// The bytes that are equal exactly when keys are.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        let mut sized = |tag: u8, bytes: &[u8]| {
            out.push(tag);
            out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Key::Str(text) => sized(b's', text.as_bytes()),
            Key::Bytes(bytes) => sized(b'b', bytes),
            Key::Int(number) => {
                out.push(b'i');
                out.extend_from_slice(&number.to_be_bytes());
            }
            Key::Float(number) => {
                out.push(b'f');
                out.extend_from_slice(&number.to_bits().to_be_bytes());
            }
            Key::Tuple(items) => {
                out.push(b't');
                out.extend_from_slice(&(items.len() as u32).to_be_bytes());
                items.iter().for_each(|item| item.write_canonical(out));
            }
        }
    }

    /// The key whose canonical bytes these are.
    ///
    /// # Errors
    /// If they are not all of one key's canonical bytes.
    pub fn from_canonical(bytes: &[u8]) -> Result<Key, KeyParseError> {
        let mut rest = bytes;
        let key = read_key(&mut rest, 0)?;
        if rest.is_empty() { Ok(key) } else { Err(KeyParseError) }
    }
}

fn split_generated(text: &str) -> Option<(&str, u128)> {
    let cut = text.len().checked_sub(33)?;
    let (prefix, rest) = text.split_at_checked(cut)?;
    let hex = rest.strip_prefix('-')?;
    let lower_hex = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if prefix.is_empty() || !lower_hex {
        return None;
    }
    Some((prefix, u128::from_str_radix(hex, 16).ok()?))
}

fn prefix_of_text(text: &str) -> &str {
    if let Some((prefix, _)) = split_generated(text) {
        return prefix;
    }
    match text.rsplit_once('-') {
        Some((head, tail)) if !head.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()) => head,
        Some((head, tail))
            if !head.is_empty() && tail.len() >= 8 && tail.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            head
        }
        _ => text,
    }
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], KeyParseError> {
    let (head, tail) = rest.split_at_checked(n).ok_or(KeyParseError)?;
    *rest = tail;
    Ok(head)
}

fn take_len(rest: &mut &[u8]) -> Result<usize, KeyParseError> {
    let bytes = take(rest, 4)?;
    Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
}

fn take_u64(rest: &mut &[u8]) -> Result<u64, KeyParseError> {
    let mut word = [0; 8];
    word.copy_from_slice(take(rest, 8)?);
    Ok(u64::from_be_bytes(word))
}

fn read_key(rest: &mut &[u8], depth: usize) -> Result<Key, KeyParseError> {
    if depth > DEPTH_MAX {
        return Err(KeyParseError);
    }
    Ok(match take(rest, 1)?[0] {
        b's' => {
            let len = take_len(rest)?;
            Key::Str(str::from_utf8(take(rest, len)?).map_err(|_| KeyParseError)?.to_owned())
        }
        b'b' => {
            let len = take_len(rest)?;
            Key::Bytes(take(rest, len)?.to_vec())
        }
        b'i' => Key::Int(take_u64(rest)? as i64),
        b'f' => Key::Float(f64::from_bits(take_u64(rest)?)),
        b't' => {
            let len = take_len(rest)?;
            // Each item takes at least five bytes or nine, so a lying length fails before it allocates much.
            let mut items = Vec::with_capacity(len.min(rest.len() / 5 + 1));
            for _ in 0..len {
                items.push(read_key(rest, depth + 1)?);
            }
            Key::Tuple(items)
        }
        _ => return Err(KeyParseError),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn keys() -> impl Strategy<Value = Key> {
        let leaf = prop_oneof![
            "(?s).*".prop_map(Key::Str),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Key::Bytes),
            any::<i64>().prop_map(Key::Int),
            (-1e9..1e9).prop_map(Key::Float),
            any::<u64>()
                .prop_map(f64::from_bits)
                .prop_filter("a number", |f| !f.is_nan())
                .prop_map(Key::Float),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Key::Tuple))
    }

    proptest! {
        #[test]
        fn canonical_bytes_come_back(key in keys()) {
            prop_assert_eq!(Key::from_canonical(&key.to_canonical()), Ok(key));
        }

        #[test]
        fn garbage_is_refused_not_panicked_on(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(key) = Key::from_canonical(&bytes) {
                prop_assert_eq!(key.to_canonical(), bytes);
            }
        }
    }

    #[test]
    fn generated_keys_parse_back() {
        let key = Key::generated("add-one", u128::MAX - 7);
        assert_eq!(key.parse_generated(), Some(("add-one", u128::MAX - 7)));
        assert_eq!(key.id(), KeyId::of_generated("add-one", u128::MAX - 7));
        assert_ne!(key.id(), KeyId::of_generated("add-two", u128::MAX - 7));
    }

    #[test]
    fn what_only_looks_generated_is_not() {
        for text in [
            "",
            "-00000000000000000000000000000001",
            "inc-xyz",
            "inc-0000000000000000000000000000000G",
            "é-1",
        ] {
            assert_eq!(Key::Str(text.into()).parse_generated(), None, "{text}");
        }
    }

    #[test]
    fn prefixes_group_as_in_dask() {
        let prefix = |text: &str| Key::Str(text.into()).prefix();
        assert_eq!(prefix("inc-00000000000000000000000000003f2a"), "inc");
        assert_eq!(prefix("x-1"), "x");
        assert_eq!(prefix("hello-world"), "hello-world");
        assert_eq!(prefix("plain"), "plain");
        assert_eq!(Key::Tuple(vec![Key::Str("x-2".into()), Key::Int(1)]).prefix(), "x");
    }

    #[test]
    fn keys_print_as_python_prints_them() {
        let key = Key::Tuple(vec![Key::Str("x".into()), Key::Int(0), Key::Float(1.0)]);
        assert_eq!(key.to_string(), "('x', 0, 1.0)");
        assert_eq!(Key::Tuple(vec![Key::Int(1)]).to_string(), "(1,)");
        assert_eq!(Key::Str("x".into()).to_string(), "x");
    }
}
