//! Load on an `AuthCluster` as its users make it: `hasher load` in a pod, by the name of the Service, with
//! the token and the authority from their Secrets.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::Cluster;
use crate::eventually::eventually;

/// Longest time until a pod runs.
const RUNNING_WITHIN: Duration = Duration::from_secs(60);

/// Longest time until a load that was told to end has told its figures.
const REPORT_WITHIN: Duration = Duration::from_secs(60);

/// A load that runs until it is told to end.
pub struct Load<'a> {
    cluster: &'a Cluster,
    name: String,
    logs: Child,
    said: Vec<u8>,
}

/// How requests ended: what `hasher load --json` says.
#[derive(Clone, Debug, Deserialize)]
pub struct Figures {
    /// Requests that were sent.
    pub sent: u64,
    /// Time to answers of 2xx.
    pub ok_latency_ms: Latency,
    /// Requests by how they ended.
    pub outcomes: Vec<Outcome>,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// One in a hundred took longer.
    pub p99: f64,
}

/// Requests that ended alike.
#[derive(Clone, Debug, Deserialize)]
pub struct Outcome {
    /// 0 = no answer.
    pub status: u16,
    /// The code of the problem, or why there was no answer.
    pub code: String,
    /// How many.
    pub count: u64,
}

impl Figures {
    /// Requests that did not end well.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.outcomes.iter().filter(|it| it.status != 200).map(|it| it.count).sum()
    }
}

impl Cluster {
    /// Starts a load of logins on a node, and waits until it has sent some for a second.
    ///
    /// # Errors
    /// When its pod does not run, or says nothing.
    pub async fn load<'a>(
        &'a self,
        name: &str,
        node: &str,
        args: &[&str],
    ) -> anyhow::Result<Load<'a>> {
        let url = format!("https://{}-hasher.{}.svc:8443", Self::NAME, self.namespace());
        let own = [
            "load",
            "--json",
            "--i-own-the-target",
            "--duration-seconds",
            "600",
            "--ca-file",
            "/ca/tls.crt",
            "--token-file",
            "/token/token",
        ];
        let args: Vec<&str> = own.iter().chain(args).copied().chain([&*url]).collect();
        let secret = |name: &str, key: &str| {
            json!({
                "secretName": format!("{}-{name}", Self::NAME), "items": [{"key": key, "path": key}]
            })
        };
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                // The scheduler has no say, so that the load survives what is done to other nodes.
                "nodeName": node, "restartPolicy": "Never", "automountServiceAccountToken": false,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "volumes": [
                    {"name": "ca", "secret": secret("ca", "tls.crt")},
                    {"name": "token", "secret": secret("token-default", "token")},
                ],
                "containers": [{
                    "name": "load", "image": "authcluster-hasher:dev", "command": ["hasher"],
                    "args": args, "imagePullPolicy": "IfNotPresent",
                    "volumeMounts": [
                        {"name": "ca", "mountPath": "/ca"}, {"name": "token", "mountPath": "/token"},
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                    },
                }],
            },
        });
        let pods = self.api::<Pod>();
        pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        eventually("the load runs", RUNNING_WITHIN, || async {
            let status = pods.get(name).await?.status.unwrap_or_default();
            anyhow::ensure!(status.phase.as_deref() == Some("Running"), "{status:?}");
            Ok(())
        })
        .await?;
        let mut logs = Command::from(self.world().kubectl_command());
        logs.args(["logs", "--follow", "--namespace", self.namespace(), name]);
        logs.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut load =
            Load { cluster: self, name: name.to_owned(), logs: logs.spawn()?, said: Vec::new() };
        // A line each second. Before the first, it may still be asking for a hash to verify against.
        let mut said = [0; 1024];
        let stdout = load.logs.stdout.as_mut().context("no logs")?;
        let read = tokio::time::timeout(RUNNING_WITHIN, stdout.read(&mut said)).await??;
        load.said.extend(said.iter().take(read));
        Ok(load)
    }
}

impl Load<'_> {
    /// Tells it to end, and returns its figures.
    ///
    /// # Errors
    /// When it ended before, or does not tell any.
    pub async fn end(mut self) -> anyhow::Result<Figures> {
        let pods = self.cluster.api::<Pod>();
        let phase = pods.get(&self.name).await?.status.and_then(|status| status.phase);
        let runs = phase.as_deref() == Some("Running");
        pods.delete(&self.name, &DeleteParams::default()).await?;
        let mut stdout = self.logs.stdout.take().context("no logs")?;
        tokio::time::timeout(REPORT_WITHIN, stdout.read_to_end(&mut self.said)).await??;
        let text = String::from_utf8_lossy(&self.said);
        anyhow::ensure!(runs, "the load ended by itself ({phase:?}): {text}");
        // After the lines of progress.
        let report = text.find('{').and_then(|start| text.get(start..)).unwrap_or_default();
        serde_json::from_str(report).with_context(|| format!("no figures in {text}"))
    }
}
