//! The other pods: where they reach this one, and who computes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use authcluster_contract::config::HasherConfig;

use super::store::Shared;
use crate::work::{Local, Work};

/// Peers would not know where this pod is.
#[derive(Debug, thiserror::Error)]
#[error(
    "peers is set, and other pods must know where this one is: set HASHER_POD_IP or --pod-ip to the \
     pod's IP (status.podIP)"
)]
pub(super) struct NoPodIp;

/// Where others reach this pod: its IP and the port of `peers.listen`. Alone, where callers do.
pub(super) fn address(
    config: &HasherConfig,
    pod_ip: Option<IpAddr>,
    api: SocketAddr,
) -> Result<SocketAddr, NoPodIp> {
    match (&config.peers, pod_ip) {
        (None, None) => Ok(api),
        (None, Some(pod_ip)) => Ok((pod_ip, api.port()).into()),
        (Some(_), None) => Err(NoPodIp),
        (Some(peers), Some(pod_ip)) => Ok((pod_ip, peers.listen.port()).into()),
    }
}

/// Who computes: the one place where it is chosen.
///
/// With `config.peers` and `shared.table`, this is where the router over the table belongs, and
/// where the listener for peers is started; until then every pod computes what it is asked.
pub(super) fn work(config: &HasherConfig, local: &Arc<Local>, shared: &Shared) -> Arc<dyn Work> {
    if config.peers.is_some() && shared.table.is_some() {
        tracing::warn!("peers: this version does not forward; each pod computes what it is asked");
    }
    Arc::clone(local) as _
}

#[cfg(test)]
mod tests {
    //! What `nodes` will say.

    use authcluster_contract::config::{Peers, Tls};

    use super::*;

    #[test]
    fn the_address_is_the_pods_own() {
        let api: SocketAddr = ([127, 0, 0, 1], 8443).into();
        let tls = Tls { certificate_file: "c".into(), private_key_file: "k".into() };
        let listen = ([0, 0, 0, 0], 8444).into();
        let peers = Peers { listen, tls, ca_file: "ca".into(), name: "n".to_owned() };
        let alone = HasherConfig::default();
        let many = HasherConfig { peers: Some(peers), ..HasherConfig::default() };
        let ip = Some(IpAddr::from([10, 0, 0, 7]));
        assert_eq!(address(&alone, None, api).unwrap(), api);
        assert_eq!(address(&alone, ip, api).unwrap(), ([10, 0, 0, 7], 8443).into());
        assert_eq!(address(&many, ip, api).unwrap(), ([10, 0, 0, 7], 8444).into());
        let error = address(&many, None, api).unwrap_err().to_string();
        assert!(error.contains("HASHER_POD_IP"), "{error}");
    }
}
