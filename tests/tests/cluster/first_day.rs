//! A team installs it, applies a resource, and logs its users in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_tests::cluster::{Cluster, OPERATOR_NAMESPACE};
use authcluster_tests::eventually::eventually;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// Longest time until every hasher knows every other: they look once a second.
const KNOWN_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_resource_becomes_logins() -> anyhow::Result<()> {
    let cluster = Cluster::ready("first-day").await?;
    status_says_what_is_there(&cluster).await?;
    replicas_are_apart_from_their_primaries(&cluster).await?;
    users_log_in(&cluster).await?;
    every_hasher_answers_for_every_user(&cluster).await?;
    callers_are_told_what_is_wrong(&cluster).await?;
    a_change_is_ready_when_it_is_in_force(&cluster).await?;
    a_pass_that_finds_nothing_to_do_writes_nothing(&cluster).await?;
    cluster.remove().await
}

async fn status_says_what_is_there(cluster: &Cluster) -> anyhow::Result<()> {
    let status = cluster.status().await?;
    let redis = status.redis.unwrap_or_default();
    assert!(redis.formed);
    assert_eq!((redis.shards, redis.slots_covered), (3, 16_384));
    let hashers = status.hashers.unwrap_or_default();
    assert_eq!(hashers.ready, "3/3");
    assert!(hashers.capacity_units_per_second.is_some_and(|capacity| capacity > 0));
    let columns = cluster.world().kubectl(&["get", "ac", "-n", cluster.namespace()], "").await?;
    assert!(columns.contains("3/3 16384") && columns.contains("True"), "{columns}");
    Ok(())
}

async fn replicas_are_apart_from_their_primaries(cluster: &Cluster) -> anyhow::Result<()> {
    let primaries = cluster.until_redis_is_whole(Duration::from_secs(10)).await?;
    let shards: BTreeSet<_> = primaries.iter().map(|pod| pod.rsplit_once('-').unwrap().0).collect();
    assert_eq!(shards.len(), 3, "two primaries of one shard: {primaries:?}");
    let pods = cluster.pods("redis").await?;
    let mut nodes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, pod) in &pods {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap();
        nodes.entry(name.rsplit_once('-').unwrap().0).or_default().insert(node);
    }
    assert!(nodes.values().all(|nodes| nodes.len() == 2), "{nodes:?}");
    Ok(())
}

async fn users_log_in(cluster: &Cluster) -> anyhow::Result<()> {
    let service = cluster.service().await?;
    let encoded = cluster.hash("correct horse").await?;
    assert!(encoded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{encoded}");
    let login = |password: &str, encoded: Value| {
        let body = json!({
            "username": "alice", "password": password, "encoded": encoded,
            "session": {"data": "editor"},
        });
        cluster.post(service, "/v1/login", body)
    };
    let right = login("correct horse", json!(encoded)).await?;
    assert_eq!((right.status, &right.json()["match"]), (200, &json!(true)), "{right:?}");
    let wrong = login("correct house", json!(encoded)).await?;
    let unknown = login("correct horse", Value::Null).await?;
    assert_eq!((wrong.status, &wrong.json()["match"]), (200, &json!(false)), "{wrong:?}");
    assert_eq!(wrong.body, unknown.body, "a wrong password and an unknown user look the same");

    let session = right.json()["session"]["id"].as_str().unwrap().to_owned();
    let body = json!({"session": session});
    let seen = cluster.post(service, "/v1/sessions/introspect", body.clone()).await?.json();
    assert_eq!((&seen["active"], &seen["username"]), (&json!(true), &json!("alice")), "{seen}");
    assert_eq!(seen["data"], "editor");
    let revoked = cluster.post(service, "/v1/sessions/revoke", body).await?;
    assert_eq!(revoked.json()["revoked"], true);
    assert!(!cluster.is_active(service, &session).await?);
    Ok(())
}

async fn every_hasher_answers_for_every_user(cluster: &Cluster) -> anyhow::Result<()> {
    let hashers = cluster.hashers().await?;
    assert_eq!(hashers.len(), 3);
    for (name, address) in &hashers {
        eventually("each hasher knows all", KNOWN_WITHIN, || async {
            let nodes = cluster.send(*address, "/v1/nodes", Some(cluster.token()), None).await?;
            let nodes = nodes.json()["nodes"].clone();
            let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
            let known: BTreeSet<_> =
                nodes.iter().filter_map(|node| node["node"].as_str()).collect();
            let all: BTreeSet<_> = hashers.keys().map(String::as_str).collect();
            anyhow::ensure!(known == all, "{name} knows {known:?}");
            Ok(())
        })
        .await?;
    }
    let encoded = cluster.hash("correct horse").await?;
    let mut sessions = Vec::new();
    for number in 0..12 {
        let user = format!("user-{number}");
        for (name, address) in &hashers {
            let body = json!({
                "username": user, "password": "correct horse", "encoded": encoded,
                "session": {"data": user},
            });
            let answer = cluster.post(*address, "/v1/login", body).await?;
            assert_eq!((answer.status, &answer.json()["match"]), (200, &json!(true)), "{answer:?}");
            assert_eq!(answer.node.as_ref(), Some(name));
            sessions.push(answer.json()["session"]["id"].as_str().unwrap().to_owned());
        }
    }
    let forwarded = async |outcome: &str| {
        let mut sum = 0;
        for name in hashers.keys() {
            let path = format!("{}/pods/{name}:9090/proxy/metrics", cluster.namespace());
            let line = format!("authcluster_hasher_forwarded_total{{outcome=\"{outcome}\"}} ");
            sum += metric(cluster, &path, &line).await?.unwrap_or_default();
        }
        anyhow::Ok(sum)
    };
    assert!(forwarded("done").await? > 0, "nobody handed a job to its user's home");
    assert_eq!(forwarded("failed").await?, 0);
    for (session, address) in sessions.iter().zip(hashers.values().rev().cycle()) {
        assert!(cluster.is_active(*address, session).await?, "a session of another hasher");
    }
    Ok(())
}

async fn callers_are_told_what_is_wrong(cluster: &Cluster) -> anyhow::Result<()> {
    let service = cluster.service().await?;
    let body = Some(json!({"password": "x"}).to_string());
    for token in [None, Some("too-short"), Some("long-enough-for-a-token-but-not-known")] {
        let answer = cluster.send(service, "/v1/hash", token, body.clone()).await?;
        assert_eq!((answer.status, &answer.json()["code"]), (401, &json!("unauthenticated")));
    }
    let broken = Some("{\"password\": ".to_owned());
    let answer = cluster.send(service, "/v1/hash", Some(cluster.token()), broken).await?;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.json()["code"], "malformed-request");
    assert!(answer.json()["detail"].as_str().unwrap().contains("line 1"), "{answer:?}");
    Ok(())
}

