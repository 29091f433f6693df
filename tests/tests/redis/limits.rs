//! Limits over several hashers that share a Redis Cluster.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_contract::config::{RateRule, RateScope};
use authcluster_hasher::start::{Running, start};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

use crate::pods::{BOUND, Site, knows};
use crate::shared::{Access, options};

const PODS: usize = 3;

/// Long enough that nothing drains during a test.
const DAY: u32 = 86_400;

/// Three pods that know each other, on a cluster of three shards.
struct Three {
    servers: RedisServers,
    site: Site,
    pods: Vec<Running>,
}

impl Three {
    async fn start(rules: &[(RateScope, u32, u32)], failures: (u32, u32)) -> anyhow::Result<Self> {
        Self::start_on(rules, failures, Access::patient).await
    }

    async fn start_on(
        rules: &[(RateScope, u32, u32)],
        failures: (u32, u32),
        patience: impl FnOnce(Access) -> Access,
    ) -> anyhow::Result<Self> {
        let servers = RedisServers::cluster(&options(3, 0)).await?;
        let mut site = Site::on(patience(Access::of(&servers)?))?;
        let rule =
            |&(scope, attempts, period_seconds)| RateRule { scope, attempts, period_seconds };
        site.config.limits.rules = rules.iter().map(rule).collect();
        // Guesses at once are what is tested, and the cap on one user's jobs would take them first.
        site.config.routing.jobs_per_user_max = 1_000;
        (site.config.limits.backoff.free_failures, site.config.limits.backoff.failures_max) =
            failures;
        let mut pods = Vec::new();
        for name in ["a", "b", "c"] {
            pods.push(start(&site.config, name.parse()?).await?);
        }
        eventually("all know all", BOUND, || async {
            anyhow::ensure!(pods.iter().all(|pod| knows(pod).len() == PODS));
            Ok(())
        })
        .await?;
        Ok(Self { servers, site, pods })
    }

    /// One login at one of the pods; its status.
    async fn login(&self, pod: usize, body: Value) -> anyhow::Result<u16> {
        Ok(self.site.post(&self.pods[pod % PODS], "/v1/login", body).await?.0)
    }

    async fn hash(&self) -> anyhow::Result<Value> {
        let (_, hash) =
            self.site.post(&self.pods[0], "/v1/hash", json!({ "password": "right" })).await?;
        Ok(hash["encoded"].clone())
    }

    /// So many wrong passwords at once, over all pods; how many were let in.
    async fn guess(&self, times: usize) -> anyhow::Result<usize> {
        let all = (0..times).map(|turn| self.login(turn, wrong("alice", None)));
        let statuses = try_join_all(all).await?;
        let odd: Vec<_> = statuses.iter().filter(|status| !matches!(status, 200 | 429)).collect();
        anyhow::ensure!(odd.is_empty(), "{odd:?}");
        Ok(statuses.iter().filter(|status| **status == 200).count())
    }

    /// Every key has a time to live, within the longest that there is; what lies in `nodes` has an owner.
    async fn keys_end(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut kinds = BTreeSet::new();
        for server in self.servers.servers() {
            let mut redis = server.connect().await?;
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await?;
            for key in keys {
                let pttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await?;
                let kind = key.split(':').next().unwrap_or_default().to_owned();
                let most_days = match kind.as_str() {
                    "nodes" => continue,
                    "rate" => 1,
                    "login_failures" => 30,
                    "known_pair" => 90,
                    _ => 366,
                };
                let bound = 1..=i64::from(most_days) * 86_400_000;
                anyhow::ensure!(bound.contains(&pttl), "{key} has {pttl} ms");
                kinds.insert(kind);
            }
        }
        Ok(kinds)
    }
}

fn wrong(name: &str, address: Option<&str>) -> Value {
    json!({ "username": name, "password": "wrong", "encoded": null, "address": address })
}

