//! Where the scheduler is, for the commands that need one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rask_cluster::lookup::{FILE_VARIABLE, SECRET_VARIABLE};
use rask_cluster::{AccessError, AccessFile, access, find_cluster};
use rask_comm::{Address, ClusterId};

use crate::exit::{self, Failure};

/// The environment variable that names the scheduler.
const ADDRESS_VARIABLE: &str = "RASK_SCHEDULER_ADDRESS";

/// Where the scheduler is to be found, and where its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Door {
    /// Its address; without it, the access file has it.
    address: Option<Address>,
    /// The access file that was named.
    pub(crate) access_file: Option<PathBuf>,
}

impl Door {
    /// What the user named, else `RASK_SCHEDULER_ADDRESS`, else the only scheduler of this user that runs.
    pub(crate) fn find(named: Option<&str>, access_file: Option<PathBuf>) -> Result<Door, Failure> {
        let from_environment = || match &access_file {
            Some(_) => None,
            None => std::env::var(ADDRESS_VARIABLE).ok().filter(|text| !text.is_empty()),
        };
        if let Some(text) = named.map(str::to_owned).or_else(from_environment) {
            let address = text.parse().map_err(|error| Failure::usage(format!("{error}")))?;
            return Ok(Door { address: Some(address), access_file });
        }
        if access_file.is_some() {
            return Ok(Door { address: None, access_file });
        }
        let (path, _) = find_cluster().map_err(|text| Failure::new(exit::UNREACHABLE, text))?;
        Ok(Door { address: None, access_file: Some(path) })
    }

    /// Where to try, as of now.
    pub(crate) fn addresses(&self) -> Result<Vec<Address>, AccessError> {
        match (&self.address, &self.access_file) {
            (Some(address), _) => Ok(vec![address.clone()]),
            (None, Some(path)) => Ok(AccessFile::read(path)?.addresses),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// Which secret was shown to a scheduler that did not like it, in words.
    pub(crate) fn secret_place(&self, cluster: ClusterId) -> String {
        let set = |variable| std::env::var_os(variable).filter(|value: &OsString| !value.is_empty());
        if let Some(path) = &self.access_file {
            path.display().to_string()
        } else if let Some(path) = set(FILE_VARIABLE) {
            format!("{} (named by {FILE_VARIABLE})", Path::new(&path).display())
        } else if set(SECRET_VARIABLE).is_some() {
            format!("the environment variable {SECRET_VARIABLE}")
        } else {
            access::folder().join(format!("{cluster}.json")).display().to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_what_was_named() {
        let file = Some(PathBuf::from("a.json"));
        let door = Door::find(Some("h:1"), file.clone()).unwrap();
        assert_eq!(door, Door { address: Some(Address::tcp("h", 1)), access_file: file.clone() });
        assert_eq!(Door::find(None, file.clone()), Ok(Door { address: None, access_file: file }));
        assert_eq!(Door::find(Some("http://h"), None).unwrap_err().code, exit::USAGE);
    }
}
