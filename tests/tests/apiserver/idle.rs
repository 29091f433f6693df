//! Nothing to do, and nothing done.

use std::time::Duration;

use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use serde_json::json;

/// As long as two of the longest pauses between looks.
const IDLE: Duration = Duration::from_secs(30);

/// T23, T24: no write of anything but the lease. Nothing runs, so this waits for ever, which costs more
/// than being ready: the pauses begin at a second, and grow to 15.
#[tokio::test]
async fn idle_there_are_no_writes_but_the_lease() -> anyhow::Result<()> {
    let site = Site::new("idle").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    // Pods are made, and found to have no node.
    let settled = Duration::from_secs(10);
    eventually("the last write is long ago", Duration::from_secs(90), || async {
        let asked = site.proxy.asked();
        let last = asked.iter().rfind(|asked| asked.is_write() && !asked.is_lease());
        let since = last.map_or(Duration::ZERO, |last| last.at.elapsed());
        anyhow::ensure!(since > settled, "{since:?} since {last:?}");
        Ok(())
    })
    .await?;
    let before = site
        .kubectl(&["get", "ac", "login", "--output=jsonpath={.metadata.resourceVersion}"], "")
        .await?;
    site.proxy.forget();
    tokio::time::sleep(IDLE).await;
    let asked = site.proxy.asked();
    let writes: Vec<_> = asked.iter().filter(|it| it.is_write() && !it.is_lease()).collect();
    assert!(writes.is_empty(), "{writes:?}");
    let leases = asked.iter().filter(|it| it.is_lease()).count();
    let watches = asked.iter().filter(|it| it.is_watch()).count();
    println!(
        "idle for {IDLE:?}: {} requests, of them {leases} of the lease and {watches} watches",
        asked.len()
    );
    // Renewals each five seconds; at most a pass each second with some 13 reads, and soon fewer.
    assert!(leases <= 8 && watches <= 2, "{leases} of the lease, {watches} watches");
    assert!(asked.len() < 250, "{} requests", asked.len());
    let after = site
        .kubectl(&["get", "ac", "login", "--output=jsonpath={.metadata.resourceVersion}"], "")
        .await?;
    assert_eq!(before, after);
    operator.stop().await
}
