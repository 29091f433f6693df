//! Watches that fail, and watches that die in silence.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use authcluster_operator::controller::life::DEAD_AFTER;
use authcluster_operator::plan::seen::ObjectKind;
use authcluster_tests::apiserver::proxy::{Asked, Fault};
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use kube::api::DeleteParams;
use serde_json::json;

const WITHIN: Duration = Duration::from_secs(60);

fn watches(site: &Site) -> Vec<Asked> {
    site.proxy.asked().into_iter().filter(Asked::is_watch).collect()
}

/// Each begins again by itself, later and later, and nothing is missed meanwhile.
#[tokio::test]
async fn dropped_watches_begin_again_and_miss_nothing() -> anyhow::Result<()> {
    let site = Site::new("watches").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    site.proxy.forget();
    let begun = Instant::now();
    let services = site.objects(ObjectKind::Service);
    for _ in 0..5 {
        site.proxy.break_watches();
        services.delete("login-hasher", &DeleteParams::default()).await?;
        eventually("the Service is there again", WITHIN, || async {
            anyhow::ensure!(services.get_opt("login-hasher").await?.is_some(), "it is not");
            Ok(())
        })
        .await?;
    }
    let count = watches(&site).len();
    println!("10 watches broken 5 times: {count} begun in {:.1?}", begun.elapsed());
    assert!(count <= 60, "{count} watches for 50 that broke");
    // And they live: the next change is seen without waiting for the next look.
    operator.stop().await
}

/// T40, T41: one watch says nothing any more, not even bookmarks, while all others live. The probe names it,
/// and the pod is started anew.
#[tokio::test]
async fn a_watch_that_died_in_silence_is_found() -> anyhow::Result<()> {
    let site = Site::new("watches").await?;
    let silent = |asked: &Asked| asked.is_watch() && asked.is_of("deployments");
    site.proxy.inject(move |asked| silent(asked).then_some(Fault::Silence));
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    // What it does not hear of it sees all the same, when it looks the next time.
    let deployments = site.objects(ObjectKind::Deployment);
    deployments.delete("login-hasher", &DeleteParams::default()).await?;
    eventually("the Deployment is there again", WITHIN, || async {
        anyhow::ensure!(deployments.get_opt("login-hasher").await?.is_some(), "it is not");
        Ok(())
    })
    .await?;
    eventually("the silence is long", WITHIN, || async {
        let began = watches(&site).into_iter().find(silent).map(|asked| asked.at.elapsed());
        anyhow::ensure!(began.is_some_and(|it| it > Duration::from_secs(5)), "{began:?}");
        Ok(())
    })
    .await?;
    // The others give a sign of life by beginning again.
    site.proxy.forget();
    site.proxy.break_watches();
    eventually("all others begin again", WITHIN, || async {
        let paths = watches(&site).into_iter().filter_map(|asked| {
            let (path, _) = asked.target.split_once('?')?;
            Some(path.to_owned())
        });
        let begun: BTreeSet<String> = paths.collect();
        anyhow::ensure!(begun.len() == 9, "{begun:?}");
        Ok(())
    })
    .await?;
    let later = tokio::time::Instant::now() + DEAD_AFTER - Duration::from_secs(4);
    let dead: Vec<String> =
        operator.operator.signs.dead(later).into_iter().map(|it| it.0).collect();
    assert_eq!(dead, [format!("/apis/apps/v1/namespaces/{}/deployments", site.namespace)]);
    operator.stop().await
}
