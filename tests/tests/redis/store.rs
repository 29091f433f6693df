//! The hashers' store on a real Redis Cluster, as the ACL user that they have in the product.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::cost::Units;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::slots::Slot;
use authcluster_contract::weights::Weight;
use authcluster_hasher::store::conformance::{check_all, session_settings};
use authcluster_hasher::store::{NodeStore as _, SessionStore as _, StoreError};
use authcluster_tests::redis::RedisServers;
use futures::FutureExt as _;
use redis::aio::MultiplexedConnection;

use crate::shared::{Access, Connected, home_of, options, realm, session};

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must_with_the_rights_it_has() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start_with(&access, session_settings())?.reached().await?;
    // The waits are what is tested: times to live pass in Redis alone.
    check_all(&*connected.store, "redis", &|time| tokio::time::sleep(time).boxed()).await;
    for server in servers.servers() {
        let denied: Vec<HashMap<String, redis::Value>> =
            redis::cmd("ACL").arg("LOG").query_async(&mut server.connect().await?).await?;
        // The client names itself whatever it is told, and a refusal costs nothing.
        let denied = denied.iter().map(|entry| format!("{:?}", entry.get("object")));
        let denied: Vec<_> = denied.filter(|command| !command.contains("client|")).collect();
        assert_eq!(denied, [""; 0], "the user may not do what the store does");
    }
    servers.sweep().await
}

async fn home(
    servers: &RedisServers,
    digest: &SessionDigest,
) -> anyhow::Result<MultiplexedConnection> {
    servers.servers()[home_of(servers, 3, digest).await?].connect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_never_lies_there_without_a_time_to_live() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start(&access)?.reached().await?;
    let digest = SessionDigest::of("a");
    connected.store.create_session(&digest, &session()).await?;
    let mut redis = home(&servers, &digest).await?;
    let ttl_ms = async |redis: &mut MultiplexedConnection| -> anyhow::Result<i64> {
        Ok(redis::cmd("PTTL").arg(keys::session(&digest)).query_async(redis).await?)
    };
    let idle_ms = 600_000;
    let ttl = ttl_ms(&mut redis).await?;
    assert!((1..=idle_ms).contains(&ttl), "{ttl}");
    // As if most of both timeouts had passed.
    let key = keys::session(&digest);
    redis::cmd("PEXPIRE").arg(&key).arg(5_000).query_async::<()>(&mut redis).await?;
    let (seconds, _): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await?;
    let end_ms = (seconds + 60) * 1_000;
    redis::cmd("HSET").arg(&key).arg("end_ms").arg(end_ms).query_async::<()>(&mut redis).await?;
    let live = connected.store.introspect_session(&digest, &realm()).await?.context("alive")?;
    assert!(live.expires_in <= Duration::from_secs(60), "{:?}", live.expires_in);
    assert!(live.expires_in > Duration::from_secs(30), "{:?}", live.expires_in);
    let ttl = ttl_ms(&mut redis).await?;
    assert!((30_000..=60_000).contains(&ttl), "{ttl}");
    // As if its end had come and Redis had not noticed.
    redis::cmd("HSET").arg(&key).arg("end_ms").arg(1).query_async::<()>(&mut redis).await?;
    assert!(connected.store.introspect_session(&digest, &realm()).await?.is_none());
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_corrupt_and_never_a_session() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start(&access)?.reached().await?;
    let digest = SessionDigest::of("a");
    let key = keys::session(&digest);
    let corrupt = async |why: &str| {
        let found = connected.store.introspect_session(&digest, &realm()).await;
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{why}: {:?}", found.is_ok());
    };
    connected.store.create_session(&digest, &session()).await?;
    let mut redis = home(&servers, &digest).await?;
    redis::cmd("HSET").arg(&key).arg("end_ms").arg("x").query_async::<()>(&mut redis).await?;
    corrupt("an end that is no number").await;
    connected.store.create_session(&digest, &session()).await?;
    let binary = b"\xff\xfe".as_slice();
    redis::cmd("HSET").arg(&key).arg("username").arg(binary).query_async::<()>(&mut redis).await?;
    corrupt("a name that is no text").await;
    redis::cmd("HDEL").arg(&key).arg("realm").query_async::<()>(&mut redis).await?;
    corrupt("no realm").await;
    redis::cmd("DEL").arg(&key).query_async::<()>(&mut redis).await?;
    redis::cmd("SET").arg(&key).arg("x").query_async::<()>(&mut redis).await?;
    corrupt("another type").await;
    let revoked = connected.store.revoke_session(&digest, &realm()).await;
    assert!(matches!(revoked, Err(StoreError::Corrupt(_))));
    // A new session takes its place.
    connected.store.create_session(&digest, &session()).await?;
    assert!(connected.store.introspect_session(&digest, &realm()).await?.is_some());
    servers.sweep().await
}

