//! The native binary as a user runs it, with a shell script in Python's place: what it prints, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Does as an interpreter that has rask: a worker tells its settings and its process id, and lives as long as its lifeline.
const WORKER: &str =
    "#!/bin/sh\n[ \"$1\" = -c ] && exit 0\nread -r line\necho \"settings $line\"\nexec cat >/dev/null\n";
/// Cannot import rask.
const NO_RASK: &str = "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'rask'\" >&2\nexit 1\n";
/// A worker that dies at once.
const DYING: &str = "#!/bin/sh\n[ \"$1\" = -c ] && exit 0\nexit 7\n";

/// A user's folder of access files, and their Python.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn with(python: &str) -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        fs::write(desk.path("python"), python).unwrap();
        fs::set_permissions(desk.path("python"), fs::Permissions::from_mode(0o700)).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn access_files(&self) -> usize {
        fs::read_dir(self.path("access")).map_or(0, |entries| entries.count())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rask"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in ["RASK_ACCESS_FILE", "RASK_SECRET", "RASK_SCHEDULER_ADDRESS"] {
            command.env_remove(variable);
        }
        command.env("RASK_ACCESS_DIR", self.path("access")).env("RASK_PYTHON", self.path("python"));
        // Whoever runs the tests in the background may have them ignore SIGINT or SIGHUP, and children inherit that.
        let heed = || {
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                // SAFETY: restores a default before the program is executed, which is async-signal-safe.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            Ok(())
        };
        // SAFETY: `heed` does nothing but the calls above.
        unsafe { command.pre_exec(heed) };
        command
    }

    /// Starts `rask` with these arguments.
    fn start(&self, args: &[&str]) -> Running {
        self.start_command(self.command(args))
    }

    fn start_command(&self, mut command: Command) -> Running {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines }
    }

    /// A scheduler at a free port, and its address.
    fn scheduler(&self, more: &[&str]) -> (Running, String) {
        let mut scheduler =
            self.start(&[&["scheduler", "--port", "0", "--dashboard-address", ":0"], more].concat());
        let line = scheduler.line_with(" at tcp://");
        let address = line.split(" at tcp://").nth(1).unwrap().to_owned();
        scheduler.line_with("Ctrl-C ends it.");
        (scheduler, address)
    }
}

/// A command that runs; killed if a test fails before its end.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// The next line on standard output that contains this.
    fn line_with(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                panic!("it ended without a line with {part:?}: {}", self.errors());
            }
            if line.contains(part) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: signals a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
    }

    /// Waits for the end: the exit code, the rest of the standard output, and the standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        self.lines.read_to_string(&mut out).unwrap();
        let errors = self.errors();
        (self.child.wait().unwrap().code(), out, errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Mostly it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_and_version_are_short() {
    let desk = Desk::with(WORKER);
    let (code, out, _) = desk.start(&["--version"]).end();
    assert_eq!((code, out.as_str()), (Some(0), concat!("rask ", env!("CARGO_PKG_VERSION"), "\n")));
    let (code, out, _) = desk.start(&["--help"]).end();
    assert_eq!(code, Some(0));
    assert!(
        out.contains("rask scheduler") && out.contains("rask worker") && out.lines().count() < 25,
        "{out}"
    );
    let (code, _, errors) = desk.start(&["dance"]).end();
    assert_eq!(code, Some(2));
    assert!(errors.contains("dance"), "{errors}");
    let (code, _, errors) = desk.start(&["worker", "--lifetime", "3h"]).end();
    assert_eq!(code, Some(2));
    assert!(errors.starts_with("rask: --lifetime is not offered yet: "), "{errors}");
}

#[test]
fn a_scheduler_leaves_its_access_file_while_it_runs() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let desk = Desk::with(WORKER);
        let pid_file = desk.path("pid");
        let (scheduler, address) = desk.scheduler(&["--pid-file", pid_file.to_str().unwrap()]);
        assert!(address.starts_with("127.0.0.1:"), "closed to other machines by default: {address}");
        assert_eq!(desk.access_files(), 1);
        assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{}\n", scheduler.child.id()));
        scheduler.signal(signal);
        let (code, out, errors) = scheduler.end();
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert!(out.contains("ended by a signal"), "{out}");
        assert_eq!(desk.access_files(), 0);
        assert!(!pid_file.exists());
    }
}

