//! Keys read back from how they are printed, for people who type or click them.

use crate::key::Key;

/// How deep tuples may nest.
const DEPTH_MAX: usize = 64;

impl Key {
    /// The keys that print as this text, the likeliest first: a string, and what else the text may be in Python (a tuple, a
    /// number, bytes).
    ///
    /// ```
    /// use rask_types::Key;
    /// let tuple = Key::Tuple(vec![Key::Str("x-3f2a".into()), Key::Int(0)]);
    /// assert_eq!(tuple.to_string(), "('x-3f2a', 0)");
    /// assert_eq!(Key::from_text("('x-3f2a', 0)"), [Key::Str("('x-3f2a', 0)".into()), tuple]);
    /// ```
    pub fn from_text(text: &str) -> Vec<Key> {
        let mut reader = Reader { rest: text };
        let literal = reader.key(0).filter(|key| reader.rest.is_empty() && !matches!(key, Key::Str(_)));
        [Some(Key::Str(text.to_owned())), literal].into_iter().flatten().collect()
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn key(&mut self, depth: usize) -> Option<Key> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.rest.chars().next()? {
            '(' => self.tuple(depth),
            quote @ ('\'' | '"') => self.quoted(quote).map(Key::Str),
            'b' if self.rest[1..].starts_with(['\'', '"']) => {
                self.rest = &self.rest[1..];
                let quote = self.rest.chars().next()?;
                // Within bytes every character stands for one.
                let bytes =
                    self.quoted(quote)?.chars().map(|c| u8::try_from(c).ok()).collect::<Option<_>>()?;
                Some(Key::Bytes(bytes))
            }
            _ => self.number(),
        }
    }

    fn take(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn tuple(&mut self, depth: usize) -> Option<Key> {
        self.take("(")?;
        let mut items = Vec::new();
        while self.take(")").is_none() {
            items.push(self.key(depth + 1)?);
            let closes = self.rest.starts_with(')');
            if closes && items.len() == 1 {
                return None; // (x) is x, which would not have been printed so
            }
            if !closes {
                self.take(",")?;
                self.rest = self.rest.trim_start_matches(' ');
            }
        }
        Some(Key::Tuple(items))
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut chars = self.rest.chars();
        chars.next();
        let mut text = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => text.push(escaped(&mut chars)?),
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }

    fn number(&mut self) -> Option<Key> {
        let end = self.rest.find([',', ')', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let is_number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            || matches!(word, "inf" | "nan" | "NaN");
        if !is_number {
            return None;
        }
        word.parse().map(Key::Int).or_else(|_| word.parse().map(Key::Float)).ok()
    }
}

/// The character that follows a backslash, as Python or Rust escapes it.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let hex = |digits: &str| char::from_u32(u32::from_str_radix(digits, 16).ok()?);
    let fixed = |chars: &mut std::str::Chars<'_>, count: usize| {
        let digits: String = chars.take(count).collect();
        (digits.len() == count).then(|| hex(&digits)).flatten()
    };
    Some(match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'x' => fixed(chars, 2)?,
        'U' => fixed(chars, 8)?,
        'u' if chars.as_str().starts_with('{') => {
            let (digits, rest) = chars.as_str()[1..].split_once('}')?;
            *chars = rest.chars();
            hex(digits)?
        }
        'u' => fixed(chars, 4)?,
        c @ ('\\' | '\'' | '"') => c,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> impl Strategy<Value = Key> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Key::Str),
            any::<Vec<u8>>().prop_map(Key::Bytes),
            any::<i64>().prop_map(Key::Int),
            prop_oneof![any::<f64>().prop_filter("one of many", |x| !x.is_nan()), Just(f64::INFINITY)]
                .prop_map(Key::Float),
        ];
        leaf.prop_recursive(4, 16, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Key::Tuple))
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(key in keys()) {
            let text = key.to_string();
            prop_assert!(Key::from_text(&text).contains(&key), "{text}: {:?}", Key::from_text(&text));
        }

        #[test]
        fn whatever_is_typed_is_a_string_first(text in any::<String>()) {
            prop_assert_eq!(&Key::from_text(&text)[0], &Key::Str(text));
        }
    }

    #[test]
    fn what_python_prints_is_read() {
        for (text, key) in [
            ("('x', 1)", Key::Tuple(vec![Key::Str("x".into()), Key::Int(1)])),
            ("(\"it's\",)", Key::Tuple(vec![Key::Str("it's".into())])),
            ("('\\x7f\\u2028', (-1.5, 1e+300))", {
                let inner = Key::Tuple(vec![Key::Float(-1.5), Key::Float(1e300)]);
                Key::Tuple(vec![Key::Str("\x7f\u{2028}".into()), inner])
            }),
            ("b'\\xff\\\\'", Key::Bytes(vec![0xff, b'\\'])),
            ("-7", Key::Int(-7)),
            ("()", Key::Tuple(vec![])),
        ] {
            assert_eq!(Key::from_text(text)[1..], [key], "{text}");
        }
        for text in ["inc-3f", "('x'", "('x')", "(x,)", "'x'", "b'\u{100}'", "information", "nan-1", "1 2"] {
            assert_eq!(Key::from_text(text).len(), 1, "{text}");
        }
        assert_eq!(Key::from_text(&"(".repeat(10_000)).len(), 1, "depth is bounded");
    }
}
