//! A real API server with its controllers and no nodes, for tests of the operator: the lab's control
//! plane. One for all tests of a program, begun anew by the first and taken down after the last; each
//! test has namespaces of its own.

use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use anyhow::Context as _;
use authcluster_lab::args::Environment;
use authcluster_lab::lab::Lab;
use authcluster_lab::plan::next::Shape;
use authcluster_lab::report::Report;
use authcluster_lab::site::Site;
use authcluster_operator::api;
use authcluster_operator::controller::life::LifeSigns;
use authcluster_operator::lease::LeaseTimes;
use authcluster_operator::plan::validate::Settings;
use authcluster_operator::run::Operator;
use authcluster_operator::telemetry::Metrics;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::conditions;
use kube::runtime::wait::await_condition;
use kube::{Client, Config};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub mod program;
pub mod proxy;
pub mod site;

/// The lab that these tests have to themselves.
const LAB: &str = "apiserver-tests";

/// The API server.
pub struct ApiServer {
    lab: Option<Lab>,
}

impl ApiServer {
    /// The one API server of this program, with our `CustomResourceDefinition`.
    ///
    /// # Errors
    /// When the lab does not come up.
    pub async fn get() -> anyhow::Result<Arc<Self>> {
        static ONE: Mutex<Weak<ApiServer>> = Mutex::const_new(Weak::new());
        let mut one = ONE.lock().await;
        if let Some(server) = one.upgrade() {
            return Ok(server);
        }
        // Fails only when it is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let server = Self::begin(LAB).await?;
        *one = Arc::downgrade(&server);
        Ok(server)
    }

    /// An API server for one test alone, which changes what all tests share. `lab` is its own.
    ///
    /// # Errors
    /// When the lab does not come up.
    pub async fn alone(lab: &'static str) -> anyhow::Result<Arc<Self>> {
        // Fails only when it is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self::begin(lab).await
    }

    async fn begin(lab: &'static str) -> anyhow::Result<Arc<Self>> {
        let lab = tokio::task::spawn_blocking(move || begin(lab)).await??;
        let server = Arc::new(Self { lab: Some(lab) });
        server.apply_crd(&api::crd()?).await?;
        Ok(server)
    }

    /// A client with all rights.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> anyhow::Result<Client> {
        Ok(ClientBuilder::try_from(self.config().await?)?.build())
    }

    /// A new namespace, called `prefix` and a number.
    ///
    /// # Errors
    /// When it cannot be created.
    pub async fn namespace(&self, prefix: &str) -> anyhow::Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let api: Api<Namespace> = Api::all(self.client().await?);
        api.create(&PostParams::default(), &namespace).await?;
        Ok(name)
    }

    /// kubectl with `input`, whatever comes of it.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn kubectl(&self, args: &[&str], input: &str) -> anyhow::Result<Output> {
        use tokio::io::AsyncWriteExt as _;
        let mut command = tokio::process::Command::from(self.lab()?.kubectl_command());
        command.args(args).kill_on_drop(true);
        command.stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().context("cannot run kubectl")?;
        let mut stdin = child.stdin.take().context("kubectl has no input")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        Ok(child.wait_with_output().await?)
    }

    /// Helm, which has to succeed; returns what it wrote.
    ///
    /// # Errors
    /// What it said.
    pub async fn helm(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = tokio::process::Command::from(self.lab()?.helm_command());
        let output = command.args(args).kill_on_drop(true).output().await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "helm {}: {errors}", args.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts an operator within this process that looks after `namespace` alone, reaches the API server as
    /// `config` says, and leads by `lease` in that namespace.
    ///
    /// # Errors
    /// When it cannot connect.
    pub fn start_operator(
        &self,
        namespace: &str,
        config: Config,
        lease: &str,
    ) -> anyhow::Result<RunningOperator> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let signs = LifeSigns::default();
        let client = ClientBuilder::try_from(config)?.with_layer(&signs).build();
        let operator = Operator {
            client,
            namespace: Some(namespace.to_owned()),
            lease_namespace: namespace.to_owned(),
            lease_name: lease.to_owned(),
            lease_times: LeaseTimes::DEFAULT,
            pod_name: format!("operator-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            settings: settings(),
            metrics: Metrics::new(),
            signs,
        };
        let stop = CancellationToken::new();
        let (running, stopping) = (operator.clone(), stop.clone());
        let task = tokio::spawn(async move { running.serve(&stopping).await });
        Ok(RunningOperator { operator, stop, task })
    }

    /// Its kubeconfig.
    ///
    /// # Errors
    /// When the lab has been taken down.
    pub fn kubeconfig(&self) -> anyhow::Result<PathBuf> {
        Ok(self.lab()?.kubeconfig())
    }

    /// How to reach it, with all rights.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn config(&self) -> anyhow::Result<Config> {
        let kubeconfig = Kubeconfig::read_from(self.lab()?.kubeconfig())?;
        Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
    }

    /// Puts this definition in place of ours, and waits until it is in force.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply_crd(&self, crd: &CustomResourceDefinition) -> anyhow::Result<()> {
        let client = self.client().await?;
        let crds: Api<CustomResourceDefinition> = Api::all(client);
        let name = crd.metadata.name.clone().context("the definition has no name")?;
        crds.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(crd)).await?;
        let established = await_condition(crds, &name, conditions::is_crd_established());
        tokio::time::timeout(std::time::Duration::from_secs(30), established).await??;
        Ok(())
    }

    fn lab(&self) -> anyhow::Result<&Lab> {
        self.lab.as_ref().context("the lab has been taken down")
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.lab.take().map(Lab::down) {
            // Panicking in drop would hide what the test has to say; the next run cleans up.
            drop(error);
        }
    }
}

/// An operator that runs as a task of the test.
pub struct RunningOperator {
    /// The operator.
    pub operator: Operator,
    stop: CancellationToken,
    task: JoinHandle<Result<(), authcluster_operator::clock::RandomError>>,
}

impl RunningOperator {
    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.operator.metrics.leader.get() == 1
    }

    /// Stops it as SIGTERM would, and waits for its end.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        (&mut self.task).await??;
        Ok(())
    }

    /// Ends it as SIGKILL would: nothing is handed back.
    pub fn kill(self) {
        self.task.abort();
    }
}

impl Drop for RunningOperator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Images that nobody pulls here: there are no nodes.
#[must_use]
pub fn settings() -> Settings {
    Settings {
        operator_image: "authcluster-operator:test".to_owned(),
        hasher_image: "authcluster-hasher:test".to_owned(),
        redis_image: "redis:test".to_owned(),
        operator_namespace: "authcluster-system".to_owned(),
        ipv6: false,
    }
}

/// Brings the lab up from nothing: what a run that crashed has left is no start for tests.
fn begin(lab: &str) -> anyhow::Result<Lab> {
    let site = Site::new(&Environment::read().cache);
    let name = lab.parse()?;
    Lab::down_named(&site, &name)?;
    Ok(Lab::ensure(&site, &name, &Shape::CONTROL_PLANE, Report::start())?)
}
