//! The workspace as it lies on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::Manifest;
use crate::source::Source;

/// Folders that are not ours: made by tools, or by whoever works here.
const FOREIGN_FOLDERS: [&str; 6] = ["target", "node_modules", "dist", "build", "venv", "__pycache__"];

/// The workspace.
pub struct House {
    root: PathBuf,
    /// Its crates, by name.
    pub crates: Vec<Crate>,
    /// All Rust and Python files, by path.
    pub sources: Vec<Source>,
}

/// One crate.
pub struct Crate {
    /// Its name.
    pub name: String,
    /// What it imports.
    pub manifest: Manifest,
}

impl House {
    /// The workspace that this crate is part of.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn open() -> House {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/rask-tidy is two deep");
        let mut files = Vec::new();
        walk(root, &mut files);
        files.sort();
        let relative = |path: &PathBuf| path.strip_prefix(root).expect("below the root").to_owned();
        let is_source = |path: &&PathBuf| path.extension().is_some_and(|end| end == "rs" || end == "py");
        let read =
            |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let sources = files
            .iter()
            .filter(is_source)
            .map(|path| Source { path: relative(path), text: read(path) })
            .collect();
        let manifests = files.iter().filter(|path| {
            path.ends_with("Cargo.toml") && path.parent().and_then(Path::parent) == Some(&root.join("crates"))
        });
        let crates = manifests
            .map(|path| {
                let name =
                    path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
                Crate { name, manifest: Manifest::parse(&read(path)) }
            })
            .collect();
        House { root: root.to_owned(), crates, sources }
    }

    /// The text of a file at the root.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The Rust files of a crate's own code (its `src`).
    pub fn code_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Source> {
        let folder = Path::new("crates").join(name).join("src");
        self.sources.iter().filter(move |source| source.path.starts_with(&folder))
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_symlink() {
            continue;
        }
        if !path.is_dir() {
            files.push(path);
        } else if !name.starts_with('.') && !FOREIGN_FOLDERS.contains(&name.as_str()) {
            walk(&path, files);
        }
    }
}
