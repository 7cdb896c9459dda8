//! What a core never does: I/O, clocks, threads, entropy, and effects in the order of a hash.

use std::collections::BTreeSet;

use rask_tidy::{House, Source, code_lines, indices_of_words};

const PURE: [&str; 6] =
    ["rask-types", "rask-graph", "rask-wire", "rask-scheduler-core", "rask-worker-core", "rask-client-core"];

/// What their code does not contain.
const IMPURE: [&str; 15] = [
    "std::net",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "std::os",
    "Instant",
    "SystemTime",
    "getrandom",
    "rand",
    "tokio",
    "mio",
    "libc",
    "println",
    "eprintln",
];

/// Methods that visit what a hash map or set holds, in its own order.
const VISITS: [&str; 10] = [
    "iter",
    "iter_mut",
    "keys",
    "values",
    "values_mut",
    "into_iter",
    "into_keys",
    "into_values",
    "drain",
    "extract_if",
];

/// A file, a word in it, and why it is allowed there.
type Exception = (&'static str, &'static str, &'static str);

const ALLOWED_WORDS: &[Exception] =
    &[("crates/rask-wire/src/primitive/aligned.rs", "libc", "advice to the system on a buffer of its own")];

/// Crates, instead of files.
const ALLOWED_DEPENDENCIES: &[Exception] = &[("rask-wire", "libc", "as above")];

const ALLOWED_VISITS: &[Exception] = &[
    ("crates/rask-worker-core/src/core.rs", "known", "a sum"),
    ("crates/rask-worker-core/src/run_table.rs", "beside", "for checks of invariants"),
    ("crates/rask-client-core/src/subscribe.rs", "of", "a check of invariants"),
];

/// What was found and is not allowed, as `file:line: word`, and what is allowed in vain.
fn judge(found: &[(String, usize, String)], allowed: &[Exception]) -> Vec<String> {
    let is = |(file, _, word): &(String, usize, String), (f, w, _): &Exception| file == f && word == w;
    let wrong = found.iter().filter(|one| !allowed.iter().any(|exception| is(one, exception)));
    let vain = allowed.iter().filter(|exception| !found.iter().any(|one| is(one, exception)));
    wrong
        .map(|(file, line, word)| format!("{file}:{line}: {word}"))
        .chain(vain.map(|(file, word, _)| format!("{file}: {word} is allowed in vain: take it off the list")))
        .collect()
}

fn code(house: &House) -> impl Iterator<Item = &Source> {
    PURE.iter().flat_map(|name| house.code_of(name))
}

/// Checks of invariants run in tests alone and have no effects.
fn has_effects(source: &Source) -> bool {
    source.module() != "invariants"
}

#[test]
fn cores_do_no_io_read_no_clock_and_draw_no_random_numbers() {
    let house = House::open();
    let mut found = Vec::new();
    for source in code(&house) {
        for (number, line) in code_lines(&source.text) {
            let words = IMPURE.iter().filter(|word| indices_of_words(line, word).next().is_some());
            found.extend(words.map(|word| (source.name(), number, (*word).to_owned())));
        }
    }
    let wrong = judge(&found, ALLOWED_WORDS);
    assert!(
        wrong.is_empty(),
        "This belongs into a driver, which hands it in as an argument:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn what_is_pure_depends_on_nothing_impure() {
    let house = House::open();
    let mut found = Vec::new();
    for one in house.crates.iter().filter(|one| PURE.contains(&one.name.as_str())) {
        let impure =
            |name: &&str| IMPURE.contains(name) || name.starts_with("socket") || name.contains("signal");
        found.extend(one.manifest.normal().filter(impure).map(|name| (one.name.clone(), 0, name.to_owned())));
    }
    let wrong = judge(&found, ALLOWED_DEPENDENCIES);
    assert!(wrong.is_empty(), "A pure crate imports what does I/O:\n{}", wrong.join("\n"));
}

/// Names that are declared as hash maps or sets in a file: `name: HashMap<…>` and `let name = HashMap…`.
fn hashes(source: &Source) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, line) in code_lines(&source.text) {
        for kind in ["HashMap", "HashSet"] {
            for index in indices_of_words(line, kind) {
                let before = line[..index]
                    .trim_end()
                    .trim_end_matches("std::collections::")
                    .trim_end_matches("hashbrown::");
                let before = before.trim_end().trim_end_matches(['&', ':', '=']).trim_end();
                let is_part = |c: char| c.is_alphanumeric() || c == '_';
                let name = before.rsplit(|c: char| !is_part(c)).next().unwrap_or_default();
                if !name.is_empty() && !matches!(name, "use" | "mut" | "hashbrown" | "collections") {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    names
}

#[test]
fn no_effect_has_the_order_of_a_hash() {
    let house = House::open();
    let mut found = Vec::new();
    for name in PURE {
        let own_fields: BTreeSet<String> =
            house.code_of(name).filter(|s| has_effects(s)).flat_map(hashes).collect();
        for source in house.code_of(name).filter(|source| has_effects(source)) {
            let declared_here = hashes(source);
            for (number, line) in code_lines(&source.text) {
                for map in &own_fields {
                    // Elsewhere a local of the same name may be anything; what hangs on `self` is the field.
                    let at_hand = declared_here.contains(map) || line.contains("self.");
                    if at_hand && is_visited(line, map) {
                        found.push((source.name(), number, map.clone()));
                    }
                }
            }
        }
    }
    let wrong = judge(&found, ALLOWED_VISITS);
    assert!(
        wrong.is_empty(),
        "The order of a hash differs from run to run. Use a BTreeMap, or a Vec beside it, or sort; if the order cannot matter, \
         say why in ALLOWED_VISITS:\n{}",
        wrong.join("\n")
    );
}

/// A line visits a map: `map.iter()` and the like, or `in &map`.
fn is_visited(line: &str, map: &str) -> bool {
    indices_of_words(line, map).any(|index| {
        let after = &line[index + map.len()..];
        let by_method = after.strip_prefix('.').is_some_and(|rest| {
            let method: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            VISITS.contains(&method.as_str()) && rest[method.len()..].starts_with('(')
        });
        let before =
            line[..index].trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '&'));
        let before = before.trim_end().trim_end_matches("&mut").trim_end();
        let by_loop = (before.ends_with(" in") || before.trim() == "in")
            && line.contains("for ")
            && matches!(after.trim_start().chars().next(), Some('{') | None);
        by_method || by_loop
    })
}

#[test]
fn visits_are_recognised() {
    for line in [
        "for (k, v) in &self.map {",
        "for v in map.values() {",
        "self.map.iter().map(f)",
        "for x in &mut self.map {",
        "for x in map {",
        "map.drain()",
    ] {
        assert!(is_visited(line, "map"), "{line}");
    }
    for line in [
        "self.map.get(&k)",
        "for x in self.map.get(&k) {",
        "map.retain(f)",
        "for x in bitmap.iter() {",
        "map.iterate()",
    ] {
        assert!(!is_visited(line, "map"), "{line}");
    }
}
