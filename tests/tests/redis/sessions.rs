//! Sessions on several shards: what is left when a copy, a shard or a replica is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_contract::config::SessionEncryption;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::slots::Slot;
use authcluster_hasher::store::sessions::seal::Sealer;
use authcluster_hasher::store::{Session, SessionSettings, SessionStore as _, StoreError};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use redis::aio::MultiplexedConnection;

use crate::shared::{Access, Connected, options, realm, session, session_of};

/// Servers of a cluster, with a store on it.
struct World {
    servers: RedisServers,
    connected: Connected,
    _access: Access,
}

impl World {
    async fn of(shards: usize, replicas: usize) -> anyhow::Result<Self> {
        Self::on(shards, replicas, Access::patient).await
    }

    async fn on(
        shards: usize,
        replicas: usize,
        patience: impl FnOnce(Access) -> Access,
    ) -> anyhow::Result<Self> {
        let servers = RedisServers::cluster(&options(shards, replicas)).await?;
        let mut access = patience(Access::of(&servers)?);
        access.config.acknowledgements = u32::try_from(replicas)?;
        let connected = Connected::start(&access)?.reached().await?;
        Ok(Self { servers, connected, _access: access })
    }

    /// Which of the first three servers, the primaries as formed, has the slot of a key.
    fn shard(key: &str) -> usize {
        let slot = usize::from(Slot::of_key(key.as_bytes()).get());
        // As `formation` lays them out: in equal runs.
        slot * 3 / 16_384
    }

    async fn primary(&self, key: &str) -> anyhow::Result<MultiplexedConnection> {
        for server in self.servers.servers() {
            let mut redis = server.connect().await?;
            let answer: Result<u64, _> =
                redis::cmd("EXISTS").arg(key).query_async(&mut redis).await;
            let role: redis::Value = redis::cmd("ROLE").query_async(&mut redis).await?;
            if answer.is_ok() && format!("{role:?}").contains("master") {
                return Ok(redis);
            }
        }
        anyhow::bail!("nobody has {key}")
    }

    async fn ask<T: redis::FromRedisValue>(&self, key: &str, words: &[&str]) -> anyhow::Result<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(key).arg(&words[1..]);
        Ok(command.query_async(&mut self.primary(key).await?).await?)
    }

    async fn is_live(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        let live = self.connected.store.introspect_session(digest, &realm()).await?;
        Ok(live.is_some())
    }

    async fn create(&self, digest: &SessionDigest, session: &Session) -> Result<(), StoreError> {
        self.connected.store.create_session(digest, session).await
    }

    async fn revoke(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        self.connected.store.revoke_session(digest, &realm()).await
    }
}

fn critical() -> Session {
    Session { critical: true, ..session() }
}

