//! A Redis that invented names have filled: what still works, and that it looks the same for known and
//! unknown names.

use authcluster_contract::config::Limits;
use authcluster_contract::cost::Units;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::user::{UserKey, UserKeyMaker, UsernameCase};
use authcluster_hasher::policy::backoff::{Rules, Settled};
use authcluster_hasher::store::{
    LimitStore as _, NodeStore as _, Session, SessionStore as _, Standing, Store as _, StoreError,
};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::pods::{BOUND, Site};
use crate::shared::{Access, Connected, options, realm, session_of};

/// Failed logins of so many names that do not exist; their counters take some 200 bytes each.
const INVENTED: usize = 3_000;

/// What is under way at once.
const AT_ONCE: usize = 100;

fn user(name: &str) -> UserKey {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).expect("long enough");
    keys.user(&realm(), name).expect("a name")
}

fn rules() -> Rules {
    Rules::from(&Limits::default())
}

/// Servers with a store on them.
struct World {
    servers: RedisServers,
    _access: Access,
    connected: Connected,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let servers = RedisServers::cluster(&options(3, 0)).await?;
        let access = Access::of(&servers)?.patient();
        let connected = Connected::start(&access)?.reached().await?;
        Ok(Self { servers, _access: access, connected })
    }

    /// Failed logins of invented names.
    async fn invent(&self, names: usize) -> anyhow::Result<()> {
        let all: Vec<UserKey> = (0..names).map(|name| user(&format!("invented-{name}"))).collect();
        for some in all.chunks(AT_ONCE) {
            let rules = &rules();
            let store = &self.connected.store;
            try_join_all(some.iter().map(|user| store.begin_login(user, None, rules))).await?;
        }
        Ok(())
    }

    /// Sets `maxmemory` so that every server uses so many percent of it.
    async fn limit_to(&self, percent_used: u64) -> anyhow::Result<()> {
        for server in self.servers.servers() {
            let mut redis = server.connect().await?;
            let info: String = redis::cmd("INFO").arg("memory").query_async(&mut redis).await?;
            let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
            let used: u64 = used.unwrap_or_default().trim().parse()?;
            let max = used * 100 / percent_used;
            let mut set = redis::cmd("CONFIG");
            set.arg("SET").arg("maxmemory").arg(max);
            set.query_async::<()>(&mut redis).await?;
        }
        Ok(())
    }

    /// Milliseconds that a user's failures live.
    async fn life_ms(&self, user: &UserKey) -> anyhow::Result<i64> {
        let key = keys::login_failures(user);
        for server in self.servers.servers() {
            let mut redis = server.connect().await?;
            let life = redis::cmd("PTTL").arg(&key).query_async::<i64>(&mut redis).await;
            if let Ok(life) = life {
                return Ok(life);
            }
        }
        anyhow::bail!("no server has the slot of {key}")
    }

    async fn is_live(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        Ok(self.connected.store.introspect_session(digest, &realm()).await?.is_some())
    }
}

