//! Real processes and more work than they can do: a storm, pods and Redis that go away, callers that do
//! not wait. Figures are printed; bounds are wide, because the machine of the tests does other things too.
//!
//! The storm lasts ten seconds, or as long as `AUTHCLUSTER_STORM_SECONDS` says. `AUTHCLUSTER_HASHER` is another
//! program to test, such as an optimised one.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

mod hop;
mod site;
mod usage;

use std::time::Duration;

use authcluster_tests::eventually::eventually;
use authcluster_tests::hasher::Hasher;

use site::{Site, UNITS, program};
use usage::during;

/// Longer than any request may take, with room for a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_three_times_the_capacity() -> anyhow::Result<()> {
    let seconds = std::env::var("AUTHCLUSTER_STORM_SECONDS").unwrap_or_else(|_| "10".to_owned());
    let site = Site::start().await?;
    let (capacity, calm) = site.capacity().await?;
    let before: Vec<u64> =
        site.hashers.iter().map(Hasher::resident_kib).collect::<Result<_, _>>()?;
    let more = format!("--duration-seconds {seconds}");
    // On a machine that does other things too the capacity may have been seen too low: a storm is one when
    // most of it must be refused.
    let mut rate = capacity * 3.0;
    let (storm, spent) = loop {
        let (storm, spent) = during(&site.hashers, site.load(3, rate, &more)).await?;
        if storm.count(503) * 2 > storm.sent() || rate > capacity * 20.0 {
            break (storm, spent);
        }
        rate *= 2.0;
    };
    let after = site.load(3, capacity * 0.3, "--duration-seconds 1").await?;
    let grown: Vec<i128> = site
        .hashers
        .iter()
        .zip(&before)
        .map(|(hasher, before)| Ok(i128::from(hasher.resident_kib()?) - i128::from(*before)))
        .collect::<anyhow::Result<_>>()?;
    let yielded = spent.yielded(calm.unit());
    println!("capacity {capacity:.1}/s: {}", calm.said());
    println!("storm    {}", storm.said());
    println!("         {}", spent.said());
    println!(
        "         {:.0} % of the capacity by the clock, {:.0} % of what lanes had CPUs for; a unit took {:.2} times \
         the CPU; memory grown by {grown:?} KiB",
        storm.goodput() / capacity * 100.0,
        yielded * 100.0,
        spent.unit() / calm.unit()
    );
    println!("after    {}", after.said());
    assert_eq!(storm.errors(), 0, "{}", storm.said());
    assert!(
        storm.count(503) * 2 > storm.sent() && yielded > 0.6,
        "{} yielded {yielded}",
        storm.said()
    );
    assert!(storm.p99() < PATIENCE, "{}", storm.said());
    // At the door, and not after a wait.
    assert!(storm.refused_p90() * 4 < storm.p50(), "{}", storm.said());
    assert!(spent.unwanted * 10 < spent.done, "{spent:?}");
    // Of the clock: a lane that waits while there is more work than it can do is the pods' own fault.
    assert!(spent.busy > spent.clock * 0.9, "{spent:?}");
    assert!(grown.iter().all(|kib| *kib < 64 * 1024), "{grown:?}");
    assert_eq!(after.errors() + after.count(503), 0, "{}", after.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_stands_still_and_one_that_is_killed() -> anyhow::Result<()> {
    let mut site = Site::start().await?;
    let rate = site.capacity().await?.0 * 0.3;
    let well = site.load(2, rate, "--duration-seconds 3").await?;
    println!("well     {}", well.said());

    site.hashers[2].freeze()?;
    let frozen = site.load(2, rate, "--duration-seconds 4").await?;
    site.hashers[2].thaw()?;
    println!("frozen   {}", frozen.said());
    let opened = site.sum("breaker_opened_total").await?;
    println!("         breakers opened {opened} times");
    assert_eq!(frozen.errors(), 0, "{}", frozen.said());
    // Requests that were on their way when it stopped may be out of time; no more than the breakers let
    // through, for each of two routers, and those that waited when the connection was found out.
    assert!(frozen.count(503) * 5 < frozen.sent(), "{}", frozen.said());
    assert!(frozen.p99() < PATIENCE, "{}", frozen.said());

    site.hashers[2].kill()?;
    let offered =
        [&site.hashers[0], &site.hashers[1]].map(|hasher| hasher.metric("offered_units_total"));
    let offered: u64 = futures::future::try_join_all(offered).await?.iter().sum();
    let killed = site.load(2, rate, "--duration-seconds 4").await?;
    println!("killed   {}", killed.said());
    let now =
        [&site.hashers[0], &site.hashers[1]].map(|hasher| hasher.metric("offered_units_total"));
    let now: u64 = futures::future::try_join_all(now).await?.iter().sum();
    // One more for the hash that the load was verified against: whatever was tried twice is charged once.
    assert_eq!(now - offered, (killed.sent() + 1) * UNITS, "hyper#2136");
    assert_eq!(killed.errors(), 0, "{}", killed.said());
    assert!(killed.count(503) * 5 < killed.sent(), "{}", killed.said());

    site.hashers[2] = Hasher::start(&program(), "c", &site.config)?;
    for hasher in &site.hashers {
        hasher.ready(3).await?;
    }
    let jobs = site.hashers[2].metric("peer_jobs_total").await?;
    eventually("the new pod is called", Duration::from_secs(30), || async {
        site.load(2, rate, "--duration-seconds 1").await?;
        anyhow::ensure!(site.hashers[2].metric("peer_jobs_total").await? > jobs);
        Ok(())
    })
    .await
}

/// One after another, each while callers call the others, as a Service has them do.
#[tokio::test(flavor = "multi_thread")]
async fn pods_that_are_restarted_are_missed_by_nobody() -> anyhow::Result<()> {
    let mut site = Site::start().await?;
    let rate = site.capacity().await?.0 * 0.3;
    for (index, node) in ["a", "b", "c"].into_iter().enumerate() {
        let old = site.hashers.remove(index);
        let load = site.load(2, rate, "--duration-seconds 8");
        let restart = async {
            old.end().await?;
            let new = Hasher::start(&program(), node, &site.config)?;
            new.ready(3).await?;
            Ok(new)
        };
        let (restarted, new) = tokio::try_join!(load, restart)?;
        site.hashers.insert(index, new);
        println!("restart  of {node}: {}", restarted.said());
        assert_eq!(restarted.errors(), 0, "{}", restarted.said());
        assert!(restarted.count(503) * 20 < restarted.sent(), "{}", restarted.said());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hashing_goes_on_without_redis() -> anyhow::Result<()> {
    let mut site = Site::start().await?;
    let rate = site.capacity().await?.0 * 0.3;
    for index in 0..3 {
        site.redis.server(index).kill()?;
    }
    let without = site.load(3, rate, "--duration-seconds 12 --verify 50 --login 50").await?;
    println!("no redis {}", without.said());
    assert_eq!(without.errors(), 0, "{}", without.said());
    assert!(without.count(503) * 20 < without.sent(), "{}", without.said());
    for hasher in &site.hashers {
        assert_eq!(hasher.metric("nodes").await?, 3, "the last table stays");
    }
    Ok(())
}

/// tokio#6571, blockfrost-platform#183: whoever leaves takes nothing along and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_that_nobody_waits_for_leave_nothing_behind_tokio_6571()
-> anyhow::Result<()> {
    let site = Site::start().await?;
    site.load(3, 20.0, "--duration-seconds 1").await?;
    let files: Vec<usize> =
        site.hashers.iter().map(Hasher::open_files).collect::<Result<_, _>>()?;
    let memory: Vec<u64> =
        site.hashers.iter().map(Hasher::resident_kib).collect::<Result<_, _>>()?;
    let encoded = "$argon2id$v=19$m=7168,t=16,p=1$c2FsdHNhbHRzYWx0c2FsdA$\
                   c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";
    let more = format!("--duration-seconds 10 --give-up-ms 30 --encoded {encoded}");
    let gone = site.load(3, 1_000.0, &more).await?;
    println!("gone     {}", gone.said());
    assert!(gone.sent() > 9_000 && gone.count(0) > 0, "{}", gone.said());
    eventually("nothing is under way", Duration::from_secs(30), || async {
        let left = (site.sum("load_units").await?, site.sum("breakers_open").await?);
        anyhow::ensure!(left == (0, 0), "load and open breakers: {left:?}");
        for (hasher, before) in site.hashers.iter().zip(&files) {
            let now = hasher.open_files()?;
            // The connections of a few idle clients may be open still.
            anyhow::ensure!(now <= before + 16, "{now} open files, {before} before");
        }
        Ok(())
    })
    .await?;
    for (hasher, before) in site.hashers.iter().zip(&memory) {
        let now = hasher.resident_kib()?;
        println!("         {before} KiB before, {now} KiB after");
        assert!(now < before + 64 * 1024, "{before} KiB before, {now} KiB after");
    }
    eventually("all is well again", Duration::from_secs(30), || async {
        let well = site.load(3, 5.0, "--duration-seconds 2").await?;
        println!("after    {}", well.said());
        anyhow::ensure!(well.count(200) == well.sent(), "{}", well.said());
        Ok(())
    })
    .await
}
