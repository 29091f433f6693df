//! Hashers on a Redis Cluster, and a caller whose user table is written with compare-and-swap alone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::{HasherConfig, Migration};
use authcluster_contract::keys;
use authcluster_contract::slots::Slot;
use authcluster_contract::user::{Realm, UserKey, UserKeyMaker, UsernameCase};
use authcluster_tests::hasher::{Hasher, peers_in};
use authcluster_tests::redis::RedisServers;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

use crate::shared::{Access, options};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hasher-under-test");

/// From the test suite of `crypt_blowfish`: the password is "a".
pub(super) const OLD: &str = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";

/// How hashes of the policy begin.
pub(super) const POLICY: &str = "$argon2id$v=19$m=7168,t=";

/// A failover takes some three seconds here, and a busy machine a few more.
pub(super) const BOUND: Duration = Duration::from_secs(40);

/// Hashers on a Redis Cluster, and a caller with a user table.
pub(super) struct World {
    pub(super) servers: RedisServers,
    pub(super) hashers: Vec<Hasher>,
    /// Of all hashers that were started.
    apis: Vec<SocketAddr>,
    pub(super) client: reqwest::Client,
    pub(super) table: Table,
    keys: UserKeyMaker,
    _access: Access,
    _folder: tempfile::TempDir,
    _key: tempfile::NamedTempFile,
}

/// One row: the hash, and the password that it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) hash: String,
    pub(super) password: String,
}

/// What the caller keeps of its users: every row with what it has held so far.
#[derive(Default)]
pub(super) struct Table(Mutex<BTreeMap<String, Vec<Row>>>);

impl Table {
    /// `UPDATE users SET hash = $hash WHERE name = $name AND hash = $replaces`. Says whether a row was
    /// changed.
    fn compare_and_swap(&self, name: &str, replaces: &str, row: impl FnOnce(&Row) -> Row) -> bool {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = rows.entry(name.to_owned()).or_default();
        let Some(last) = held.last().filter(|row| row.hash == replaces) else { return false };
        let next = row(last);
        held.push(next);
        true
    }

    /// A new hash of the same password.
    pub(super) fn swap(&self, name: &str, replaces: &str, hash: &str) -> bool {
        let hash = hash.to_owned();
        self.compare_and_swap(name, replaces, |last| Row { hash, ..last.clone() })
    }

    /// A new password.
    pub(super) fn change(&self, name: &str, replaces: &str, hash: &str, password: &str) -> bool {
        let row = Row { hash: hash.to_owned(), password: password.to_owned() };
        self.compare_and_swap(name, replaces, |_| row)
    }

    /// A new user.
    pub(super) fn set(&self, name: &str, hash: &str, password: &str) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = Row { hash: hash.to_owned(), password: password.to_owned() };
        rows.insert(name.to_owned(), vec![row]);
    }

    pub(super) fn history(&self, name: &str) -> Vec<Row> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn read(&self, name: &str) -> Row {
        self.history(name).pop().unwrap_or_default()
    }
}

/// What a login was offered.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) encoded: String,
    pub(super) replaces: String,
    pub(super) commit: Value,
}

impl World {
    pub(super) async fn start(
        pods: usize,
        replicas: usize,
        adjust: impl FnOnce(&mut HasherConfig),
    ) -> anyhow::Result<Self> {
        // A second call finds the provider installed, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let servers = RedisServers::cluster(&options(3, replicas)).await?;
        let access = Access::of(&servers)?.patient();
        let folder = tempfile::tempdir()?;
        let mut key = tempfile::NamedTempFile::new()?;
        key.write_all(&[7; 32])?;
        let mut config = HasherConfig {
            lanes: Some(1),
            redis: Some(access.config.clone()),
            peers: Some(peers_in(folder.path())?),
            migration: Migration { lock_seconds: 600, ..Migration::default() },
            ..HasherConfig::default()
        };
        config.users.key_file = Some(key.path().into());
        config.password.argon2id.memory_mib = 7;
        config.password.argon2id.iterations = 1;
        config.routing.deadline_ms = 30_000;
        // A hundred attempts at once are no guesses here.
        config.routing.jobs_per_user_max = 1_000;
        config.limits.rules = Vec::new();
        config.limits.backoff.failures_max = 1_000;
        config.limits.backoff.free_failures = 1_000;
        adjust(&mut config);
        let mut hashers = Vec::new();
        for number in 0..pods {
            hashers.push(Hasher::start(PROGRAM, &format!("pod-{number}"), &config)?);
        }
        for hasher in &hashers {
            hasher.ready(u64::try_from(pods)?).await?;
        }
        Ok(Self {
            servers,
            apis: hashers.iter().map(|hasher| hasher.api).collect(),
            hashers,
            client: reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?,
            table: Table::default(),
            keys: UserKeyMaker::new(vec![7; 32], UsernameCase::default())?,
            _access: access,
            _folder: folder,
            _key: key,
        })
    }

