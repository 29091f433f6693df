//! A hasher outside of Kubernetes learns its memory limit from nested control groups, as systemd creates them. Needs
//! root and the control groups of the machine, version 1 or 2.

#![expect(clippy::disallowed_methods, reason = "a test waits with real bounds")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

const ROOT: &str = "/sys/fs/cgroup";

/// Limit of the outer group. Two lanes of 19 MiB fit beside 64 MiB for the program, and three do not.
const LIMIT_MIB: u64 = 110;

/// Time for the kernel to let go of a group whose processes have ended.
const REMOVE_BOUND: Duration = Duration::from_secs(10);

/// A group with a limit, and one below it without, in which programs are started.
struct Nested {
    outer: PathBuf,
    limit_file: PathBuf,
}

impl Nested {
    fn new(name: &str) -> anyhow::Result<Self> {
        let is_v1 = Path::new(ROOT).join("memory/cgroup.procs").exists();
        let root = if is_v1 { Path::new(ROOT).join("memory") } else { PathBuf::from(ROOT) };
        let outer = root.join(format!("authcluster-{name}-{}", std::process::id()));
        let file = if is_v1 { "memory.limit_in_bytes" } else { "memory.max" };
        let nested = Self { limit_file: outer.join(file), outer };
        if !is_v1 {
            write(&root.join("cgroup.subtree_control"), "+memory")?;
        }
        // In version 2 the inner group gets no memory controller, like a service without memory accounting.
        let inner = nested.inner();
        fs::create_dir_all(&inner).with_context(|| format!("{} needs root", inner.display()))?;
        write(&nested.limit_file, &(LIMIT_MIB * 1024 * 1024).to_string())?;
        Ok(nested)
    }

    fn inner(&self) -> PathBuf {
        self.outer.join("hasher.service")
    }

    /// Runs the hasher in the inner group for at most a minute (coreutils' `timeout` then ends with 124).
    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new("sh");
        command.args(["-ec", r#"echo 0 > "$0"; exec timeout 60 "$@""#]);
        command.arg(self.inner().join("cgroup.procs"));
        command.arg(env!("CARGO_BIN_EXE_hasher-under-test")).args(arguments);
        command.output().context("sh")
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        let began = Instant::now();
        for group in [self.inner(), self.outer.clone()] {
            while group.exists() && fs::remove_dir(&group).is_err() {
                assert!(began.elapsed() < REMOVE_BOUND, "{} stays", group.display());
                std::thread::yield_now();
            }
        }
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {text} to {}", file.display()))
}

#[test]
fn a_calibration_proposes_what_fits_into_the_limit_of_the_group_above() {
    let nested = Nested::new("calibrate").unwrap();
    let output =
        nested.run(&["calibrate", "--json", "--lanes", "1", "--target-ms", "300"]).unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let machine = &said["machine"];
    assert_eq!(machine["memory_limit_mib"], LIMIT_MIB, "{said}");
    assert_eq!(machine["memory_limit_from"], format!("limit of {}", nested.limit_file.display()));
    assert!(said["proposal"]["memory_mib"].as_u64().unwrap() <= LIMIT_MIB - 64, "{said}");
}

#[test]
fn a_hasher_that_does_not_fit_into_the_limit_of_the_group_above_does_not_start() {
    let nested = Nested::new("serve").unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--lanes"];
    let output = nested.run(&[&serve[..], &["3"]].concat()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expect = format!("need 121 MiB, and the memory limit is {LIMIT_MIB} MiB");
    assert!(said.contains(&expect), "{said}");
}
