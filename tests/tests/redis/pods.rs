//! Whole hashers that share a Redis Cluster.

use std::io::Write as _;
use std::time::Duration;

use authcluster_contract::config::{HasherConfig, Listen};
use authcluster_hasher::start::{Running, start};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use serde_json::{Value, json};

use crate::shared::{Access, PASSWORD, options};

pub(crate) const BOUND: Duration = Duration::from_secs(20);

pub(crate) struct Site {
    pub(crate) config: HasherConfig,
    pub(crate) client: reqwest::Client,
    /// Files that pods read when they start, and again for each connection.
    _files: (Access, tempfile::NamedTempFile),
}

impl Site {
    pub(crate) fn on(access: Access) -> anyhow::Result<Self> {
        // A second call finds the provider installed, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut key = tempfile::NamedTempFile::new()?;
        key.write_all(&[7; 32])?;
        let any = ([127, 0, 0, 1], 0).into();
        let mut config = HasherConfig {
            listen: Listen { api: any, admin: any },
            lanes: Some(1),
            redis: Some(access.config.clone()),
            ..HasherConfig::default()
        };
        config.users.key_file = Some(key.path().into());
        config.password.argon2id.memory_mib = 7;
        config.password.argon2id.iterations = 1;
        config.routing.deadline_ms = 30_000;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { config, client, _files: (access, key) })
    }

    pub(crate) async fn pod(&self, name: &str) -> anyhow::Result<Running> {
        start(&self.config, name.parse()?).await
    }

    pub(crate) async fn post(
        &self,
        pod: &Running,
        path: &str,
        body: Value,
    ) -> anyhow::Result<(u16, Value)> {
        let request = self
            .client
            .post(format!("http://{}{path}", pod.api))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_str(&answer.text().await?)?))
    }

    async fn readyz(&self, pod: &Running) -> anyhow::Result<(u16, String)> {
        let answer = self.client.get(format!("http://{}/readyz", pod.admin)).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    pub(crate) async fn ready(&self, pod: &Running) -> anyhow::Result<()> {
        eventually("the pod is ready", BOUND, || async {
            let (status, why) = self.readyz(pod).await?;
            anyhow::ensure!(status == 200, "{why}");
            Ok(())
        })
        .await
    }
}

pub(crate) fn login(encoded: &Value) -> Value {
    json!({ "username": "alice", "password": "p", "encoded": encoded, "session": {} })
}

