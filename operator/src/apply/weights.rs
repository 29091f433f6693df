//! Writes capacity weights, at the owner of each key's slot. What is not confirmed is written again by
//! the next pass, which sees that it is not there.

use std::collections::BTreeMap;

use authcluster_contract::keys;
use authcluster_contract::node::NodeId;
use authcluster_contract::weights::Weight;
use futures::future::try_join_all;

use super::redis::Leading;
use crate::context::Context;
use crate::observe::World;
use crate::observe::redis::Reach;
use crate::observe::redis::store::{self, Owner};
use crate::redis_client::{self, ANSWER_TIMEOUT};

/// Why weights were not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no way to reach Redis.
    #[error("there is no password of Redis yet")]
    Unreachable,
    /// The lease does not last long enough to begin a write.
    #[error("the lease ends too soon to begin a write")]
    Fenced,
    /// Nobody owns the slot of a key.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A node did not answer, or refused.
    #[error(transparent)]
    Client(#[from] redis_client::Error),
}

/// Writes them.
pub(super) async fn apply_weights(
    context: &Context,
    world: &World,
    weights: BTreeMap<NodeId, Option<Weight>>,
) -> Result<(), super::Error> {
    if weights.is_empty() {
        return Ok(());
    }
    let leading = Leading { fence: &context.fence, clock: context.clock };
    let reach = world.redis.as_ref().ok_or(Error::Unreachable);
    let written = match reach {
        Ok(reach) => write_weights(reach, leading, &weights).await,
        Err(error) => Err(error),
    };
    written.map_err(super::Error::Weights)
}

/// Writes weights (`Some`) and removes nodes (`None`).
///
/// # Errors
/// See [`Error`]. Some may have been written then.
pub async fn write_weights(
    reach: &Reach,
    leading: Leading<'_>,
    weights: &BTreeMap<NodeId, Option<Weight>>,
) -> Result<(), Error> {
    let mut by_owner: BTreeMap<Owner<'_>, ::redis::Pipeline> = BTreeMap::new();
    for (id, weight) in weights {
        let key = keys::node_capacity(id);
        let commands = by_owner.entry(reach.owners.owner(&key)?).or_default();
        match weight {
            Some(weight) => commands.set(key, weight.get()).ignore(),
            None => commands.del(key).ignore(),
        };
    }
    let written = by_owner.iter().map(|(owner, commands)| {
        send(reach, leading, *owner, "SET or DEL node_capacity", commands)
    });
    try_join_all(written).await?;
    // Only now the record: as long as it stands, the next pass sees that the weight is to go.
    let mut gone = ::redis::pipe();
    for id in weights.iter().filter(|(_, weight)| weight.is_none()).map(|(id, _)| id) {
        gone.hdel(keys::NODES, id.as_str()).ignore();
    }
    if gone.is_empty() {
        return Ok(());
    }
    send(reach, leading, reach.owners.owner(keys::NODES)?, "HDEL nodes", &gone).await
}

async fn send(
    reach: &Reach,
    leading: Leading<'_>,
    owner: Owner<'_>,
    name: &'static str,
    commands: &::redis::Pipeline,
) -> Result<(), Error> {
    let mut node = reach.access.connect(owner.pod, owner.ip).await?;
    if !leading.allows(ANSWER_TIMEOUT) {
        return Err(Error::Fenced);
    }
    Ok(node.ask_all(name, commands).await?)
}
