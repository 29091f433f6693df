//! Control groups of a lab. Version 1 (one hierarchy a controller) and version 2 are told apart by what is
//! mounted at /sys/fs/cgroup.
//!
//! ```text
//! authcluster-<id>/control            etcd, API server, ...
//! authcluster-<id>/node1/daemons      containerd, its shims, kubelet, kube-proxy
//! authcluster-<id>/node1/pods         kubelet's cgroupRoot: the containers
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::{self, Seen};
use crate::error::{Error, Result};
use crate::plan::names::NodeNumber;
use crate::site;

/// Where the kernel's control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Controllers that containers need; version 2 hands them down one level at a time.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "memory", "pids", "io"];

/// Time for the kernel to let go of a group whose processes were killed.
const REMOVE_BOUND: Duration = Duration::from_secs(10);

/// The version that the machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hierarchies {
    /// One mount a controller.
    V1(Vec<PathBuf>),
    /// One for all.
    V2,
}

/// The groups of one lab.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    hierarchies: Hierarchies,
    lab: String,
}

impl Cgroups {
    pub(crate) fn of_lab(lab: String) -> Result<Self> {
        let path = Path::new("/proc/mounts");
        let mounts = fs::read_to_string(path).map_err(Error::file("read", path))?;
        let hierarchies = parse_mounts(&mounts).ok_or_else(|| {
            Error::Machine(format!("no control groups are mounted at {ROOT}; a lab needs them"))
        })?;
        Ok(Self { hierarchies, lab })
    }

    pub(crate) fn is_v1(&self) -> bool {
        self.hierarchies != Hierarchies::V2
    }

    /// Group of the control plane's processes.
    pub(crate) fn control(&self) -> String {
        format!("{}/control", self.lab)
    }

    /// Group of a node's own processes.
    pub(crate) fn node_daemons(&self, node: NodeNumber) -> String {
        format!("{}/{node}/daemons", self.lab)
    }

    /// Group that kubelet makes the pods' groups in.
    pub(crate) fn node_pods(&self, node: NodeNumber) -> String {
        format!("{}/{node}/pods", self.lab)
    }

    /// The file that a process writes itself into to join a group of daemons.
    pub(crate) fn procs(&self, group: &str) -> PathBuf {
        self.counting_root().join(group).join("cgroup.procs")
    }

    /// Makes a group in every hierarchy.
    pub(crate) fn ensure(&self, group: &str) -> Result<()> {
        match &self.hierarchies {
            Hierarchies::V1(roots) => {
                for root in roots {
                    ensure_v1(root, group)?;
                }
                Ok(())
            }
            Hierarchies::V2 => ensure_v2(Path::new(ROOT), group),
        }
    }

    /// Processes in the lab's groups, or in those of one node.
    pub(crate) fn pids(&self, node: Option<NodeNumber>) -> Vec<i32> {
        let group = match node {
            Some(node) => format!("{}/{node}", self.lab),
            None => self.lab.clone(),
        };
        let mut pids = Vec::new();
        for folder in folders_below(&self.counting_root().join(group)) {
            let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        }
        pids
    }

    /// Sets how much CPU the pods of a node may use together, in thousandths of a core; `None` = all there is.
    pub(crate) fn limit_cpu(&self, node: NodeNumber, milli: Option<u32>) -> Result<()> {
        const PERIOD_US: u64 = 100_000;
        let quota_us = milli.map(|milli| u64::from(milli) * PERIOD_US / 1_000);
        let (root, file, text) = match &self.hierarchies {
            Hierarchies::V1(roots) => {
                let root = roots.iter().find(|root| root.join("cpu.shares").exists());
                let root = root.cloned().unwrap_or_else(|| PathBuf::from(ROOT));
                let text = quota_us.map_or("-1".to_owned(), |quota| quota.to_string());
                (root, "cpu.cfs_quota_us", text)
            }
            Hierarchies::V2 => {
                let quota = quota_us.map_or("max".to_owned(), |quota| quota.to_string());
                (PathBuf::from(ROOT), "cpu.max", format!("{quota} {PERIOD_US}"))
            }
        };
        let path = root.join(self.node_pods(node)).join(file);
        fs::write(&path, text).map_err(Error::file("limit the CPU in", &path))
    }