fn right(encoded: &Value, address: Option<&str>) -> Value {
    json!({ "username": "alice", "password": "right", "encoded": encoded, "address": address })
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_exact_under_attempts_at_once() -> anyhow::Result<()> {
    let three = Three::start(&[(RateScope::User, 20, DAY)], (1_000, 1_000)).await?;
    assert_eq!(three.guess(200).await?, 20);
    let kinds = three.keys_end().await?;
    assert!(kinds.contains("rate") && kinds.contains("login_failures"), "{kinds:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_in_a_row_are_exact_under_attempts_at_once() -> anyhow::Result<()> {
    let three = Three::start(&[], (10, 10)).await?;
    assert_eq!(three.guess(200).await?, 10);
    // The help desk lifts it at any pod.
    let body = json!({ "username": "Alice" });
    let (status, answer) = three.site.post(&three.pods[1], "/v1/limits/reset", body).await?;
    assert_eq!((status, &answer["reset"]), (200, &json!(true)));
    assert_eq!(three.login(1, wrong("alice", None)).await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_never_uses_up_a_rate() -> anyhow::Result<()> {
    let rules = [(RateScope::User, 1, DAY), (RateScope::Address, 1, DAY)];
    let three = Three::start(&rules, (1, 1)).await?;
    let encoded = three.hash().await?;
    for turn in 0..12 {
        let address = ["192.0.2.1", "192.0.2.2"][turn % 2];
        assert_eq!(three.login(turn, right(&encoded, Some(address))).await?, 200, "{turn}");
    }
    let kinds = three.keys_end().await?;
    assert!(kinds.contains("known_pair") && !kinds.contains("rate"), "{kinds:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_at_full_rate_does_not_lock_out_the_owner() -> anyhow::Result<()> {
    let rules = [
        (RateScope::User, 5, DAY),
        (RateScope::Address, 50, DAY),
        (RateScope::UserAndAddress, 3, DAY),
    ];
    let three = Three::start(&rules, (3, 5)).await?;
    let encoded = three.hash().await?;
    assert_eq!(three.login(0, right(&encoded, Some("198.51.100.1"))).await?, 200);
    let attack = async |attacker: usize| {
        let mut let_in = 0;
        for turn in 0..100 {
            let address = format!("2001:db8:{attacker:x}:{turn:x}::1");
            let status = three.login(turn, wrong("alice", Some(&address))).await?;
            let_in += usize::from(status == 200);
        }
        anyhow::Ok(let_in)
    };
    let own = async {
        for turn in 0..15 {
            let status = three.login(turn, right(&encoded, Some("198.51.100.1"))).await?;
            anyhow::ensure!(status == 200, "turn {turn}: {status}");
        }
        anyhow::Ok(())
    };
    let (let_in, own) = futures::join!(join_all((0..6).map(attack)), own);
    own?;
    let let_in: usize = let_in.into_iter().sum::<anyhow::Result<usize>>()?;
    // Each login of the owner ends the attacker's failures in a row, but not the rate of the user.
    println!("\nlet in of 600 guesses, while the owner logged in 15 times: {let_in}");
    assert!((1..=5).contains(&let_in), "{let_in}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_has_not_tried() -> anyhow::Result<()> {
    let three = Three::start(&[(RateScope::User, 1, DAY)], (1, 1)).await?;
    // Occupies the only lane, so that the next one waits.
    let long =
        "$argon2id$v=19$m=65536,t=8,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
    let mut busy = wrong("bob", None);
    busy["encoded"] = json!(long);
    let offered = three.pods[0].local.offered().total();
    let busy = three.login(0, busy);
    let leave = async {
        eventually("the lane is busy", BOUND, || async {
            anyhow::ensure!(three.pods[0].local.offered().total() > offered);
            Ok(())
        })
        .await?;
        let before = three.pods[0].local.offered().total();
        let gone = three.login(0, wrong("alice", None));
        let seen = eventually("the attempt is counted", BOUND, || async {
            anyhow::ensure!(three.pods[0].local.offered().total() > before);
            Ok(())
        });
        futures::pin_mut!(gone, seen);
        match futures::future::select(gone, seen).await {
            futures::future::Either::Left((status, _)) => {
                anyhow::bail!("it was answered: {status:?}")
            }
            // Dropped here, and so is its connection.
            futures::future::Either::Right((seen, _)) => seen,
        }
    };
    let (busy, left) = futures::join!(busy, leave);
    assert_eq!(busy?, 200);
    left?;
    eventually("it was given back", BOUND, || async {
        let status = three.login(1, wrong("alice", None)).await?;
        anyhow::ensure!(status == 200, "{status}");
        Ok(())
    })
    .await?;
    assert_eq!(three.login(2, wrong("alice", None)).await?, 429);
    Ok(())
}

/// A Redis that hangs keeps its connections open, so only time tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_does_not_hang_a_login() -> anyhow::Result<()> {
    let as_usual = |access| access;
    let rules = [(RateScope::User, 9, DAY)];
    let three = Three::start_on(&rules, (1_000, 1_000), as_usual).await?;
    assert_eq!(three.guess(10).await?, 9);
    for server in three.servers.servers() {
        server.freeze()?;
    }
    let mut longest = Duration::ZERO;
    for turn in 0..30 {
        let one = Instant::now();
        let status = three.login(turn, wrong(&format!("user-{turn}"), None)).await?;
        longest = longest.max(one.elapsed());
        assert_eq!(status, 200, "each of them has tried nothing yet");
    }
    println!("\nslowest of 30 logins while redis hung: {} ms", longest.as_millis());
    // Two calls that wait as long as the store lets them, on a machine that does other things too.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    for server in three.servers.servers() {
        server.thaw()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_little_more_is_let_in() -> anyhow::Result<()> {
    let attempts = 9;
    let mut three = Three::start(&[(RateScope::User, attempts, DAY)], (1_000, 1_000)).await?;
    assert_eq!(three.guess(60).await?, 9);
    for index in 0..3 {
        three.servers.server(index).kill()?;
    }
    let start = Instant::now();
    let mut over = 0;
    let mut longest = Duration::ZERO;
    // What was denied a moment before stays so for up to a second.
    let mut rounds = 0;
    let mut rounds_since = 0;
    while rounds_since < 4 {
        anyhow::ensure!(start.elapsed() < BOUND, "nothing was let in");
        let one = Instant::now();
        over += three.guess(30).await?;
        longest = longest.max(one.elapsed());
        rounds += 1;
        rounds_since += usize::from(over > 0);
    }
    println!(
        "\nlet in over {attempts} when redis was killed: {over}; {rounds} times 30 attempts took {} ms, the \
         slowest {} ms",
        start.elapsed().as_millis(),
        longest.as_millis()
    );
    // Once: attempts + pods - 1.
    let bound = usize::try_from(attempts)? + PODS - 1;
    assert!((1..=bound).contains(&over), "{over} of at most {bound}");
    for index in 0..3 {
        three.servers.server(index).restart().await?;
    }
    eventually("counted over all pods again", BOUND, || async {
        let admin = three.pods[0].admin;
        let _ = three.login(0, wrong("carol", None)).await?;
        let answer = three.site.client.get(format!("http://{admin}/metrics")).send().await?;
        let text = answer.text().await?;
        let alone = text.lines().find(|line| line.starts_with("authcluster_hasher_limits_alone "));
        anyhow::ensure!(alone.context("the metric")?.ends_with(" 0"), "{alone:?}");
        Ok(())
    })
    .await
}
