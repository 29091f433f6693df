//! Down: everything that a lab put on the machine goes, whether it ended well, crashed half way, or its
//! record is lost. What belongs to a lab is known by its names and places alone. At the end it is
//! looked up again, and what is left is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::Signal;

use crate::cgroups::Cgroups;
use crate::clock::{self, Seen};
use crate::error::{Error, Result};
use crate::network::Network;
use crate::plan::names::LabId;
use crate::process::{Components, signal};
use crate::site;

/// Killed processes are gone at once, unless the kernel writes their memory out.
const KILL_BOUND: Duration = Duration::from_secs(15);

/// CNI's own memory of the pods it connected.
const CNI_RESULTS: &str = "/var/lib/cni/results";

/// Where a lab is on the machine.
pub(crate) struct Places {
    pub(crate) id: LabId,
    pub(crate) state: PathBuf,
    pub(crate) cgroups: Cgroups,
    pub(crate) components: Components,
}

impl Places {
    /// Removes everything, or says what could not be removed.
    pub(crate) fn clear(&self) -> Result<()> {
        kill_all(&|| self.pids());
        unmount_below(&self.state)?;
        for netns in Network::namespaces(&self.id)? {
            Network::delete(&netns)?;
        }
        self.cgroups.remove()?;
        for file in self.cni_files() {
            fs::remove_file(&file).map_err(Error::file("remove", &file))?;
        }
        site::remove_folder(&self.id.run_dir())?;
        // Only now: a mount below the state could be of a folder that is not the lab's.
        site::remove_folder(&self.state)?;
        let left = self.left();
        if left.is_empty() { Ok(()) } else { Err(Error::LeftBehind(left)) }
    }

    /// What is on the machine of this lab, in words.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> =
            self.pids().iter().map(|pid| format!("process {pid}")).collect();
        left.extend(
            mounts_below(&self.state).iter().map(|path| format!("mount {}", path.display())),
        );
        let namespaces = Network::namespaces(&self.id).unwrap_or_default();
        left.extend(namespaces.iter().map(|name| format!("network namespace {name}")));
        let files = self.cni_files();
        left.extend(files.iter().map(|path| format!("file {}", path.display())));
        for folder in [&self.id.run_dir(), &self.state] {
            if folder.exists() {
                left.push(format!("folder {}", folder.display()));
            }
        }
        left
    }

    fn pids(&self) -> Vec<i32> {
        let mut pids = self.components.live_pids();
        pids.extend(self.cgroups.pids(None));
        for netns in Network::namespaces(&self.id).unwrap_or_default() {
            pids.extend(Network::pids(&netns));
        }
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The pods' loopback is a network of the same name in every lab; its files name the namespace, which
    /// is below the state.
    fn cni_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(CNI_RESULTS) else { return Vec::new() };
        let own_network = format!("{}-", self.id.cni_network());
        let own_state = format!("{}/", self.state.display());
        let is_own = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&own_network)
                || fs::read_to_string(path).is_ok_and(|text| text.contains(&own_state))
        };
        entries.flatten().map(|entry| entry.path()).filter(is_own).collect()
    }
}

/// Kills what `pids` names until it names nothing. A process that outlives this shows in the count at the end.
pub(crate) fn kill_all(pids: &dyn Fn() -> Vec<i32>) {
    let gone = clock::eventually("the lab's processes are gone", KILL_BOUND, || {
        let pids = pids();
        pids.iter().for_each(|pid| signal(*pid, Signal::KILL));
        Ok(if pids.is_empty() { Seen::Yes } else { Seen::No(format!("{pids:?}")) })
    });
    drop(gone);
}

/// Unmounts what is mounted below a folder, the deepest first, also what is still in use.
pub(crate) fn unmount_below(folder: &Path) -> Result<()> {
    for path in mounts_below(folder).iter().rev() {
        unmount(path, UnmountFlags::DETACH)
            .map_err(|errno| Error::file("unmount", path)(errno.into()))?;
    }
    let left = mounts_below(folder);
    match left.first() {
        None => Ok(()),
        Some(path) => Err(Error::LeftBehind(vec![format!("mount {}", path.display())])),
    }
}

fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    parse_mounts(&text, folder)
}

/// Mount points below a folder, in the order in which they were mounted.
fn parse_mounts(mountinfo: &str, folder: &Path) -> Vec<PathBuf> {
    let places = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    // The kernel writes a space in a path as \040.
    let paths = places.map(|place| PathBuf::from(place.replace("\\040", " ")));
    paths.filter(|path| path.starts_with(folder)).collect()
}

#[cfg(test)]
mod tests;
