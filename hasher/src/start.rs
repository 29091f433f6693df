//! Wiring: from a checked configuration to a pod that serves, and its orderly end.

mod memory;
mod reload;
mod shared;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::HasherConfig;
use authcluster_contract::limits::LANES_MAX;
use authcluster_contract::node::NodeId;
use authcluster_contract::user::{UserKeyMaker, UsernameCase};
use futures::future::OptionFuture;

use crate::auth::Auth;
use crate::clock;
use crate::flows::{Service, nobody};
use crate::formats::Bounds;
use crate::lanes::{Lanes, LanesConfig};
use crate::peer;
use crate::policy::budget::large_kib;
use crate::routes::{Api, router};
use crate::server::{Health, Server, ServerTls, admin_router, listen};
use crate::telemetry::{Metrics, Tasks};
use crate::work::{Identity, Local};
use shared::Stored;

/// A pod that serves.
pub struct Running {
    /// Where the API is.
    pub api: SocketAddr,
    /// Where probes and metrics are.
    pub admin: SocketAddr,
    /// What it says of itself.
    pub local: Arc<Local>,
    tasks: Tasks,
}

/// Starts a pod: lanes first, then the listeners, so that whoever can connect is served. A store that
/// cannot be reached yet is waited for in the background.
///
/// # Errors
/// The first thing that is missing or makes no sense, with what to do about it.
pub async fn start(
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
    let peers = shared::peer_listener(config.peers.as_ref(), pod_ip).await?;
    let (api_address, admin_address) = (api.local_addr()?, admin.local_addr()?);

    let bounds = Bounds {
        memory_kib_max: u32::try_from(large_kib).unwrap_or(u32::MAX).max(cost.memory_kib),
        ..Bounds::default()
    };
    let address = peers.as_ref().map_or(api_address, |peers| peers.address);
    let identity = Identity { node: node.clone(), address, lanes, bounds };
    let lanes = Lanes::start(LanesConfig { lanes, cost, large_kib })?;
    let local = Arc::new(Local::new(identity, lanes));
    let metrics = Arc::new(Metrics::new());
    let tasks = Tasks::default();
    let Stored { store, link } = shared::store(config.redis.as_ref(), &tasks)?;
    let service = Service {
        work: shared::work(config, peers.as_ref(), &store, &local, (&metrics, &tasks)),
        store,
        offered: Arc::clone(local.offered()),
        metrics: Arc::clone(&metrics),
        keys,
        node,
        cost,
        bounds,
        sessions: config.sessions,
        deadline: Duration::from_millis(u64::from(config.routing.deadline_ms)),
        nobody: Arc::new(nobody(cost, &bounds).map_err(|error| anyhow::anyhow!("{error:?}"))?),
    };

    let files = reload::Files {
        auth: Arc::clone(&auth),
        clients: config.clients_file.clone(),
        tls: tls.clone(),
        peers: peers.as_ref().map(|peers| peers.tls.clone()),
    };
    tasks.spawn("reload", files.keep_current(tasks.clone()));
    let health = Health {
        metrics: Arc::clone(&metrics),
        local: Arc::clone(&local),
        link,
        draining: tasks.draining(),
    };
    let probes = Server { router: admin_router(health), tls: None, metrics: Arc::clone(&metrics) };
    let handing_over = peers.map(|peers| {
        let server = peer::server(Arc::clone(&local), &peers.tls, Arc::clone(&metrics));
        (server, peers.listener)
    });
    let calls = Server { router: router(Api { auth, service: Arc::new(service) }), tls, metrics };
    // Probes are answered until the very end; nothing new is taken from the drain on.
    tasks.spawn("admin", probes.serve(admin, tasks.clone(), tasks.stopping().cancelled_owned()));
    let ending = tasks.clone();
    tasks.spawn("api", async move {
        let drained = || ending.draining().cancelled_owned();
        let peers = OptionFuture::from(
            handing_over
                .map(|(server, listener)| server.serve(listener, ending.clone(), drained())),
        );
        futures::join!(calls.serve(api, ending.clone(), drained()), peers);
        ending.stop();
    });
    Ok(Running { api: api_address, admin: admin_address, local, tasks })
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