/// Whoever waits for `Ready` after a change speaks to pods that know of it.
async fn a_change_is_ready_when_it_is_in_force(cluster: &Cluster) -> anyhow::Result<()> {
    let limits = json!([{"scope": "User", "attempts": 3, "periodSeconds": 3600}]);
    cluster.patch(json!({"spec": {"rateLimits": limits}})).await?;
    cluster.until_ready().await?;
    let hashers = cluster.hashers().await?;
    assert_eq!(hashers.len(), 3);
    let mut codes = Vec::new();
    for address in hashers.values().cycle().take(5) {
        let body = json!({"username": "guessed", "password": "x", "encoded": null});
        codes.push(cluster.post(*address, "/v1/login", body).await?.status);
    }
    assert_eq!(codes, [200, 200, 200, 429, 429]);
    // What only a real cluster of three shards has, by a pod that does not hold it.
    let encoded = cluster.hash("correct horse").await?;
    let body = json!({
        "username": "alice", "password": "correct horse", "encoded": encoded,
        "session": {"data": "editor", "critical": true},
    });
    let login = cluster.post(cluster.service().await?, "/v1/login", body).await?;
    let session = login.text("/session/id").with_context(|| format!("{login:?}"))?;
    for address in hashers.values() {
        assert!(cluster.is_active(*address, &session).await?);
    }
    let all = cluster
        .post(
            hashers.values().next().copied().unwrap(),
            "/v1/sessions/revoke-all",
            json!({"username": "alice"}),
        )
        .await?;
    assert_eq!(all.status, 200, "{all:?}");
    for address in hashers.values() {
        assert!(!cluster.is_active(*address, &session).await?);
    }
    Ok(())
}

/// Every object of the namespace with the number that each write of it raises.
async fn versions(cluster: &Cluster) -> anyhow::Result<BTreeMap<String, String>> {
    let kinds = "ac,deployments,statefulsets,services,configmaps,secrets,serviceaccounts,\
                 poddisruptionbudgets,pods";
    let text = cluster
        .world()
        .kubectl(&["get", kinds, "-n", cluster.namespace(), "-o", "json"], "")
        .await?;
    let list: Value = serde_json::from_str(&text)?;
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |item: &Value| {
        let name = format!("{}/{}", item["kind"], item["metadata"]["name"]);
        (name, item["metadata"]["resourceVersion"].to_string())
    };
    Ok(items.iter().map(of).collect())
}

/// The number of passes that the operator has made.
async fn passes(cluster: &Cluster) -> anyhow::Result<u64> {
    let pods = kube::Api::<Pod>::namespaced(cluster.world().client()?, OPERATOR_NAMESPACE);
    let pod = pods.list(&kube::api::ListParams::default()).await?.items.into_iter().next();
    let name = pod.and_then(|pod| pod.metadata.name).unwrap();
    let path = format!("{OPERATOR_NAMESPACE}/pods/{name}:8080/proxy/metrics");
    let passes = metric(cluster, &path, "authcluster_operator_reconciles_total ").await?;
    Ok(passes.unwrap())
}

/// A number that a pod tells, found by the beginning of its line.
async fn metric(cluster: &Cluster, path: &str, line: &str) -> anyhow::Result<Option<u64>> {
    let path = format!("/api/v1/namespaces/{path}");
    let text = cluster.world().kubectl(&["get", "--raw", &path], "").await?;
    Ok(text.lines().find_map(|it| it.strip_prefix(line)).map(str::parse).transpose()?)
}

/// Measured speeds may still move for a while after the start, and that is worth a write; then comes
/// a time in which nothing is.
async fn a_pass_that_finds_nothing_to_do_writes_nothing(cluster: &Cluster) -> anyhow::Result<()> {
    eventually("three passes without a write", Duration::from_secs(180), || async {
        cluster.touch("looked at").await?;
        let (before, passed) = (versions(cluster).await?, passes(cluster).await?);
        // The operator looks again every 15 s by itself.
        eventually("three more passes", Duration::from_secs(60), || async {
            let now = passes(cluster).await?;
            anyhow::ensure!(now >= passed + 3, "{now} passes, {passed} before");
            Ok(())
        })
        .await?;
        let after = versions(cluster).await?;
        let changed: Vec<_> =
            after.iter().filter(|(name, version)| before.get(*name) != Some(version)).collect();
        anyhow::ensure!(changed.is_empty() && before.len() == after.len(), "written: {changed:?}");
        Ok(())
    })
    .await
}