#[test]
fn a_port_in_use_is_said_in_one_line() {
    let desk = Desk::with(WORKER);
    let (_scheduler, address) = desk.scheduler(&[]);
    let port = address.split(':').nth(1).unwrap();
    let (code, _, errors) = desk.start(&["scheduler", "--port", port]).end();
    assert_eq!(code, Some(2));
    assert!(errors.contains(&format!("port {port} is in use")) && errors.contains("--port"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert_eq!(desk.access_files(), 1, "the one that failed has left nothing");
}

#[test]
fn a_restarted_scheduler_is_the_same_cluster() {
    let desk = Desk::with(WORKER);
    let file = desk.path("mine.json");
    let flags = ["--access-file", file.to_str().unwrap()];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (scheduler, address) = desk.scheduler(&flags);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&address), "{text}");
        seen.push(
            text.lines()
                .filter(|line| line.contains("secret") || line.contains("cluster"))
                .collect::<String>(),
        );
        scheduler.signal(libc::SIGTERM);
        assert_eq!(scheduler.end().0, Some(0));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn workers_join_by_address_by_file_or_because_there_is_one_scheduler() {
    let desk = Desk::with(WORKER);
    let file = desk.path("mine.json");
    let (scheduler, address) = desk.scheduler(&["--scheduler-file", file.to_str().unwrap()]);
    let by_file = ["--scheduler-file", file.to_str().unwrap()];
    let size = [
        "--name",
        "w",
        "--nworkers",
        "2",
        "--nthreads",
        "3",
        "--memory-limit",
        "1MB",
        "--resources",
        "GPU=2",
    ];
    let mut workers: Vec<Running> = [&[address.as_str()][..], &by_file, &[]]
        .iter()
        .map(|flags| desk.start(&[&["worker"], *flags, &size].concat()))
        .collect();
    for worker in &mut workers {
        let settings = worker.line_with("settings") + &worker.line_with("settings");
        for part in
            ["\"w-0\"", "\"w-1\"", "\"nthreads\":3", "\"memory_limit\":1000000", "{\"GPU\":2.0}", &address]
        {
            assert!(settings.contains(part), "{part}: {settings}");
        }
    }
    let last = workers.pop().unwrap();
    for (worker, signal) in workers.into_iter().zip([libc::SIGINT, libc::SIGTERM]) {
        worker.signal(signal);
        let (code, out, errors) = worker.end();
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert!(out.contains("ended by a signal"), "{out}");
    }
    scheduler.signal(libc::SIGKILL);
    let (code, out, _) = last.end();
    assert_eq!(code, Some(0), "workers end with their scheduler");
    assert!(out.contains(&format!("left tcp://{address}")), "{out}");
}

#[test]
fn explain_asks_the_scheduler_that_there_is() {
    let desk = Desk::with(WORKER);
    let file = desk.path("mine.json");
    let (_scheduler, address) = desk.scheduler(&["--access-file", file.to_str().unwrap()]);
    let by_file = ["--access-file", file.to_str().unwrap()];
    for flags in [&["--scheduler", address.as_str()][..], &by_file, &[]] {
        for key in ["inc-1", "('x', 0)", "-1", "--x"] {
            let (code, out, errors) = desk.start(&[&["explain"], flags, &[key]].concat()).end();
            assert_eq!((code, out.as_str()), (Some(6), ""), "{flags:?} {key}: {errors}");
            let unknown = format!("rask explain: {key} is not known here");
            assert!(errors.starts_with(&unknown) && errors.lines().count() == 1, "{errors}");
        }
    }
    let other = Desk::with(WORKER);
    let (code, _, errors) = other.start(&["explain", "x", "--scheduler", &address]).end();
    assert_eq!(code, Some(4), "no secret: {errors}");
    let mut wrong = other.command(&["explain", "x", "--scheduler", &address]);
    wrong.env("RASK_SECRET", "00".repeat(32));
    let (code, _, errors) = other.start_command(wrong).end();
    assert_eq!(code, Some(4), "{errors}");
    assert!(errors.starts_with("rask explain: ") && errors.lines().count() == 1, "{errors}");
}

#[test]
fn explain_says_what_is_wrong() {
    let desk = Desk::with(WORKER);
    assert_eq!(desk.start(&["explain"]).end().0, Some(2), "which task?");
    assert_eq!(desk.start(&["explain", "x", "--timeout", "soon"]).end().0, Some(2));
    assert_eq!(desk.start(&["explain", "x", "--scheduler", "http://h"]).end().0, Some(2));
    let (code, _, errors) = desk.start(&["explain", "x"]).end();
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("no scheduler of yours is running"), "{errors}");
    let nobody = ["explain", "x", "--scheduler", "127.0.0.1:1", "--timeout", "0.2"];
    let (code, _, errors) = desk.start(&nobody).end();
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("127.0.0.1:1"), "{errors}");
}

#[test]
fn one_worker_without_a_nanny_ends_with_its_process() {
    let desk = Desk::with(WORKER);
    let (_scheduler, address) = desk.scheduler(&[]);
    let mut worker = desk.start(&["worker", &address, "--no-nanny"]);
    let settings = worker.line_with("settings");
    assert!(!settings.contains("instance"), "{settings}");
    worker.signal(libc::SIGTERM);
    assert_eq!(worker.end().0, Some(0));

    let desk = Desk::with(DYING);
    let (_scheduler, address) = desk.scheduler(&[]);
    let (code, _, errors) = desk.start(&["worker", &address, "--no-nanny", "--name", "w"]).end();
    assert_eq!(code, Some(1));
    assert!(errors.contains("the worker w ended: exit status: 7"), "{errors}");
}