/// A connection to the primary of a key's slot.
async fn primary_of(servers: &RedisServers, key: &str) -> anyhow::Result<MultiplexedConnection> {
    let slot = Slot::of_key(key.as_bytes()).get();
    // From, to, and the primary first: its address, port, id and more.
    type Shard = (u16, u16, (String, u16, redis::Value, redis::Value));
    let shards: Vec<Shard> = redis::cmd("CLUSTER")
        .arg("SLOTS")
        .query_async(&mut servers.servers()[0].connect().await?)
        .await?;
    let (_, _, (_, port, _, _)) = shards
        .into_iter()
        .find(|(from, to, _)| (*from..=*to).contains(&slot))
        .context("a shard")?;
    let server = servers.servers().iter().find(|server| server.address().port() == port);
    server.context("a server")?.connect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_read_with_their_weights_whatever_else_lies_there() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start(&access)?.reached().await?;
    let (a, b): (NodeId, NodeId) = ("a".parse()?, "b".parse()?);
    let record = NodeRecord {
        address: ([10, 0, 0, 1], 8444).into(),
        lanes: 2,
        speed: 8_000,
        offered: 0,
        version: "0.1.0".to_owned(),
        config: String::new(),
    };
    let mut redis = primary_of(&servers, keys::NODES).await?;
    for (name, value) in [("broken", "{"), ("NO NAME", "{}"), ("long", &"x".repeat(100_000))] {
        redis::cmd("HSET")
            .arg(keys::NODES)
            .arg(name)
            .arg(value)
            .query_async::<()>(&mut redis)
            .await?;
    }
    for node in [&a, &b] {
        connected.store.announce_node(node, &record).await?;
        connected.store.publish_load(node, Units(38)).await?;
    }
    for (node, weight) in [(&a, "500"), (&b, "nonsense")] {
        let key = keys::node_capacity(node);
        let mut redis = primary_of(&servers, &key).await?;
        redis::cmd("SET").arg(key).arg(weight).query_async::<()>(&mut redis).await?;
    }
    let seen = connected.store.read_nodes().await?;
    let seen: Vec<_> =
        seen.iter().map(|entry| (entry.node.as_str(), entry.load, entry.weight)).collect();
    let weight = Some(Weight::from_capacity(500));
    assert_eq!(seen, [("a", Some(Units(38)), weight), ("b", Some(Units(38)), None)]);
    redis::cmd("DEL").arg(keys::NODES).query_async::<()>(&mut redis).await?;
    redis::cmd("SET").arg(keys::NODES).arg("x").query_async::<()>(&mut redis).await?;
    assert!(matches!(connected.store.read_nodes().await, Err(StoreError::Corrupt(_))));
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_a_server_has_forgotten_are_sent_again() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start(&access)?.reached().await?;
    for round in 0..2 {
        for name in ["a", "b", "c", "d"] {
            let digest = SessionDigest::of(name);
            connected.store.create_session(&digest, &session()).await.context(round)?;
            assert!(connected.store.introspect_session(&digest, &realm()).await?.is_some());
            assert!(connected.store.revoke_session(&digest, &realm()).await?);
        }
        for server in servers.servers() {
            let mut redis = server.connect().await?;
            redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut redis).await?;
        }
    }
    servers.sweep().await
}
