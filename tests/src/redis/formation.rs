//! Makes one Redis Cluster of blank servers.

use std::time::Duration;

use anyhow::Context as _;
use redis::aio::MultiplexedConnection;

use super::RedisServer;
use crate::eventually::eventually;

/// Slots of every Redis Cluster.
const SLOTS: usize = 16_384;

/// Servers find each other within a second; a primary takes writes after two more.
const BOUND: Duration = Duration::from_secs(30);

/// Slots and epochs while nobody has met, then meetings, then replicas: the order that is safe to
/// break off at any point.
pub(super) async fn form(servers: &[RedisServer], shards: usize) -> anyhow::Result<()> {
    anyhow::ensure!(shards > 0 && shards <= servers.len(), "{shards} shards");
    for (index, server) in servers.iter().enumerate() {
        let mut connection = server.connect().await?;
        cluster(&mut connection, &["SET-CONFIG-EPOCH", &(index + 1).to_string()]).await?;
        if index < shards {
            let first = (index * SLOTS / shards).to_string();
            let last = ((index + 1) * SLOTS / shards - 1).to_string();
            cluster(&mut connection, &["ADDSLOTSRANGE", &first, &last]).await?;
        }
    }
    let first = servers.first().context("no servers")?;
    let mut connection = first.connect().await?;
    for server in servers.iter().skip(1) {
        let (port, bus) = (server.address().port().to_string(), server.bus_port().to_string());
        cluster(&mut connection, &["MEET", "127.0.0.1", &port, &bus]).await?;
    }
    wait_until_met(servers).await?;
    for (index, server) in servers.iter().enumerate().skip(shards) {
        let primary = servers.get(index % shards).context("a primary")?;
        let id: String =
            redis::cmd("CLUSTER").arg("MYID").query_async(&mut primary.connect().await?).await?;
        cluster(&mut server.connect().await?, &["REPLICATE", &id]).await?;
    }
    wait_until_whole(servers, BOUND).await
}

async fn cluster(connection: &mut MultiplexedConnection, words: &[&str]) -> anyhow::Result<()> {
    let mut command = redis::cmd("CLUSTER");
    for word in words {
        command.arg(word);
    }
    command.query_async::<()>(connection).await.with_context(|| format!("CLUSTER {words:?}"))
}

async fn wait_until_met(servers: &[RedisServer]) -> anyhow::Result<()> {
    eventually("every server knows every other one", BOUND, || async {
        for server in servers {
            let nodes: String = redis::cmd("CLUSTER")
                .arg("NODES")
                .query_async(&mut server.connect().await?)
                .await?;
            let met = nodes.lines().filter(|line| !line.contains("handshake")).count();
            anyhow::ensure!(met == servers.len(), "{} knows {met}", server.address());
        }
        Ok(())
    })
    .await
}

/// Every running server sees all slots served, and every replica is in step with its primary.
pub(super) async fn wait_until_whole(
    servers: &[RedisServer],
    bound: Duration,
) -> anyhow::Result<()> {
    eventually("the cluster is whole", bound, || async {
        for server in servers.iter().filter(|server| server.is_running()) {
            let mut connection = server.connect().await?;
            let info: String =
                redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await?;
            for line in ["cluster_state:ok", "cluster_slots_ok:16384"] {
                anyhow::ensure!(info.contains(line), "{} lacks {line}", server.address());
            }
            let link: String =
                redis::cmd("INFO").arg("replication").query_async(&mut connection).await?;
            anyhow::ensure!(
                !link.contains("master_link_status:down"),
                "{} is out of step with its primary",
                server.address()
            );
        }
        Ok(())
    })
    .await
}
