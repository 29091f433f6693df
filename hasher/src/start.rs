//! Wiring: from a checked configuration to a pod that serves, and its orderly end.

mod peers;
mod peppers;
mod reload;
mod store;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::{HasherConfig, Tls};
use authcluster_contract::cost::Cost;
use authcluster_contract::limits::LANES_MAX;
use authcluster_contract::node::NodeId;
use authcluster_contract::user::{UserKeyMaker, UsernameCase};
use futures::future::OptionFuture;
use tokio::net::TcpListener;

use crate::auth::Auth;
use crate::clock;
use crate::container::{memory_limit_kib, raise_open_files_limit};
use crate::flows::{Nobody, Service};
use crate::formats::{Bounds, Peppers};
use crate::lanes::{Lanes, LanesConfig, StartLanesError};
use crate::limits::{Limiter, Parts};
use crate::live::LiveSettings;
use crate::peer::PeerTls;
use crate::policy::budget::{MemoryBudget, memory_budget};
use crate::policy::connections::{ConnectionCaps, bodies_kib};
use crate::policy::rehash::Policy;
use crate::registry::SharedTable;
use crate::routes::{Api, Bodies, router};
use crate::server::{FAREWELL, Health, Pulse, Server, ServerTls, listen, serve_on_own_thread};
use crate::store::Store;
use crate::store::sessions::seal::Sealer;
use crate::telemetry::{Metrics, Tasks};
use crate::work::{Identity, Local};
use peers::PeerPort;
pub use peppers::{PeppersError, peppers, peppers_and_current};

/// What a pod is told beside its configuration.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub node: NodeId,
    /// Where other pods reach it.
    pub pod_ip: Option<IpAddr>,
    /// Where its configuration comes from: what may change while it runs is read from there again.
    pub config_file: Option<PathBuf>,
}

impl Place {
    /// A pod that no other pod has to find, with settings that stay.
    #[must_use]
    pub fn alone(node: NodeId) -> Self {
        Self { node, pod_ip: None, config_file: None }
    }
}

/// A pod that serves.
pub struct Running {
    /// Where the API is.
    pub api: SocketAddr,
    /// Where probes and metrics are.
    pub admin: SocketAddr,
    /// What it says of itself.
    pub local: Arc<Local>,
    /// The live nodes that it knows; `None` = it is alone.
    pub nodes: Option<SharedTable>,
    tasks: Tasks,
}

/// Starts a pod that no other pod has to find.
///
/// # Errors
/// See [`start_at`].
pub async fn start(config: &HasherConfig, node: NodeId) -> anyhow::Result<Running> {
    start_at(config, Place::alone(node)).await
}

