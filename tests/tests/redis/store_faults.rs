//! The hashers' store while Redis is missing, hangs, or fails over.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::slots::Slot;
use authcluster_hasher::store::{SessionStore as _, Standing, Store as _, StoreError};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use tokio::join;

use crate::shared::{Access, Connected, PASSWORD, home_of, options, realm, session};

/// Longest that any call may take: its own bound, and what a busy machine adds.
const CALL_MAX: Duration = Duration::from_secs(2);

/// A failover with the harness's node timeout of a second takes some three; a machine that
/// compiles, a few more.
const FAILOVER_BOUND: Duration = Duration::from_secs(30);

/// Never reached, and says why within the bound of one try to connect.
pub(crate) async fn never_reached(access: &Access, why: &str) -> anyhow::Result<()> {
    let connected = Connected::start(access)?;
    let begun = Instant::now();
    let created = connected.store.create_session(&SessionDigest::of("a"), &session()).await;
    assert!(matches!(created, Err(StoreError::Unreachable(_))));
    assert!(begun.elapsed() < CALL_MAX, "{:?}", begun.elapsed());
    eventually("the reason is known", Duration::from_secs(6), || async {
        let standing = connected.store.standing();
        let Standing::NeverReached(reason) = standing else { anyhow::bail!("{standing:?}") };
        anyhow::ensure!(reason.contains(why), "{reason}");
        assert!(!reason.contains(PASSWORD), "{reason}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_redis_is_said_at_once() -> anyhow::Result<()> {
    // Port 1 of loopback: nobody may listen there without being root and meaning it.
    let access = Access::to(vec!["127.0.0.1:1".to_owned()], PASSWORD)?;
    never_reached(&access, "refused").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_never_answers_hangs_nobody() -> anyhow::Result<()> {
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let access = Access::to(vec![silent.local_addr()?.to_string()], PASSWORD)?;
    never_reached(&access, "time").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_without_showing_it() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(1, 0)).await?;
    let seeds = servers.addresses().iter().map(ToString::to_string).collect();
    let wrong = format!("{PASSWORD}-not");
    never_reached(&Access::to(seeds, &wrong)?, "WRONGPASS").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_late_is_found() -> anyhow::Result<()> {
    let options = options(3, 0);
    let servers = RedisServers::blank(&options).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?;
    let early = connected.store.create_session(&SessionDigest::of("a"), &session()).await;
    assert!(early.is_err());
    assert!(matches!(connected.store.standing(), Standing::NeverReached(_)));
    servers.form(&options).await?;
    let connected = connected.reached().await?;
    connected.store.create_session(&SessionDigest::of("a"), &session()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_get_an_owner_late_are_found() -> anyhow::Result<()> {
    let servers = RedisServers::blank(&options(1, 0)).await?;
    let mut redis = servers.servers()[0].connect().await?;
    let mut give = async |first: u16, last: u16| {
        let mut command = redis::cmd("CLUSTER");
        command.arg("ADDSLOTSRANGE").arg(first).arg(last);
        command.query_async::<()>(&mut redis).await
    };
    let (low, high) = ((0, 8_191), (8_192, 16_383));
    let (early, late) =
        if Slot::of_key(keys::NODES.as_bytes()).get() <= low.1 { (low, high) } else { (high, low) };
    give(early.0, early.1).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    let is_late = |digest: &SessionDigest| {
        let slot = Slot::of_key(keys::session(digest).as_bytes()).get();
        late.0 <= slot && slot <= late.1
    };
    let mut digests = (0..).map(|number| SessionDigest::of(&format!("late-{number}")));
    let digest = digests.find(is_late).context("a session of those slots")?;
    // Until the readings that follow a start are over.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        let refused = connected.store.create_session(&digest, &session()).await;
        assert!(matches!(refused, Err(StoreError::Unreachable(_))), "nobody has its slot");
        tokio::task::yield_now().await;
    }
    give(late.0, late.1).await?;
    // Long before the table of slots is read for no reason.
    let created = || async { Ok(connected.store.create_session(&digest, &session()).await?) };
    eventually("the session is kept", Duration::from_secs(3), created).await
}

/// A cluster with replicas, and a session on each of its shards.
async fn three_sessions(
    servers: &RedisServers,
    connected: &Connected,
) -> anyhow::Result<Vec<SessionDigest>> {
    let mut homes: Vec<Option<SessionDigest>> = vec![None, None, None];
    for index in 0.. {
        let digest = SessionDigest::of(&format!("session-{index}"));
        connected.store.create_session(&digest, &session()).await?;
        let home = home_of(servers, 3, &digest).await?;
        homes[home] = Some(digest);
        if homes.iter().all(Option::is_some) {
            break;
        }
    }
    // Every copy is at its replica, so that a failover loses none.
    for server in servers.servers().iter().take(3) {
        let acknowledged: u32 =
            redis::cmd("WAIT").arg(1).arg(5_000).query_async(&mut server.connect().await?).await?;
        anyhow::ensure!(acknowledged == 1, "a replica lags behind");
    }
    Ok(homes.into_iter().flatten().collect())
}

async fn is_alive(connected: &Connected, digest: &SessionDigest) -> anyhow::Result<()> {
    let begun = Instant::now();
    let found = connected.store.introspect_session(digest, &realm()).await;
    assert!(begun.elapsed() < CALL_MAX, "a call took {:?}", begun.elapsed());
    found?.context("the session is gone")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_hangs_holds_nobody_up() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 1)).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    let digests = three_sessions(&servers, &connected).await?;
    servers.servers()[3].freeze()?;
    for server in servers.servers().iter().take(3) {
        let mut redis = server.connect().await?;
        let kill = redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).to_owned();
        kill.query_async::<u64>(&mut redis).await?;
    }
    let alive = async || -> anyhow::Result<()> {
        for digest in &digests {
            is_alive(&connected, digest).await?;
        }
        Ok(())
    };
    let found = eventually("all sessions are readable", Duration::from_secs(5), &alive).await;
    let mut again = Ok(());
    for _ in 0..50 {
        again = again.and(alive().await);
    }
    servers.servers()[3].thaw()?;
    found.and(again)?;
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_come_back_before_anyone_asks() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    for server in servers.servers() {
        let mut redis = server.connect().await?;
        let kill = redis::cmd("CLIENT").arg(&["KILL", "USER", "hasher"]).to_owned();
        anyhow::ensure!(kill.query_async::<u64>(&mut redis).await? > 0);
    }
    // Sooner than the table of slots is read again, which would find out too.
    eventually("each primary has its connection", Duration::from_secs(3), || async {
        for server in servers.servers() {
            let mut redis = server.connect().await?;
            let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut redis).await?;
            anyhow::ensure!(clients.contains("user=hasher"), "{clients}");
        }
        Ok(())
    })
    .await?;
    drop(connected);
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_failover_is_hardly_noticed() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 1)).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    let digests = three_sessions(&servers, &connected).await?;
    let mut replica = servers.servers()[3].connect().await?;
    redis::cmd("CLUSTER").arg("FAILOVER").query_async::<()>(&mut replica).await?;
    let begun = Instant::now();
    let mut failures = 0;
    eventually("the replica is the primary", FAILOVER_BOUND, || async {
        let role: redis::Value =
            redis::cmd("ROLE").query_async(&mut servers.servers()[3].connect().await?).await?;
        anyhow::ensure!(format!("{role:?}").contains("master"), "{role:?}");
        Ok(())
    })
    .await?;
    while begun.elapsed() < Duration::from_secs(3) {
        for digest in &digests {
            failures += u32::from(is_alive(&connected, digest).await.is_err());
        }
    }
    // One call under way at the wrong moment may run out of tries; not one after it.
    assert!(failures <= 1, "{failures} calls failed");
    servers.sweep().await
}

