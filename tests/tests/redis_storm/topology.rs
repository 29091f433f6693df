//! Who is what in the cluster, and changes to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::slots::SLOTS;
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::{RedisServer, RedisServers};
use redis::aio::MultiplexedConnection;
use tokio::net::{TcpListener, TcpStream};

use crate::work::SHARDS;

/// Any change of roles takes less, on a machine that compiles, too.
const BOUND: Duration = Duration::from_secs(30);

/// The primary and the replica that serve what was formed as one shard, as indexes of servers.
pub(crate) async fn pair(servers: &RedisServers, shard: usize) -> anyhow::Result<(usize, usize)> {
    let slot = shard * usize::from(SLOTS) / SHARDS + 100;
    eventually("the shard has a primary and a replica", BOUND, || async {
        let running = servers.servers().iter().find(|server| server.is_running());
        let mut connection = running.context("none runs")?.connect().await?;
        let mut command = redis::cmd("CLUSTER");
        let nodes: String = command.arg("NODES").query_async(&mut connection).await?;
        let index = |line: &str| {
            let place = line.split([' ', '@']).nth(1)?;
            let at = place.parse::<SocketAddr>().ok()?;
            servers.servers().iter().position(|server| server.address() == at)
        };
        let owns = |line: &&str| {
            let ranges = line.split(' ').skip(8).filter(|word| !word.starts_with('['));
            let mut bounds = ranges.filter_map(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
            });
            bounds.any(|(first, last)| first <= slot && slot <= last)
        };
        let primary = nodes.lines().find(owns).context("nobody owns it")?;
        let id = primary.split(' ').next().context("no id")?;
        let follows = |line: &&str| line.split(' ').nth(3) == Some(id) && !line.contains("fail");
        let replica = nodes.lines().find(follows).context("nobody follows")?;
        anyhow::ensure!(!primary.contains("fail"), "{primary}");
        Ok((index(primary).context("a stranger")?, index(replica).context("a stranger")?))
    })
    .await
}

/// Says one thing to every running server.
pub(crate) async fn tell_all(servers: &RedisServers, words: &[&str]) -> anyhow::Result<()> {
    for server in servers.servers().iter().filter(|server| server.is_running()) {
        tell(&mut server.connect().await?, words).await?;
    }
    Ok(())
}

/// Says one thing.
pub(crate) async fn tell(
    connection: &mut MultiplexedConnection,
    words: &[&str],
) -> anyhow::Result<redis::Value> {
    let (first, others) = words.split_first().context("nothing to say")?;
    let mut command = redis::cmd(first);
    command.arg(others);
    command.query_async(connection).await.with_context(|| format!("{words:?}"))
}

async fn id(server: &RedisServer) -> anyhow::Result<String> {
    Ok(redis::cmd("CLUSTER").arg("MYID").query_async(&mut server.connect().await?).await?)
}

/// Redirections of one kind that a server has given: `ASK` or `MOVED`.
pub(crate) async fn redirections(server: &RedisServer, kind: &str) -> anyhow::Result<u64> {
    let mut command = redis::cmd("INFO");
    let text: String = command.arg("errorstats").query_async(&mut server.connect().await?).await?;
    let start = format!("errorstat_{kind}:count=");
    let count = text.lines().find_map(|line| line.strip_prefix(&start)?.trim().parse().ok());
    Ok(count.unwrap_or(0))
}

/// Moves slots while clients go on, and waits with each half-way until `meanwhile` is content.
pub(crate) async fn reshard(
    servers: &RedisServers,
    slots: &[u16],
    (from, to): (usize, usize),
    meanwhile: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (source, target) = (&servers.servers()[from], &servers.servers()[to]);
    let (source_id, target_id) = (id(source).await?, id(target).await?);
    let set = async |server: &RedisServer, slot: u16, words: [&str; 2]| {
        let words = ["CLUSTER", "SETSLOT", &slot.to_string(), words[0], words[1]];
        tell(&mut server.connect().await?, &words).await.map(drop)
    };
    for slot in slots {
        set(target, *slot, ["IMPORTING", &source_id]).await?;
        set(source, *slot, ["MIGRATING", &target_id]).await?;
    }
    meanwhile().await?;
    for slot in slots {
        source.migrate_keys(*slot, target.address()).await?;
        set(target, *slot, ["NODE", &target_id]).await?;
        set(source, *slot, ["NODE", &target_id]).await?;
    }
    Ok(())
}

/// Every server dies, and comes back at another address and without data; they are told of one
/// another again, as the operator does.
pub(crate) async fn move_all(servers: &mut RedisServers) -> anyhow::Result<()> {
    let count = servers.servers().len();
    for index in 0..count {
        servers.server(index).kill()?;
    }
    for index in 0..count {
        servers.server(index).move_away()?;
        servers.server(index).restart().await?;
    }
    for server in servers.servers() {
        let (port, bus) = (server.address().port().to_string(), server.bus_port().to_string());
        tell_all(servers, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await?;
    }
    servers.wait_until_whole(BOUND).await
}

/// An address that stays and leads to whichever server is named, as a Service does. What goes through
/// it ends with it.
pub(crate) struct Seed {
    pub(crate) address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    task: tokio::task::JoinHandle<()>,
}

impl Seed {
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let target = Arc::new(Mutex::new(target));
        let leads_to = Arc::clone(&target);
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = *leads_to.lock().expect("nobody panics");
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                    }
                });
            }
        });
        Ok(Self { address, target, task })
    }

    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().expect("nobody panics") = target;
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.task.abort();
    }
}
