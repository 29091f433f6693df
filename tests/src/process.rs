//! One child process, ended by its id when its handle goes, and by the kernel when the test program
//! itself is killed.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::Context as _;

/// A running process of which nothing is left after `drop`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// What to send to a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Stop,
    Continue,
    Terminate,
}

impl Process {
    /// Starts `program`. `setpriv` (util-linux) asks the kernel to kill it when the thread that
    /// started it ends, which covers a test program that is killed and drops nothing.
    pub(crate) fn start(program: &str, shape: impl FnOnce(&mut Command)) -> anyhow::Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        command.stdin(Stdio::null());
        shape(&mut command);
        let child = command.spawn().with_context(|| {
            format!("cannot start {program} by setpriv: apt-get install util-linux")
        })?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let name = match signal {
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
            Signal::Terminate => "-TERM",
        };
        let id = self.id().to_string();
        let status = Command::new("kill").args([name, &id]).status().context("cannot run kill")?;
        anyhow::ensure!(status.success(), "kill {name} {id}: {status}");
        Ok(())
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot wait for a child")
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill a child")?;
        let status = self.child.wait().context("cannot wait for a child")?;
        anyhow::ensure!(
            status.signal().is_some() || status.code().is_some(),
            "a killed child did not end: {status}"
        );
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether the PATH holds a program.
pub(crate) fn is_on_path(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", program])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
