//! Which control groups hold for this process, as the kernel tells in `/proc/self/cgroup` and
//! `/proc/self/mountinfo` (cgroups(7), `proc_pid_mountinfo(5)`). Pure.
//!
//! The limit of a group holds for the groups below it too, and systemd nests them: a service is in
//! `/system.slice/hasher.service`, and the limit may be that of the slice. So every group counts, from the process's
//! own up to the root of the mount. In a container the root of the mount is the container's own group, and groups
//! above it are not visible.

use std::path::{Component, Path, PathBuf};

/// Version of a hierarchy of control groups. A machine may have both: in a hybrid, version 1 has the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// A control group that can be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    pub(super) folder: PathBuf,
}

/// A mounted hierarchy.
struct Mount {
    version: Version,
    /// Which of its groups is at the place of the mount.
    root: PathBuf,
    place: PathBuf,
}

/// The visible groups that this controller limits the process by, in each hierarchy from the process's own group up
/// to the root of the mount.
pub(super) fn groups(cgroup: &str, mountinfo: &str, controller: &str) -> Vec<Group> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in mountinfo.lines().filter_map(|line| parse_mount(line, controller)) {
        // A later mount hides an earlier one at the same place.
        mounts.retain(|other| other.place != mount.place);
        mounts.push(mount);
    }
    cgroup
        .lines()
        .filter_map(|line| parse_membership(line, controller))
        .flat_map(|(version, path)| above(version, Path::new(path), &mounts))
        .collect()
}

/// A line of `/proc/self/cgroup`: hierarchy, controllers, path. Version 2 is hierarchy 0 and names no controllers.
fn parse_membership<'a>(line: &'a str, controller: &str) -> Option<(Version, &'a str)> {
    let mut fields = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    if hierarchy == "0" && controllers.is_empty() {
        return Some((Version::V2, path));
    }
    controllers.split(',').any(|name| name == controller).then_some((Version::V1, path))
}

/// A line of `/proc/self/mountinfo`, of a hierarchy that may have the controller.
fn parse_mount(line: &str, controller: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, place) = (before.next()?, before.next()?);
    let mut after = after.split(' ');
    let (kind, _source, options) = (after.next()?, after.next()?, after.next()?);
    let version = match kind {
        "cgroup2" => Version::V2,
        "cgroup" if options.split(',').any(|option| option == controller) => Version::V1,
        _ => return None,
    };
    Some(Mount { version, root: unescaped(root), place: unescaped(place) })
}

/// The kernel writes blanks and backslashes in paths as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let replaced = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    replaced.iter().fold(text.to_owned(), |text, (code, byte)| text.replace(code, byte)).into()
}

/// The groups from that of the process up to the root of the mount that shows it.
fn above(version: Version, path: &Path, mounts: &[Mount]) -> Vec<Group> {
    let mut mounts = mounts.iter().filter(|mount| mount.version == version).peekable();
    let Some(first) = mounts.peek().copied() else { return Vec::new() };
    let shown = mounts.find_map(|mount| Some((mount, below(path, &mount.root)?)));
    // Without a namespace of its own, or moved out of it, the process may be in a group that no mount shows. The root
    // of the mount is the container's group, so its limit holds.
    let (mount, below) = shown.unwrap_or((first, Path::new("")));
    below.ancestors().map(|group| Group { version, folder: mount.place.join(group) }).collect()
}

/// The path relative to the root of a mount. `..` stands for groups outside of the namespace, whose names are not
/// known.
fn below<'a>(path: &'a Path, root: &Path) -> Option<&'a Path> {
    let leaves = |path: &Path| path.components().any(|part| part == Component::ParentDir);
    if leaves(path) || leaves(root) {
        return None;
    }
    path.strip_prefix(root).ok()
}

#[cfg(test)]
mod tests;
