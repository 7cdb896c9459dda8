//! Who imports whom, against the table in ARCHITECTURE.md: the fenced block ```arrows, a line for each crate, `name: imports`.

use std::collections::{BTreeMap, BTreeSet};

use rask_tidy::{House, Section};

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The table, and the order of its lines.
fn table(house: &House) -> (Arrows, Vec<String>) {
    let text = house.text("ARCHITECTURE.md");
    let lines = text.lines().skip_while(|line| line.trim() != "```arrows").skip(1);
    let mut arrows = Arrows::new();
    let mut order = Vec::new();
    for line in lines.take_while(|line| line.trim() != "```") {
        let (name, imports) =
            line.split_once(':').unwrap_or_else(|| panic!("ARCHITECTURE.md: {line:?} has no colon"));
        arrows.insert(name.trim().to_owned(), imports.split_whitespace().map(str::to_owned).collect());
        order.push(name.trim().to_owned());
    }
    assert!(
        !arrows.is_empty(),
        "ARCHITECTURE.md has no block ```arrows with a line `crate: imports` for each crate"
    );
    (arrows, order)
}

fn of_manifests(house: &House) -> Arrows {
    let ours: BTreeSet<&str> = house.crates.iter().map(|one| one.name.as_str()).collect();
    let imports = |one: &rask_tidy::Crate| -> BTreeSet<String> {
        one.manifest.normal().filter(|name| ours.contains(name)).map(str::to_owned).collect()
    };
    house.crates.iter().map(|one| (one.name.clone(), imports(one))).collect()
}

#[test]
fn the_table_says_who_imports_whom() {
    let house = House::open();
    let (table, _) = table(&house);
    let found = of_manifests(&house);
    let mut wrong = Vec::new();
    for name in table.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let line =
            |imports: &BTreeSet<String>| imports.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        match (table.get(name), found.get(name)) {
            (Some(said), Some(is)) if said == is => {}
            (said, Some(is)) => wrong.push(format!(
                "{name}: {}   (the table says: {})",
                line(is),
                said.map_or("nothing of this crate".to_owned(), line)
            )),
            (_, None) => wrong.push(format!("{name}: is no crate")),
        }
    }
    assert!(
        wrong.is_empty(),
        "If this is meant, and points from what knows more to what knows less, write it into the block ```arrows of \
         ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn arrows_point_upwards_in_the_table() {
    let (table, order) = table(&House::open());
    for (index, name) in order.iter().enumerate() {
        for import in &table[name] {
            assert!(
                order[..index].contains(import),
                "{name} imports {import}, which stands below it in ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn each_crate_has_its_line_in_the_list_of_crates() {
    let house = House::open();
    let text = house.text("ARCHITECTURE.md");
    for one in &house.crates {
        let row = format!("| `{}` |", one.name);
        assert!(text.contains(&row), "ARCHITECTURE.md's table of crates has no row {row}");
    }
}

#[test]
fn the_vocabulary_and_the_cores_import_no_part_that_does_io() {
    let (table, _) = table(&House::open());
    let pure = [
        "rask-types",
        "rask-graph",
        "rask-wire",
        "rask-scheduler-core",
        "rask-worker-core",
        "rask-client-core",
    ];
    for name in pure {
        for import in &table[name] {
            assert!(pure.contains(&import.as_str()), "{name} imports {import}");
        }
    }
}

#[test]
fn one_crate_alone_names_pyo3() {
    let house = House::open();
    let names_it =
        |one: &&rask_tidy::Crate| one.manifest.dependencies.iter().any(|(name, _)| name.starts_with("pyo3"));
    let found: Vec<&str> = house.crates.iter().filter(names_it).map(|one| one.name.as_str()).collect();
    assert_eq!(found, ["rask-python"]);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace_and_no_build_scripts_import() {
    for one in House::open().crates {
        assert!(
            one.manifest.has_workspace_lints,
            "{}: Cargo.toml lacks `[lints] workspace = true`",
            one.name
        );
        let build = one.manifest.dependencies.iter().find(|(_, section)| *section == Section::Build);
        assert_eq!(build, None, "{}: a build script slows every build; do without", one.name);
    }
}
