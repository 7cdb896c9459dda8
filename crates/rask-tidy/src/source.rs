//! One source file, and a look at it that tells code from comments and tests.

use std::path::PathBuf;

/// A Rust or Python file.
pub struct Source {
    /// Its path from the root.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Source {
    /// Its path as text.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Its name without folder and ending; of a `mod.rs` or `__init__.py`, the folder's.
    pub fn module(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !matches!(stem.as_str(), "mod" | "__init__") {
            return stem;
        }
        let folder = self.path.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        folder.to_string_lossy().into_owned()
    }
}

/// The lines of a Rust file that are code, with their numbers: no comments, and nothing after its `#[cfg(test)]` (tests
/// stand at the end of a file).
pub fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line)))
        .filter(|(_, line)| !line.trim().is_empty())
}

/// Where `word` stands in `line` as a whole word.
pub fn indices_of_words<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).map(|(index, _)| index).filter(move |&index| {
        !is_part(line[..index].chars().next_back()) && !is_part(line[index + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_no_code() {
        let text = "//! std::net\nuse a; // std::fs\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(code_lines(text).collect::<Vec<_>>(), [(2, "use a; ")]);
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(indices_of_words("names.name.rename", "name").collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn a_folder_lends_its_name() {
        let module = |path: &str| Source { path: path.into(), text: String::new() }.module();
        assert_eq!(module("a/b/mod.rs"), "b");
        assert_eq!(module("a/b/__init__.py"), "b");
        assert_eq!(module("a/b/c.py"), "c");
    }
}
