//! Pods go, and users do not notice, or no longer than they must.

use std::collections::BTreeSet;
use std::time::Duration;

use authcluster_tests::caller::Answer;
use authcluster_tests::cluster::Cluster;
use authcluster_tests::eventually::eventually;
use serde_json::json;

/// Longest time until Redis is whole again: a failed primary is noticed after 5 s, a pod needs some
/// seconds to come back, and its copy of the data as well.
const WHOLE_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test]
async fn pods_go_and_sessions_stay() -> anyhow::Result<()> {
    let cluster = Cluster::ready("failures").await?;
    a_hasher_goes_while_users_log_in(&cluster).await?;
    let encoded = cluster.hash("correct horse").await?;
    let session = cluster.log_in("alice", "correct horse", &encoded).await?;
    a_primary_is_deleted(&cluster, &session).await?;
    a_primary_is_killed(&cluster, &session).await?;
    all_redis_pods_go_at_once(&cluster, &session).await?;
    cluster.remove().await
}

/// No login fails but those that were under way on the pod that went, and it ends those too: it is told
/// before it goes.
async fn a_hasher_goes_while_users_log_in(cluster: &Cluster) -> anyhow::Result<()> {
    let (service, encoded) = (cluster.service().await?, cluster.hash("correct horse").await?);
    let before: BTreeSet<String> = cluster.hashers().await?.into_keys().collect();
    let gone = before.first().unwrap().clone();
    let logins = async {
        let mut answers: Vec<Answer> = Vec::new();
        let mut number = 0;
        loop {
            number += 1;
            let body = json!({
                "username": format!("user-{number}"), "password": "correct horse",
                "encoded": encoded, "session": {"data": ""},
            });
            answers.push(cluster.post(service, "/v1/login", body).await?);
            let now = cluster.hashers().await?;
            if !now.contains_key(&gone) && now.len() == 3 && answers.len() > 50 {
                return anyhow::Ok(answers);
            }
        }
    };
    let (answers, deleted) =
        tokio::join!(tokio::time::timeout(WHOLE_WITHIN, logins), cluster.delete_pod(&gone));
    deleted?;
    let answers = answers??;
    let failed: Vec<_> = answers.iter().filter(|answer| answer.json()["match"] != true).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), answers.len());
    cluster.until_ready().await
}

async fn survives(cluster: &Cluster, session: &str) -> anyhow::Result<BTreeSet<String>> {
    let primaries = cluster.until_redis_is_whole(WHOLE_WITHIN).await?;
    let service = cluster.service().await?;
    eventually("the session is there", Duration::from_secs(15), || async {
        anyhow::ensure!(cluster.is_active(service, session).await?, "it is not active");
        Ok(())
    })
    .await?;
    cluster.until_ready().await?;
    Ok(primaries)
}

/// Told that it goes, it hands over first.
async fn a_primary_is_deleted(cluster: &Cluster, session: &str) -> anyhow::Result<()> {
    let before = survives(cluster, session).await?;
    let primary = before.first().unwrap();
    cluster.delete_pod(primary).await?;
    eventually("another is primary", WHOLE_WITHIN, || async {
        let now = cluster.until_redis_is_whole(WHOLE_WITHIN).await?;
        anyhow::ensure!(!now.contains(primary), "{now:?}");
        Ok(())
    })
    .await?;
    survives(cluster, session).await?;
    Ok(())
}

/// Not told anything, it is succeeded.
async fn a_primary_is_killed(cluster: &Cluster, session: &str) -> anyhow::Result<()> {
    for primary in survives(cluster, session).await? {
        cluster.kill_pod(&primary).await?;
        survives(cluster, session).await?;
    }
    Ok(())
}

/// They come back with their data and with other addresses.
async fn all_redis_pods_go_at_once(cluster: &Cluster, session: &str) -> anyhow::Result<()> {
    let before = cluster.pods("redis").await?;
    for pod in before.keys() {
        cluster.delete_pod(pod).await?;
    }
    eventually("all pods are new", WHOLE_WITHIN, || async {
        let now = cluster.pods("redis").await?;
        let old: Vec<_> = before
            .iter()
            .filter(|(name, pod)| {
                now.get(*name).is_none_or(|now| now.metadata.uid == pod.metadata.uid)
            })
            .map(|(name, _)| name)
            .collect();
        anyhow::ensure!(old.is_empty(), "still there or not yet: {old:?}");
        Ok(())
    })
    .await?;
    survives(cluster, session).await?;
    Ok(())
}