/// Of a name, with a digest under which it can be critical.
fn critical(connected: &Connected, name: &str) -> (SessionDigest, Session) {
    let apart = |digest: &SessionDigest| connected.store.may_be_critical(digest).unwrap_or(false);
    let digests = (0..).map(|number| SessionDigest::of(&format!("{name}-{number}")));
    let digest = digests.into_iter().find(apart).expect("some digest's copies are apart");
    (digest, Session { critical: true, ..session_of(name) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_still_ends_sessions_and_counts_nobody_apart() -> anyhow::Result<()> {
    let world = World::start().await?;
    let store = &world.connected.store;
    let (plain, owner) = (SessionDigest::of("plain"), session_of("alice"));
    store.create_session(&plain, &owner).await?;
    let (kept, of_bob) = critical(&world.connected, "bob");
    store.create_session(&kept, &of_bob).await?;
    let (other, of_carol) = (SessionDigest::of("other"), session_of("carol"));
    store.create_session(&other, &of_carol).await?;
    // Carol has failed before, and dave has not.
    store.begin_login(&of_carol.user, None, &rules()).await?;
    world.invent(INVENTED).await?;
    world.limit_to(105).await?;

    let refused = store.create_session(&SessionDigest::of("new"), &session_of("eve")).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    for name in ["carol", "dave"] {
        let begun = store.begin_login(&user(name), None, &rules()).await;
        assert!(matches!(begun, Err(StoreError::Full)), "{name}: {begun:?}");
    }
    // A success is settled: the failures before it are forgotten.
    store.settle_login(&of_carol.user, None, &rules(), Settled::Success).await?;
    assert_eq!(world.life_ms(&of_carol.user).await?, -2);

    for digest in [&plain, &kept, &other] {
        assert!(world.is_live(digest).await?);
    }
    // No room for another id: the session goes on under the old one.
    let rotated = store.rotate_session(&plain, &SessionDigest::of("next"), &realm()).await;
    assert!(matches!(rotated, Err(StoreError::Full)), "{rotated:?}");
    assert!(world.is_live(&plain).await?);
    assert!(store.revoke_session(&plain, &realm()).await?);
    assert!(store.revoke_session(&kept, &realm()).await?);
    assert_eq!(store.revoke_all_sessions(&of_carol.user).await?, 1);
    for digest in [&plain, &kept, &other] {
        assert!(!world.is_live(digest).await?);
    }
    // Hashers do not lose each other, and Redis is not taken for lost.
    store.publish_load(&"pod".parse()?, Units(1)).await?;
    assert_eq!(store.standing(), Standing::Reachable);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn at_95_percent_sessions_go_on_and_names_look_alike() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.invent(INVENTED).await?;
    let site = Site::on(Access::of(&world.servers)?.patient())?;
    let pod = site.pod("a").await?;
    site.ready(&pod).await?;
    let (_, hash) = site.post(&pod, "/v1/hash", json!({ "password": "right" })).await?;
    let login = async |name: &str, password: &str, encoded: &Value| {
        let body = json!({
            "username": name, "password": password, "encoded": encoded, "session": {},
        });
        site.post(&pod, "/v1/login", body).await
    };
    let (status, first) = login("alice", "right", &hash["encoded"]).await?;
    assert_eq!(status, 200, "{first}");
    let free = user("before");
    world.connected.store.begin_login(&free, None, &rules()).await?;
    let life_ms = world.life_ms(&free).await?;
    assert!((3_500_000..=3_600_000).contains(&life_ms), "{life_ms}");
    world.limit_to(95).await?;
    let mut number = 0;
    eventually("new counters live a minute", BOUND, || {
        number += 1;
        let name = user(&format!("after-{number}"));
        let world = &world;
        async move {
            world.connected.store.begin_login(&name, None, &rules()).await?;
            let life_ms = world.life_ms(&name).await?;
            anyhow::ensure!((1..=60_000).contains(&life_ms), "{life_ms}");
            Ok(())
        }
    })
    .await?;
    eventually("the metrics say how full it is", BOUND, || async {
        let text = site.client.get(format!("http://{}/metrics", pod.admin)).send().await?;
        let text = text.text().await?;
        let figure = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|figure| figure.trim().parse().ok()).unwrap_or(0)
        };
        let used = figure("authcluster_hasher_redis_memory_used_bytes");
        let max = figure("authcluster_hasher_redis_memory_max_bytes");
        anyhow::ensure!(max > 0 && (90..100).contains(&(used * 100 / max)), "{used} of {max}");
        Ok(())
    })
    .await?;
    // A user with a session and known to the table, and a name that nobody has.
    for turn in 0..3 {
        let (there, wrong) = login("alice", "wrong", &hash["encoded"]).await?;
        let (not_there, unknown) = login("nobody", "wrong", &Value::Null).await?;
        assert_eq!((there, &wrong), (not_there, &unknown), "turn {turn}");
        assert_eq!((there, &wrong["match"]), (200, &json!(false)), "{wrong}");
    }
    for session in [first, login("bob", "right", &hash["encoded"]).await?.1] {
        let id = json!({ "session": session["session"]["id"] });
        let (_, live) = site.post(&pod, "/v1/sessions/introspect", id.clone()).await?;
        assert_eq!(live["active"], true, "{session} {live}");
        let (_, revoked) = site.post(&pod, "/v1/sessions/revoke", id.clone()).await?;
        assert_eq!(revoked, json!({ "revoked": true }));
        let (_, gone) = site.post(&pod, "/v1/sessions/introspect", id).await?;
        assert_eq!(gone, json!({ "active": false }));
    }
    assert!(pod.shut_down().await);
    Ok(())
}
