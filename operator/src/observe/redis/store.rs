//! What the hashers keep in Redis, read at the owner of each key's slot: their records in `nodes`, and
//! the weights in `node_capacity:{node}`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use authcluster_contract::keys;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::slots::{Slot, SlotSet};
use authcluster_contract::weights::Weight;
use futures::future::try_join_all;

use crate::error::chain;
use crate::plan::seen::Known;
use crate::plan::topology::{PodName, Seen, Wanted, slot_owners};
use crate::redis_client::{self, Access};

/// Why something of the hashers' cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no cluster to ask.
    #[error("the Redis Cluster is not formed")]
    NotFormed,
    /// Nobody that answers owns the slot of a key.
    #[error("no node that answers owns slot {0}")]
    NoOwner(Slot),
    /// The owner did not answer. A slot that has just moved says so here; the next pass knows where.
    #[error(transparent)]
    Client(#[from] redis_client::Error),
}

/// Which pod owns which slots.
#[derive(Clone, Debug, Default)]
pub struct Owners(BTreeMap<PodName, (IpAddr, SlotSet)>);

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner<'a> {
    /// The pod.
    pub pod: &'a PodName,
    /// Its address.
    pub ip: IpAddr,
}

impl Owners {
    /// The owners, as the pods that were read say.
    #[must_use]
    pub fn of(wanted: &Wanted, seen: &Seen) -> Self {
        Self(slot_owners(wanted, seen))
    }

    /// Who owns the slot of `key`.
    ///
    /// # Errors
    /// Nobody does.
    pub fn owner(&self, key: &str) -> Result<Owner<'_>, Error> {
        if self.0.is_empty() {
            return Err(Error::NotFormed);
        }
        let slot = Slot::of_key(key.as_bytes());
        let found = self.0.iter().find(|(_, (_, slots))| slots.contains(slot));
        found.map(|(pod, (ip, _))| Owner { pod, ip: *ip }).ok_or(Error::NoOwner(slot))
    }
}

/// The hashers' records, and the weights of those and of `hashers`.
pub async fn observe_store(
    access: &Access,
    owners: &Owners,
    hashers: BTreeSet<NodeId>,
) -> (Known<BTreeMap<NodeId, NodeRecord>>, Known<BTreeMap<NodeId, Weight>>) {
    let nodes = match observe_records(access, owners).await {
        Ok(nodes) => nodes,
        Err(error) => {
            let why = chain(&error);
            return (Known::Unknown(why.clone()), Known::Unknown(why));
        }
    };
    let ids: BTreeSet<NodeId> = nodes.keys().cloned().chain(hashers).collect();
    let weights = match observe_weights(access, owners, &ids).await {
        Ok(weights) => Known::Known(weights),
        Err(error) => Known::Unknown(chain(&error)),
    };
    // A field whose record cannot be read is no node: it has a weight that is to go, and no word.
    let nodes = nodes.into_iter().filter_map(|(id, record)| Some((id, record?))).collect();
    (Known::Known(nodes), weights)
}

/// Every field of `nodes` that has a node's name; `None` where the record cannot be true.
async fn observe_records(
    access: &Access,
    owners: &Owners,
) -> Result<BTreeMap<NodeId, Option<NodeRecord>>, Error> {
    let owner = owners.owner(keys::NODES)?;
    let mut node = access.connect(owner.pod, owner.ip).await?;
    let command = ::redis::cmd("HGETALL").arg(keys::NODES).to_owned();
    let fields: BTreeMap<String, Vec<u8>> = node.ask("HGETALL nodes", &command).await?;
    let record = |json: &[u8]| {
        serde_json::from_slice::<NodeRecord>(json).ok().and_then(|record| record.checked().ok())
    };
    Ok(fields
        .into_iter()
        .filter_map(|(name, json)| Some((name.parse().ok()?, record(&json))))
        .collect())
}

async fn observe_weights(
    access: &Access,
    owners: &Owners,
    ids: &BTreeSet<NodeId>,
) -> Result<BTreeMap<NodeId, Weight>, Error> {
    let mut by_owner: BTreeMap<Owner<'_>, Vec<&NodeId>> = BTreeMap::new();
    for id in ids {
        by_owner.entry(owners.owner(&keys::node_capacity(id))?).or_default().push(id);
    }
    let read = by_owner.into_iter().map(|(owner, ids)| async move {
        let mut gets = ::redis::pipe();
        for id in &ids {
            gets.get(keys::node_capacity(id));
        }
        let mut node = access.connect(owner.pod, owner.ip).await?;
        let values: Vec<Option<String>> = node.ask_all("GET node_capacity", &gets).await?;
        Ok::<_, Error>(ids.into_iter().cloned().zip(values).collect::<Vec<_>>())
    });
    let values = try_join_all(read).await?.into_iter().flatten();
    Ok(values.filter_map(|(id, value)| Some((id, value?.parse().ok()?))).collect())
}
