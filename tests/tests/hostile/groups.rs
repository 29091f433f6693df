//! Control groups of this test program: one for the generators, one for each pod. Both versions of control
//! groups work. The groups have more weight than any other work on the machine, so that a build beside the test
//! does not slow the pod down.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where the kernel's control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Start of the name of the group that holds all others; the process id follows.
const PREFIX: &str = "authcluster-hostile-";

/// Weight of a group on its core: a hundred times what other work has. Version 1 counts in shares (1024 is the
/// default), version 2 in weights (100 is the default and 10,000 the most).
const WEIGHT_V1: &str = "102400";
const WEIGHT_V2: &str = "10000";

/// The controllers in use. Version 1 has a hierarchy for each of them.
const CONTROLLERS: [&str; 2] = ["cpu", "memory"];

/// Enough for TCP buffers never to be the limit: in version 1 they are counted apart, and only below a limit.
const TCP_LIMIT_BYTES: &str = "1073741824";

/// The control groups of this process. Dropping it leaves no group behind.
#[derive(Debug)]
pub(crate) struct Groups {
    name: String,
    is_v1: bool,
    /// Where this process was before, by controller; of version 2, the first entry counts.
    before: Vec<PathBuf>,
}

impl Groups {
    /// Makes the groups and moves this process into the generators' group.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let is_v1 = !Path::new(ROOT).join("cgroup.controllers").exists();
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let before = CONTROLLERS.iter().map(|controller| place(&own, is_v1, controller));
        let before = before.collect::<anyhow::Result<_>>()?;
        let groups = Self { name: format!("{PREFIX}{}", std::process::id()), is_v1, before };
        groups.remove_abandoned();
        groups.make("").context("control groups need root")?;
        groups.make("generators")?;
        groups.weigh("")?;
        groups.weigh("generators")?;
        for file in groups.procs("generators").iter().take(groups.hierarchies()) {
            fs::write(file, "0").with_context(|| file.display().to_string())?;
        }
        Ok(groups)
    }

    /// Makes the group of one pod.
    pub(crate) fn pod(&self, number: usize, limit_bytes: u64) -> anyhow::Result<PodGroup> {
        let group = format!("pod-{number}");
        self.make(&group)?;
        self.weigh(&group)?;
        let memory = self.folder("memory", &group);
        if self.is_v1 {
            write(&memory.join("memory.limit_in_bytes"), &limit_bytes.to_string())?;
            write(&memory.join("memory.kmem.tcp.limit_in_bytes"), TCP_LIMIT_BYTES)?;
        } else {
            write(&memory.join("memory.max"), &limit_bytes.to_string())?;
            write(&memory.join("memory.swap.max"), "0")?;
        }
        let procs = self.procs(&group);
        let procs = procs.into_iter().take(self.hierarchies()).collect();
        Ok(PodGroup { memory, procs, is_v1: self.is_v1 })
    }

    /// Hierarchies that a process has to join.
    fn hierarchies(&self) -> usize {
        if self.is_v1 { CONTROLLERS.len() } else { 1 }
    }

    fn folder(&self, controller: &str, group: &str) -> PathBuf {
        let root = if self.is_v1 { Path::new(ROOT).join(controller) } else { PathBuf::from(ROOT) };
        root.join(&self.name).join(group)
    }

    fn procs(&self, group: &str) -> Vec<PathBuf> {
        let folders = CONTROLLERS.iter().map(|controller| self.folder(controller, group));
        folders.map(|folder| folder.join("cgroup.procs")).collect()
    }

    fn make(&self, group: &str) -> anyhow::Result<()> {
        for controller in CONTROLLERS {
            let folder = self.folder(controller, group);
            fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            // Version 2 hands controllers down one level at a time.
            if let (false, Some(above)) = (self.is_v1, folder.parent()) {
                write(&above.join("cgroup.subtree_control"), &format!("+{controller}"))?;
            }
        }
        Ok(())
    }

    fn weigh(&self, group: &str) -> anyhow::Result<()> {
        let folder = self.folder("cpu", group);
        if self.is_v1 {
            write(&folder.join("cpu.shares"), WEIGHT_V1)
        } else {
            write(&folder.join("cpu.weight"), WEIGHT_V2)
        }
    }

    /// Removes the empty groups of this process, and of earlier ones that were killed.
    fn remove_abandoned(&self) {
        for controller in CONTROLLERS {
            let Some(root) = self.folder(controller, "").parent().map(Path::to_owned) else {
                return;
            };
            let Ok(entries) = fs::read_dir(root) else { continue };
            let ours = |path: &PathBuf| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with(PREFIX))
            };
            for top in entries.flatten().map(|entry| entry.path()).filter(ours) {
                for group in fs::read_dir(&top).into_iter().flatten().flatten() {
                    // A group with processes stays, and so does a file.
                    drop(fs::remove_dir(group.path()));
                }
                drop(fs::remove_dir(top));
            }
        }
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for folder in &self.before {
            drop(fs::write(folder.join("cgroup.procs"), "0"));
        }
        self.remove_abandoned();
    }
}

