//! The other pods: where they reach this one, and who computes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use authcluster_contract::config::HasherConfig;
use tokio::net::TcpListener;

use super::store::Shared;
use crate::live::LiveSettings;
use crate::peer::{self, Client, PeerTls};
use crate::server::listen;
use crate::telemetry::{Metrics, Tasks};
use crate::work::{Local, Routed, Work};

/// Peers would not know where this pod is.
#[derive(Debug, thiserror::Error)]
#[error(
    "peers is set, and other pods must know where this one is: set HASHER_POD_IP or --pod-ip to the \
     pod's IP (status.podIP)"
)]
pub(super) struct NoPodIp;

/// The port that peers hand jobs to, open already.
pub(super) struct PeerPort {
    pub(super) tls: PeerTls,
    listener: TcpListener,
}

impl PeerPort {
    /// Opens it, when there are to be peers.
    pub(super) async fn open(config: &HasherConfig) -> anyhow::Result<Option<Self>> {
        let Some(peers) = config.peers.clone() else { return Ok(None) };
        let listener = listen(peers.listen).await?;
        Ok(Some(Self { tls: PeerTls::read(peers)?, listener }))
    }

    fn port(&self) -> std::io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Serves until the drain, and finishes what was taken.
    pub(super) async fn serve(self, local: Arc<Local>, metrics: Arc<Metrics>, tasks: Tasks) {
        let drained = tasks.draining().cancelled_owned();
        peer::server(local, &self.tls, metrics).serve(self.listener, tasks, drained).await;
    }
}

/// Where others reach this pod: its IP and the port for peers. Alone, where callers do.
pub(super) fn address(
    peers: Option<&PeerPort>,
    pod_ip: Option<IpAddr>,
    api: SocketAddr,
) -> anyhow::Result<SocketAddr> {
    let port = peers.map(PeerPort::port).transpose()?;
    Ok(reachable(port, pod_ip, api)?)
}

fn reachable(
    peer_port: Option<u16>,
    pod_ip: Option<IpAddr>,
    api: SocketAddr,
) -> Result<SocketAddr, NoPodIp> {
    match (peer_port, pod_ip) {
        (None, None) => Ok(api),
        (None, Some(pod_ip)) => Ok((pod_ip, api.port()).into()),
        (Some(_), None) => Err(NoPodIp),
        (Some(port), Some(pod_ip)) => Ok((pod_ip, port).into()),
    }
}

/// Who computes: this pod alone, or all that are in the table.
pub(super) fn work(
    live: &LiveSettings,
    peers: Option<&PeerPort>,
    shared: &Shared,
    local: &Arc<Local>,
    (metrics, tasks): (&Arc<Metrics>, &Tasks),
) -> Arc<dyn Work> {
    let (Some(peers), Some(table)) = (peers, &shared.table) else { return Arc::clone(local) as _ };
    let client = Client::new(peers.tls.clone(), tasks.clone());
    let (local, table) = (Arc::clone(local), Arc::clone(table));
    Arc::new(Routed::new(local, table, live.clone(), client, Arc::clone(metrics)))
}

#[cfg(test)]
mod tests {
    //! What `nodes` will say.

    use super::*;

    #[test]
    fn the_address_is_the_pods_own() {
        let api: SocketAddr = ([127, 0, 0, 1], 8443).into();
        let ip = Some(IpAddr::from([10, 0, 0, 7]));
        assert_eq!(reachable(None, None, api).unwrap(), api);
        assert_eq!(reachable(None, ip, api).unwrap(), ([10, 0, 0, 7], 8443).into());
        assert_eq!(reachable(Some(8444), ip, api).unwrap(), ([10, 0, 0, 7], 8444).into());
        let error = reachable(Some(8444), None, api).unwrap_err().to_string();
        assert!(error.contains("HASHER_POD_IP"), "{error}");
    }
}