/// A primary that is asked to hand over lets nobody write until its replica has everything, which takes long
/// on a busy machine. A pause is what it does then.
#[tokio::test(flavor = "multi_thread")]
async fn writes_outlast_the_pause_of_a_hand_over() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 1)).await?;
    // Three tenths of a call are 1,500 ms, the time after which a primary may be one that hangs.
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start(&access)?.reached().await?;
    let digests = three_sessions(&servers, &connected).await?;
    for (shard, digest) in digests.iter().enumerate() {
        let mut primary = servers.servers()[shard].connect().await?;
        let (begun, realm) = (Instant::now(), realm());
        let mut pause = redis::cmd("CLIENT");
        pause.arg("PAUSE").arg(2_000).arg("WRITE").query_async::<()>(&mut primary).await?;
        let (touched, ended) = join!(
            connected.store.introspect_session(digest, &realm),
            connected.store.revoke_session(digest, &realm),
        );
        assert!(begun.elapsed() > Duration::from_millis(1_900), "{:?}", begun.elapsed());
        touched.with_context(|| format!("shard {shard}"))?;
        ended.with_context(|| format!("shard {shard}, durably"))?;
    }
    servers.sweep().await
}

/// Nobody called between the hand-over and the end of the old primary, as when a node is drained at night.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_hands_over_and_ends_fails_no_call() -> anyhow::Result<()> {
    let mut servers = RedisServers::cluster(&options(3, 1)).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    let digests = three_sessions(&servers, &connected).await?;
    for (shard, digest) in digests.iter().enumerate() {
        let mut replica = servers.servers()[3 + shard].connect().await?;
        redis::cmd("CLUSTER").arg("FAILOVER").query_async::<()>(&mut replica).await?;
        eventually("it is a replica", FAILOVER_BOUND, || async {
            let mut primary = servers.servers()[shard].connect().await?;
            let role: redis::Value = redis::cmd("ROLE").query_async(&mut primary).await?;
            anyhow::ensure!(format!("{role:?}").contains("slave"), "{role:?}");
            Ok(())
        })
        .await?;
        servers.server(shard).kill()?;
        is_alive(&connected, digest).await.with_context(|| format!("shard {shard}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_killed_primary_are_readable_after_the_failover() -> anyhow::Result<()> {
    let mut servers = RedisServers::cluster(&options(3, 1)).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    let digests = three_sessions(&servers, &connected).await?;
    servers.server(0).kill()?;
    for digest in &digests {
        eventually("each session is readable", FAILOVER_BOUND, || is_alive(&connected, digest))
            .await?;
    }
    assert_eq!(connected.store.standing(), Standing::Reachable);
    // And can be ended, once there is a replica again: no end counts that a failover could take back.
    servers.server(0).restart().await?;
    for digest in &digests {
        // One that was ended by a call that no replica had noted in time is not ended again.
        let ended = || async {
            connected.store.revoke_session(digest, &realm()).await?;
            let left = connected.store.introspect_session(digest, &realm()).await?;
            anyhow::ensure!(left.is_none(), "it is alive");
            Ok(())
        };
        eventually("each session can be ended", FAILOVER_BOUND, ended).await?;
    }
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_hangs_is_left_for_its_replica() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 1)).await?;
    let access = Access::of(&servers)?;
    let connected = Connected::start(&access)?.reached().await?;
    let digests = three_sessions(&servers, &connected).await?;
    servers.servers()[0].freeze()?;
    let found = async {
        for digest in &digests {
            eventually("each session is readable", FAILOVER_BOUND, || is_alive(&connected, digest))
                .await?;
        }
        Ok(())
    };
    let found: anyhow::Result<()> = found.await;
    servers.servers()[0].thaw()?;
    found?;
    servers.sweep().await
}
