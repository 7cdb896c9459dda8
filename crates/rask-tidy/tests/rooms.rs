//! Small rooms with a sign at the door: how long a file may be, how it opens, what it is called, and what it may not say.

use std::path::Path;

use rask_tidy::{House, Source};

/// A file longer than this is about more than one thing.
const LINES_MAX: usize = 600;

/// Those that are longer, with the lines they may have. The list may only become shorter.
const LONG_FILES: &[(&str, usize)] = &[
    ("python/rask/config.py", 1010),
    ("python/rask/core.py", 660),
    ("python/rask/highlevelgraph.py", 690),
    ("python/tests/test_delayed_graph.py", 800),
    ("python/tests/test_tokenize.py", 630),
];

/// Names that say nothing of what lives in a module.
const NAMELESS: [&str; 9] =
    ["utils", "util", "common", "misc", "helpers", "helper", "manager", "managers", "stuff"];

/// Marks of unfinished work, spelled in pieces so that this file has none.
const UNFINISHED: [&str; 4] =
    [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X"), concat!("HA", "CK")];

fn failures(house: &House, check: impl Fn(&Source) -> Option<String>) -> Vec<String> {
    house.sources.iter().filter_map(|source| Some(format!("{}: {}", source.name(), check(source)?))).collect()
}

#[test]
fn files_are_about_one_thing() {
    let house = House::open();
    let wrong = failures(&house, |source| {
        let lines = source.text.lines().count();
        let allowed =
            LONG_FILES.iter().find(|(name, _)| Path::new(name) == source.path).map(|(_, lines)| *lines);
        match allowed {
            None if lines > LINES_MAX => Some(format!("{lines} lines; divide it, {LINES_MAX} are enough")),
            Some(allowed) if lines > allowed => {
                Some(format!("{lines} lines; it was too long at {allowed} already"))
            }
            Some(_) if lines <= LINES_MAX => Some("no longer too long; take it off LONG_FILES".to_owned()),
            _ => None,
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (name, _) in LONG_FILES {
        assert!(
            house.sources.iter().any(|source| source.path == Path::new(name)),
            "LONG_FILES: {name} is no file"
        );
    }
}

#[test]
fn every_rust_file_opens_with_what_lives_there() {
    let wrong = failures(&House::open(), |source| {
        let is_rust = source.path.extension().is_some_and(|end| end == "rs");
        (is_rust && !source.text.starts_with("//! ")).then(|| "does not open with //!".to_owned())
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_are_called_after_what_lives_there() {
    let wrong = failures(&House::open(), |source| {
        let module = source.module();
        let parts = module.trim_start_matches('_').split('_');
        parts
            .into_iter()
            .find(|part| NAMELESS.contains(part))
            .map(|part| format!("{part:?} could be anything"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_unfinished_lands() {
    let wrong = failures(&House::open(), |source| {
        let marked = |line: &str| {
            UNFINISHED.iter().any(|mark| rask_tidy::indices_of_words(line, mark).next().is_some())
        };
        let number = source.text.lines().position(marked)? + 1;
        Some(format!("line {number} is marked as unfinished: finish it, or write an issue"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