    pub(super) async fn post(
        &self,
        pod: usize,
        path: &str,
        body: Value,
    ) -> anyhow::Result<(u16, Value)> {
        let request = self
            .client
            .post(format!("http://{}{path}", self.apis[pod]))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_str(&answer.text().await?)?))
    }

    pub(super) async fn hash(&self, pod: usize, password: &str) -> anyhow::Result<String> {
        let (status, answer) = self.post(pod, "/v1/hash", json!({ "password": password })).await?;
        anyhow::ensure!(status == 200, "{status} {answer}");
        Ok(answer["encoded"].as_str().context("a hash")?.to_owned())
    }

    /// A login that brings this row, and must match.
    pub(super) async fn login_as(
        &self,
        pod: usize,
        name: &str,
        row: &Row,
    ) -> anyhow::Result<Option<Offer>> {
        let Row { hash, password } = row;
        let body =
            json!({ "username": name, "password": password, "encoded": hash, "migrate": true });
        let (status, answer) = self.post(pod, "/v1/login", body).await?;
        anyhow::ensure!(status == 200 && answer["match"] == true, "{name}: {status} {answer}");
        let Some(rehash) = answer.get("rehash") else { return Ok(None) };
        let text = |field: &str| rehash[field].as_str().map(str::to_owned).context("a text");
        let (encoded, replaces) = (text("encoded")?, text("replaces")?);
        let offer = Offer { encoded, replaces, commit: rehash["commit"].clone() };
        anyhow::ensure!(offer.replaces == *hash, "it replaces what was brought");
        anyhow::ensure!(offer.encoded.starts_with(POLICY), "{}", offer.encoded);
        Ok(Some(offer))
    }

    /// A login that brings this hash of "a".
    pub(super) async fn login_with(
        &self,
        pod: usize,
        name: &str,
        hash: &str,
    ) -> anyhow::Result<Option<Offer>> {
        let row = Row { hash: hash.to_owned(), password: "a".to_owned() };
        self.login_as(pod, name, &row).await
    }

    /// A login that brings what the table holds.
    pub(super) async fn login(&self, pod: usize, name: &str) -> anyhow::Result<Option<Offer>> {
        self.login_as(pod, name, &self.table.read(name)).await
    }

    pub(super) async fn commit(
        &self,
        pod: usize,
        name: &str,
        offer: &Offer,
    ) -> anyhow::Result<(u16, Value)> {
        let body = json!({ "username": name, "commit": offer.commit });
        self.post(pod, "/v1/migrations/commit", body).await
    }

    pub(super) async fn committed(
        &self,
        pod: usize,
        name: &str,
        offer: &Offer,
    ) -> anyhow::Result<bool> {
        let (status, answer) = self.commit(pod, name, offer).await?;
        answer["committed"].as_bool().with_context(|| format!("{status} {answer}"))
    }

    pub(super) fn swap(&self, name: &str, offer: &Offer) -> bool {
        self.table.swap(name, &offer.replaces, &offer.encoded)
    }

    /// How often something became of a migration, over all pods.
    pub(super) async fn count(&self, event: &str) -> anyhow::Result<u64> {
        let name = format!("authcluster_hasher_migrations_total{{event=\"{event}\"}} ");
        let mut all = 0;
        for hasher in &self.hashers {
            let url = format!("http://{}/metrics", hasher.admin);
            let text = self.client.get(url).send().await?.text().await?;
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            all += line.map_or(Ok(0), str::parse::<u64>)?;
        }
        Ok(all)
    }

    pub(super) fn user(&self, name: &str) -> anyhow::Result<UserKey> {
        Ok(self.keys.user(&Realm::new("default")?, name)?)
    }

    /// Which of the first three servers the cluster was formed with for this user.
    pub(super) fn home(&self, name: &str) -> anyhow::Result<usize> {
        let lock = keys::migration_lock(&self.user(name)?);
        // As the harness forms a cluster of three.
        Ok(usize::from(Slot::of_key(lock.as_bytes()).get()) * 3 / 16_384)
    }

    pub(super) async fn redis(&self, name: &str) -> anyhow::Result<MultiplexedConnection> {
        self.servers.servers()[self.home(name)?].connect().await
    }

    /// Ends a lock as its time to live would.
    pub(super) async fn end_lock(&self, name: &str) -> anyhow::Result<()> {
        let lock = keys::migration_lock(&self.user(name)?);
        let ended: bool =
            redis::cmd("DEL").arg(lock).query_async(&mut self.redis(name).await?).await?;
        anyhow::ensure!(ended, "there was no lock");
        Ok(())
    }
}
