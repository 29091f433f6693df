//! Waits for the `AuthCluster`, and says each thing that changes meanwhile.

use std::time::Duration;

use anyhow::{Context as _, bail};
use authcluster_lab::lab::Lab;
use authcluster_lab::report::Report;
use authcluster_operator::api::{AuthCluster, AuthClusterStatus};
use kube::Client;
use kube::api::Api;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{NAME, NAMESPACE};

/// Often enough to see most steps of the operator.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Longest line of progress. What is cut off stands in the conditions, which a failure shows.
const LINE_CHARS_MAX: usize = 140;

/// What the status says of the whole.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Not there yet.
    Waits,
    /// Serves as asked.
    Ready,
    /// The operator cannot go on; it says why.
    Stalled(String),
}

/// Waits until the `AuthCluster` is Ready.
///
/// # Errors
/// When it is not after `within`, or the operator says that it cannot become so.
pub(super) async fn until_ready(lab: &Lab, within: Duration, report: Report) -> anyhow::Result<()> {
    let api: Api<AuthCluster> = Api::namespaced(client(lab).await?, NAMESPACE);
    let (deadline, mut said) = (Instant::now() + within, String::new());
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let cluster = api.get(NAME).await.context("cannot read the AuthCluster")?;
        let generation = cluster.metadata.generation;
        let status = cluster.status.unwrap_or_default();
        let line = describe(&status);
        if line != said {
            report.line(&format!("  {line}"));
            said = line;
        }
        match verdict(&status, generation) {
            Verdict::Ready => return Ok(()),
            Verdict::Stalled(why) => bail!("the operator cannot go on: {why}"),
            Verdict::Waits if Instant::now() > deadline => {
                bail!("AuthCluster {NAME} is not Ready after {} s; last: {said}", within.as_secs())
            }
            Verdict::Waits => {}
        }
    }
}

async fn client(lab: &Lab) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(lab.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// One line of what is there and what the operator does.
fn describe(status: &AuthClusterStatus) -> String {
    let hashers = status.hashers.as_ref().map_or("0", |hashers| hashers.ready.as_str());
    let slots = status.redis.as_ref().map_or(0, |redis| redis.slots_covered);
    let plan = status.plan.as_deref().unwrap_or("the operator has not looked yet");
    let line = format!("hashers {hashers}, slots {slots}/16384: {plan}");
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// A status of an older generation says nothing of what was asked for now.
fn verdict(status: &AuthClusterStatus, generation: Option<i64>) -> Verdict {
    if status.observed_generation != generation {
        return Verdict::Waits;
    }
    let is_true = |wanted: &str| {
        status.conditions.iter().find(|it| it.type_ == wanted && it.status == "True")
    };
    match (is_true("Ready"), is_true("Stalled")) {
        (Some(_), _) => Verdict::Ready,
        (None, Some(stalled)) => Verdict::Stalled(stalled.message.clone()),
        (None, None) => Verdict::Waits,
    }
}

#[cfg(test)]
mod tests {
    //! What is read out of a status.

    use authcluster_operator::api::AuthClusterStatus;
    use serde_json::json;

    use super::{LINE_CHARS_MAX, Verdict, describe, verdict};

    fn status(value: serde_json::Value) -> AuthClusterStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_status_becomes_one_line() {
        let check = |value, expect: &str| assert_eq!(describe(&status(value)), expect);
        check(json!({}), "hashers 0, slots 0/16384: the operator has not looked yet");
        check(
            json!({
                "plan": "meeting nodes", "hashers": {"ready": "1/3"},
                "redis": {"formed": false, "shards": 1, "slotsCovered": 5461},
            }),
            "hashers 1/3, slots 5461/16384: meeting nodes",
        );
        let long = describe(&status(json!({"plan": "ä".repeat(200)})));
        assert!(long.ends_with("ä…") && long.chars().count() == LINE_CHARS_MAX + 1, "{long}");
    }

    #[test]
    fn only_a_current_status_counts() {
        let check = |conditions: &[(&str, &str)], observed, expect| {
            let conditions = conditions.iter().map(|(kind, value)| {
                json!({
                    "type": kind, "status": value, "reason": "Any", "message": "because",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                })
            });
            let conditions = conditions.collect::<Vec<_>>();
            let status = status(json!({"observedGeneration": observed, "conditions": conditions}));
            assert_eq!(verdict(&status, Some(2)), expect);
        };
        check(&[("Ready", "True")], 2, Verdict::Ready);
        check(&[("Ready", "True")], 1, Verdict::Waits);
        check(&[("Ready", "False")], 2, Verdict::Waits);
        check(&[("Ready", "False"), ("Stalled", "True")], 2, Verdict::Stalled("because".into()));
        check(&[("Ready", "Unknown"), ("Stalled", "False")], 2, Verdict::Waits);
    }
}