/// Starts a pod: lanes first, then the listeners, so that whoever can connect is served. A Redis that does
/// not answer keeps no pod from starting.
///
/// # Errors
/// The first thing that is missing or makes no sense, with what to do about it.
pub async fn start_at(config: &HasherConfig, place: Place) -> anyhow::Result<Running> {
    let Place { node, pod_ip, config_file } = place;
    let (policy, peppers) = policy(config)?;
    let lanes = config.lanes.unwrap_or_else(default_lanes);
    anyhow::ensure!((1..=LANES_MAX).contains(&lanes), "lanes must be between 1 and {LANES_MAX}");
    let MemoryBudget { large_kib, connections_kib } =
        memory_budget(memory_limit_kib(), lanes, policy.cost.memory_kib)?;

    let (auth, clients) = auth(config)?;
    let live = LiveSettings::new(&config.live(), &clients);
    let tls = config.tls.clone().map(ServerTls::read).transpose()?.map(Arc::new);
    let keys = user_keys(config.users.key_file.as_deref(), config.users.case)?;
    let api = listen(config.listen.api).await?;
    let admin = listen(config.listen.admin).await?;
    let peers = PeerPort::open(config).await?;
    let address = peers::address(peers.as_ref(), pod_ip, api.local_addr()?)?;

    let bounds = bounds(config, large_kib, policy.cost, peppers);
    let nobody = Nobody::new(&config.migration.mix, &policy, &bounds)?;
    let identity = Identity { node: node.clone(), address, lanes, bounds: bounds.clone() };
    let local = Arc::new(start_lanes(config, identity, policy.cost, large_kib)?);
    let metrics = Arc::new(Metrics::new());

    let tasks = Tasks::default();
    let shared = store::open(config, &live, &local, &metrics, &tasks)?;
    let limits = Parts {
        live: live.clone(),
        store: Arc::clone(&shared.store) as _,
        node: node.clone(),
        table: shared.table.clone(),
        metrics: Arc::clone(&metrics),
        tasks: tasks.clone(),
    };
    let service = Service {
        nobody,
        limits: Arc::new(Limiter::new(limits)),
        work: peers::work(&live, peers.as_ref(), &shared, &local, (&metrics, &tasks)),
        store: Arc::clone(&shared.store),
        offered: Arc::clone(local.offered()),
        metrics: Arc::clone(&metrics),
        keys,
        node,
        policy,
        bounds,
        sessions: config.sessions.clone(),
        live: live.clone(),
        migration: config.migration.clone(),
        tasks: tasks.clone(),
    };
    let settings = reload::Settings {
        config_file,
        clients_file: config.clients_file.clone(),
        auth: Arc::clone(&auth),
        live,
        local: Arc::clone(&local),
        config: config.clone(),
        clients,
    };
    let peers_tls = peers.as_ref().map(|peers| peers.tls.clone());
    let watch = watch(settings, tls.clone(), peers_tls, shared.sealer);
    tasks.spawn("reload", watch.keep_current(tasks.clone()));
    let probes = Server::for_probes(health((&metrics, &local), shared.store, &tasks));
    let bodies = Bodies::new(bodies_kib(connections_kib));
    let router = router(Api { auth, service: Arc::new(service), bodies });
    let caps = ConnectionCaps::of_api(connections_kib, raise_open_files_limit());
    let calls = Server::for_callers(router, tls, Arc::clone(&metrics), caps);
    let handed = peers.map(|peers| peers.serve(Arc::clone(&local), metrics, tasks.clone()));
    let (api, admin) = Listeners { api, admin }.serve(calls, probes, handed, &tasks)?;
    Ok(Running { api, admin, local, nodes: shared.table, tasks })
}

/// What probes ask about; the pod's pulse beats from now on.
fn health(
    (metrics, local): (&Arc<Metrics>, &Arc<Local>),
    store: Arc<dyn Store>,
    tasks: &Tasks,
) -> Health {
    let pulse = Arc::new(Pulse::default());
    tasks.spawn("pulse", Arc::clone(&pulse).beat(tasks.stopping()));
    let (metrics, local) = (Arc::clone(metrics), Arc::clone(local));
    Health { metrics, local, store, draining: tasks.draining(), pulse }
}

/// What new hashes are made with, and all peppers that there are.
fn policy(config: &HasherConfig) -> anyhow::Result<(Policy, Peppers)> {
    let cost = config.password.argon2id.checked()?;
    let Some(folder) = &config.password.pepper else {
        return Ok((Policy { cost, pepper: None }, Peppers::default()));
    };
    let (peppers, current) = peppers_and_current(folder).context("password.pepper")?;
    Ok((Policy { cost, pepper: current }, peppers))
}

fn start_lanes(
    config: &HasherConfig,
    identity: Identity,
    cost: Cost,
    large_kib: u64,
) -> Result<Local, StartLanesError> {
    let lanes = Lanes::start(LanesConfig {
        lanes: identity.lanes,
        pin: config.pin_lanes,
        cost,
        large_kib,
        jobs_per_user_max: config.routing.jobs_per_user_max,
    })?;
    Ok(Local::new(identity, lanes))
}

