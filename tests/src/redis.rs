//! Real Redis servers in cluster mode on loopback, blank or formed into a Redis Cluster.
//!
//! Each server has its own temporary folder, two free ports and its own configuration. Nothing here
//! calls redis-cli: formation uses the same commands as the operator, so that the tests of both
//! can be compared.

mod formation;
pub mod images;
pub mod pods;
mod server;
pub mod storm;
mod sweep;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

pub use self::server::{RedisServer, User};

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Primaries, once formed.
    pub shards: usize,
    /// Replicas of each primary, once formed.
    pub replicas_per_shard: usize,
    /// ACL users. With any, the default user is off and the harness has a user of its own.
    pub users: Vec<User>,
    /// Name and password that a replica uses with its primary; one of `users`. The harness's own
    /// user without it.
    pub replication: Option<(String, String)>,
    /// A folder with `tls.crt`, `tls.key` and `ca.crt`: every server listens with TLS, too, and
    /// speaks it to the others.
    pub tls: Option<PathBuf>,
    /// More lines for every redis.conf.
    pub config: Vec<String>,
    /// `cluster-node-timeout`. Short, so that a failover takes a second or two in tests.
    pub node_timeout: Duration,
    /// The server: a name on the PATH, or a path.
    pub program: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 3,
            replicas_per_shard: 0,
            users: Vec::new(),
            replication: None,
            tls: None,
            config: Vec::new(),
            node_timeout: Duration::from_secs(1),
            program: "redis-server".to_owned(),
        }
    }
}

impl Options {
    /// `shards` primaries with `replicas_per_shard` replicas each.
    #[must_use]
    pub fn of(shards: usize, replicas_per_shard: usize) -> Self {
        Self { shards, replicas_per_shard, ..Self::default() }
    }

    fn servers(&self) -> usize {
        self.shards * (1 + self.replicas_per_shard)
    }
}

/// Running servers. All of them are stopped, and their folders removed, on drop.
#[derive(Debug)]
pub struct RedisServers {
    servers: Vec<RedisServer>,
}

impl RedisServers {
    /// Starts the servers and leaves them blank: cluster mode, no slots, no one met.
    ///
    /// # Errors
    /// A missing program, with the command that installs it; a server that does not answer.
    pub async fn blank(options: &Options) -> anyhow::Result<Self> {
        let mut servers = Vec::new();
        for _ in 0..options.servers() {
            servers.push(RedisServer::start(options).await?);
        }
        Ok(Self { servers })
    }

    /// Starts the servers and forms them into one Redis Cluster. The primaries are the first
    /// `shards` servers; server `shards + i` is a replica of server `i % shards`.
    ///
    /// # Errors
    /// As [`Self::blank`]; a cluster that is not whole within its bound.
    pub async fn cluster(options: &Options) -> anyhow::Result<Self> {
        let this = Self::blank(options).await?;
        this.form(options).await?;
        Ok(this)
    }

    /// Forms blank servers into one Redis Cluster, as [`Self::cluster`] does.
    ///
    /// # Errors
    /// As [`Self::cluster`].
    pub async fn form(&self, options: &Options) -> anyhow::Result<()> {
        formation::form(&self.servers, options.shards).await.context("cannot form the cluster")
    }

    /// All servers, in the order they were started.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// One server, to do something to it.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn server(&mut self, index: usize) -> &mut RedisServer {
        let count = self.servers.len();
        assert!(index < count, "server {index} of {count}");
        self.servers.get_mut(index).unwrap_or_else(|| unreachable!("checked above"))
    }

    /// Starts one more blank server, as a pod that joins.
    ///
    /// # Errors
    /// As [`Self::blank`].
    pub async fn add(&mut self, options: &Options) -> anyhow::Result<&mut RedisServer> {
        self.servers.push(RedisServer::start(options).await?);
        self.servers.last_mut().context("one was added")
    }

    /// The addresses of all servers.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(RedisServer::address).collect()
    }

    /// Waits until every running server says that the cluster is whole.
    ///
    /// # Errors
    /// What was still missing when `bound` had passed.
    pub async fn wait_until_whole(&self, bound: Duration) -> anyhow::Result<()> {
        formation::wait_until_whole(&self.servers, bound).await
    }
}
