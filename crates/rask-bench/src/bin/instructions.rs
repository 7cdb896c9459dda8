//! Instructions per task of the hot paths: counts them and compares with the committed figures.
//!
//! ```text
//! instructions check FILE       # says what differs; fails if it does
//! instructions update FILE      # writes the file anew
//! instructions run PATH TASKS   # what is counted
//! ```

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use rask_bench::callgrind;
use rask_bench::figures::{Figures, TOLERANCE_PERCENT, Verdict};
use rask_bench::paths::PATHS;

/// Enough that what is done once does not matter, few enough that all paths take seconds.
const TASKS: usize = 20_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["check", file] => check(file),
        ["update", file] => update(file),
        ["run", path, tasks] => run(path, tasks).map(|tasks| println!("{tasks}")),
        _ => Err("usage: instructions check FILE | update FILE | run PATH TASKS".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str, tasks: &str) -> Result<usize, String> {
    let tasks = tasks.parse().map_err(|_| format!("{tasks:?} is no number of tasks"))?;
    let work =
        PATHS.iter().find(|(name, _)| *name == path).ok_or_else(|| format!("there is no path {path:?}"))?.1;
    Ok(work(tasks))
}

fn check(file: &str) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let old = Figures::parse(&text)?;
    let new = count()?;
    let mut wrong = Vec::new();
    println!("{:<30} {:>10} {:>10}", "instructions per task", "committed", "now");
    for (path, verdict) in old.compare(&new) {
        let figure =
            |figures: &Figures| figures.per_task.get(&path).map_or("-".to_owned(), |v| format!("{v:.1}"));
        let said = say(&verdict);
        println!("{path:<30} {:>10} {:>10}  {said}", figure(&old), figure(&new));
        if verdict != Verdict::Same {
            wrong.push(format!("{path}: {said}"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    if old.made_with != new.made_with {
        println!(
            "The committed figures are of another compiler or system, so this is no failure.\n  committed: {}\n  here:      {}",
            old.made_with, new.made_with
        );
        return Ok(());
    }
    Err(format!(
        "{file} no longer holds (tolerance {TOLERANCE_PERCENT} %):\n  {}\n\
         Where a path's instructions go: callgrind_annotate {}\n\
         If what is worse is worth it, or something is better: `make instructions-update`, and commit {file} with the \
         reason.",
        wrong.join("\n  "),
        profile("PATH", 2 * TASKS)?.display(),
    ))
}

fn say(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same => String::new(),
        Verdict::Worse(percent) => format!("{percent:.1} % worse"),
        Verdict::Better(percent) => format!("{percent:.1} % better: have the file say so"),
        Verdict::New => "new: the file does not have it".to_owned(),
        Verdict::Gone => "gone: the file still has it".to_owned(),
    }
}

fn update(file: &str) -> Result<(), String> {
    let text = count()?.text();
    print!("{text}");
    fs::write(file, text).map_err(|error| format!("{file}: {error}"))
}

/// Counts all paths, each for two numbers of tasks: the difference is what the tasks alone cost.
fn count() -> Result<Figures, String> {
    let mut figures = Figures { made_with: made_with()?, ..Figures::default() };
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    for (path, _) in PATHS {
        let counted = |tasks: usize| {
            callgrind::instructions(&program, &["run", path, &tasks.to_string()], &profile(path, tasks)?)
        };
        let more = counted(2 * TASKS)?.saturating_sub(counted(TASKS)?);
        figures.per_task.insert(path.to_owned(), more as f64 / TASKS as f64);
    }
    Ok(figures)
}

/// Where a path's profile is left: beside the program, which is in cargo's target folder.
fn profile(path: &str, tasks: usize) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let folder = program.with_file_name("instructions.profiles");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.join(format!("{}.{tasks}", path.replace('/', "."))))
}

/// The compiler, the target and the C library, whose `memcpy` and `malloc` count, too.
fn made_with() -> Result<String, String> {
    let compiler = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc does not start: {error}"))?;
    let said = String::from_utf8_lossy(&compiler.stdout);
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").to_owned();
    let library = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let library = library
        .map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    Ok(format!("rustc {}, {}, {library}", field("release: "), field("host: ")))
}
