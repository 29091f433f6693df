//! What HTTP, routing and admission cost: `/v1/verify` over loopback next to the bare engine.
//!
//! `cargo run --release -p authcluster-hasher --example bench_verify [-- ROUNDS]`
//!
//! One lane, one set of parameters (19 MiB, 2 passes). In turns: five seconds of requests on kept
//! connections, and the same engine measured as `hasher bench` does. Prints verifies per second of
//! both and their ratio, medians of the rounds. Needs two quiet cores: one for the lane, one for
//! everything else.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::HasherConfig;
use authcluster_contract::cost::Cost;
use authcluster_hasher::bench::{Wanted, measure};
use authcluster_hasher::{clock, start};
use serde_json::{Value, json};

/// Requests under way: the lane never waits for the next one.
const AT_ONCE: usize = 4;

/// Length of one turn of requests.
const TURN: Duration = Duration::from_secs(5);

/// Turns of the engine in a round: about as long.
const ENGINE_TURNS: u32 = 300;

const COST: Cost = Cost { memory_kib: 19 << 10, iterations: 2, parallelism: 1 };

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let rounds = match std::env::args().nth(1) {
        Some(rounds) => rounds.parse().context("usage: bench_verify [ROUNDS]")?,
        None => 5,
    };
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    let mut config = HasherConfig { lanes: Some(1), ..HasherConfig::default() };
    config.listen.api.set_port(0);
    config.listen.admin.set_port(0);
    // One user asks for all of them.
    config.routing.jobs_per_user_max = u32::try_from(AT_ONCE)?;
    let pod = start::start(&config, "bench".parse()?).await?;
    let base = format!("http://{}/v1", pod.api);
    let client = reqwest::Client::new();
    let hash = json!({"password": "correct horse"});
    let encoded = post(&client, &format!("{base}/hash"), &hash).await?.get("encoded").cloned();
    let body = json!({"username": "alice", "password": "correct horse", "encoded": encoded});

    let (mut api, mut engine) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        api.push(requests(&client, &format!("{base}/verify"), &body).await?);
        engine.push(bare().await?);
        println!("round {round}: {:.1}/s and {:.1}/s", last(&api), last(&engine));
    }
    let (api, engine) = (median(api), median(engine));
    println!("/v1/verify {api:.1}/s, engine {engine:.1}/s, ratio {:.3}", api / engine);
    anyhow::ensure!(pod.shut_down().await, "the pod did not end");
    Ok(())
}

async fn post(client: &reqwest::Client, url: &str, body: &Value) -> anyhow::Result<Value> {
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

/// Verifies per second over HTTP.
async fn requests(client: &reqwest::Client, url: &str, body: &Value) -> anyhow::Result<f64> {
    let done = Arc::new(AtomicU64::new(0));
    let begun = clock::now();
    let callers = (0..AT_ONCE).map(|_| {
        let done = Arc::clone(&done);
        async move {
            while clock::now() - begun < TURN {
                let answer = post(client, url, body).await?;
                anyhow::ensure!(answer.get("match") == Some(&Value::Bool(true)), "{answer}");
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    });
    futures::future::try_join_all(callers).await?;
    let took = clock::now() - begun;
    Ok(done.load(Ordering::Relaxed) as f64 / took.as_secs_f64())
}

/// Verifies per second of the engine alone.
async fn bare() -> anyhow::Result<f64> {
    let wanted = Wanted { costs: vec![COST], lanes: 1, rounds: ENGINE_TURNS };
    #[expect(clippy::disallowed_methods, reason = "the lanes of the pod are idle meanwhile")]
    let measured = tokio::task::spawn_blocking(move || measure(&wanted)).await??;
    let row = measured.rows.first().context("no figures")?;
    Ok(row.lane_hashes_per_second)
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
