//! The access file: what a scheduler leaves for those who may join its cluster. Whoever can read it can join, so it is
//! readable by its owner alone; with a shared home folder nothing needs to be configured.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rask_comm::{Acceptance, Address, ClusterId, Secret, Secrets};
use rask_dashboard::DashboardOptions;
use serde_json::{Value, json};

use crate::entropy::random_bytes;

/// The environment variable that names another folder for access files.
pub const FOLDER_VARIABLE: &str = "RASK_ACCESS_DIR";

/// The form of the file; a reader refuses others.
const FORM: u64 = 1;

/// Read-only, and in a link that people copy: half as long as the secrets.
const TOKEN_BYTES: usize = 16;
/// A shorter token can be guessed, and is none.
const TOKEN_BYTES_MIN: usize = 8;

/// What an access file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessFile {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Where its scheduler listens, the address for users first.
    pub addresses: Vec<Address>,
    /// Lets clients in; absent from a file made for workers.
    pub client_secret: Option<Secret>,
    /// Lets workers in; absent from a file made for clients.
    pub worker_secret: Option<Secret>,
    /// Lets readers of the dashboard in; absent from a file made for those who join, and from old ones.
    pub dashboard_token: Option<Secret>,
    /// The scheduler's process.
    pub pid: u32,
    /// The scheduler's host.
    pub host: String,
}

