//! The operator as a process of its own, for what happens before it leads.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use crate::ports::free_port;
use crate::process::Process;

/// A running operator.
pub struct Program {
    _process: Process,
    address: SocketAddr,
}

impl Program {
    /// Starts `program` with this kubeconfig, for one namespace.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &str, kubeconfig: &Path, namespace: &str) -> anyhow::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let process = Process::start(program, |command| {
            command.env("KUBECONFIG", kubeconfig);
            command.args(["run", "--namespace", namespace, "--lease-namespace", namespace]);
            command.arg(format!("--listen={address}"));
            command.stdout(Stdio::null()).stderr(Stdio::null());
        })?;
        Ok(Self { _process: process, address })
    }

    /// Whether it is ready, and what it says of it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ready(&self) -> anyhow::Result<(bool, String)> {
        let answer = reqwest::get(format!("http://{}/readyz", self.address)).await?;
        Ok((answer.status().is_success(), answer.text().await?))
    }
}
