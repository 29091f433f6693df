//! A namespace with an operator of its own, which has the rights of the chart and no others, and speaks to
//! the API server through a proxy that counts and disturbs. No pod ever runs, so nothing becomes `Ready`;
//! all objects are there all the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_operator::api::AuthCluster;
use authcluster_operator::plan::names::names_of_interest;
use authcluster_operator::plan::seen::{ObjectKind, ObjectRef};
use authcluster_operator::plan::validate;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::{ApiServer, RunningOperator, settings};
use crate::eventually::eventually;

/// The name of every test's `AuthCluster`.
pub const NAME: &str = "login";

/// The operator's `ServiceAccount`, and the name of everything of the chart.
const OPERATOR: &str = "authcluster-operator";

/// Longest time until all objects are there. Passes need two to three seconds on a busy machine.
const CONVERGED_WITHIN: Duration = Duration::from_secs(60);

/// A namespace.
pub struct Site {
    /// The API server.
    pub server: Arc<ApiServer>,
    /// The namespace.
    pub namespace: String,
    /// A client with all rights.
    pub client: Client,
    /// Between the operator and the API server.
    pub proxy: Proxy,
}

impl Site {
    /// A namespace on the common API server, without an operator.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn new(prefix: &str) -> anyhow::Result<Self> {
        Self::on(ApiServer::get().await?, prefix, |rights| rights).await
    }

    /// A namespace on `server`, whose operator has the rights of the chart after `change`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn on(
        server: Arc<ApiServer>,
        prefix: &str,
        change: impl Fn(String) -> String,
    ) -> anyhow::Result<Self> {
        let namespace = server.namespace(prefix).await?;
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/authcluster");
        let watch = format!("watchNamespace={namespace}");
        let full_name = format!("fullnameOverride={OPERATOR}");
        let sets = ["--set", &watch, "--set", &full_name, "--namespace", &namespace];
        let of =
            ["--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml"];
        let args = [&["template", OPERATOR, chart], &sets[..], &of[..]].concat();
        let rights = change(server.helm(&args).await?);
        kubectl(&server, &["apply", "--filename=-"], &rights).await?;
        let token = ["create", "token", OPERATOR, "--namespace", &namespace];
        let token = kubectl(&server, &token, "").await?;
        let mut config = server.config().await?;
        config.auth_info = kube::config::AuthInfo {
            token: Some(token.trim_end().to_owned().into()),
            ..kube::config::AuthInfo::default()
        };
        let client = server.client().await?;
        Ok(Self { server, namespace, client, proxy: Proxy::start(config).await? })
    }

    /// An operator that leads by the chart's lease.
    ///
    /// # Errors
    /// When it cannot connect.
    pub fn start_operator(&self) -> anyhow::Result<RunningOperator> {
        self.server.start_operator(&self.namespace, self.proxy.config()?, OPERATOR)
    }

    /// An operator with all rights that leads by another lease: it does not know of the first.
    ///
    /// # Errors
    /// When it cannot connect.
    pub async fn start_rival(&self) -> anyhow::Result<RunningOperator> {
        let config: Config = self.server.config().await?;
        self.server.start_operator(&self.namespace, config, "rival")
    }

    /// Creates the `AuthCluster` with this spec.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create(&self, spec: Value) -> anyhow::Result<()> {
        let cluster: AuthCluster = serde_json::from_value(json!({
            "apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
            "metadata": {"name": NAME}, "spec": spec,
        }))?;
        self.clusters().create(&PostParams::default(), &cluster).await?;
        Ok(())
    }

    /// Changes the `AuthCluster` by a merge patch.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn patch(&self, patch: Value) -> anyhow::Result<()> {
        self.clusters().patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// The `AuthCluster`s.
    #[must_use]
    pub fn clusters(&self) -> Api<AuthCluster> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The `AuthCluster`.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn cluster(&self) -> anyhow::Result<AuthCluster> {
        Ok(self.clusters().get(NAME).await?)
    }

    /// Everything that the operator is to make and keep for the `AuthCluster`.
    ///
    /// # Errors
    /// When it makes no sense.
    pub async fn wanted(&self) -> anyhow::Result<BTreeSet<ObjectRef>> {
        let wanted = validate(&self.cluster().await?, &settings())?;
        Ok(names_of_interest(&wanted))
    }

    /// Waits until every object is there, and the status speaks of the resource as it is.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn converged(&self) -> anyhow::Result<()> {
        let wanted = self.wanted().await?;
        eventually("every object is there", CONVERGED_WITHIN, || async {
            let cluster = self.cluster().await?;
            let status = cluster.status.unwrap_or_default();
            for object in &wanted {
                let found = self.objects(object.kind).get_opt(&object.name).await?;
                anyhow::ensure!(found.is_some(), "{object} is missing; {:?}", status.plan);
            }
            let generations = (status.observed_generation, cluster.metadata.generation);
            anyhow::ensure!(generations.0 == generations.1, "{generations:?}");
            anyhow::ensure!(status.binding.is_some(), "no binding; {:?}", status.plan);
            Ok(())
        })
        .await
    }

    /// Objects of a kind that the operator makes.
    #[must_use]
    pub fn objects(&self, kind: ObjectKind) -> Api<DynamicObject> {
        let (group, kind) = match kind {
            ObjectKind::ConfigMap => ("", "ConfigMap"),
            ObjectKind::Secret => ("", "Secret"),
            ObjectKind::Service => ("", "Service"),
            ObjectKind::ServiceAccount => ("", "ServiceAccount"),
            ObjectKind::PodDisruptionBudget => ("policy", "PodDisruptionBudget"),
            ObjectKind::NetworkPolicy => ("networking.k8s.io", "NetworkPolicy"),
            ObjectKind::StatefulSet => ("apps", "StatefulSet"),
            ObjectKind::Deployment => ("apps", "Deployment"),
        };
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        if kind == "NetworkPolicy" {
            resource.plural = "networkpolicies".to_owned();
        }
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// The values of a Secret, by key.
    ///
    /// # Errors
    /// When it is not there, or is no text.
    pub async fn secret(
        &self,
        name: &str,
    ) -> anyhow::Result<std::collections::BTreeMap<String, String>> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = secrets.get(name).await?;
        let text = |(key, value): (String, k8s_openapi::ByteString)| {
            Ok((key, String::from_utf8(value.0)?))
        };
        secret.data.unwrap_or_default().into_iter().map(text).collect()
    }

    /// The events of `AuthCluster`s, oldest first, as `reason: note`.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn events(&self) -> anyhow::Result<Vec<String>> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = api.list(&ListParams::default()).await?.items;
        let of_cluster = |event: &Event| {
            event.regarding.as_ref().is_some_and(|it| it.kind.as_deref() == Some("AuthCluster"))
        };
        events.retain(of_cluster);
        events.sort_by_key(|event| event.event_time.clone());
        let said = |event: Event| {
            let name = event.regarding.and_then(|it| it.name).unwrap_or_default();
            let reason = event.reason.unwrap_or_default();
            format!("{name} {reason}: {}", event.note.unwrap_or_default())
        };
        Ok(events.into_iter().map(said).collect())
    }

    /// What kubectl says about this namespace; it has to succeed.
    ///
    /// # Errors
    /// What it said.
    pub async fn kubectl(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let args = [&["--namespace", self.namespace.as_str()], args].concat();
        kubectl(&self.server, &args, input).await
    }
}

async fn kubectl(server: &ApiServer, args: &[&str], input: &str) -> anyhow::Result<String> {
    let output = server.kubectl(args, input).await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "kubectl {}: {errors}", args.join(" "));
    String::from_utf8(output.stdout).context("kubectl writes text")
}
