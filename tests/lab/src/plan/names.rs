//! Names. Two labs never share one: everything that is global on the machine (network namespaces,
//! cgroups, the runtime folder, CNI's cache) carries a short hash of the lab's state folder, so labs
//! of two checkouts, or of two users' caches, do not meet even when both are called the same.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest lab name. It is part of the path of unix sockets, which have 108 characters in all.
const NAME_CHARS_MAX: usize = 20;

/// Longest state folder. The longest socket below it is kubelet's device plugin socket
/// (`/node31/kubelet/device-plugins/kubelet.sock`, 43 characters) and the kernel allows 107.
const STATE_CHARS_MAX: usize = 64;

/// The name a person gives a lab: lower-case letters, digits and dashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not the allowed letters.
    #[error(
        "lab name {0:?} must be 1 to {NAME_CHARS_MAX} lower-case letters, digits or dashes, \
         starting with a letter"
    )]
    Letters(String),
    /// The folder is too deep for unix sockets.
    #[error(
        "the state folder {} is longer than {STATE_CHARS_MAX} characters, too long for unix \
         sockets below it; set AUTHCLUSTER_CACHE to a shorter path", .0.display()
    )]
    Deep(PathBuf),
}

impl LabName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name for the labs of one checkout: `prefix` and a short hash of the folder. Two checkouts
    /// that test at the same time get two labs.
    ///
    /// # Errors
    /// When the prefix is no name or too long for the hash to fit.
    pub fn of_folder(prefix: &str, folder: &Path) -> Result<Self, NameError> {
        format!("{prefix}-{}", short_hash(folder)).parse()
    }
}

impl FromStr for LabName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts_well && text.len() <= NAME_CHARS_MAX && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::Letters(text.to_owned()))
    }
}

impl TryFrom<String> for LabName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Number of a node within its lab, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeNumber(pub u8);

impl fmt::Display for NodeNumber {
    /// The node's name in Kubernetes, `node1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node{}", self.0)
    }
}

/// The machine-wide names of one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabId(String);

impl LabId {
    /// The id of the lab whose state is kept in `state`.
    ///
    /// # Errors
    /// When the folder is too long for the sockets that go into it.
    pub fn of_state(state: &Path) -> Result<Self, NameError> {
        if state.as_os_str().len() > STATE_CHARS_MAX {
            return Err(NameError::Deep(state.to_path_buf()));
        }
        Ok(Self(short_hash(state)))
    }

    /// Network namespace of the control plane.
    #[must_use]
    pub fn netns(&self) -> String {
        format!("ac-{}", self.0)
    }

    /// Network namespace of a node.
    #[must_use]
    pub fn node_netns(&self, node: NodeNumber) -> String {
        format!("ac-{}-{node}", self.0)
    }

    /// The lab's cgroup below the root of each hierarchy.
    #[must_use]
    pub fn cgroup(&self) -> String {
        format!("authcluster-{}", self.0)
    }

    /// Folder for the shims' sockets. containerd allows 41 characters, so it cannot be in the state.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        PathBuf::from(format!("/run/authcluster-{}", self.0))
    }

    /// Name of the CNI network. CNI keeps files of this name in `/var/lib/cni`.
    #[must_use]
    pub fn cni_network(&self) -> String {
        format!("authcluster-{}", self.0)
    }
}

/// Six hex digits of SHA-256: one in 16 million for two labs to meet, and a namespace's name stays
/// short enough to read.
fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
