//! Hashers as processes of their own, with everything that the operator would mount: for what only real
//! processes can show, such as one that stands still.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::{HasherConfig, Listen, Peers, Tls};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::eventually::eventually;
use crate::ports::free_port;
use crate::process::{Process, Signal};

const NAME: &str = "hasher.a.default.authcluster.dev";

/// `USER_HZ`, in which Linux counts CPU time in `/proc`, wherever this runs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Time for a hasher to know all others: calibration, and two looks at the store.
const START_BOUND: Duration = Duration::from_secs(30);

/// Time for a hasher to end: what it has admitted, and some for a machine that does other things.
const END_BOUND: Duration = Duration::from_secs(30);

/// What the operator mounts into each pod for its peers.
///
/// # Errors
/// A folder that cannot be written.
pub fn peers_in(folder: &Path) -> anyhow::Result<Peers> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("ca.crt"), authority.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(authority, key);
    let mut leaf = CertificateParams::new(vec![NAME.to_owned()])?;
    leaf.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("tls.crt"), leaf.signed_by(&key, &issuer)?.pem())?;
    std::fs::write(folder.join("tls.key"), key.serialize_pem())?;
    Ok(Peers {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: Tls {
            certificate_file: folder.join("tls.crt"),
            private_key_file: folder.join("tls.key"),
        },
        ca_file: folder.join("ca.crt"),
        name: NAME.to_owned(),
    })
}

/// A hasher.
#[derive(Debug)]
pub struct Hasher {
    process: Process,
    /// Where its API is.
    pub api: SocketAddr,
    /// Where its probes and metrics are.
    pub admin: SocketAddr,
    _config: tempfile::NamedTempFile,
}

impl Hasher {
    /// Starts `program` with this configuration, on ports of its own.
    ///
    /// # Errors
    /// A program that cannot be started.
    pub fn start(program: &str, node: &str, config: &HasherConfig) -> anyhow::Result<Self> {
        Self::start_by(&[program.to_owned()], node, config)
    }

    /// Starts the hasher by a command that ends with the program, for example a command that enters a control group.
    ///
    /// # Errors
    /// A program that cannot be started.
    pub fn start_by(command: &[String], node: &str, config: &HasherConfig) -> anyhow::Result<Self> {
        let (first, others) = command.split_first().context("no program")?;
        let address = || anyhow::Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)));
        let (api, admin) = (address()?, address()?);
        let config = HasherConfig { listen: Listen { api, admin }, ..config.clone() };
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(config.to_toml()?.as_bytes())?;
        let process = Process::start(first, |command| {
            command.args(others);
            command.arg("serve").arg("--config").arg(file.path());
            command.args(["--node-name", node, "--pod-ip", "127.0.0.1", "--log", "warn"]);
            command.stdout(Stdio::null());
        })?;
        Ok(Self { process, api, admin, _config: file })
    }

    /// Waits until it is ready and knows `nodes` nodes.
    ///
    /// # Errors
    /// It is not, in time.
    pub async fn ready(&self, nodes: u64) -> anyhow::Result<()> {
        eventually("the hasher knows all others", START_BOUND, || async {
            let known = self.metric("nodes").await?;
            anyhow::ensure!(known == nodes, "it knows {known}");
            let ready = reqwest::get(format!("http://{}/readyz", self.admin)).await?;
            anyhow::ensure!(ready.status().is_success(), "{}", ready.text().await?);
            Ok(())
        })
        .await
    }

    /// The sum of a metric over its labels.
    ///
    /// # Errors
    /// No answer.
    pub async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let text = reqwest::get(format!("http://{}/metrics", self.admin)).await?.text().await?;
        let name = format!("authcluster_hasher_{name}");
        let of_it = |line: &&str| {
            let rest = line.strip_prefix(&name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        let values = text.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next());
        Ok(values.filter_map(|value| value.parse::<u64>().ok()).sum())
    }

    /// A metric in seconds.
    ///
    /// # Errors
    /// No answer, or no such metric.
    pub async fn seconds(&self, name: &str) -> anyhow::Result<f64> {
        let text = reqwest::get(format!("http://{}/metrics", self.admin)).await?.text().await?;
        let name = format!("authcluster_hasher_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value.with_context(|| format!("no metric {name}"))?.parse().context("a number")
    }

    /// CPU time of all its threads, in seconds.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name in parentheses may hold blanks; user and system time are the 12th and 13th after it.
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let mut ticks = 0_u64;
        for field in rest.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Its resident memory, in KiB.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.context("no VmRSS")?.parse().context("VmRSS is a number")
    }

    /// Its open file descriptors.
    ///
    /// # Errors
    /// It has ended.
    pub fn open_files(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count())
    }

    /// Makes it stand still.
    ///
    /// # Errors
    /// It has ended.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::Stop)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It has ended.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::Continue)
    }

    /// Asks it to end, as Kubernetes does, and waits until it has.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::Terminate)?;
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        let ended = async {
            loop {
                ticks.tick().await;
                if let Some(status) = self.process.ended()? {
                    return anyhow::Ok(status);
                }
            }
        };
        let status = tokio::time::timeout(END_BOUND, ended).await.context("it does not end")??;
        anyhow::ensure!(status.success(), "{status}");
        Ok(())
    }

    /// Kills it.
    ///
    /// # Errors
    /// It does not end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()
    }
}

/// `hasher load` with these arguments, and what it reports.
///
/// # Errors
/// A run that did not begin.
pub async fn load(program: &str, arguments: Vec<String>) -> anyhow::Result<serde_json::Value> {
    let mut command = Command::new(program);
    command.arg("load").arg("--json").args(&arguments).stdin(Stdio::null()).stderr(Stdio::piped());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).context("the report is JSON")
}
