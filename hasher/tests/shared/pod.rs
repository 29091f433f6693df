//! A whole pod in this process, on ports of its own, and how its callers speak to it.

use std::time::Duration;

use authcluster_contract::config::{HasherConfig, Listen};
use authcluster_hasher::start::{self, Running};

/// One lane, the least that a policy may ask for, and time enough for a slow machine.
pub(crate) fn config() -> HasherConfig {
    let any = ([127, 0, 0, 1], 0).into();
    let mut config = HasherConfig {
        listen: Listen { api: any, admin: any },
        lanes: Some(1),
        ..HasherConfig::default()
    };
    config.password.argon2id.memory_mib = 7;
    config.password.argon2id.iterations = 1;
    config.routing.deadline_ms = 30_000;
    config
}

/// A pod that must start.
pub(crate) async fn start(config: &HasherConfig) -> Running {
    start::start(config, "pod".parse().unwrap()).await.unwrap()
}

/// A client that waits longer than the pod does.
pub(crate) fn client() -> reqwest::Client {
    // A second call finds the provider installed, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap()
}

/// A call with this JSON.
pub(crate) fn call(
    client: &reqwest::Client,
    pod: &Running,
    path: &str,
    body: String,
) -> reqwest::RequestBuilder {
    let request = client.post(format!("http://{}{path}", pod.api));
    request.header("content-type", "application/json").body(body)
}
