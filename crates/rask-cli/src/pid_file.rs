//! `--pid-file`: the process id, for scripts that end the process later.

use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// The file with the process id, removed when dropped.
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes this process's id.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(path: &Path) -> Result<PidFile, Failure> {
        std::fs::write(path, format!("{}\n", std::process::id()))
            .map_err(|error| Failure::usage(format!("--pid-file {}: {error}", path.display())))?;
        Ok(PidFile(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Someone may have tidied up before; nothing is lost either way.
        let _ = std::fs::remove_file(&self.0);
    }
}