/// The folder of the group that this process is in.
fn place(own: &str, is_v1: bool, controller: &str) -> anyhow::Result<PathBuf> {
    let mut lines = own.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let names = |listed: &str| listed.split(',').any(|name| name == controller);
    let found = lines.find(|(listed, _)| if is_v1 { names(listed) } else { listed.is_empty() });
    let (_, path) = found.with_context(|| format!("no control group for {controller}"))?;
    let root = if is_v1 { Path::new(ROOT).join(controller) } else { PathBuf::from(ROOT) };
    Ok(root.join(path.trim_start_matches('/')))
}

/// The group of one pod.
#[derive(Debug)]
pub(crate) struct PodGroup {
    /// The group's folder where its memory is counted.
    memory: PathBuf,
    /// Files that a process writes itself into.
    procs: Vec<PathBuf>,
    is_v1: bool,
}

impl PodGroup {
    /// A command that starts the rest of its arguments in this group, on one core, as a container sees it: with the
    /// group as the root of all it can read.
    pub(crate) fn launcher(&self, core: usize) -> Vec<String> {
        const SCRIPT: &str = r#"
            set -e
            core=$1; seen=$2; group=$3; shift 3
            while [ "$1" != -- ]; do echo 0 > "$1"; shift; done
            shift
            renice -n 0 -p $$ > /dev/null
            mount --bind "$group" "$seen"
            exec unshare --cgroup -- taskset -c "$core" "$@"
        "#;
        let seen = if self.is_v1 { format!("{ROOT}/memory") } else { ROOT.to_owned() };
        let mut words: Vec<String> =
            ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", SCRIPT, "sh"]
                .map(str::to_owned)
                .into();
        words.extend([core.to_string(), seen, self.memory.display().to_string()]);
        words.extend(self.procs.iter().map(|file| file.display().to_string()));
        words.push("--".to_owned());
        words
    }

    /// Memory in use, with TCP buffers, in bytes.
    pub(crate) fn used_bytes(&self) -> anyhow::Result<u64> {
        if self.is_v1 {
            let tcp = number(&self.memory.join("memory.kmem.tcp.usage_in_bytes"))?;
            return Ok(number(&self.memory.join("memory.usage_in_bytes"))? + tcp);
        }
        number(&self.memory.join("memory.current"))
    }

    /// The most memory that was ever in use, without TCP buffers in version 1, in bytes.
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        let file = if self.is_v1 { "memory.max_usage_in_bytes" } else { "memory.peak" };
        number(&self.memory.join(file))
    }

    /// Processes that the kernel killed for want of memory.
    pub(crate) fn killed(&self) -> anyhow::Result<u64> {
        let file = if self.is_v1 { "memory.oom_control" } else { "memory.events" };
        let text = fs::read_to_string(self.memory.join(file))?;
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.context("no oom_kill")?.trim().parse().context("a number")
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {text} to {}", file.display()))
}

fn number(file: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.trim().parse().with_context(|| file.display().to_string())
}
