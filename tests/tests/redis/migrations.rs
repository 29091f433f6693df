//! Users move from old hashes to new ones through several hashers, each a process of its own, on a real Redis
//! Cluster: nothing is lost and nothing is downgraded, whatever fails in between.

mod chaos;
mod world;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_contract::config::Limits;
use authcluster_contract::keys;
use authcluster_tests::eventually::eventually;
use futures::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use serde_json::json;

use self::world::{BOUND, OLD, Offer, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_logins_at_once_make_one_hash() -> anyhow::Result<()> {
    let world = World::start(3, 0, |_| {}).await?;
    for round in 0..5 {
        let name = format!("user-{round}");
        world.table.set(&name, OLD, "a");
        let login = async |number: usize| {
            let Some(offer) = world.login_with(number % 3, &name, OLD).await? else {
                return anyhow::Ok(0);
            };
            anyhow::ensure!(world.swap(&name, &offer), "nobody else writes");
            anyhow::ensure!(world.committed((number + 1) % 3, &name, &offer).await?);
            Ok(1)
        };
        let offered: u32 = try_join_all((0..100).map(login)).await?.into_iter().sum();
        assert_eq!(offered, 1, "{name}");
        assert_eq!(world.table.history(&name).len(), 2);
        for pod in 0..3 {
            assert!(world.login(pod, &name).await?.is_none(), "the new hash is as it should be");
            assert!(world.login_with(pod, &name, OLD).await?.is_none(), "an old row is known");
        }
    }
    assert_eq!(world.count("offered").await?, 5);
    let others = world.count("held").await? + world.count("replaced").await?;
    assert_eq!(others, 5 * 99 + 5 * 3);
    println!("\nof 500 logins: 5 offered, {} held", world.count("held").await?);
    world.servers.sweep().await
}

/// With the usual limits most of a hundred are refused; who is let in migrates.
#[tokio::test(flavor = "multi_thread")]
async fn logins_that_are_refused_leave_the_user_to_the_next() -> anyhow::Result<()> {
    let world = World::start(2, 0, |config| {
        config.routing.jobs_per_user_max = 2;
        config.limits = Limits::default();
    })
    .await?;
    world.table.set("alice", OLD, "a");
    let answers = join_all((0..100).map(|number| world.login_with(number % 2, "alice", OLD))).await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    let mut offers: Vec<Offer> = answers.into_iter().flatten().flatten().collect();
    assert!(offers.len() <= 1, "{offers:?}");
    let next = || async {
        match offers.first() {
            Some(offer) => Ok(offer.clone()),
            None => world.login(0, "alice").await?.context("no new hash"),
        }
    };
    let offer = eventually("somebody is offered a new hash", BOUND, next).await?;
    offers.clear();
    println!("\n{refused} of 100 were refused");
    assert!(world.swap("alice", &offer) && world.committed(1, "alice", &offer).await?);
    assert_eq!(world.count("offered").await?, 1);
    world.servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_holder_is_followed_by_another_login() -> anyhow::Result<()> {
    let mut world = World::start(3, 0, |config| {
        // A second or so, to be killed in.
        config.password.argon2id.iterations = 64;
        config.migration.lock_seconds = 5;
    })
    .await?;
    world.table.set("alice", OLD, "a");
    let lock = keys::migration_lock(&world.user("alice")?);
    let mut redis = world.redis("alice").await?;
    let held = async |redis: &mut MultiplexedConnection| -> anyhow::Result<bool> {
        Ok(redis::cmd("EXISTS").arg(&lock).query_async(redis).await?)
    };
    let url = format!("http://{}/v1/login", world.hashers[0].api);
    let body = json!({ "username": "alice", "password": "a", "encoded": OLD, "migrate": true });
    let request =
        world.client.post(url).header("content-type", "application/json").body(body.to_string());
    let call = tokio::spawn(request.send());
    while !held(&mut redis).await? {
        anyhow::ensure!(!call.is_finished(), "the login was faster");
    }
    world.hashers[0].kill()?;
    assert!(call.await?.is_err(), "its pod is gone");
    assert!(world.login(1, "alice").await?.is_none(), "the lock outlives its holder");
    let offered = || async { world.login(2, "alice").await?.context("no new hash") };
    let offer = eventually("another login migrates", BOUND, offered).await?;
    assert!(world.swap("alice", &offer) && world.committed(1, "alice", &offer).await?);
    assert!(world.login(2, "alice").await?.is_none());
    world.servers.sweep().await
}

/// One replica must have a critical session, and there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_session_fails_leaves_the_lock_to_the_next() -> anyhow::Result<()> {
    let world = World::start(1, 0, |config| {
        if let Some(redis) = &mut config.redis {
            redis.acknowledgements = 1;
        }
    })
    .await?;
    world.table.set("alice", OLD, "a");
    let session = json!({ "critical": true });
    let body = json!({ "username": "alice", "password": "a", "encoded": OLD, "migrate": true,
                       "session": session });
    let (status, problem) = world.post(0, "/v1/login", body).await?;
    assert_eq!((status, &problem["code"]), (503, &json!("sessions-unavailable")));
    assert_eq!(world.count("offered").await?, 1, "it had the lock");
    let offered = || async { world.login(0, "alice").await?.context("no new hash") };
    eventually("the next login is offered one", Duration::from_secs(5), offered).await?;
    Ok(())
}

/// What overwrote changed passwords elsewhere (roostorg/coop#901, better-auth#10291).
#[tokio::test(flavor = "multi_thread")]
async fn commits_may_be_lost_or_sent_again_and_passwords_may_change() -> anyhow::Result<()> {
    let world = World::start(2, 0, |_| {}).await?;
    let offered = async |name: &str| -> anyhow::Result<Offer> {
        world.login_with(0, name, OLD).await?.context("no new hash")
    };

    // The commit is lost: who has the new hash needs none, and an old row is offered one in vain.
    world.table.set("alice", OLD, "a");
    let first = offered("alice").await?;
    assert!(world.swap("alice", &first));
    assert!(world.login(1, "alice").await?.is_none());
    assert!(world.login_with(1, "alice", OLD).await?.is_none(), "the lock is held");
    world.end_lock("alice").await?;
    let second = offered("alice").await?;
    assert!(!world.swap("alice", &second), "the row is another one");
    // The first commit comes late: what was written stands.
    assert!(!world.committed(1, "alice", &first).await?);
    assert_eq!(world.table.read("alice").hash, first.encoded);

    // The commit is sent again, to any pod.
    world.table.set("bob", OLD, "a");
    let offer = offered("bob").await?;
    assert!(world.swap("bob", &offer));
    for pod in [0, 1, 0] {
        assert!(world.committed(pod, "bob", &offer).await?);
    }
    assert!(world.login_with(1, "bob", OLD).await?.is_none());
    assert!(!world.committed(0, "alice", &offer).await?, "a token is one user's");

    // The password is changed between the offer and the write.
    world.table.set("carol", OLD, "a");
    let offer = offered("carol").await?;
    let changed = world.hash(0, "another").await?;
    assert!(world.table.change("carol", OLD, &changed, "another"));
    assert!(!world.swap("carol", &offer), "the change would be lost");
    world.end_lock("carol").await?;
    // The old hash is still right for who brings it, and still replaces nothing.
    let late = offered("carol").await?;
    assert!(!world.swap("carol", &late));
    // Even a caller that commits what it has not written does no harm.
    assert!(world.committed(0, "carol", &late).await?);
    assert!(world.login_with(1, "carol", OLD).await?.is_none());
    let login = |password: &str| {
        let encoded = world.table.read("carol").hash;
        json!({ "username": "carol", "password": password, "encoded": encoded, "migrate": true })
    };
    let (_, right) = world.post(1, "/v1/login", login("another")).await?;
    assert_eq!(right, json!({ "match": true, "needs_rehash": false, "reasons": [] }));
    assert_eq!(world.post(1, "/v1/login", login("a")).await?.1["match"], false);

    // Nothing that could be tried offline has reached Redis.
    for name in ["alice", "bob", "carol"] {
        let user = world.user(name)?;
        for key in [keys::migration_lock(&user), keys::migration_status(&user)] {
            let mut get = redis::cmd("GET");
            let value: Option<String> =
                get.arg(&key).query_async(&mut world.redis(name).await?).await?;
            let spelled = value.unwrap_or_default();
            let digits = spelled.trim_start_matches("completed:");
            assert!(
                digits.bytes().all(|byte| byte == b':' || byte.is_ascii_hexdigit()),
                "{spelled}"
            );
        }
    }
    world.servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_in_between_loses_nothing() -> anyhow::Result<()> {
    let mut world = World::start(2, 1, |_| {}).await?;
    let home = world.home("alice")?;
    // Others whose locks are on the primary that goes.
    let mut names = vec!["alice".to_owned()];
    for number in 0.. {
        let name = format!("user-{number}");
        if world.home(&name)? == home {
            names.push(name);
        }
        if names.len() == 4 {
            break;
        }
    }
    let mut open = Vec::new();
    for name in &names {
        world.table.set(name, OLD, "a");
        open.push(world.login(0, name).await?.context("no new hash")?);
    }
    // One of them was written before, the others come while it is away.
    assert!(world.swap("alice", &open[0]));
    world.servers.server(home).kill()?;
    let late: Vec<&String> = names.iter().skip(1).collect();
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for (name, offer) in late.iter().zip(&open[1..]) {
        assert!(world.swap(name, offer));
        let one = Instant::now();
        // Each of these matches, with or without a new hash.
        let stale = world.login_with(1, name, OLD).await?;
        longest = longest.max(one.elapsed());
        if let Some(offer) = stale {
            assert!(!world.swap(name, &offer), "nothing is replaced twice");
        }
        assert!(world.login(1, name).await?.is_none());
    }
    println!("\nslowest login while the primary was away: {} ms", longest.as_millis());
    // A login needs the store for nothing, and a commit can be sent until there is one.
    for (name, offer) in names.iter().zip(&open) {
        let committed = || async { world.committed(0, name, offer).await };
        // What the replica had not yet is gone, and costs a hash at most.
        let _ = eventually("the commit is answered", BOUND, committed).await?;
        let stale = world.login_with(1, name, OLD).await?;
        if let Some(offer) = stale {
            assert!(!world.swap(name, &offer), "nothing is replaced twice");
        }
        let hashes: Vec<String> =
            world.table.history(name).into_iter().map(|row| row.hash).collect();
        assert_eq!(hashes, [OLD, &offer.encoded], "one swap");
        assert!(world.login(0, name).await?.is_none(), "the new hash is right");
    }
    println!("all commits answered after {} ms", begun.elapsed().as_millis());
    // And migration goes on.
    world.table.set("dave", OLD, "a");
    let offered = || async { world.login(1, "dave").await?.context("no new hash") };
    let offer = eventually("a new hash is offered", BOUND, offered).await?;
    assert!(world.swap("dave", &offer));
    let committed = || async { world.committed(0, "dave", &offer).await };
    assert!(eventually("it is committed", BOUND, committed).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_logins_go_on_and_nobody_is_migrated() -> anyhow::Result<()> {
    let mut world = World::start(1, 0, |_| {}).await?;
    world.table.set("alice", OLD, "a");
    world.table.set("bob", OLD, "a");
    let open = world.login(0, "alice").await?.context("no new hash")?;
    for index in 0..3 {
        world.servers.server(index).kill()?;
    }
    let away = || async {
        let count = world.count("store-away").await?;
        anyhow::ensure!(world.login(0, "bob").await?.is_none(), "without a lock");
        anyhow::ensure!(world.count("store-away").await? == count + 1);
        let (status, problem) = world.commit(0, "alice", &open).await?;
        anyhow::ensure!((status, &problem["code"]) == (503, &json!("migrations-unavailable")));
        Ok(())
    };
    eventually("it is noticed", BOUND, away).await?;
    // What was written meanwhile stands.
    assert!(world.swap("alice", &open));
    assert!(world.login(0, "alice").await?.is_none());
    for index in 0..3 {
        world.servers.server(index).restart().await?;
    }
    let offered = || async { world.login(0, "bob").await?.context("no new hash") };
    let offer = eventually("a new hash is offered", BOUND, offered).await?;
    assert!(world.swap("bob", &offer) && world.committed(0, "bob", &offer).await?);
    Ok(())
}
