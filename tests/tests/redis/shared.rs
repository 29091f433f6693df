//! A Redis Cluster with the users of the product, and stores on it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::limits::SESSIONS_PER_USER_MAX;
use authcluster_contract::slots::Slot;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};
use authcluster_hasher::store::redis::RedisStore;
use authcluster_hasher::store::{NodeStore as _, Session, SessionSettings, Standing, Store};
use authcluster_hasher::telemetry::{Metrics, Tasks};
use authcluster_redis_agent::copies::Copies;
use authcluster_redis_agent::users;
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::{Options, RedisServers, User};

/// Of the user `hasher`; no log and no error may show it.
pub(crate) const PASSWORD: &str = "hunter2-hunter2";

/// A cluster with exactly the users that the product's Redis pods have, the default one off.
pub(crate) fn options(shards: usize, replicas_per_shard: usize) -> Options {
    let user = |user: users::User, password: &str| {
        let line = user.acl_line(password, Copies::Served);
        let rules = line.split_once(" on ").map(|(_, rules)| rules.to_owned()).unwrap_or_default();
        User { name: user.name().to_owned(), password: password.to_owned(), rules }
    };
    let replication = "of-the-replicas";
    Options {
        users: vec![
            user(users::User::Hasher, PASSWORD),
            user(users::User::Replication, replication),
        ],
        replication: Some((users::User::Replication.name().to_owned(), replication.to_owned())),
        ..Options::of(shards, replicas_per_shard)
    }
}

/// How the product's configuration names the cluster.
pub(crate) struct Access {
    pub(crate) config: config::Redis,
    _password: tempfile::NamedTempFile,
}

impl Access {
    pub(crate) fn to(seeds: Vec<String>, password: &str) -> anyhow::Result<Self> {
        let mut file = tempfile::NamedTempFile::new()?;
        writeln!(file, "{password}")?;
        let config = config::Redis {
            username: Some(users::User::Hasher.name().to_owned()),
            password_file: Some(file.path().into()),
            ..config::Redis::at(seeds)
        };
        Ok(Self { config, _password: file })
    }

    pub(crate) fn of(servers: &RedisServers) -> anyhow::Result<Self> {
        // By name, as in the product: it is looked up at each connect.
        let seeds = servers.addresses().into_iter();
        let seeds = seeds.map(|seed| format!("localhost:{}", seed.port())).collect();
        let mut access = Self::to(seeds, PASSWORD)?;
        // No test has more shards than three; three servers or fewer have no replica to wait for.
        access.config.acknowledgements = u32::from(3 < servers.servers().len());
        Ok(access)
    }

    /// The same for those who count: no call fails because the machine of the tests does other things for
    /// a moment.
    pub(crate) fn patient(mut self) -> Self {
        self.config.call_timeout_ms = 5_000;
        self
    }
}

/// A store, and the tasks that keep its connection.
pub(crate) struct Connected {
    pub(crate) store: Arc<RedisStore>,
    tasks: Tasks,
}

impl Connected {
    /// On this access, whether or not anyone answers there.
    pub(crate) fn start(access: &Access) -> anyhow::Result<Self> {
        // Whoever makes many sessions of one user here wants to keep them.
        let per_user_max = SESSIONS_PER_USER_MAX;
        Self::start_with(access, SessionSettings { per_user_max, ..SessionSettings::default() })
    }

    /// The same, with rules for sessions.
    pub(crate) fn start_with(access: &Access, sessions: SessionSettings) -> anyhow::Result<Self> {
        let tasks = Tasks::default();
        let store = RedisStore::start(&access.config, &Arc::new(Metrics::new()), &tasks)?;
        Ok(Self { store: Arc::new(store.with_sessions(sessions)), tasks })
    }

    /// Waits until the store has answered.
    pub(crate) async fn reached(self) -> anyhow::Result<Self> {
        eventually("the store answers", Duration::from_secs(15), || async {
            self.store.read_nodes().await.context(format!("{:?}", self.store.standing()))?;
            anyhow::ensure!(self.store.standing() == Standing::Reachable);
            Ok(())
        })
        .await?;
        Ok(self)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

pub(crate) fn realm() -> Realm {
    Realm::new("shop").expect("a realm")
}

/// A session that outlives every test.
pub(crate) fn session() -> Session {
    session_of("alice")
}

/// One of this user.
pub(crate) fn session_of(username: &str) -> Session {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).expect("long enough");
    Session {
        user: keys.user(&realm(), username).expect("a name"),
        realm: realm(),
        username: "Alice".to_owned(),
        user_id: "id-7".to_owned(),
        data: "editor".to_owned(),
        idle_timeout: Duration::from_secs(600),
        absolute_timeout: Duration::from_secs(1200),
        critical: false,
    }
}

/// Which of the first `shards` servers, the primaries once formed, holds a session.
pub(crate) async fn home_of(
    servers: &RedisServers,
    shards: usize,
    digest: &SessionDigest,
) -> anyhow::Result<usize> {
    let slot = Slot::of_key(keys::session(digest).as_bytes()).get();
    for (index, server) in servers.servers().iter().take(shards).enumerate() {
        let keys: usize = redis::cmd("CLUSTER")
            .arg("COUNTKEYSINSLOT")
            .arg(slot)
            .query_async(&mut server.connect().await?)
            .await?;
        if keys > 0 {
            return Ok(index);
        }
    }
    anyhow::bail!("no primary holds the session")
}
