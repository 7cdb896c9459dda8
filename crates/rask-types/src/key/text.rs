//! Keys as text: what users see, and which keys a text of theirs may mean.
//!
//! A key prints as in Python: a string bare, anything else as a literal. What is typed into a command line or a search
//! box is read the other way round: first as the string that it is, then as a literal.

use std::fmt::{self, Write};

use super::{DEPTH_MAX, Key};

impl fmt::Display for Key {
    /// As Python prints it: a string bare, a tuple with its items' reprs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Str(text) => f.write_str(text),
            other => write_literal(other, f),
        }
    }
}

fn write_literal(key: &Key, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match key {
        Key::Str(text) => {
            let quote = quote_for(text.contains('\''), text.contains('"'));
            f.write_char(quote)?;
            text.chars().try_for_each(|c| write_char(c, quote, f))?;
            f.write_char(quote)
        }
        Key::Bytes(bytes) => {
            let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
            write!(f, "b{quote}")?;
            bytes.iter().try_for_each(|&byte| match char::from(byte) {
                c if c.is_ascii() => write_char(c, quote, f),
                _ => write!(f, "\\x{byte:02x}"),
            })?;
            f.write_char(quote)
        }
        Key::Int(number) => write!(f, "{number}"),
        Key::Float(number) => write_float(*number, f),
        Key::Tuple(items) => {
            f.write_char('(')?;
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write_literal(item, f)?;
            }
            f.write_str(if items.len() == 1 { ",)" } else { ")" })
        }
    }
}

fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

