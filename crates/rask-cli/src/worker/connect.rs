//! Finding the scheduler and joining it, with patience for one that is not there yet.

use std::io;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rask_cluster::nanny::Reach;
use rask_cluster::{AccessError, Nanny, NannyOptions, SecretSource, WorkerCommand};
use rask_comm::{Address, CloseReason, ClusterId, Credentials, HandshakeError, Role, Secret};

use crate::door::Door;
use crate::exit::{self, Failure};
use crate::say;
use crate::signals::Interrupt;

/// Pauses between attempts grow from this …
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// … to this.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A scheduler that let us in.
pub(super) struct Joined {
    pub(super) nanny: Nanny,
    pub(super) scheduler: Address,
    pub(super) secret: Secret,
}

/// Why an attempt failed.
enum Refusal {
    /// It may be different a moment later.
    NotYet(String),
    /// It will stay like this.
    Never(Failure),
    /// A signal came.
    Interrupted,
}

/// Where to try, as of now: a scheduler that was restarted may have left another address in its file.
fn addresses(door: &Door) -> Result<Vec<Address>, Refusal> {
    door.addresses().map_err(|error| match error {
        AccessError::Io(path, error) if error.kind() == io::ErrorKind::NotFound => {
            Refusal::NotYet(format!("{} does not exist", path.display()))
        }
        error => Refusal::Never(Failure::usage(error.to_string())),
    })
}

