//! Processes of the lab. A process is known by its number and its start time, since numbers are used
//! again. Each is started in a cgroup of the lab, so that even one whose record was lost is found.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::command;
use crate::error::{Error, Result};
use crate::site;

/// Lines of a dead component's log that go into the error.
const TAIL_LINES: usize = 12;

/// A process that was started, as it is kept on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    pid: i32,
    start_ticks: u64,
}

/// What a recorded process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It runs.
    Runs,
    /// A fault stopped it.
    Stopped,
    /// It ended, or was never started.
    Dead,
}

/// The folders that components record themselves and log in.
#[derive(Clone, Debug)]
pub(crate) struct Components {
    records: PathBuf,
    logs: PathBuf,
}

/// How to start one component.
pub(crate) struct Start<'a> {
    /// Its name: that of its record and its log.
    pub(crate) name: &'a str,
    /// `cgroup.procs` of the group that it runs in.
    pub(crate) cgroup_procs: &'a Path,
    /// The network namespace, or the machine's own.
    pub(crate) netns: Option<&'a str>,
    /// Program, arguments, environment and folder.
    pub(crate) command: Command,
}

impl Components {
    pub(crate) fn new(state: &Path, logs: &Path) -> Self {
        Self { records: state.join("run"), logs: logs.to_path_buf() }
    }

    pub(crate) fn create_folders(&self) -> Result<()> {
        site::create_folder(&self.records)?;
        site::create_folder(&self.logs)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Starts a component, detached from this process and its terminal, unless it runs.
    pub(crate) fn ensure(&self, start: &Start<'_>) -> Result<()> {
        if self.life(start.name)? != Life::Dead {
            return Ok(());
        }
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", r#"echo $$ > "$0" && exec "$@""#]).arg(start.cgroup_procs);
        if let Some(netns) = start.netns {
            // `ip netns exec` would hide /sys/fs/cgroup behind a fresh /sys.
            command.arg("nsenter").arg(format!("--net={}", netns_path(netns).display()));
        }
        command.arg(start.command.get_program()).args(start.command.get_args());
        let changes = start.command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(changes);
        if let Some(folder) = start.command.get_current_dir() {
            command.current_dir(folder);
        }
        let log = self.open_log(start.name)?;
        let errors = log.try_clone().map_err(Error::file("open", &self.log(start.name)))?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(command::start_error(&command))?;
        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let start_ticks = read_stat(pid).map_or(0, |stat| stat.start_ticks);
        site::write(&self.record(start.name), &format!("{pid} {start_ticks}"))
    }

    /// Whether a component runs.
    pub(crate) fn life(&self, name: &str) -> Result<Life> {
        Ok(self.identity(name)?.map_or(Life::Dead, life))
    }

    /// The process number of a component that is not dead.
    pub(crate) fn pid(&self, name: &str) -> Result<Option<i32>> {
        let identity = self.identity(name)?;
        Ok(identity.filter(|identity| life(*identity) != Life::Dead).map(|identity| identity.pid))
    }

    /// Fails with the end of its log when a component is dead.
    pub(crate) fn require(&self, name: &str) -> Result<()> {
        if self.life(name)? != Life::Dead {
            return Ok(());
        }
        let log = self.log(name);
        let text = fs::read(&log).unwrap_or_default();
        let tail = command::tail(&String::from_utf8_lossy(&text), TAIL_LINES);
        Err(Error::Died { component: name.to_owned(), log, tail })
    }

    /// All recorded processes that are not dead.
    pub(crate) fn live_pids(&self) -> Vec<i32> {
        let Ok(entries) = fs::read_dir(&self.records) else { return Vec::new() };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter_map(|name| self.pid(&name).ok().flatten()).collect()
    }

    fn identity(&self, name: &str) -> Result<Option<Identity>> {
        let record = site::read_if_there(&self.record(name))?;
        Ok(record.as_deref().and_then(parse_record))
    }

    fn record(&self, name: &str) -> PathBuf {
        self.records.join(name)
    }

    fn open_log(&self, name: &str) -> Result<File> {
        let path = self.log(name);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        log.map_err(Error::file("open", &path))
    }
}

/// Where `ip netns` keeps a namespace.
pub(crate) fn netns_path(netns: &str) -> PathBuf {
    Path::new("/run/netns").join(netns)
}

/// Sends a signal; that the process is gone already is no error.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // ESRCH is the only answer that root can get here, and it is what was wanted.
        kill_process(pid, signal).ok();
    }
}

struct Stat {
    state: char,
    start_ticks: u64,
}

fn life(identity: Identity) -> Life {
    match read_stat(identity.pid) {
        Some(stat) if stat.start_ticks != identity.start_ticks => Life::Dead,
        Some(Stat { state: 'Z' | 'X', .. }) | None => Life::Dead,
        Some(Stat { state: 'T', .. }) => Life::Stopped,
        Some(_) => Life::Runs,
    }
}

fn read_stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 3 and 22 of `proc_pid_stat(5)`. The name in field 2 may hold anything, so the last bracket counts.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some(Stat { state, start_ticks: fields.nth(18)?.parse().ok()? })
}

fn parse_record(text: &str) -> Option<Identity> {
    let (pid, start_ticks) = text.trim().split_once(' ')?;
    Some(Identity { pid: pid.parse().ok()?, start_ticks: start_ticks.parse().ok()? })
}

#[cfg(test)]
mod tests;
