//! Hashers that find each other through Redis, and hand jobs on.

use std::time::Duration;

use authcluster_hasher::start::{Place, Running, start, start_at};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use serde_json::json;

use crate::pods::{BOUND, Site, knows, login};
use authcluster_tests::hasher::peers_in;

use crate::shared::{Access, options};

/// Enough users that each of two pods is home to some: all at one would take one chance in a
/// hundred million.
const USERS: u32 = 28;

/// The sum of a counter over its labels.
async fn count(site: &Site, pod: &Running, name: &str) -> anyhow::Result<u64> {
    let text =
        site.client.get(format!("http://{}/metrics", pod.admin)).send().await?.text().await?;
    let start = format!("authcluster_hasher_{name}_total{{");
    let counts = text.lines().filter(|line| line.starts_with(&start));
    Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_to_the_pod_that_redis_names() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&options(3, 0)).await?;
    let folder = tempfile::tempdir()?;
    let mut site = Site::on(Access::of(&servers)?.patient())?;
    site.config.peers = Some(peers_in(folder.path())?);
    // A pod that did not know its own address would tell the others nothing.
    assert!(start(&site.config, "a".parse()?).await.is_err());
    let ip = Some([127, 0, 0, 1].into());
    let place = |node: &str| -> anyhow::Result<Place> {
        Ok(Place { node: node.parse()?, pod_ip: ip, config_file: None })
    };
    let a = start_at(&site.config, place("a")?).await?;
    let b = start_at(&site.config, place("b")?).await?;
    eventually("both know both", BOUND, || async {
        anyhow::ensure!(knows(&a) == ["a", "b"] && knows(&b) == ["a", "b"]);
        Ok(())
    })
    .await?;
    let (_, hash) = site.post(&a, "/v1/hash", json!({ "password": "p" })).await?;
    let before = count(&site, &b, "peer_jobs").await?;
    for user in 0..USERS {
        let mut login = login(&hash["encoded"]);
        login["username"] = json!(format!("user-{user}"));
        let (status, answer) = site.post(&a, "/v1/login", login).await?;
        assert_eq!((status, &answer["match"]), (200, &json!(true)), "{answer}");
    }
    let handed = count(&site, &b, "peer_jobs").await? - before;
    assert!(handed > 0 && handed < u64::from(USERS), "{handed} of {USERS} users are at home at b");
    assert!(count(&site, &a, "forwarded").await? >= handed);
    // One pod leaves in good order: no login fails, during or after.
    let leaving = tokio::spawn(b.shut_down());
    eventually("a is alone again", Duration::from_secs(5), || async {
        for user in 0..4 {
            let mut login = login(&hash["encoded"]);
            login["username"] = json!(format!("user-{user}"));
            let (status, answer) = site.post(&a, "/v1/login", login).await?;
            assert_eq!((status, &answer["match"]), (200, &json!(true)), "{answer}");
        }
        anyhow::ensure!(knows(&a) == ["a"], "{:?}", knows(&a));
        Ok(())
    })
    .await?;
    assert!(leaving.await?);
    assert!(a.shut_down().await);
    servers.sweep().await
}
