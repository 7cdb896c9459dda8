//! Where a client or worker looks for its secret: what it was given, `RASK_ACCESS_FILE`, `RASK_SECRET`, this user's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rask_comm::{Address, ClusterId, Credentials, Role, Secret};

use crate::access::{self, AccessFile, from_hex};

/// The environment variable that names an access file.
pub const FILE_VARIABLE: &str = "RASK_ACCESS_FILE";
/// The environment variable that holds a secret in hexadecimal digits.
pub const SECRET_VARIABLE: &str = "RASK_SECRET";

/// What a user gave on the spot.
#[derive(Clone, Default, Debug)]
pub struct SecretSource {
    /// The secret itself.
    pub secret: Option<Secret>,
    /// An access file.
    pub access_file: Option<PathBuf>,
}

impl SecretSource {
    /// Looks in all places, in their order, once the cluster has said who it is.
    pub fn lookup(self, role: Role) -> Arc<dyn Fn(ClusterId) -> Result<Secret, String> + Send + Sync> {
        Arc::new(move |cluster| match &self.secret {
            Some(secret) => Ok(secret.clone()),
            None => find_secret(self.access_file.as_deref(), cluster, role),
        })
    }

    /// The same, as credentials for one connection.
    pub fn credentials(self, role: Role) -> Credentials {
        let lookup = self.lookup(role);
        Credentials::lookup(move |cluster| lookup(cluster))
    }
}

fn find_secret(given: Option<&Path>, cluster: ClusterId, role: Role) -> Result<Secret, String> {
    if let Some(path) = given {
        return from_file(path, cluster, role);
    }
    if let Some(path) = variable(FILE_VARIABLE) {
        return from_file(Path::new(&path), cluster, role);
    }
    if let Some(hex) = variable(SECRET_VARIABLE) {
        return from_hex(&hex)
            .map(Secret::new)
            .ok_or_else(|| format!("{SECRET_VARIABLE} is not hexadecimal"));
    }
    let path = access::folder().join(format!("{cluster}.json"));
    if path.exists() {
        return from_file(&path, cluster, role);
    }
    Err(format!(
        "no secret for cluster {cluster}: none was given, {FILE_VARIABLE} and {SECRET_VARIABLE} are not set, and {} does not \
         exist. Copy the scheduler's access file here and name it with access_file= (or --access-file)",
        path.display()
    ))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn from_file(path: &Path, cluster: ClusterId, role: Role) -> Result<Secret, String> {
    let file = AccessFile::read(path).map_err(|error| error.to_string())?;
    if file.cluster != cluster {
        return Err(format!(
            "{} is for cluster {}, but the scheduler there belongs to cluster {cluster}: it was restarted, or the file is old",
            path.display(),
            file.cluster
        ));
    }
    let (secret, whom) = match role {
        Role::Client => (file.client_secret, "clients"),
        _ => (file.worker_secret, "workers"),
    };
    secret.ok_or_else(|| format!("{} holds no secret for {whom}", path.display()))
}

/// The one cluster of this user that is live, for `rask worker` without an address.
///
/// # Errors
/// If there is none, or more than one: the text lists them.
pub fn find_cluster() -> Result<(PathBuf, AccessFile), String> {
    if let Some(path) = variable(FILE_VARIABLE).map(PathBuf::from) {
        return AccessFile::read(&path).map(|file| (path, file)).map_err(|error| error.to_string());
    }
    let folder = access::folder();
    let mut live = live_clusters(&folder);
    match live.len() {
        1 => Ok(live.remove(0)),
        0 => Err(format!(
            "no scheduler of yours is running (looked in {}): start one with `rask scheduler`, or give an address",
            folder.display()
        )),
        n => {
            let list: Vec<String> =
                live.iter().map(|(_, file)| format!("  {}", first_address(file))).collect();
            Err(format!("{n} schedulers of yours are running; name one of them:\n{}", list.join("\n")))
        }
    }
}

fn first_address(file: &AccessFile) -> String {
    file.addresses.first().map_or_else(|| "(no address)".to_owned(), Address::to_string)
}

fn live_clusters(folder: &Path) -> Vec<(PathBuf, AccessFile)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let read = |path: PathBuf| AccessFile::read(&path).ok().map(|file| (path, file));
    paths.into_iter().filter(is_json).filter_map(read).filter(|(_, file)| file.may_be_live()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_cluster_is_refused_with_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let file = AccessFile::new(vec![Address::tcp("h", 1)]);
        file.write(&path).unwrap();
        let found = find_secret(Some(&path), file.cluster, Role::Client);
        assert_eq!(found.ok(), file.client_secret);
        let found = find_secret(Some(&path), file.cluster, Role::Worker);
        assert_eq!(found.ok(), file.worker_secret);
        let refused = find_secret(Some(&path), ClusterId([7; 16]), Role::Client).unwrap_err();
        assert!(refused.contains(&file.cluster.to_string()) && refused.contains("0707"), "{refused}");
    }

    #[test]
    fn a_file_for_workers_lets_no_client_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let file = AccessFile { client_secret: None, ..AccessFile::new(vec![Address::tcp("h", 1)]) };
        file.write(&path).unwrap();
        assert!(
            find_secret(Some(&path), file.cluster, Role::Client)
                .unwrap_err()
                .contains("no secret for clients")
        );
    }

    #[test]
    fn dead_schedulers_are_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        let file = AccessFile::new(vec![Address::tcp("h", 1)]);
        file.write(&folder.path().join("live.json")).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        AccessFile { pid: child.id(), ..file.clone() }.write(&folder.path().join("dead.json")).unwrap();
        std::fs::write(folder.path().join("junk.json"), "{").unwrap();
        assert_eq!(live_clusters(folder.path()), vec![(folder.path().join("live.json"), file)]);
    }
}