/// A digest and a session of which primary copy, backup and user lie on these shards.
fn placed(primary: usize, backup: usize, user: usize) -> (SessionDigest, Session) {
    let digest = (0..)
        .map(|number| SessionDigest::of(&format!("placed-{number}")))
        .find(|digest| {
            let at =
                (World::shard(&keys::session(digest)), World::shard(&keys::session_backup(digest)));
            at == (primary, backup)
        })
        .expect("some digest lies there");
    let session = (0..)
        .map(|number| session_of(&format!("user-{number}")))
        .find(|session| World::shard(&keys::user_generation(&session.user)) == user)
        .expect("some user lies there");
    (digest, Session { critical: true, ..session })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_copy_is_made_anew_from_the_other() -> anyhow::Result<()> {
    let world = World::of(3, 1).await?;
    let digest = SessionDigest::of("a");
    let (first, second) = (keys::session(&digest), keys::session_backup(&digest));
    world.create(&digest, &critical()).await?;
    let ttl = async |key: &str| world.ask::<i64>(key, &["PTTL"]).await;
    let idle_ms = 600_000;
    assert!((idle_ms - 5_000..=idle_ms).contains(&ttl(&first).await?));
    let (left, of_backup) = (ttl(&first).await?, ttl(&second).await?);
    assert!(of_backup < left, "no backup outlives its session: {of_backup} of {left}");
    // The primary copy: as after a failover that lost it.
    world.ask::<()>(&first, &["DEL"]).await?;
    assert!(world.is_live(&digest).await?);
    assert!((idle_ms - 5_000..=idle_ms).contains(&ttl(&first).await?), "repaired");
    let data: String = world.ask(&first, &["HGET", "data"]).await?;
    assert_eq!(data, "editor");
    // The backup: when it is to be touched next, after a sixteenth of the idle timeout.
    world.ask::<()>(&second, &["DEL"]).await?;
    assert!(world.is_live(&digest).await?);
    assert_eq!(ttl(&second).await?, -2, "a touch of the primary alone");
    world.ask::<()>(&first, &["HSET", "backed_ms", "0"]).await?;
    assert!(world.is_live(&digest).await?);
    assert!((idle_ms - 6_000..idle_ms).contains(&ttl(&second).await?));
    // And without it, a plain session is gone with its only copy.
    let plain = SessionDigest::of("plain");
    world.create(&plain, &session()).await?;
    world.ask::<()>(&keys::session(&plain), &["DEL"]).await?;
    assert!(!world.is_live(&plain).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_counts_more_than_any_copy() -> anyhow::Result<()> {
    let world = World::of(3, 1).await?;
    let digest = SessionDigest::of("a");
    let (first, second) = (keys::session(&digest), keys::session_backup(&digest));
    let dump = async |key: &str| -> anyhow::Result<Vec<u8>> { world.ask(key, &["DUMP"]).await };
    let restore = async |key: &str, dump: &[u8]| -> anyhow::Result<()> {
        let mut command = redis::cmd("RESTORE");
        command.arg(key).arg(60_000).arg(dump).arg("REPLACE");
        Ok(command.query_async(&mut world.primary(key).await?).await?)
    };
    world.create(&digest, &critical()).await?;
    let (of_first, of_second) = (dump(&first).await?, dump(&second).await?);
    assert!(world.revoke(&digest).await?);
    assert!(!world.is_live(&digest).await?);
    for key in [&first, &second] {
        let state: String = world.ask(key, &["HGET", "state"]).await?;
        assert_eq!(state, "revoked");
    }
    // Whichever of the two tombstones is left.
    restore(&second, &of_second).await?;
    assert!(!world.is_live(&digest).await?);
    assert!(!world.revoke(&digest).await?, "and a second call completes the first");
    world.ask::<()>(&first, &["DEL"]).await?;
    assert!(!world.is_live(&digest).await?);
    // A logout that found the backup alone leaves a tombstone where a repair would write.
    restore(&second, &of_second).await?;
    assert!(world.is_live(&digest).await?, "so it would have been");
    world.ask::<()>(&first, &["DEL"]).await?;
    assert!(world.revoke(&digest).await?);
    let state: String = world.ask(&first, &["HGET", "state"]).await?;
    assert_eq!(state, "revoked");
    restore(&second, &of_second).await?;
    assert!(!world.is_live(&digest).await?);
    // Both tombstones live as long as the session could have, and no longer.
    for key in [&first, &second] {
        let left: i64 = world.ask(key, &["PTTL"]).await?;
        assert!((1..=1_200_000).contains(&left), "{left}");
    }
    drop(of_first);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_session_is_readable_while_its_shard_hangs() -> anyhow::Result<()> {
    let as_usual = |access| access;
    let world = World::on(3, 1, as_usual).await?;
    let (digest, session) = placed(0, 1, 2);
    world.create(&digest, &session).await?;
    let plain = SessionDigest::of(&format!("{}-plain", digest.as_str()));
    let plain = (0..)
        .map(|number| SessionDigest::of(&format!("{}-{number}", plain.as_str())))
        .find(|digest| World::shard(&keys::session(digest)) == 0)
        .context("a digest")?;
    world.create(&plain, &Session { critical: false, ..session.clone() }).await?;
    let servers = world.servers.servers();
    for server in [&servers[0], &servers[3]] {
        server.freeze()?;
    }
    let seen = async {
        for _ in 0..20 {
            let begun = Instant::now();
            anyhow::ensure!(world.is_live(&digest).await?, "the backup answers");
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
        // Nobody knows whether this one is valid, so nobody says that it is not.
        let unknown = world.is_live(&plain).await;
        anyhow::ensure!(matches!(unknown, Err(StoreError::Unreachable(_))), "{unknown:?}");
        // A logout is no success, and ends what can be read all the same.
        let revoked = world.revoke(&digest).await;
        anyhow::ensure!(revoked.is_err(), "{revoked:?}");
        anyhow::ensure!(!world.is_live(&digest).await?);
        Ok(())
    };
    let seen: anyhow::Result<()> = seen.await;
    for server in [&servers[0], &servers[3]] {
        server.thaw()?;
    }
    seen?;
    eventually("the logout succeeds", Duration::from_secs(30), || async {
        world.revoke(&digest).await?;
        Ok(())
    })
    .await?;
    assert!(!world.is_live(&digest).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_replica_has_is_never_a_success() -> anyhow::Result<()> {
    let world = World::of(3, 1).await?;
    let (digest, session) = placed(0, 1, 2);
    let store = &world.connected.store;
    world.create(&digest, &session).await?;
    let (unborn, successor) = (SessionDigest::of("unborn"), SessionDigest::of("successor"));
    let servers = world.servers.servers();
    // The replica of the session's own shard.
    servers[3].freeze()?;
    let seen = async {
        let refused = |outcome: &str, error: Option<StoreError>| match error {
            Some(StoreError::NotReplicated { .. } | StoreError::Unreachable(_)) => Ok(()),
            other => Err(anyhow::anyhow!("{outcome}: {other:?}")),
        };
        let of_this_shard = (0..)
            .map(|number| SessionDigest::of(&format!("unborn-{number}")))
            .find(|digest| World::shard(&keys::session(digest)) == 0)
            .context("a digest")?;
        refused("create", world.create(&of_this_shard, &session).await.err())?;
        anyhow::ensure!(!world.is_live(&of_this_shard).await?, "nothing is left of it");
        let rotated = store.rotate_session(&digest, &successor, &realm()).await;
        refused("rotate", rotated.err())?;
        anyhow::ensure!(world.is_live(&digest).await?, "the old id is still good");
        anyhow::ensure!(!world.is_live(&successor).await?);
        // What is read, and what is not critical, goes on.
        world.create(&unborn, &Session { critical: false, ..session.clone() }).await?;
        anyhow::ensure!(world.is_live(&unborn).await?);
        refused("revoke", world.revoke(&digest).await.err())?;
        anyhow::ensure!(!world.is_live(&digest).await?, "the primary has it");
        refused("revoke again", world.revoke(&digest).await.err())
    };
    let seen: anyhow::Result<()> = seen.await;
    servers[3].thaw()?;
    seen?;
    eventually("the logout succeeds", Duration::from_secs(30), || async {
        world.revoke(&digest).await?;
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_end_whoever_creates_some_meanwhile() -> anyhow::Result<()> {
    let world = World::of(3, 0).await?;
    let (store, user) = (&world.connected.store, session().user);
    let created = async {
        let mut created = Vec::new();
        for number in 0..200 {
            let digest = SessionDigest::of(&format!("race-{number}"));
            world.create(&digest, &session()).await?;
            created.push((digest, Instant::now()));
        }
        anyhow::Ok(created)
    };
    let ended = async {
        let mut last = Instant::now();
        for _ in 0..20 {
            last = Instant::now();
            store.revoke_all_sessions(&user).await?;
            tokio::task::yield_now().await;
        }
        anyhow::Ok(last)
    };
    // A list takes what is over out of the index, and must not take what is being created.
    let looked = async {
        for _ in 0..100 {
            store.list_sessions(&user, &realm()).await?;
        }
        anyhow::Ok(())
    };
    let (created, last, ()) = futures::future::try_join3(created, ended, looked).await?;
    let mut alive = 0;
    for (digest, at) in &created {
        let live = world.is_live(digest).await?;
        assert!(!(live && *at < last), "a session outlived a call that began after it");
        alive += usize::from(live);
    }
    let listed = store.list_sessions(&user, &realm()).await?;
    assert_eq!(listed.len(), alive, "the list knows those that live");
    store.revoke_all_sessions(&user).await?;
    for (digest, _) in &created {
        assert!(!world.is_live(digest).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_is_too_few_for_a_critical_session() -> anyhow::Result<()> {
    let world = World::of(1, 1).await?;
    let digest = SessionDigest::of("a");
    assert!(!world.connected.store.may_be_critical(&digest)?);
    let refused = world.create(&digest, &critical()).await;
    assert!(matches!(refused, Err(StoreError::CriticalUnavailable)), "{refused:?}");
    world.create(&digest, &session()).await?;
    assert!(world.is_live(&digest).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_for_ever_and_none_shows_who_it_is() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?.patient();
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("k1"), "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")?;
    let keys_folder = folder.path().to_owned();
    let sealer = Sealer::read(&SessionEncryption { keys_folder, current_key: "k1".to_owned() })?;
    let settings = SessionSettings { sealer: Some(Arc::new(sealer)), ..SessionSettings::default() };
    let connected = Connected::start_with(&access, settings)?.reached().await?;
    let store = &connected.store;
    for (number, critical) in [false, true].into_iter().enumerate() {
        let digest = |what: &str| SessionDigest::of(&format!("{what}-{number}"));
        let kept = Session { critical, ..session() };
        for name in ["live", "rotated", "revoked"] {
            store.create_session(&digest(name), &kept).await?;
        }
        let rotated = store.rotate_session(&digest("rotated"), &digest("new"), &realm()).await?;
        assert!(rotated.is_some());
        assert!(store.revoke_session(&digest("revoked"), &realm()).await?);
        for name in ["live", "rotated", "new"] {
            let live = store.introspect_session(&digest(name), &realm()).await?.context(name)?;
            assert_eq!((live.username.as_str(), live.data.as_str()), ("Alice", "editor"));
        }
    }
    let listed = store.list_sessions(&session().user, &realm()).await?;
    assert_eq!(listed.iter().filter(|one| one.data == "editor").count(), 4);
    let (mut count, longest_ms) = (0, 12 * 3_600_000 + 60_000);
    for server in servers.servers() {
        let mut redis = server.connect().await?;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await?;
        for key in keys {
            count += 1;
            let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await?;
            assert!((1..=longest_ms).contains(&left), "{key} lives {left} ms");
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await?;
            if kind == "hash" {
                let all: Vec<String> =
                    redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await?;
                let all = all.join(" ").to_lowercase();
                assert!(!all.contains("alice") && !all.contains("editor"), "{key}");
            }
        }
    }
    // Four digests for a plain and twice four for a critical one, and two keys of the user.
    assert_eq!(count, 14);
    // Without the key, nobody is told anything else than that it cannot be read.
    let blind = Connected::start(&access)?.reached().await?;
    let refused = blind.store.introspect_session(&SessionDigest::of("live-0"), &realm()).await;
    assert!(matches!(refused, Err(StoreError::Seal(_))));
    Ok(())
}
