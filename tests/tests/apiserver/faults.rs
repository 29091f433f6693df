//! An API server in trouble: whatever it answers, the operator gets there in the end, and does not add to
//! the trouble.

use std::time::{Duration, Instant};

use authcluster_tests::apiserver::proxy::{Asked, Fault};
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use serde_json::json;

/// Requests that the operator may make while it converges: so many for the objects themselves, and so many
/// more each second. It needs some 240, and ten a second; a loop without a pause makes hundreds a second.
const REQUESTS_MAX: f64 = 400.0;
const REQUESTS_A_SECOND_MAX: f64 = 25.0;

/// Converges with `rule` in force, and says how many requests that took.
async fn converges(story: &str, rule: fn(&Asked) -> Option<Fault>) -> anyhow::Result<()> {
    let site = Site::new("faults").await?;
    site.proxy.inject(rule);
    let begun = Instant::now();
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    let (asked, took) = (site.proxy.asked(), begun.elapsed());
    let injected = asked.iter().filter(|asked| rule(asked).is_some()).count();
    println!("{story}: {injected} faults in {} requests, {took:.1?}", asked.len());
    anyhow::ensure!(injected > 0, "{story}: no fault was injected");
    let most = REQUESTS_MAX + REQUESTS_A_SECOND_MAX * took.as_secs_f64();
    anyhow::ensure!((asked.len() as f64) < most, "{story}: more than {most:.0} requests");
    operator.stop().await
}

/// Faults of requests about the resource and what belongs to it. The lease has tests of its own.
fn but_leases(asked: &Asked, every: usize, fault: Fault) -> Option<Fault> {
    (!asked.is_lease() && is_one_of(asked, every)).then_some(fault)
}

/// Whether chance, always the same, has chosen this one of so many. Not each so many: passes are alike, and
/// the same request would be hit each time.
fn is_one_of(asked: &Asked, many: usize) -> bool {
    // The mix of SplitMix64.
    let mut mixed = (asked.number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).is_multiple_of(many as u64)
}

#[tokio::test]
async fn conflicts_are_tried_again() -> anyhow::Result<()> {
    converges("409", |asked| {
        (asked.is_write() && !asked.is_lease() && is_one_of(asked, 3)).then_some(Fault::Status(409))
    })
    .await
}

#[tokio::test]
async fn errors_are_tried_again() -> anyhow::Result<()> {
    converges("500", |asked| but_leases(asked, 7, Fault::Status(500))).await?;
    converges("503", |asked| but_leases(asked, 3, Fault::Status(503))).await
}

#[tokio::test]
async fn requests_without_an_answer_and_broken_connections_are_tried_again() -> anyhow::Result<()> {
    converges("no answer", |asked| but_leases(asked, 41, Fault::Hang)).await?;
    converges("broken", |asked| but_leases(asked, 9, Fault::Break)).await
}

/// What is asked too often is asked again when the server says, and no sooner.
#[tokio::test]
async fn a_throttling_server_is_given_its_time() -> anyhow::Result<()> {
    converges("429", |asked| but_leases(asked, 5, Fault::Throttled(1))).await?;
    let site = Site::new("faults").await?;
    site.proxy.inject(|asked| {
        asked.is_of("networkpolicies").then_some(Fault::Throttled(3)).filter(|_| asked.is_write())
    });
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    let writes = || {
        let asked = site.proxy.asked().into_iter();
        asked.filter(|asked| asked.is_of("networkpolicies") && asked.is_write()).collect::<Vec<_>>()
    };
    eventually("three attempts", Duration::from_secs(60), || async {
        let count = writes().len();
        anyhow::ensure!(count >= 3, "{count}");
        Ok(())
    })
    .await?;
    let mut by_object = std::collections::BTreeMap::<String, Vec<Instant>>::new();
    writes()
        .into_iter()
        .for_each(|asked| by_object.entry(asked.target).or_default().push(asked.at));
    for (target, times) in by_object {
        for pair in times.windows(2) {
            let pause = pair[1] - pair[0];
            // Two passes may ask of the same object: each waits for itself.
            assert!(pause > Duration::from_millis(900), "{target} again after {pause:?}");
        }
    }
    site.proxy.heal();
    site.converged().await?;
    operator.stop().await
}

/// Answers from before anything was made, also to those who ask for one object: what is there is made again,
/// and nothing is overwritten.
#[tokio::test]
async fn stale_answers_overwrite_nothing() -> anyhow::Result<()> {
    let site = Site::new("faults").await?;
    site.proxy.record();
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    let secrets = ["login-user-key", "login-redis-users", "login-token-default", "login-ca"];
    let mut before = Vec::new();
    for name in secrets {
        before.push(site.secret(name).await?);
    }
    let stale = |asked: &Asked| !asked.is_watch() && !asked.is_write() && !asked.is_lease();
    site.proxy.forget();
    site.proxy.inject(move |asked| {
        (stale(asked) && !asked.is_of("authclusters")).then_some(Fault::Stale)
    });
    site.patch(json!({"spec": {"redis": {"replicasPerShard": 2}}})).await?;
    eventually("some passes over what was once", Duration::from_secs(60), || async {
        let asked = site.proxy.asked();
        let lists = asked.iter().filter(|it| stale(it) && it.is_of("secrets")).count();
        anyhow::ensure!(lists >= 4, "{lists}");
        Ok(())
    })
    .await?;
    site.proxy.heal();
    site.converged().await?;
    for (name, before) in secrets.iter().zip(before) {
        assert!(site.secret(name).await? == before, "{name} is another");
    }
    operator.stop().await
}

/// The API server is away for a while: the operator asks seldom, and is there when it comes back.
#[tokio::test]
async fn an_api_server_that_is_away_is_asked_seldom() -> anyhow::Result<()> {
    let site = Site::new("faults").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    for fault in [Fault::Status(500), Fault::Status(503), Fault::Break] {
        site.proxy.inject(move |_| Some(fault));
        site.proxy.break_watches();
        site.proxy.forget();
        // Long enough for the first pauses, which are the short ones.
        tokio::time::sleep(Duration::from_secs(20)).await;
        let asked = site.proxy.asked().len();
        println!("away with {fault:?}: {asked} requests in 20 s");
        assert!((5..600).contains(&asked), "{fault:?}: {asked} requests in 20 s");
        site.proxy.heal();
        site.patch(
            json!({"metadata": {"annotations": {"example.org/mark": format!("{fault:?}")}}}),
        )
        .await?;
        let name = "login-hasher";
        let services = site.objects(authcluster_operator::plan::seen::ObjectKind::Service);
        services.delete(name, &kube::api::DeleteParams::default()).await?;
        eventually("it works again", Duration::from_secs(120), || async {
            anyhow::ensure!(services.get_opt(name).await?.is_some(), "no Service");
            Ok(())
        })
        .await?;
    }
    operator.stop().await
}