pub(crate) fn knows(pod: &Running) -> Vec<String> {
    let table = pod.nodes.as_ref().map(|table| table.load_full()).unwrap_or_default();
    table.rows().iter().map(|row| row.node.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pods_share_sessions_and_know_each_other() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let site = Site::on(Access::of(&servers)?.patient())?;
    let (a, b) = (site.pod("a").await?, site.pod("b").await?);
    site.ready(&a).await?;
    site.ready(&b).await?;
    let (_, hash) = site.post(&a, "/v1/hash", json!({ "password": "p" })).await?;
    let (status, login) = site.post(&a, "/v1/login", login(&hash["encoded"])).await?;
    assert_eq!(status, 200, "{login}");
    let session = json!({ "session": login["session"]["id"] });
    let (_, live) = site.post(&b, "/v1/sessions/introspect", session.clone()).await?;
    assert_eq!((&live["active"], &live["username"]), (&json!(true), &json!("alice")));
    let (_, revoked) = site.post(&b, "/v1/sessions/revoke", session.clone()).await?;
    assert_eq!(revoked, json!({ "revoked": true }));
    let (_, gone) = site.post(&a, "/v1/sessions/introspect", session).await?;
    assert_eq!(gone, json!({ "active": false }));

    let both = ["a", "b"].map(str::to_owned);
    eventually("both know both", BOUND, || async {
        anyhow::ensure!(knows(&a) == both && knows(&b) == both, "{:?} {:?}", knows(&a), knows(&b));
        Ok(())
    })
    .await?;
    assert!(b.shut_down().await);
    // Much sooner than its heartbeat would have ended.
    eventually("the one that left is gone", Duration::from_secs(5), || async {
        anyhow::ensure!(knows(&a) == ["a"], "{:?}", knows(&a));
        Ok(())
    })
    .await?;
    assert!(a.shut_down().await);
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_pod_hashes_and_says_what_it_waits_for() -> anyhow::Result<()> {
    let access = Access::to(vec!["127.0.0.1:1".to_owned()], PASSWORD)?;
    let site = Site::on(access)?;
    let pod = site.pod("a").await?;
    let (status, hash) = site.post(&pod, "/v1/hash", json!({ "password": "p" })).await?;
    assert_eq!(status, 200, "{hash}");
    let encoded = &hash["encoded"];
    let verify = json!({ "password": "p", "encoded": encoded });
    let (status, verified) = site.post(&pod, "/v1/verify", verify).await?;
    assert_eq!((status, &verified["match"]), (200, &json!(true)));
    let offered = pod.local.offered().total();
    let (status, problem) = site.post(&pod, "/v1/login", login(encoded)).await?;
    assert_eq!((status, &problem["code"]), (503, &json!("sessions-unavailable")), "{problem}");
    assert_eq!(pod.local.offered().total(), offered, "refused before hashing");
    let without = json!({ "username": "alice", "password": "p", "encoded": encoded });
    assert_eq!(site.post(&pod, "/v1/login", without).await?.0, 200);
    let session = json!({ "session": "x" });
    assert_eq!(site.post(&pod, "/v1/sessions/introspect", session).await?.0, 503);
    eventually("the reason is known", BOUND, || async {
        let (status, why) = site.readyz(&pod).await?;
        assert_eq!(status, 503);
        anyhow::ensure!(why.starts_with("waiting for the shared store: "), "{why}");
        anyhow::ensure!(why.contains("refused"), "{why}");
        Ok(())
    })
    .await?;
    assert_eq!(knows(&pod), ["a"]);
    // A Redis that never came keeps no pod from ending.
    assert!(pod.shut_down().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_stays_ready_and_hashes_when_redis_is_lost() -> anyhow::Result<()> {
    let mut servers = RedisServers::cluster(&options(1, 0)).await?;
    let site = Site::on(Access::of(&servers)?.patient())?;
    let pod = site.pod("a").await?;
    site.ready(&pod).await?;
    let (_, hash) = site.post(&pod, "/v1/hash", json!({ "password": "p" })).await?;
    servers.server(0).kill()?;
    eventually("a login with a session is refused before hashing", BOUND, || async {
        let offered = pod.local.offered().total();
        let (status, problem) = site.post(&pod, "/v1/login", login(&hash["encoded"])).await?;
        anyhow::ensure!(status == 503, "{problem}");
        anyhow::ensure!(pod.local.offered().total() == offered, "it was hashed");
        Ok(())
    })
    .await?;
    assert_eq!(site.readyz(&pod).await?.0, 200);
    assert_eq!(site.post(&pod, "/v1/hash", json!({ "password": "p" })).await?.0, 200);
    assert_eq!(knows(&pod), ["a"]);
    servers.server(0).restart().await?;
    eventually("sessions are back", BOUND, || async {
        let (status, answer) = site.post(&pod, "/v1/login", login(&hash["encoded"])).await?;
        anyhow::ensure!(status == 200, "{answer}");
        Ok(())
    })
    .await?;
    assert!(pod.shut_down().await);
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_away_costs_only_those_whose_keys_lie_there() -> anyhow::Result<()> {
    let mut servers = RedisServers::cluster(&options(3, 0)).await?;
    let site = Site::on(Access::of(&servers)?.patient())?;
    let pod = site.pod("a").await?;
    site.ready(&pod).await?;
    servers.server(0).kill()?;
    let create = async |user: usize| {
        let body = json!({ "username": format!("user-{user}") });
        anyhow::Ok(site.post(&pod, "/v1/sessions", body).await?.0)
    };
    eventually("the loss is noticed", BOUND, || async {
        let answers: Vec<u16> = futures::future::try_join_all((0..20).map(create)).await?;
        anyhow::ensure!(answers.contains(&503) && answers.contains(&200), "{answers:?}");
        Ok(())
    })
    .await?;
    // The id of a session is drawn for a shard that answers, so a user gets sessions always or never.
    for user in 0..20 {
        let answers = futures::future::try_join_all([user; 8].map(create)).await?;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{user}: {answers:?}");
    }
    assert!(pod.shut_down().await);
    Ok(())
}