/// The stored hashes that this pod works on: of what was asked for, what it has memory for; new hashes are
/// always within it.
fn bounds(config: &HasherConfig, large_kib: u64, cost: Cost, peppers: Peppers) -> Bounds {
    let bounds = Bounds::of(&config.password.legacy.clone().unwrap_or_default());
    let has_kib = u32::try_from(large_kib).unwrap_or(u32::MAX);
    let memory_kib_max = has_kib.min(bounds.memory_kib_max).max(cost.memory_kib);
    Bounds { memory_kib_max, peppers, ..bounds }
}

struct Listeners {
    api: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    /// Serves on both, and says where they are. Probes are answered until the very end; API and
    /// peers' port take nothing new from the drain on, and the end comes when both are done.
    fn serve(
        self,
        calls: Server,
        probes: Server,
        handed: Option<impl Future<Output = ()> + Send + 'static>,
        tasks: &Tasks,
    ) -> std::io::Result<(SocketAddr, SocketAddr)> {
        let Self { api, admin } = self;
        let addresses = (api.local_addr()?, admin.local_addr()?);
        serve_on_own_thread("admin", probes, admin, tasks)?;
        let ending = tasks.clone();
        tasks.spawn("api", async move {
            let called = calls.serve(api, ending.clone(), ending.draining().cancelled_owned());
            futures::join!(called, OptionFuture::from(handed));
            ending.stop();
        });
        Ok(addresses)
    }
}

impl Running {
    /// Ends the pod: nothing new, what was admitted is finished, then everything ends. Says
    /// whether all of it ended within the grace period.
    pub async fn shut_down(self) -> bool {
        self.tasks.drain();
        let grace = FAREWELL + crate::server::GRACE + Duration::from_secs(1);
        tokio::time::timeout(grace, self.tasks.all_done()).await.is_ok()
    }
}

/// One for each CPU that this process may use.
#[must_use]
pub fn default_lanes() -> u32 {
    std::thread::available_parallelism()
        .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(LANES_MAX).min(LANES_MAX))
}

/// Everything that is read again when it changes.
fn watch(
    mut settings: reload::Settings,
    tls: Option<Arc<ServerTls>>,
    peers: Option<PeerTls>,
    sealer: Option<Arc<Sealer>>,
) -> reload::Watch {
    let mut watch = reload::Watch::default();
    let pair = |tls: &Tls| [tls.certificate_file.clone(), tls.private_key_file.clone()];
    let config = settings.config.clone();
    let files = [&settings.config_file, &settings.clients_file].into_iter().flatten();
    let files = files.cloned().collect();
    watch.add("settings and callers", files, move || settings.read());
    if let (Some(tls), Some(files)) = (tls, &config.tls) {
        watch.add("the certificate and its key", pair(files).into(), move || Ok(tls.reload()?));
    }
    if let (Some(tls), Some(files)) = (peers, &config.peers) {
        let files = [&pair(&files.tls)[..], std::slice::from_ref(&files.ca_file)].concat();
        watch.add("the peers' certificates", files, move || Ok(tls.reload()?));
    }
    if let (Some(sealer), Some(files)) = (sealer, &config.sessions.encryption) {
        let folder = vec![files.keys_folder.clone()];
        watch.add("the keys of sessions", folder, move || Ok(sealer.reload()?));
    }
    watch
}

/// The callers, and the text that says who they are.
fn auth(config: &HasherConfig) -> anyhow::Result<(Arc<Auth>, String)> {
    let Some(path) = &config.clients_file else {
        return Ok((Arc::new(Auth::everyone()?), String::new()));
    };
    let text = read(path)?;
    let auth = Auth::from_toml(&text).with_context(|| path.display().to_string())?;
    Ok((Arc::new(auth), text))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The keys of users: from the file, or of a secret that ends with this process.
///
/// # Errors
/// A file that cannot be read, or is too short.
pub fn user_keys(file: Option<&Path>, case: UsernameCase) -> anyhow::Result<UserKeyMaker> {
    let secret = match file {
        None => clock::random_bytes::<32>()?.to_vec(),
        Some(path) => {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
        }
    };
    Ok(UserKeyMaker::new(secret, case)?)
}
