//! What a hop to another pod adds, and what a request costs beside its hash. Printed, as ratios where the
//! machine would say more than the product; nothing here is held to a time.

use std::time::{Duration, Instant};

use authcluster_contract::cost::Argon2idPolicy;
use serde_json::{Value, json};

use crate::site::Site;
use crate::usage::{Usage, during, idle};

/// A hash that takes no time to speak of, so that all else shows.
const TINY: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$\
                    c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";

const PASSWORD: &str = "correct horse";

const USERS: usize = 24;
const ROUNDS: usize = 40;

/// Part of what lanes do by their own account, on a machine that shares its CPUs with the load's generator.
const LOAD: f64 = 0.4;

/// Work of a hash at the default policy: 19 MiB and two passes.
const USUAL_UNITS: f64 = 38.0;

async fn post(client: &reqwest::Client, url: &str, body: &Value) -> anyhow::Result<Value> {
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hop_adds_and_what_a_request_costs_beside_its_hash() -> anyhow::Result<()> {
    let site = Site::start_with(Argon2idPolicy::default()).await?;
    let entry = &site.hashers[0];
    let client = reqwest::Client::builder().http1_only().tcp_nodelay(true).no_proxy().build()?;
    let verify = format!("http://{}/v1/verify", entry.api);
    let body = |user: &str| json!({ "username": user, "password": "x", "encoded": TINY });

    // Whose home is another pod; connections are open afterwards.
    let mut users = Vec::new();
    for number in 0..USERS {
        let (user, before) = (format!("user-{number}"), entry.metric("forwarded_total").await?);
        post(&client, &verify, &body(&user)).await?;
        users.push((entry.metric("forwarded_total").await? > before, user));
    }
    let idle = idle(&site.hashers).await?;
    println!("idle     a pod takes {:.4} CPUs", idle.cpus_beside());
    let (mut here, mut there) = (Vec::new(), Vec::new());
    let before = Usage::of(&site.hashers).await?;
    for _ in 0..ROUNDS {
        for (is_away, user) in &users {
            let start = Instant::now();
            post(&client, &verify, &body(user)).await?;
            if *is_away { &mut there } else { &mut here }.push(start.elapsed());
        }
    }
    let verifies = Usage::of(&site.hashers).await?.since(&before);
    assert!(here.len() >= ROUNDS && there.len() >= ROUNDS, "{users:?}");
    let (here, there) = (median(here), median(there));
    println!(
        "verify   {here:?} here, {there:?} at another pod: a hop adds {:?}",
        there.saturating_sub(here)
    );

    let made = json!({ "password": PASSWORD });
    let made = post(&client, &format!("http://{}/v1/hash", entry.api), &made).await?;
    let mut spent = vec![("verify, no hash to speak of", verifies)];
    for (what, path) in [("verify", "verify"), ("login", "login")] {
        let url = format!("http://{}/v1/{path}", entry.api);
        let before = Usage::of(&site.hashers).await?;
        for (_, user) in users.iter().cycle().take(USERS * 10) {
            let body =
                json!({ "username": user, "password": PASSWORD, "encoded": made["encoded"] });
            let answer = post(&client, &url, &body).await?;
            assert_eq!(answer["match"], true, "{answer}");
        }
        spent.push((what, Usage::of(&site.hashers).await?.since(&before)));
    }
    let rate = site.sum("lane_speed_units").await? as f64 / USUAL_UNITS * LOAD;
    for (what, args) in [("verify under load", "--verify 100 --login 0"), ("login under load", "")]
    {
        let args = format!("--duration-seconds 8 {args}");
        let load = site.load(3, rate, &args);
        let (report, under_load) = during(&site.hashers, load).await?;
        println!("load     {}", report.said());
        spent.push((what, under_load));
    }
    let hash = spent.last().map_or(f64::NAN, |(_, login)| login.unit()) * USUAL_UNITS;
    for (what, spent) in spent {
        println!(
            "{what:<26} {:>4.0} us of CPU beside the hash: {:.1} % of one at 19 MiB and two passes",
            spent.beside(&idle) * 1e6,
            spent.beside(&idle) / hash * 100.0
        );
    }
    Ok(())
}
