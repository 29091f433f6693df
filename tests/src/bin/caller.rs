//! Calls the API from inside a node's network: reads one request a line on standard input, writes
//! one answer a line on standard output, in whatever order they come.
//!
//! Services of the lab have addresses only inside its namespaces, so the tests start this program
//! there and keep their own side on the host. Every request has a connection of its own, as from a
//! login service of many processes, so that the cluster spreads them over the pods.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a small program of the tests: it measures, and its output is its interface"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_tests::caller::{Answer, Call};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;

/// Longest time for one call: four times the default deadline of a request, and time to connect.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ca_file: PathBuf = std::env::args_os().nth(1).context("usage: caller CA_FILE")?.into();
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    let ca =
        std::fs::read(&ca_file).with_context(|| format!("cannot read {}", ca_file.display()))?;
    let ca = reqwest::Certificate::from_pem(&ca).context("the CA file is no PEM certificate")?;

    let (answers, mut answered) = mpsc::unbounded_channel::<Answer>();
    let printer = tokio::spawn(async move {
        while let Some(answer) = answered.recv().await {
            if let Ok(line) = serde_json::to_string(&answer) {
                println!("{line}");
            }
        }
    });

    let mut clients: BTreeMap<SocketAddr, reqwest::Client> = BTreeMap::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let call: Call = serde_json::from_str(&line).context("a line is no call")?;
        let client = match clients.get(&call.to) {
            Some(client) => client.clone(),
            None => {
                let client = client_to(&call, ca.clone())?;
                clients.insert(call.to, client.clone());
                client
            }
        };
        let answers = answers.clone();
        tokio::spawn(async move {
            // The printer ends only after every sender is gone, so this cannot fail.
            drop(answers.send(perform(&client, call).await));
        });
    }
    drop(answers);
    printer.await?;
    Ok(())
}

/// A client that reaches `call.host` at `call.to`, whatever DNS says, and trusts that CA alone.
fn client_to(call: &Call, ca: reqwest::Certificate) -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .resolve(&call.host, call.to)
        .pool_max_idle_per_host(0)
        .timeout(CALL_TIMEOUT)
        .build()
        .context("cannot build the HTTP client")
}

async fn perform(client: &reqwest::Client, call: Call) -> Answer {
    let url = format!("https://{}:{}{}", call.host, call.to.port(), call.path);
    let request = match &call.body {
        Some(body) => client
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.clone()),
        None => client.get(url),
    };
    let request = match &call.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let began = tokio::time::Instant::now();
    let got = async {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let node = response
            .headers()
            .get("authcluster-node")
            .and_then(|node| node.to_str().ok())
            .map(ToOwned::to_owned);
        Ok::<_, reqwest::Error>((status, node, response.text().await?))
    }
    .await;
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match got {
        Ok((status, node, body)) => {
            Answer { id: call.id, status, node, body, elapsed_ms, error: None }
        }
        Err(error) => Answer {
            id: call.id,
            status: 0,
            node: None,
            body: String::new(),
            elapsed_ms,
            error: Some(format!("{:#}", anyhow::Error::from(error))),
        },
    }
}