fn write_char(c: char, quote: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match c {
        '\\' => f.write_str("\\\\"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        c if c == quote => write!(f, "\\{c}"),
        // What Rust would escape has no look of its own in Python either, but for quotes.
        c if c == '\'' || c == '"' || c.escape_debug().count() == 1 => f.write_char(c),
        c if (c as u32) < 0x100 => write!(f, "\\x{:02x}", c as u32),
        c if (c as u32) < 0x1_0000 => write!(f, "\\u{:04x}", c as u32),
        c => write!(f, "\\U{:08x}", c as u32),
    }
}

fn write_float(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if number.is_nan() {
        return f.write_str("nan");
    }
    let text = format!("{number:?}");
    match text.split_once('e') {
        // Python writes the exponent's sign, and two digits of it at least.
        Some((head, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            write!(f, "{head}e{sign}{digits:0>2}")
        }
        None => f.write_str(&text),
    }
}

impl Key {
    /// The key that this text is as a Python literal: a tuple, an int, a float, bytes, or a string in quotes.
    ///
    /// ```
    /// use rask_types::Key;
    /// let key = Key::from_literal("('x', 0)").unwrap();
    /// assert_eq!(key, Key::Tuple(vec![Key::Str("x".into()), Key::Int(0)]));
    /// assert_eq!(key.to_string(), "('x', 0)");
    /// assert_eq!(Key::from_literal("x"), None);
    /// ```
    pub fn from_literal(text: &str) -> Option<Key> {
        let mut parser = Parser { rest: text };
        let key = parser.key(0)?;
        parser.skip_space();
        parser.rest.is_empty().then_some(key)
    }

    /// The keys that a user may mean by this text, to be tried in this order: the string itself, then the literal.
    pub fn candidates(text: &str) -> impl Iterator<Item = Key> + use<> {
        std::iter::once(Key::Str(text.to_owned())).chain(Key::from_literal(text))
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_char(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn key(&mut self, depth: usize) -> Option<Key> {
        self.skip_space();
        if depth > DEPTH_MAX {
            return None;
        }
        if self.eat('(') {
            return self.items(depth).map(Key::Tuple);
        }
        match self.rest.as_bytes() {
            [b'\'' | b'"', ..] => self.quoted(Escapes::Text).map(Key::Str),
            [b'b', b'\'' | b'"', ..] => {
                self.rest = &self.rest[1..];
                let text = self.quoted(Escapes::Bytes)?;
                text.chars().map(|c| u8::try_from(c as u32).ok()).collect::<Option<_>>().map(Key::Bytes)
            }
            _ => self.number(),
        }
    }

    /// The rest of a tuple. A single item has its comma.
    fn items(&mut self, depth: usize) -> Option<Vec<Key>> {
        let mut items = Vec::new();
        let mut comma = true;
        loop {
            if self.eat(')') {
                return (comma || items.len() > 1).then_some(items);
            }
            if !comma {
                return None;
            }
            items.push(self.key(depth + 1)?);
            comma = self.eat(',');
        }
    }

    fn number(&mut self) -> Option<Key> {
        let end = self.rest.find([',', ')', ' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let key = match word.strip_prefix('-').unwrap_or(word) {
            "inf" | "nan" => Key::Float(word.parse().ok()?),
            digits if !digits.starts_with(|c: char| c.is_ascii_digit()) => return None,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => Key::Int(word.parse().ok()?),
            _ => Key::Float(word.parse().ok()?),
        };
        self.rest = rest;
        Some(key)
    }

    fn quoted(&mut self, escapes: Escapes) -> Option<String> {
        let quote = self.take_char()?;
        let mut text = String::new();
        loop {
            match self.take_char()? {
                c if c == quote => return Some(text),
                '\\' => text.push(self.escaped(escapes)?),
                c if escapes == Escapes::Bytes && !c.is_ascii() => return None,
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self, escapes: Escapes) -> Option<char> {
        let digits = match (self.take_char()?, escapes) {
            ('n', _) => return Some('\n'),
            ('r', _) => return Some('\r'),
            ('t', _) => return Some('\t'),
            (c @ ('\\' | '\'' | '"'), _) => return Some(c),
            ('x', _) => 2,
            ('u', Escapes::Text) => 4,
            ('U', Escapes::Text) => 8,
            _ => return None,
        };
        let (hex, rest) = self.rest.split_at_checked(digits)?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = rest;
        char::from_u32(u32::from_str_radix(hex, 16).ok()?)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Text,
    Bytes,
}

#[cfg(test)]
mod tests {
    use super::super::tests::keys;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_reads_back(key in keys()) {
            let candidates: Vec<Key> = Key::candidates(&key.to_string()).collect();
            prop_assert!(candidates.contains(&key), "{key} gives {candidates:?}");
            let literal = Key::Tuple(vec![key]);
            prop_assert_eq!(Key::from_literal(&literal.to_string()), Some(literal));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[ (),'\"bxuU0-9a-f\\\\.eé-]*") {
            if let Some(key) = Key::from_literal(&text) {
                prop_assert_eq!(Key::from_literal(&Key::Tuple(vec![key.clone()]).to_string()), Some(Key::Tuple(vec![key])));
            }
        }
    }

    #[test]
    fn literals_are_pythons() {
        let str = |text: &str| Key::Str(text.to_owned());
        for (text, key) in [
            ("('x-3f', 0, -1.5)", Key::Tuple(vec![str("x-3f"), Key::Int(0), Key::Float(-1.5)])),
            ("(\"it's\",)", Key::Tuple(vec![str("it's")])),
            ("('a\"b\\'c',)", Key::Tuple(vec![str("a\"b'c")])),
            ("('\\x00\\u200b\\U000e0001\\n',)", Key::Tuple(vec![str("\u{0}\u{200b}\u{e0001}\n")])),
            ("()", Key::Tuple(vec![])),
            ("((1,), ())", Key::Tuple(vec![Key::Tuple(vec![Key::Int(1)]), Key::Tuple(vec![])])),
            ("b'a\\x00\\xff'", Key::Bytes(vec![b'a', 0, 255])),
            ("b\"'\"", Key::Bytes(vec![b'\''])),
            ("1e+16", Key::Float(1e16)),
            ("1e-07", Key::Float(1e-7)),
            ("inf", Key::Float(f64::INFINITY)),
            ("17", Key::Int(17)),
        ] {
            assert_eq!(Key::from_literal(text).as_ref(), Some(&key), "{text}");
            assert_eq!(key.to_string(), text);
        }
        assert_eq!(Key::from_literal(" ( 'x' ,0, ) "), Some(Key::Tuple(vec![str("x"), Key::Int(0)])));
        assert_eq!(Key::from_literal("'x'"), Some(str("x")));
        assert_eq!(Key::from_literal("nan").unwrap().to_string(), "nan");
    }

    #[test]
    fn what_is_no_literal_is_none() {
        for text in [
            "", "x", "('x'", "'x", "(1)", "(,)", "(1 2)", "b'é'", "'\\q'", "'\\x+1'", "1_0", "0x1", "1)",
            "- 1",
        ] {
            assert_eq!(Key::from_literal(text), None, "{text}");
        }
        assert_eq!(Key::from_literal(&"(".repeat(100_000)), None);
    }

    #[test]
    fn a_text_is_itself_first() {
        let candidates: Vec<Key> = Key::candidates("17").collect();
        assert_eq!(candidates, [Key::Str("17".into()), Key::Int(17)]);
        assert_eq!(Key::candidates("inc-1").count(), 1);
    }
}