#[test]
fn a_worker_that_cannot_live_is_given_up() {
    let desk = Desk::with(DYING);
    let (_scheduler, address) = desk.scheduler(&[]);
    let (code, _, errors) = desk.start(&["worker", &address, "--name", "w"]).end();
    assert_eq!(code, Some(1));
    assert!(errors.contains("worker w ended") && errors.contains("exit code 7"), "{errors}");
}

#[test]
fn without_a_scheduler_a_worker_waits_and_then_says_so() {
    let desk = Desk::with(WORKER);
    let (code, _, errors) = desk.start(&["worker"]).end();
    assert_eq!(code, Some(3));
    assert!(errors.contains("rask scheduler"), "{errors}");

    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut worker = desk.start(&["worker", &address, "--death-timeout", "200ms"]);
    worker.line_with("waiting up to 0.2 s");
    let (code, _, errors) = worker.end();
    assert_eq!(code, Some(3));
    assert!(errors.contains(&address) && errors.contains("--death-timeout"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");

    let mut worker = desk.start(&["worker", &address]);
    worker.line_with("waiting up to 30 s");
    worker.signal(libc::SIGINT);
    assert_eq!(worker.end().0, Some(0));
}

#[test]
fn a_worker_finds_a_scheduler_that_comes_later() {
    let desk = Desk::with(WORKER);
    let file = desk.path("mine.json");
    let flags = ["--access-file", file.to_str().unwrap()];
    let mut worker = desk.start(&[&["worker"][..], &flags].concat());
    worker.line_with("mine.json does not exist; waiting");
    let (_scheduler, address) = desk.scheduler(&flags);
    worker.line_with(&format!("joined tcp://{address}"));
}

#[test]
fn several_schedulers_are_listed() {
    let desk = Desk::with(WORKER);
    let (_one, first) = desk.scheduler(&[]);
    let (_two, second) = desk.scheduler(&[]);
    let (code, _, errors) = desk.start(&["worker"]).end();
    assert_eq!(code, Some(3));
    assert!(errors.contains(&first) && errors.contains(&second), "{errors}");
}

#[test]
fn without_the_secret_nobody_joins_and_the_place_is_named() {
    let desk = Desk::with(WORKER);
    let (_scheduler, address) = desk.scheduler(&[]);
    let elsewhere = Desk::with(WORKER);
    let (code, _, errors) = elsewhere.start(&["worker", &address]).end();
    assert_eq!(code, Some(4));
    assert!(errors.contains(elsewhere.path("access").to_str().unwrap()), "{errors}");
    assert!(errors.contains("RASK_ACCESS_FILE") && errors.contains("--access-file"), "{errors}");

    let mut command = elsewhere.command(&["worker", &address]);
    command.env("RASK_SECRET", "00");
    let (code, _, errors) = elsewhere.start_command(command).end();
    assert_eq!(code, Some(4));
    assert!(errors.contains("RASK_SECRET"), "{errors}");
}

#[test]
fn a_python_without_rask_is_named() {
    let desk = Desk::with(NO_RASK);
    let (code, _, errors) = desk.start(&["worker", "127.0.0.1:1"]).end();
    assert_eq!(code, Some(2));
    let python = desk.path("python");
    assert!(errors.contains(python.to_str().unwrap()) && errors.contains("RASK_PYTHON"), "{errors}");
    assert!(errors.contains("No module named 'rask'"), "{errors}");
}

#[test]
fn a_scheduler_of_another_version_is_named_with_both() {
    let desk = Desk::with(WORKER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let worker = desk.start(&["worker", &address, "--access-file", "never-read.json"]);
    // What another version would answer: the same hello with its own numbers.
    let (mut stream, _) = listener.accept().unwrap();
    let mut hello = [0; 80];
    stream.read_exact(&mut hello).unwrap();
    hello[8..10].copy_from_slice(&999_u16.to_le_bytes());
    hello[12..28].copy_from_slice(b"9.8.7\0\0\0\0\0\0\0\0\0\0\0");
    stream.write_all(&hello).unwrap();
    let (code, _, errors) = worker.end();
    assert_eq!(code, Some(5), "{errors}");
    assert!(errors.contains("9.8.7") && errors.contains(env!("CARGO_PKG_VERSION")), "{errors}");
}

#[test]
fn what_is_no_scheduler_is_not_waited_for() {
    let desk = Desk::with(WORKER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let worker = desk.start(&["worker", &listener.local_addr().unwrap().to_string()]);
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    let (code, _, errors) = worker.end();
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("is not a scheduler of rask"), "{errors}");
}
