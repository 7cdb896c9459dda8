//! As much of a `Cargo.toml` as the rules need: which names stand in which section of dependencies.

/// Why a crate depends on another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// For itself.
    Normal,
    /// For its tests.
    Dev,
    /// For its build script.
    Build,
}

/// What a crate says of itself.
pub struct Manifest {
    /// Names of what it depends on, with the reason.
    pub dependencies: Vec<(String, Section)>,
    /// It takes the workspace's lints.
    pub has_workspace_lints: bool,
}

impl Manifest {
    /// Reads the text of a `Cargo.toml` in the plain form that this workspace uses: one dependency a line.
    pub fn parse(text: &str) -> Manifest {
        let mut manifest = Manifest { dependencies: Vec::new(), has_workspace_lints: false };
        let mut section = "";
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
                continue;
            }
            // A section may be bound to a platform: `target.'cfg(unix)'.dependencies`.
            let kind = match section.rsplit('.').next() {
                Some("dependencies") => Section::Normal,
                Some("dev-dependencies") => Section::Dev,
                Some("build-dependencies") => Section::Build,
                _ => {
                    manifest.has_workspace_lints |= section == "lints" && line == "workspace = true";
                    continue;
                }
            };
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            manifest.dependencies.push((name.to_owned(), kind));
        }
        manifest
    }

    /// Names of what it depends on for itself.
    pub fn normal(&self) -> impl Iterator<Item = &str> {
        self.dependencies
            .iter()
            .filter(|(_, section)| *section == Section::Normal)
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_names_are_found() {
        let text = "[package]\nname = \"x\"\n\n[dependencies]\n# why\nrask-types.workspace = true\nmio = { workspace = true }\n\n\
                    [target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n\n[dev-dependencies]\nproptest.workspace = true\n\n\
                    [lints]\nworkspace = true\n";
        let manifest = Manifest::parse(text);
        assert_eq!(manifest.normal().collect::<Vec<_>>(), ["rask-types", "mio", "libc"]);
        assert_eq!(manifest.dependencies.last(), Some(&("proptest".to_owned(), Section::Dev)));
        assert!(manifest.has_workspace_lints);
        assert!(!Manifest::parse("[lints.rust]\nx = 1\n").has_workspace_lints);
    }
}