    /// Removes the lab's groups, which must be empty of processes.
    pub(crate) fn remove(&self) -> Result<()> {
        let roots = match &self.hierarchies {
            Hierarchies::V1(roots) => roots.clone(),
            Hierarchies::V2 => vec![PathBuf::from(ROOT)],
        };
        clock::eventually("the lab's control groups can be removed", REMOVE_BOUND, || {
            let mut left = Vec::new();
            for root in &roots {
                let top = root.join(&self.lab);
                for folder in folders_below(&top).iter().rev() {
                    let removed = fs::remove_dir(folder);
                    drop(removed);
                }
                if top.exists() {
                    left.push(top.display().to_string());
                }
            }
            Ok(if left.is_empty() { Seen::Yes } else { Seen::No(left.join(", ")) })
        })
    }

    /// Any one hierarchy knows all processes; `pids` is always there in version 1.
    fn counting_root(&self) -> PathBuf {
        match &self.hierarchies {
            Hierarchies::V1(roots) => roots
                .iter()
                .find(|root| root.ends_with("pids"))
                .or_else(|| roots.first())
                .cloned()
                .unwrap_or_else(|| PathBuf::from(ROOT)),
            Hierarchies::V2 => PathBuf::from(ROOT),
        }
    }
}

/// Reads the version from /proc/mounts.
fn parse_mounts(mounts: &str) -> Option<Hierarchies> {
    let mut roots = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(place), Some(kind)) = (fields.next(), fields.next()) else { continue };
        match kind {
            "cgroup2" if place == ROOT => return Some(Hierarchies::V2),
            // runc makes its groups in version 1's companion (`unified`) as well.
            "cgroup" | "cgroup2" => roots.push(PathBuf::from(place)),
            _ => {}
        }
    }
    (!roots.is_empty()).then_some(Hierarchies::V1(roots))
}

/// Version 1's cpuset refuses processes in a group whose CPUs were not copied from above.
fn ensure_v1(root: &Path, group: &str) -> Result<()> {
    let mut folder = root.to_path_buf();
    for part in group.split('/') {
        let above = folder.clone();
        folder.push(part);
        site::create_folder(&folder)?;
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (from, to) = (above.join(file), folder.join(file));
            if from.exists() && fs::read_to_string(&to).is_ok_and(|text| text.trim().is_empty()) {
                let value = fs::read_to_string(&from).map_err(Error::file("read", &from))?;
                fs::write(&to, value).map_err(Error::file("write", &to))?;
            }
        }
    }
    Ok(())
}

/// Version 2 gives a group only the controllers that the group above hands down.
fn ensure_v2(root: &Path, group: &str) -> Result<()> {
    let mut folder = root.to_path_buf();
    for part in group.split('/') {
        let file = folder.join("cgroup.subtree_control");
        let path = folder.join("cgroup.controllers");
        let offered = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let wanted: Vec<String> = CONTROLLERS
            .iter()
            .filter(|name| offered.split_whitespace().any(|word| word == **name))
            .map(|name| format!("+{name}"))
            .collect();
        fs::write(&file, wanted.join(" "))
            .map_err(Error::file("hand controllers down in", &file))?;
        folder.push(part);
        site::create_folder(&folder)?;
    }
    Ok(())
}

/// A folder and those below it, each before what it contains.
fn folders_below(top: &Path) -> Vec<PathBuf> {
    if !top.is_dir() {
        return Vec::new();
    }
    let mut found = vec![top.to_path_buf()];
    if let Ok(entries) = fs::read_dir(top) {
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())) {
            found.extend(folders_below(&entry.path()));
        }
    }
    found
}

#[cfg(test)]
mod tests;
