//! Wiring: from a checked configuration to a pod that serves, and its orderly end.

mod memory;
mod peers;
mod reload;
mod store;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::HasherConfig;
use authcluster_contract::cost::Cost;
use authcluster_contract::limits::LANES_MAX;
use authcluster_contract::node::NodeId;
use authcluster_contract::user::{UserKeyMaker, UsernameCase};
use futures::future::OptionFuture;
use tokio::net::TcpListener;

use crate::auth::Auth;
use crate::clock;
use crate::flows::{Service, nobody};
use crate::formats::Bounds;
use crate::lanes::{Lanes, LanesConfig};
use crate::limits::{Limiter, Parts};
use crate::policy::budget::large_kib;
use crate::registry::SharedTable;
use crate::routes::{Api, router};
use crate::server::{Health, Server, ServerTls, admin_router, listen};
use crate::telemetry::{Metrics, Tasks};
use crate::work::{Identity, Local};
use peers::PeerPort;

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
    start_at(config, node, None).await
}

/// Starts a pod: lanes first, then the listeners, so that whoever can connect is served. Other pods
/// reach it at `pod_ip`. A Redis that does not answer keeps no pod from starting.
///
/// # Errors
/// The first thing that is missing or makes no sense, with what to do about it.
pub async fn start_at(
    config: &HasherConfig,
    node: NodeId,
    pod_ip: Option<IpAddr>,
) -> anyhow::Result<Running> {
    let cost = config.password.argon2id.checked()?;
    let lanes = config.lanes.unwrap_or_else(default_lanes);
    anyhow::ensure!((1..=LANES_MAX).contains(&lanes), "lanes must be between 1 and {LANES_MAX}");
    let large_kib = large_kib(memory::limit_kib(), lanes, cost.memory_kib)?;

    let auth = Arc::new(read_auth(config.clients_file.as_deref())?);
    let tls = config.tls.clone().map(ServerTls::read).transpose()?.map(Arc::new);
    let keys = user_keys(config.users.key_file.as_deref(), config.users.case)?;
    let api = listen(config.listen.api).await?;
    let admin = listen(config.listen.admin).await?;
    let peers = PeerPort::open(config).await?;
    let address = peers::address(peers.as_ref(), pod_ip, api.local_addr()?)?;

    let bounds = Bounds::of(&config.password.legacy.clone().unwrap_or_default());
    let bounds = Bounds {
        // What the pod has, of what was asked for; new hashes are always within it.
        memory_kib_max: u32::try_from(large_kib)
            .unwrap_or(u32::MAX)
            .min(bounds.memory_kib_max)
            .max(cost.memory_kib),
        ..bounds
    };
    let identity = Identity { node: node.clone(), address, lanes, bounds };
    let lanes = start_lanes(config, cost, lanes, large_kib)?;
    let local = Arc::new(Local::new(identity, lanes));
    let metrics = Arc::new(Metrics::new());
    let nobody = Arc::new(nobody(cost, &bounds).map_err(|error| anyhow::anyhow!("{error:?}"))?);

    let tasks = Tasks::default();
    let shared = store::open(config, &local, &metrics, &tasks)?;
    let limits = Parts {
        store: Arc::clone(&shared.store) as _,
        node: node.clone(),
        table: shared.table.clone(),
        metrics: Arc::clone(&metrics),
        tasks: tasks.clone(),
    };
    let service = Service {
        limits: Arc::new(Limiter::new(&config.limits, limits)),
        work: peers::work(config, peers.as_ref(), &shared, &local, (&metrics, &tasks)),
        store: Arc::clone(&shared.store),
        offered: Arc::clone(local.offered()),
        metrics: Arc::clone(&metrics),
        keys,
        node,
        cost,
        bounds,
        sessions: config.sessions.clone(),
        deadline: Duration::from_millis(u64::from(config.routing.deadline_ms)),
        nobody,
    };
    let files = reload::Files {
        auth: Arc::clone(&auth),
        clients: config.clients_file.clone(),
        tls: tls.clone(),
        peers: peers.as_ref().map(|peers| peers.tls.clone()),
        sealer: shared.sealer,
    };
    tasks.spawn("reload", files.keep_current(tasks.clone()));
    let health = Health {
        metrics: Arc::clone(&metrics),
        local: Arc::clone(&local),
        store: shared.store,
        draining: tasks.draining(),
    };
    let probes = Server { router: admin_router(health), tls: None, metrics: Arc::clone(&metrics) };
    let clone = Arc::clone(&metrics);
    let calls =
        Server { router: router(Api { auth, service: Arc::new(service) }), tls, metrics: clone };
    let handed = peers.map(|peers| peers.serve(Arc::clone(&local), metrics, tasks.clone()));
    let (api, admin) = Listeners { api, admin }.serve(calls, probes, handed, &tasks)?;
    Ok(Running { api, admin, local, nodes: shared.table, tasks })
}

fn start_lanes(
    config: &HasherConfig,
    cost: Cost,
    lanes: u32,
    large_kib: u64,
) -> anyhow::Result<Lanes> {
    let (pin, jobs_per_user_max) = (config.pin_lanes, config.routing.jobs_per_user_max);
    Ok(Lanes::start(LanesConfig { lanes, pin, cost, large_kib, jobs_per_user_max })?)
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
        let stopped = tasks.stopping().cancelled_owned();
        tasks.spawn("admin", probes.serve(admin, tasks.clone(), stopped));
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
        let grace = crate::server::GRACE + Duration::from_secs(1);
        tokio::time::timeout(grace, self.tasks.all_done()).await.is_ok()
    }
}

/// One for each CPU that this process may use.
#[must_use]
pub fn default_lanes() -> u32 {
    std::thread::available_parallelism()
        .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(LANES_MAX).min(LANES_MAX))
}

fn read_auth(file: Option<&Path>) -> anyhow::Result<Auth> {
    match file {
        None => Ok(Auth::everyone()?),
        Some(path) => Auth::from_toml(&read(path)?).with_context(|| path.display().to_string()),
    }
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