/// Joins the scheduler, and tries again until `patience` is over; `None` if a signal came first.
pub(super) fn join(
    door: &Door,
    command: &WorkerCommand,
    folder: &Path,
    patience: Duration,
    interrupt: &Interrupt,
) -> Result<Option<Joined>, Failure> {
    let until = Instant::now() + patience;
    let mut pause = PAUSE_FIRST;
    let mut waiting = false;
    loop {
        let why = match attempt(door, command, folder, until, interrupt) {
            Ok(joined) => return Ok(Some(joined)),
            Err(Refusal::Never(failure)) => return Err(failure),
            Err(Refusal::Interrupted) => return Ok(None),
            Err(Refusal::NotYet(why)) => why,
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let text = format!(
                "{why} (waited {} s): start a scheduler with `rask scheduler`, or wait longer with --death-timeout",
                patience.as_secs_f32()
            );
            return Err(Failure::new(exit::UNREACHABLE, text));
        }
        if !waiting {
            say(&format!("rask worker: {why}; waiting up to {} s for it", patience.as_secs_f32()));
            waiting = true;
        }
        if interrupt.wait(pause.min(left)) {
            return Ok(None);
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Tries all addresses once.
fn attempt(
    door: &Door,
    command: &WorkerCommand,
    folder: &Path,
    until: Instant,
    interrupt: &Interrupt,
) -> Result<Joined, Refusal> {
    let mut refusal = Refusal::NotYet("the access file names no address".to_owned());
    for address in addresses(door)? {
        let (found, secret) = channel();
        let credentials = watched_credentials(door, found);
        let reach = Reach::Socket(address.clone(), credentials);
        let options = NannyOptions { reach, command: command.clone(), folder: folder.to_owned(), sink: None };
        let nanny = Nanny::start(options)
            .map_err(|error| Refusal::Never(Failure::new(exit::BROKEN, error.to_string())))?;
        let reason = loop {
            match nanny.wait_until_connected(PAUSE_FIRST) {
                Ok(()) => break None,
                Err(Some(reason)) => break Some(reason),
                Err(None) if interrupt.wait(Duration::ZERO) => return Err(Refusal::Interrupted),
                Err(None) if Instant::now() >= until => {
                    break Some(CloseReason::ConnectTimeout { address: address.to_string() });
                }
                Err(None) => {}
            }
        };
        let shown = secret.try_iter().last();
        match (reason, shown) {
            (None, Some((_, secret))) => return Ok(Joined { nanny, scheduler: address, secret }),
            (None, None) => unreachable!("nobody is let in without having shown a secret"),
            (Some(reason), shown) => {
                let cluster = shown.map_or(ClusterId::UNKNOWN, |(cluster, _)| cluster);
                refusal = judge(&reason, &address, || door.secret_place(cluster));
            }
        }
        if matches!(refusal, Refusal::Never(_)) {
            break;
        }
    }
    Err(refusal)
}

/// Credentials that also tell which secret was found for which cluster.
fn watched_credentials(door: &Door, found: std::sync::mpsc::Sender<(ClusterId, Secret)>) -> Credentials {
    let source = SecretSource { secret: None, access_file: door.access_file.clone() };
    match source.credentials(Role::Worker) {
        Credentials::Lookup(find) => Credentials::lookup(move |cluster| {
            let secret = find(cluster)?;
            // Nobody listens any more once the command ends.
            let _ = found.send((cluster, secret.clone()));
            Ok(secret)
        }),
        given @ Credentials::Secret(_) => given,
    }
}

/// What a failed attempt means.
fn judge(reason: &CloseReason, address: &Address, secret_place: impl Fn() -> String) -> Refusal {
    let never = |code, text| Refusal::Never(Failure::new(code, text));
    match reason {
        CloseReason::Handshake(HandshakeError::WrongSecret) => never(
            exit::NO_ACCESS,
            format!(
                "the scheduler at {address} refused the worker secret of {}: copy its present access file there, or name it \
                 with --access-file",
                secret_place()
            ),
        ),
        CloseReason::Handshake(HandshakeError::NoSecret(why)) => {
            never(exit::NO_ACCESS, format!("scheduler at {address}: {why}"))
        }
        CloseReason::Handshake(HandshakeError::RoleRefused(_)) => {
            never(exit::NO_ACCESS, format!("{address} is not a scheduler that takes workers"))
        }
        CloseReason::Handshake(error @ HandshakeError::VersionMismatch { .. }) => {
            never(exit::OTHER_VERSION, format!("scheduler at {address}: {error}"))
        }
        CloseReason::Handshake(HandshakeError::NotRask) | CloseReason::HandshakeTimeout => {
            never(exit::UNREACHABLE, format!("{address} is not a scheduler of rask: {reason}"))
        }
        reason if reason.is_unreachable() => Refusal::NotYet(format!("no scheduler answers: {reason}")),
        reason => Refusal::NotYet(format!("the scheduler at {address} did not let us in: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rask_cluster::AccessFile;
    use rask_comm::Version;

    fn code(reason: CloseReason) -> Option<i32> {
        let address = Address::tcp("h", 1);
        match judge(&reason, &address, || "the file".to_owned()) {
            Refusal::Never(failure) => {
                assert!(failure.text.contains("tcp://h:1"), "{failure}");
                Some(failure.code)
            }
            _ => None,
        }
    }

    #[test]
    fn only_what_time_may_mend_is_tried_again() {
        let version = |rask: &str| Version { protocol: 1, rask: rask.to_owned() };
        let mismatch = HandshakeError::VersionMismatch { ours: version("1"), theirs: version("2") };
        assert_eq!(code(CloseReason::Handshake(HandshakeError::WrongSecret)), Some(exit::NO_ACCESS));
        assert_eq!(code(CloseReason::Handshake(HandshakeError::NoSecret("x".into()))), Some(exit::NO_ACCESS));
        assert_eq!(code(CloseReason::Handshake(mismatch)), Some(exit::OTHER_VERSION));
        assert_eq!(code(CloseReason::Handshake(HandshakeError::NotRask)), Some(exit::UNREACHABLE));
        assert_eq!(code(CloseReason::ConnectTimeout { address: "a".into() }), None);
        assert_eq!(code(CloseReason::Handshake(HandshakeError::Truncated)), None);
        assert_eq!(code(CloseReason::Peer), None);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.json");
        let door = Door::find(None, Some(path.clone())).unwrap();
        assert!(matches!(addresses(&door), Err(Refusal::NotYet(why)) if why.contains("access.json")));
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(addresses(&door), Err(Refusal::Never(failure)) if failure.code == exit::USAGE));
        AccessFile::new(vec![Address::tcp("h", 1)]).write(&path).unwrap();
        assert!(matches!(addresses(&door), Ok(addresses) if addresses == [Address::tcp("h", 1)]));
    }
}
