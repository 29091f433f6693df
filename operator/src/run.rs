//! `operator run`: connect, look whether the cluster knows our resource, open the port for probes, and
//! lead whenever the lease is to be had, until a signal says stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::client::ClientBuilder;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, Client};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api;
use crate::api::names::MANAGED_BY;
use crate::args::Run;
use crate::clock::{Clock, RandomError};
use crate::context::{Context, Memory};
use crate::controller;
use crate::controller::life::LifeSigns;
use crate::error::chain;
use crate::lease::{Candidate, Ended, Fence, LeaseTimes};
use crate::plan::validate::Settings;
use crate::telemetry::server::Probes;
use crate::telemetry::{self, Metrics, server};

/// Passes that have begun get so long to end after a signal. The chart's grace period is longer.
const DRAIN: Duration = Duration::from_secs(20);

/// Why the operator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter of log lines.
    #[error("--log is no filter")]
    Log(#[source] tracing_subscriber::filter::ParseError),
    /// No way to a cluster.
    #[error("cannot find out how to reach Kubernetes: neither in a pod nor with a kubeconfig")]
    Config(#[source] kube::config::InferConfigError),
    /// The way to the cluster cannot be used.
    #[error("cannot make a client of Kubernetes")]
    Client(#[source] kube::Error),
    /// The port for probes.
    #[error(transparent)]
    Listen(#[from] server::Error),
    /// The thread of that port.
    #[error("cannot start the thread for probes and metrics")]
    Thread(#[source] std::io::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// No signals.
    #[error("cannot listen for signals")]
    Signal(#[source] std::io::Error),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: Run) -> Result<(), Error> {
    telemetry::start_logging(args.log_format, &args.log).map_err(Error::Log)?;
    // Fails only when it is installed already, and then it is this one.
    let _already_there = rustls::crypto::ring::default_provider().install_default();
    let stop = stop_on_signal()?;
    let signs = LifeSigns::default();
    let config = kube::Config::infer().await.map_err(Error::Config)?;
    let client = ClientBuilder::try_from(config).map_err(Error::Client)?.with_layer(&signs).build();
    let metrics = Metrics::new();
    let health = Arc::new(Health { signs: signs.clone(), ..Health::default() });
    let listener = server::bind(args.listen).await?;
    info!(address = %args.listen, version = env!("CARGO_PKG_VERSION"), "serving probes and metrics");
    let probes: Arc<dyn Probes> = health.clone();
    let ports_stop = CancellationToken::new();
    let serving = server::serve(listener, probes, metrics.clone(), ports_stop.clone())
        .map_err(Error::Thread)?;

    if stop.run_until_cancelled(wait_for_crd(&client, &health)).await.is_some() {
        let lease_namespace = args.lease_namespace;
        let operator = Operator {
            lease_namespace: lease_namespace
                .unwrap_or_else(|| client.default_namespace().to_owned()),
            lease_name: args.lease_name,
            lease_times: LeaseTimes::DEFAULT,
            pod_name: args.pod_name,
            namespace: args.namespace,
            settings: args.images.settings(client.default_namespace().to_owned(), args.pod_ip),
            client,
            metrics,
            signs,
        };
        operator.serve(&stop).await?;
    }
    ports_stop.cancel();
    match serving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(error = chain(&error), "the port for probes failed"),
        Err(error) => warn!(error = chain(&error), "the port for probes ended early"),
    }
    info!("stopped");
    Ok(())
}

/// One operator, connected and ready to lead. Several may run; one leads.
#[derive(Clone)]
pub struct Operator {
    /// The API server.
    pub client: Client,
    /// The only namespace to look after, if not all.
    pub namespace: Option<String>,
    /// Namespace of the lease.
    pub lease_namespace: String,
    /// Name of the lease.
    pub lease_name: String,
    /// How long the lease lasts.
    pub lease_times: LeaseTimes,
    /// Name of this pod.
    pub pod_name: String,
    /// What decisions depend on.
    pub settings: Settings,
    /// Numbers.
    pub metrics: Metrics,
    /// Signs of life of the watches; a layer of `client`.
    pub signs: LifeSigns,
}

impl Operator {
    /// Leads whenever the lease is to be had, again and again until `stop`.
    ///
    /// # Errors
    /// When there is no randomness for an identity.
    pub async fn serve(&self, stop: &CancellationToken) -> Result<(), RandomError> {
        // A pod that is restarted keeps its name, and must not take its last life's lease for its own.
        let suffix = URL_SAFE_NO_PAD.encode(Clock.random::<6>()?.as_slice());
        let identity = format!("{}_{suffix}", self.pod_name);
        let api: Api<Lease> = Api::namespaced(self.client.clone(), &self.lease_namespace);
        let candidate = Candidate::new(api, &self.lease_name, identity, self.lease_times);
        loop {
            let ended = candidate.lead(stop, |fence| self.work(fence, stop.clone())).await;
            self.metrics.leader.set(0);
            self.signs.clear();
            match ended {
                Ended::Lost => {}
                Ended::Done(()) | Ended::Stopped => return Ok(()),
            }
        }
    }

    async fn work(&self, fence: Fence, stop: CancellationToken) {
        self.metrics.leader.set(1);
        let reporter =
            Reporter { controller: MANAGED_BY.to_owned(), instance: Some(self.pod_name.clone()) };
        let context = Arc::new(Context {
            client: self.client.clone(),
            clock: Clock,
            fence,
            settings: self.settings.clone(),
            metrics: self.metrics.clone(),
            recorder: Recorder::new(self.client.clone(), reporter),
            memory: Memory::default(),
        });
        let namespace = self.namespace.as_deref();
        let running = controller::run(context, namespace, &self.signs, stop.clone());
        tokio::pin!(running);
        tokio::select! {
            () = &mut running => return,
            () = stop.cancelled() => {}
        }
        if timeout(DRAIN, running).await.is_err() {
            warn!("passes did not end in {} s; the next operator goes on", DRAIN.as_secs());
        }
    }
}

/// What the probes ask.
#[derive(Debug, Default)]
struct Health {
    signs: LifeSigns,
    clock: Clock,
    connected: AtomicBool,
    missing: Mutex<Option<String>>,
}

impl Probes for Health {
    fn alive(&self) -> Result<(), String> {
        let dead = self.signs.dead(self.clock.instant());
        if dead.is_empty() {
            return Ok(());
        }
        let describe = |(path, quiet): &(String, Duration)| {
            format!("no sign of life from the watch of {path} for {} s", quiet.as_secs())
        };
        Err(dead.iter().map(describe).collect::<Vec<_>>().join("; "))
    }

    /// A standby is ready too: it takes over when it has to.
    fn ready(&self) -> Result<(), String> {
        if self.connected.load(Ordering::Relaxed) {
            return Ok(());
        }
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        Err(missing.clone().unwrap_or_else(|| "not connected to Kubernetes yet".to_owned()))
    }
}

/// Waits until the cluster knows our resource with every field of ours. Under an older definition the API
/// server drops what people write into new fields, and refuses the status: better to stay out, not ready,
/// while the operator of before goes on. A newer one is fine.
async fn wait_for_crd(client: &Client, health: &Health) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    loop {
        let problem = match read_crd(&api).await {
            Ok(()) => {
                health.connected.store(true, Ordering::Relaxed);
                return;
            }
            Err(problem) => problem,
        };
        warn!(problem, "cannot begin");
        *health.missing.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Whether the definition in the cluster has all that is ours.
async fn read_crd(api: &Api<CustomResourceDefinition>) -> Result<(), String> {
    let ours = api::crd().map_err(|error| chain(&error))?;
    let name = ours.metadata.name.clone().unwrap_or_default();
    let read = timeout(Duration::from_secs(10), api.get_opt(&name)).await;
    let theirs = read
        .map_err(|_| "the API server does not answer".to_owned())?
        .map_err(|error| format!("cannot read the CustomResourceDefinition: {}", chain(&error)))?
        .ok_or_else(|| format!("the CustomResourceDefinition {name} is not installed"))?;
    let lacks = api::lacks(&theirs).map_err(|error| chain(&error))?;
    let Some(first) = lacks.first() else { return Ok(()) };
    Err(format!(
        "the CustomResourceDefinition in the cluster is older than this operator: it lacks {first}{}; apply the \
         output of `operator crd`",
        if lacks.len() > 1 {
            format!(" and {} more", lacks.len().saturating_sub(1))
        } else {
            String::new()
        }
    ))
}

/// A token that SIGTERM or SIGINT cancels.
fn stop_on_signal() -> Result<CancellationToken, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signal)?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    // Lives as long as the process; nothing waits for it.
    drop(telemetry::spawn("signals", async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping: no new passes, those that have begun end");
        stopping.cancel();
    }));
    Ok(stop)
}
