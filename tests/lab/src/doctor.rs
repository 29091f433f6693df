//! What the machine must have, with the command that installs it. A thing that is missing is named here,
//! before it shows as an obscure failure in the middle of `up`.

use std::path::Path;
use std::process::Stdio;

use crate::command::{capture, program, start_error};
use crate::error::{Error, Result};
use crate::node::cni_folder;
use crate::report::Report;
use crate::tools::{go_version, go_wanted, parse_version};

/// A program, the Debian package that has it, and what it is for.
struct Need {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const NEEDS: [Need; 13] = [
    Need { program: "ip", package: "iproute2", purpose: "network namespaces" },
    Need { program: "iptables", package: "iptables", purpose: "kube-proxy's services" },
    Need { program: "runc", package: "runc", purpose: "containers" },
    Need { program: "nsenter", package: "util-linux", purpose: "entering namespaces" },
    Need { program: "setsid", package: "util-linux", purpose: "background processes" },
    Need { program: "mount", package: "mount", purpose: "pods' volumes" },
    Need { program: "gcc", package: "gcc libc6-dev", purpose: "the pause image" },
    Need { program: "ldd", package: "libc-bin", purpose: "the libraries of images" },
    Need { program: "python3", package: "python3", purpose: "the Valkey image" },
    Need { program: "dpkg-deb", package: "dpkg", purpose: "the Redis images" },
    Need { program: "apt-get", package: "apt", purpose: "the Redis images" },
    Need { program: "modprobe", package: "kmod", purpose: "kube-proxy's kernel modules" },
    Need { program: "tar", package: "tar", purpose: "containerd's image import" },
];

/// Something missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What, and what for.
    pub what: String,
    /// Debian packages that bring it; none when no package of this release does.
    pub packages: Vec<&'static str>,
    /// What else to do, when there is no package.
    pub remedy: Option<String>,
}

impl Missing {
    /// One line: what is missing and the command that brings it.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { what, packages, remedy } = self;
        match remedy {
            Some(remedy) => format!("missing: {what}: {remedy}"),
            None => format!("missing: {what}: apt-get install {}", packages.join(" ")),
        }
    }
}

/// All that is missing on this machine. `path` is the search path for programs.
#[must_use]
pub fn examine(path: &str) -> Vec<Missing> {
    let mut missing: Vec<Missing> = NEEDS
        .iter()
        .filter(|need| !is_on_path(need.program, path))
        .map(|need| Missing {
            what: format!("{} ({})", need.program, need.purpose),
            packages: need.package.split(' ').collect(),
            remedy: None,
        })
        .collect();
    if cni_folder().is_err() {
        missing.push(package("CNI plugins (pods' network)", "containernetworking-plugins"));
    }
    if is_on_path("python3", path) && !works("python3", &["-m", "pip", "--version"]) {
        missing.push(package("pip (the Valkey image)", "python3-pip"));
    }
    missing.extend(examine_go(path));
    missing.extend(examine_kernel());
    missing
}

/// Installs the packages that are missing; needs root. Returns what is missing still.
///
/// # Errors
/// When apt fails.
pub fn install(path: &str, report: Report) -> Result<Vec<Missing>> {
    let missing = examine(path);
    let mut packages: Vec<&str> = missing.iter().flat_map(|m| m.packages.clone()).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(missing);
    }
    if !rustix::process::geteuid().is_root() {
        let list = packages.join(" ");
        return Err(Error::Machine(format!("only root can run: apt-get install {list}")));
    }
    report.line(&format!("installing {}", packages.join(" ")));
    apt(&["update", "-q"])?;
    apt(&[&["install", "-q", "-y", "--no-install-recommends"], packages.as_slice()].concat())?;
    Ok(examine(path))
}

fn apt(args: &[&str]) -> Result<()> {
    let mut command = program("apt-get", args);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let output = command.output().map_err(start_error(&command))?;
    crate::command::checked(&command, &output).map(drop)
}

/// Debian's own Go may be older than the module file asks for, so no package is named.
fn examine_go(path: &str) -> Option<Missing> {
    let wanted = go_wanted();
    let found = if is_on_path("go", path) { go_version().ok() } else { None };
    let good = found.as_ref().is_some_and(|v| parse_version(v) >= parse_version(wanted));
    let found = found.unwrap_or_else(|| "none".to_owned());
    (!good).then(|| Missing {
        what: format!("Go {wanted} or newer (Kubernetes itself; found: {found})"),
        packages: Vec::new(),
        remedy: Some("install it from go.dev/dl and put its bin folder on PATH".to_owned()),
    })
}

fn examine_kernel() -> Vec<Missing> {
    let mut missing = Vec::new();
    let remedy = |what: &str, remedy: &str| Missing {
        what: what.to_owned(),
        packages: Vec::new(),
        remedy: Some(remedy.to_owned()),
    };
    if !rustix::process::geteuid().is_root() {
        missing.push(remedy("root", "namespaces and mounts need it; run with sudo"));
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let has_overlay = filesystems.lines().any(|line| line.trim_end().ends_with("overlay"));
    if !has_overlay && !works("modprobe", &["overlay"]) {
        missing.push(remedy("overlayfs", "containers need a kernel that has it"));
    }
    missing
}

fn package(what: &str, name: &'static str) -> Missing {
    Missing { what: what.to_owned(), packages: vec![name], remedy: None }
}

fn works(name: &str, args: &[&str]) -> bool {
    capture(&mut program(name, args)).is_ok_and(|output| output.status.success())
}

fn is_on_path(name: &str, path: &str) -> bool {
    path.split(':').any(|folder| Path::new(folder).join(name).is_file())
}

#[cfg(test)]
mod tests;
