//! What pods share, as far as the configuration asks for it: the store on Redis, and the other pods.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use authcluster_contract::config::{HasherConfig, Peers, Redis};
use tokio::net::TcpListener;

use crate::peer::{Client, PeerTls};
use crate::registry::Registry;
use crate::server::listen;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::store::redis::{Access, Link, RedisStore};
use crate::telemetry::{Metrics, Tasks};
use crate::work::{Local, Routed, Work};

/// Where sessions are, and what the probe for readiness asks.
pub(super) struct Stored {
    pub(super) store: Arc<dyn Store>,
    pub(super) link: Option<Link>,
}

/// The listener for peers, and where they reach it.
pub(super) struct PeerListener {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: PeerTls,
}

/// The store that is configured. Redis need not be there yet.
pub(super) fn store(redis: Option<&Redis>, tasks: &Tasks) -> anyhow::Result<Stored> {
    let Some(Redis { seeds, username, password_file }) = redis.cloned() else {
        return Ok(Stored { store: Arc::new(MemoryStore::new()), link: None });
    };
    let seeds = seeds.iter().map(|seed| seed.parse()).collect::<Result<_, _>>()?;
    let link = Link::start(Access { seeds, username, password_file }, tasks);
    Ok(Stored { store: Arc::new(RedisStore::new(link.clone())), link: Some(link) })
}

/// Opens the peers' port, when there are to be any.
pub(super) async fn peer_listener(
    peers: Option<&Peers>,
    pod_ip: Option<IpAddr>,
) -> anyhow::Result<Option<PeerListener>> {
    let Some(peers) = peers.cloned() else { return Ok(None) };
    let listener = listen(peers.listen).await?;
    let local = listener.local_addr()?;
    let ip = match pod_ip {
        Some(ip) => ip,
        None if !local.ip().is_unspecified() => local.ip(),
        None => anyhow::bail!(
            "peers.listen is {}, which is no address that others can use: set HASHER_POD_IP or \
             --pod-ip to the address of this pod",
            peers.listen
        ),
    };
    let address = SocketAddr::new(ip, local.port());
    let tls = PeerTls::read(peers).context("peers")?;
    Ok(Some(PeerListener { listener, address, tls }))
}

/// Whoever does the hashing: this pod alone, or all pods.
pub(super) fn work(
    config: &HasherConfig,
    peers: Option<&PeerListener>,
    store: &Arc<dyn Store>,
    local: &Arc<Local>,
    (metrics, tasks): (&Arc<Metrics>, &Tasks),
) -> Arc<dyn Work> {
    let Some(peers) = peers else { return Arc::clone(local) as _ };
    let registry = Registry::new(Arc::clone(store), Arc::clone(local));
    let client = Client::new(peers.tls.clone(), tasks.clone());
    let (local, metrics) = (Arc::clone(local), Arc::clone(metrics));
    let routed = Routed::new(local, registry.table(), config.routing, client, metrics);
    tasks.spawn("registry", registry.run(tasks.clone()));
    Arc::new(routed)
}
