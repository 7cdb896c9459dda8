//! Counting a path's instructions: this program again, under callgrind, which counts inside [`crate::meter::counted`] alone.

use std::path::Path;
use std::process::Command;

/// Runs `program` with `arguments` and returns how many instructions were counted. The profile is left at `profile`, for
/// `callgrind_annotate`.
///
/// # Errors
/// If callgrind is not there, or the program did not end well; the text says which, and what to do.
pub fn instructions(program: &Path, arguments: &[&str], profile: &Path) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*rask_bench*meter*counted*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args(arguments)
        // Where things lie seeds the hashes.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .map_err(|error| {
            format!("valgrind does not start: {error}. `make instructions` installs it where apt-get is; else install it")
        })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{} {} failed under callgrind:\n{said}", program.display(), arguments.join(" ")));
    }
    collected(&said).ok_or_else(|| format!("callgrind did not say how much it collected:\n{said}"))
}

/// The figure in the summary's line `==1== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    let figure = said.lines().rev().find_map(|line| line.split_once("Collected : "))?.1;
    figure.split_whitespace().next()?.parse().ok().filter(|&count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_summary_is_read() {
        let said =
            "==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(
            collected("==7== Collected : 0\n"),
            None,
            "nothing was counted: the name to count in is wrong"
        );
        assert_eq!(collected("Killed\n"), None);
    }
}
