//! The lab with the operator in it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_lab::args::Environment;
use authcluster_lab::faults::Fault;
use authcluster_lab::lab::Lab;
use authcluster_lab::plan::next::Shape;
use authcluster_lab::report::Report;
use authcluster_lab::site::Site;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// The lab that these tests have to themselves.
const LAB: &str = "cluster-tests";

/// Where the operator runs.
pub const OPERATOR_NAMESPACE: &str = "authcluster-system";

/// Images that the lab's nodes need: ours, and Redis.
const IMAGES: [&str; 3] = ["authcluster-operator:dev", "authcluster-hasher:dev", "redis:7.0"];

/// A server of Redis answers within this, or is not there.
const REDIS_WITHIN: Duration = Duration::from_secs(3);

/// The lab with the operator in it.
pub struct World {
    lab: Lab,
    config: Config,
}

impl World {
    /// The one of this run.
    ///
    /// # Errors
    /// When the lab or the operator does not come up.
    pub async fn get() -> anyhow::Result<&'static Self> {
        static ONE: OnceCell<World> = OnceCell::const_new();
        ONE.get_or_try_init(Self::begin).await
    }

    async fn begin() -> anyhow::Result<Self> {
        // Fails only when it is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let lab = blocking(|| {
            let site = Site::new(&Environment::read().cache);
            let name = LAB.parse()?;
            Lab::down_named(&site, &name)?;
            let lab = Lab::ensure(&site, &name, &Shape::of_nodes(3), Report::start())?;
            for image in IMAGES {
                let image = image.parse().map_err(anyhow::Error::msg)?;
                lab.load_image(&image).context("make images builds it")?;
            }
            Ok(lab)
        })
        .await?;
        let kubeconfig = Kubeconfig::read_from(lab.kubeconfig())?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        let world = Self { lab, config };
        world.install_operator().await?;
        Ok(world)
    }

    /// A client with all rights. It ends with the test that asks for it.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::try_from(self.config.clone())?)
    }

    async fn install_operator(&self) -> anyhow::Result<()> {
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/authcluster");
        let lab = self.lab.clone();
        blocking(move || {
            lab.helm(&[
                "install",
                "authcluster",
                chart,
                "--namespace",
                OPERATOR_NAMESPACE,
                "--create-namespace",
                "--wait",
                "--timeout",
                "120s",
            ])?;
            Ok(())
        })
        .await
    }

    /// Runs kubectl with `input`, which has to succeed, and returns what it wrote.
    ///
    /// # Errors
    /// What kubectl said.
    pub async fn kubectl(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let lab = self.lab.clone();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let input = input.to_owned();
        blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            Ok(lab.kubectl_with_input(&args, &input)?)
        })
        .await
    }

    /// Runs a command of Redis as user `operator` on the server at `ip`.
    ///
    /// # Errors
    /// When it fails.
    pub async fn redis(
        &self,
        ip: IpAddr,
        password: &str,
        command: &[&str],
    ) -> anyhow::Result<String> {
        let mut cli = Command::from(self.lab.enter_command("redis-cli"));
        cli.args(["-h", &ip.to_string(), "--user", "operator", "-e"]).args(command);
        cli.env("REDISCLI_AUTH", password).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(REDIS_WITHIN, cli.output())
            .await
            .with_context(|| format!("no answer from Redis at {ip}"))?
            .context("cannot run redis-cli in the lab")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{command:?} at {ip}: {text}{errors}");
        Ok(text)
    }

    /// kubectl, for the lab.
    #[must_use]
    pub fn kubectl_command(&self) -> std::process::Command {
        self.lab.kubectl_command()
    }

    /// Does something to a node, or undoes it.
    ///
    /// # Errors
    /// When the lab cannot.
    pub async fn fault(&self, fault: Fault, node: &'static str) -> anyhow::Result<()> {
        let lab = self.lab.clone();
        blocking(move || Ok(lab.fault(fault, node)?)).await
    }

    /// Slows the pods of a node down to so many thousandths of a core, or lets them have what there is.
    ///
    /// # Errors
    /// When the lab cannot.
    pub async fn limit_cpu(&self, node: &'static str, milli: Option<u32>) -> anyhow::Result<()> {
        let lab = self.lab.clone();
        blocking(move || Ok(lab.limit_cpu(node, milli)?)).await
    }

    /// A command that runs `program` in a node's network, where Services have their addresses.
    ///
    /// # Errors
    /// When the lab has no node.
    pub fn node_command(&self, program: &std::path::Path) -> anyhow::Result<Command> {
        let program = program.to_str().context("a path that is no text")?;
        Ok(Command::from(self.lab.enter_node_command("node1", program)?))
    }

    /// Offers the volumes of deleted claims again.
    ///
    /// # Errors
    /// When the lab cannot.
    pub async fn recycle_volumes(&self) -> anyhow::Result<()> {
        let lab = self.lab.clone();
        blocking(move || Ok(lab.recycle_volumes().map(drop)?)).await
    }

    /// What someone who looks into a failure asks first: pods, events, the operator's last words.
    #[must_use]
    pub fn diagnosis(&self, namespace: &str) -> String {
        let mut text = String::new();
        let logs = ["logs", "deployment/authcluster", "--tail", "20", "-n", OPERATOR_NAMESPACE];
        let events = ["get", "events", "-n", namespace, "--sort-by", ".lastTimestamp"];
        for args in [&["get", "pods", "-o", "wide", "-n", namespace][..], &events, &logs] {
            let said = self.lab.kubectl(args).unwrap_or_else(|error| error.to_string());
            let last: Vec<&str> = said.lines().rev().take(25).collect();
            text.push_str(&format!("$ kubectl {}\n", args.join(" ")));
            last.iter().rev().for_each(|line| text.push_str(&format!("{line}\n")));
        }
        text
    }
}

/// A program of this package, built beside the tests.
pub(super) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let tests = std::env::current_exe().context("no path of this program")?;
    let folder = tests.parent().and_then(std::path::Path::parent).context("no target folder")?;
    let program = folder.join(name);
    anyhow::ensure!(program.is_file(), "{} is missing: cargo builds it", program.display());
    Ok(program)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
