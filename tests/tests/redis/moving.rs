//! Sessions whose slots are on their way to another server: what is there stays at the old one, what
//! is not there is the new one's.
//!
//! A user's generation and index are two keys of one slot. While that slot is on its way and only one of
//! them is there, Redis serves neither (`TRYAGAIN`), and calls about that user fail until it has arrived.

use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::slots::Slot;
use authcluster_hasher::store::SessionStore as _;
use authcluster_tests::redis::{RedisServer, RedisServers};

use crate::shared::{Access, Connected, options, realm, session};

async fn tell(server: &RedisServer, words: &[&str]) -> anyhow::Result<redis::Value> {
    let mut command = redis::cmd("CLUSTER");
    Ok(command.arg(words).query_async(&mut server.connect().await?).await?)
}

/// Opens the way of a slot, and moves nothing yet.
async fn open(servers: &RedisServers, slot: Slot) -> anyhow::Result<()> {
    // As the harness forms a cluster of three.
    let from = usize::from(slot.get()) * 3 / 16_384;
    let (source, target) = (&servers.servers()[from], &servers.servers()[(from + 1) % 3]);
    let source_id: String = redis::from_redis_value(tell(source, &["MYID"]).await?)?;
    let target_id: String = redis::from_redis_value(tell(target, &["MYID"]).await?)?;
    let slot = slot.get().to_string();
    tell(target, &["SETSLOT", &slot, "IMPORTING", &source_id]).await?;
    tell(source, &["SETSLOT", &slot, "MIGRATING", &target_id]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_half_way_while_its_slot_moves() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start(&access)?.reached().await?;
    let store = &connected.store;
    let is_alive = async |digest: &SessionDigest| -> anyhow::Result<bool> {
        Ok(store.introspect_session(digest, &realm()).await?.is_some())
    };
    let [a, b] = ["a", "b"].map(SessionDigest::of);
    store.create_session(&a, &session()).await?;
    let user = session().user;
    for digest in [&a, &b] {
        open(&servers, Slot::of_key(keys::session(digest).as_bytes())).await?;
    }
    assert!(is_alive(&a).await?);
    // `b` is made where its slot goes to.
    assert!(store.rotate_session(&a, &b, &realm()).await?.is_some());
    assert!(is_alive(&b).await?);
    assert!(store.revoke_session(&b, &realm()).await?);
    assert!(!is_alive(&b).await?);
    // The trace of the rotation is where `a` was, and gives way to a new session.
    store.create_session(&a, &session()).await?;
    assert!(is_alive(&a).await?);
    assert_eq!(store.list_sessions(&user, &realm()).await?.len(), 1);
    assert!(store.revoke_session(&a, &realm()).await?);
    assert!(!is_alive(&a).await?);
    servers.sweep().await
}
