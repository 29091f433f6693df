//! Reads what every Redis node of one `AuthCluster` says of itself and of the others, and what the
//! hashers keep there. Reads only.

pub mod nodes;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;
use zeroize::Zeroizing;

use super::kubernetes::live::Live;
use crate::api::names::PORT_REDIS;
use crate::plan::seen::Known;
use crate::plan::topology::{self, PodName};
use crate::plan::{KubernetesSeen, Validated, names, redis_wanted};
use crate::redis_client::{Access, USER};
use store::Owners;

/// What was read from Redis.
pub struct Reading {
    /// What every node said.
    pub topology: Known<topology::Seen>,
    /// The hashers' records.
    pub nodes: Known<BTreeMap<NodeId, NodeRecord>>,
    /// The hashers' weights.
    pub weights: Known<BTreeMap<NodeId, Weight>>,
    /// How to reach the nodes for writing; `None` while there is no password.
    pub reach: Option<Reach>,
}

/// How the nodes are reached, and who owns which slots.
pub struct Reach {
    /// How to reach them.
    pub access: Access,
    /// Who owns which slots.
    pub owners: Owners,
}

/// Reads Redis.
pub async fn observe_redis(wanted: &Validated, seen: &KubernetesSeen, live: &Live) -> Reading {
    let secret = names::redis_users(&wanted.name);
    let Some(password) = password(live, &secret) else {
        let why = || format!("Secret {secret} has no password of {USER} yet");
        return Reading {
            topology: Known::Unknown(why()),
            nodes: Known::Unknown(why()),
            weights: Known::Unknown(why()),
            reach: None,
        };
    };
    let access = Access::new(PORT_REDIS, password);
    let addresses: BTreeMap<PodName, IpAddr> = seen
        .redis_pods
        .iter()
        .filter_map(|(name, pod)| Some((PodName::new(name.clone()), pod.ip?)))
        .collect();
    let topology = nodes::observe_nodes(&access, &addresses).await;
    // Whether the cluster was formed before does not change who owns slots now.
    let owners = Owners::of(&redis_wanted(wanted, seen, false), &topology);
    let hashers: BTreeSet<NodeId> =
        seen.hasher_pods.keys().filter_map(|name| name.parse().ok()).collect();
    let (nodes, weights) = store::observe_store(&access, &owners, hashers).await;
    Reading {
        topology: Known::Known(topology),
        nodes,
        weights,
        reach: Some(Reach { access, owners }),
    }
}

fn password(live: &Live, secret: &str) -> Option<Zeroizing<String>> {
    let bytes = live.secret_value(secret, USER)?;
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then(|| Zeroizing::new(text.to_owned()))
}
