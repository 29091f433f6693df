//! The programs of the lab: Kubernetes, etcd, containerd, `CoreDNS`, metrics-server and Helm, built from Go
//! modules by `tests/lab/go.mod`. They are kept by the hash of what they are built from; a build happens
//! in a folder beside and is renamed when it is whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock;
use crate::command::{checked, program, run, start_error, tail};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::site::{self, Site};

const GO_MOD: &str = include_str!("../go.mod");
const GO_SUM: &str = include_str!("../go.sum");

/// btrfs, zfs and devicemapper need C libraries; the lab's containerd uses overlayfs.
const TAGS: &str = "no_btrfs,no_zfs,no_devmapper";

/// Programs by the name that `go install` gives them. etcd's command is the root of its module `server`.
const PROGRAMS: [&str; 13] = [
    "containerd",
    "containerd-shim-runc-v2",
    "coredns",
    "ctr",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "metrics-server",
    "server",
];

/// A sign of life this often while the compiler has nothing to show.
const SIGN_EVERY: Duration = Duration::from_secs(30);

/// Lines of the compiler's errors to show.
const ERROR_LINES: usize = 20;

/// The built programs.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// The tools of this version, if they were built.
    ///
    /// # Errors
    /// When they were not.
    pub fn find(site: &Site) -> Result<Self> {
        let folder = site.tools(&hash());
        if folder.is_dir() {
            return Ok(Self { folder });
        }
        Err(Error::NotBuilt { what: "the lab's tools are".to_owned() })
    }

    /// The folder, for PATH.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program's path.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A command that runs one of the programs.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }

    /// Builds the tools of this version unless they are there.
    ///
    /// # Errors
    /// When Go is missing or too old, or a module cannot be had or built.
    pub fn build(site: &Site, report: Report) -> Result<Self> {
        let _lock = site.lock("tools")?;
        let hash = hash();
        let tools = Self { folder: site.tools(&hash) };
        if tools.folder.is_dir() {
            report.line(&format!("tools: cached in {}", tools.folder.display()));
            return Ok(tools);
        }
        let work = site.work(&format!("tools-{hash}"));
        site::remove_folder(&work)?;
        let (module, partial) = (work.join("module"), work.join("bin"));
        site::create_folder(&module)?;
        site::create_folder(&partial)?;
        site::write(&module.join("go.mod"), GO_MOD)?;
        site::write(&module.join("go.sum"), GO_SUM)?;
        report.line(&format!("tools: building {} programs with Go", PROGRAMS.len()));
        install(&module, &partial, report)?;
        site::create_folder(&site.tools(""))?;
        fs::rename(&partial, &tools.folder).map_err(Error::file("create", &tools.folder))?;
        site::remove_folder(&work)?;
        report.line(&format!("tools: built in {}", tools.folder.display()));
        Ok(tools)
    }

    /// Puts this program itself beside the tools, so that a test that uses the library can have it
    /// forward the API's port after the test has ended.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn keep_own_program(&self) -> Result<()> {
        let own = own_program()?;
        let (kept, partial) = (self.path("lab"), self.path("lab.partial"));
        fs::copy(&own, &partial).map_err(Error::file("copy", &own))?;
        // A rename, since the program there may be running.
        fs::rename(&partial, &kept).map_err(Error::file("write", &kept))
    }
}

/// The path of this process's program.
pub(crate) fn own_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(Error::file("find", Path::new("/proc/self/exe")))
}

/// Version of Kubernetes, as the module file has it.
fn kubernetes_version() -> &'static str {
    let line = GO_MOD.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
    line.and_then(|rest| rest.split_whitespace().next()).unwrap_or("v0.0.0")
}

fn link_flags() -> String {
    let version = kubernetes_version();
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0"));
    let set = "-X k8s.io/component-base/version.git";
    format!("-s -w {set}Version={version} {set}Major={major} {set}Minor={minor}")
}

/// Version of the tools: everything that decides what is built.
#[must_use]
pub fn hash() -> String {
    let mut digest = Sha256::new();
    for part in [GO_MOD, GO_SUM, TAGS, &link_flags()] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// One `go install` for all, so that what they share is compiled once; each program is reported when
/// its file appears.
fn install(module: &Path, to: &Path, report: Report) -> Result<()> {
    check_go()?;
    let log = module.join("build.log");
    let errors = File::create(&log).map_err(Error::file("create", &log))?;
    let mut go = program("go", &["install", "-trimpath", "-tags", TAGS, "-ldflags"]);
    go.arg(link_flags()).arg("tool").current_dir(module);
    go.env("CGO_ENABLED", "0").env("GOBIN", to).env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    go.env("GOFLAGS", "-mod=readonly -buildvcs=false");
    go.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    let mut child = go.spawn().map_err(start_error(&go))?;
    let mut seen = BTreeSet::new();
    let mut sign_due = clock::now() + SIGN_EVERY;
    let status = loop {
        let ended = child.try_wait().map_err(start_error(&go))?;
        for name in PROGRAMS {
            if to.join(name).exists() && seen.insert(name) {
                report.line(&format!("tools: {}/{} {name}", seen.len(), PROGRAMS.len()));
            }
        }
        if let Some(status) = ended {
            break status;
        }
        if clock::now() >= sign_due {
            sign_due += SIGN_EVERY;
            report.line(&format!("tools: {}/{}, still compiling", seen.len(), PROGRAMS.len()));
        }
        clock::pause();
    };
    let text = fs::read_to_string(&log).unwrap_or_default();
    if !status.success() || seen.len() < PROGRAMS.len() {
        return Err(Error::Failed {
            command: "go install tool (a module that the registry refuses is named below)"
                .to_owned(),
            status: status.to_string(),
            output: tail(&text, ERROR_LINES),
        });
    }
    Ok(())
}

/// The module's `go` line is the oldest Go that will do; an older one would fetch another toolchain.
fn check_go() -> Result<()> {
    let wanted = go_wanted();
    let found = go_version()?;
    if parse_version(&found) >= parse_version(wanted) {
        return Ok(());
    }
    Err(Error::Machine(format!("Go {wanted} or newer is needed, this machine has {found}")))
}

/// The Go that is installed, such as `1.26.8`.
pub(crate) fn go_version() -> Result<String> {
    let text = run(program("go", &["env", "GOVERSION"]).env("GOTOOLCHAIN", "local"))?;
    Ok(text.trim().trim_start_matches("go").to_owned())
}

/// The oldest Go that builds the tools.
#[must_use]
pub fn go_wanted() -> &'static str {
    GO_MOD.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default()
}

/// The numbers of a version, for comparing; what is no number ends it.
pub(crate) fn parse_version(text: &str) -> Vec<u32> {
    text.split('.').map_while(|part| part.parse().ok()).collect()
}

/// Compiles the ten lines of C that hold a pod's namespaces.
pub(crate) fn build_pause(work: &Path) -> Result<PathBuf> {
    let (source, built) = (work.join("pause.c"), work.join("pause"));
    site::write(&source, include_str!("../manifests/pause.c"))?;
    let mut gcc = program("gcc", &["-static", "-Os", "-s", "-o"]);
    gcc.arg(&built).arg(&source);
    let output = gcc.output().map_err(start_error(&gcc))?;
    checked(&gcc, &output)?;
    Ok(built)
}

#[cfg(test)]
mod tests;