/// Why an access file is of no use.
#[derive(Debug)]
pub enum AccessError {
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
    /// It is not an access file.
    Malformed(PathBuf, &'static str),
}

impl std::fmt::Display for AccessError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AccessError::Io(path, error) => write!(f, "access file {}: {error}", path.display()),
            AccessError::Malformed(path, why) => {
                write!(f, "{} is not a rask access file: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for AccessError {}

/// The folder where this user's clusters leave their files: `RASK_ACCESS_DIR`, else `rask/clusters` in the state folder.
pub fn folder() -> PathBuf {
    let of = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    of(FOLDER_VARIABLE).unwrap_or_else(|| {
        let state = of("XDG_STATE_HOME").or_else(|| of("HOME").map(|home| home.join(".local/state")));
        state.unwrap_or_else(std::env::temp_dir).join("rask/clusters")
    })
}

impl AccessFile {
    /// A new cluster with fresh secrets, its scheduler in this process.
    pub fn new(addresses: Vec<Address>) -> AccessFile {
        AccessFile {
            cluster: ClusterId(random_bytes()),
            addresses,
            client_secret: Some(Secret::new(random_bytes::<32>())),
            worker_secret: Some(Secret::new(random_bytes::<32>())),
            dashboard_token: Some(new_dashboard_token()),
            pid: std::process::id(),
            host: hostname(),
        }
    }

    /// The token as it stands in the dashboard's link, in hexadecimal digits; a new one if there is none so far.
    pub fn dashboard_token_text(&mut self) -> String {
        to_hex(self.dashboard_token.get_or_insert_with(new_dashboard_token).bytes())
    }

    /// What a dashboard of this cluster needs to be served on this machine.
    pub fn dashboard_options(&mut self, host: String, port: u16) -> DashboardOptions {
        DashboardOptions {
            host,
            port,
            link_host: None,
            machine_names: vec![hostname()],
            cluster: self.cluster.to_string(),
            token: self.dashboard_token_text(),
        }
    }

    /// Whom the scheduler lets in.
    pub fn acceptance(&self) -> Acceptance {
        Acceptance::new(Secrets {
            cluster: self.cluster,
            client: self.client_secret.clone(),
            worker: self.worker_secret.clone(),
            data: None,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is something else.
    pub fn read(path: &Path) -> Result<AccessFile, AccessError> {
        let text = fs::read_to_string(path).map_err(|error| AccessError::Io(path.to_owned(), error))?;
        parse(&text).map_err(|why| AccessError::Malformed(path.to_owned(), why))
    }

    /// Writes the file, readable by its owner alone, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), AccessError> {
        let failed = |error| AccessError::Io(path.to_owned(), error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let staged = folder.join(format!(".{}.{}", self.cluster, std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&staged)
            .map_err(failed)?;
        file.write_all(self.to_text().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&staged, path).map_err(failed)
    }

    /// Writes the file into this user's folder; it is removed when the guard is dropped.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn publish(&self) -> Result<AccessGuard, AccessError> {
        let path = folder().join(format!("{}.json", self.cluster));
        self.write(&path)?;
        Ok(AccessGuard { path })
    }

    /// False if the scheduler was on this host and its process is gone.
    pub fn may_be_live(&self) -> bool {
        if self.host != hostname() {
            return true;
        }
        let Ok(pid) = libc::pid_t::try_from(self.pid) else { return false };
        // SAFETY: signal 0 only asks whether the process exists.
        let answer = unsafe { libc::kill(pid, 0) };
        answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }

    fn to_text(&self) -> String {
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| to_hex(secret.bytes()));
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let value = json!({
            "rask_access_file": FORM,
            "cluster": self.cluster.to_string(),
            "address": addresses.first(),
            "addresses": addresses,
            "client_secret": secret(&self.client_secret),
            "worker_secret": secret(&self.worker_secret),
            "dashboard_token": secret(&self.dashboard_token),
            "pid": self.pid,
            "host": self.host,
        });
        format!("{value:#}\n")
    }
}

fn new_dashboard_token() -> Secret {
    Secret::new(random_bytes::<TOKEN_BYTES>())
}

fn parse(text: &str) -> Result<AccessFile, &'static str> {
    let value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON")?;
    match value["rask_access_file"].as_u64() {
        Some(FORM) => {}
        Some(_) => return Err("it was written by another version of rask"),
        None => return Err("the entry rask_access_file is missing"),
    }
    let cluster = value["cluster"].as_str().and_then(from_hex).and_then(|bytes| bytes.try_into().ok());
    let secret = |name: &str| value[name].as_str().and_then(from_hex).map(Secret::new);
    let addresses = value["addresses"].as_array().ok_or("the entry addresses is missing")?;
    let address = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    Ok(AccessFile {
        cluster: ClusterId(cluster.ok_or("the entry cluster is not 32 hexadecimal digits")?),
        addresses: addresses.iter().map(address).collect::<Option<_>>().ok_or("an address is malformed")?,
        client_secret: secret("client_secret"),
        worker_secret: secret("worker_secret"),
        dashboard_token: secret("dashboard_token").filter(|token| token.bytes().len() >= TOKEN_BYTES_MIN),
        pid: value["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0),
        host: value["host"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Removes a published access file when dropped.
#[derive(Debug)]
pub struct AccessGuard {
    path: PathBuf,
}

impl AccessGuard {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AccessGuard {
    fn drop(&mut self) {
        // Someone may have tidied up before; nothing is lost either way.
        let _ = fs::remove_file(&self.path);
    }
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits; `None` if the text is anything else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// This host's name.
pub fn hostname() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is as long as is said, and the call ends the name with a zero if it fits.
    let answer = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    if answer == 0 { String::from_utf8_lossy(&name[..len]).into_owned() } else { "localhost".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file() -> AccessFile {
        AccessFile::new(vec![Address::tcp("127.0.0.1", 8786), Address::Unix("/run/rask/s".into())])
    }

    #[test]
    fn a_file_comes_back_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/down/access.json");
        let written = file();
        written.write(&path).unwrap();
        assert_eq!(AccessFile::read(&path).unwrap(), written);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(written.may_be_live());
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        for text in
            ["", "{}", "[1]", "{\"rask_access_file\": 99}", "{\"rask_access_file\": 1, \"addresses\": []}"]
        {
            fs::write(&path, text).unwrap();
            let error = AccessFile::read(&path).unwrap_err().to_string();
            assert!(error.contains("x.json"), "{error}");
        }
        assert!(AccessFile::read(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_file_without_a_dashboard_token_gets_one_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.json");
        AccessFile { dashboard_token: None, ..file() }.write(&path).unwrap();
        let mut old = AccessFile::read(&path).unwrap();
        assert_eq!(old.dashboard_token, None);
        let token = old.dashboard_token_text();
        assert_eq!((token.len(), token.clone()), (2 * TOKEN_BYTES, old.dashboard_token_text()));
        old.write(&path).unwrap();
        assert_eq!(AccessFile::read(&path).unwrap().dashboard_token_text(), token);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&token, "00")).unwrap();
        assert_eq!(AccessFile::read(&path).unwrap().dashboard_token, None, "a short one is none");
    }

    #[test]
    fn hex_comes_back() {
        assert_eq!(from_hex(&to_hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn a_dead_process_is_not_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!AccessFile { pid: child.id(), ..file() }.may_be_live());
    }
}
