//! `AuthCluster`s on a real Kubernetes: one lab with the operator installed by its chart, and in it a
//! namespace with an `AuthCluster` of its own for each test.
//!
//! The lab is begun anew by the first test of a run and stays up after the last, so that its logs and
//! objects can be looked at; `make test-cluster` takes it down.

mod load;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_operator::api::{AuthCluster, AuthClusterStatus};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::caller::{Answer, Call, Caller};
use crate::eventually::eventually;

pub use load::{Figures, Load};
pub use world::{OPERATOR_NAMESPACE, World};

/// Port of the API in Services and pods.
const PORT_API: u16 = 8443;

/// Longest time from `apply` to `Ready`. It takes about a quarter of it on two cores.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Longest time until everything of a deleted namespace is gone: pods have up to 60 s to end.
const GONE_WITHIN: Duration = Duration::from_secs(120);

/// One `AuthCluster`.
pub struct Cluster {
    world: &'static World,
    client: Client,
    namespace: String,
    _folder: TempDir,
    caller: Caller,
    token: String,
}

impl Cluster {
    /// The name of every test's `AuthCluster`; its namespace is its own.
    pub const NAME: &str = "login";

    /// Three shards with a replica each and three hashers, `Ready`.
    ///
    /// # Errors
    /// When it does not become so; the error says what it was doing.
    pub async fn ready(story: &str) -> anyhow::Result<Self> {
        Self::applied(story).await?;
        Self::becomes_ready(story).await
    }

    /// One with these hashers instead, `Ready`.
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn ready_with(story: &str, hasher: Value) -> anyhow::Result<Self> {
        Self::apply(story, hasher).await?;
        Self::becomes_ready(story).await
    }

    /// The same, only applied.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn applied(story: &str) -> anyhow::Result<()> {
        let requests = json!({"requests": {"cpu": "200m"}});
        Self::apply(story, json!({"replicas": 3, "resources": requests})).await
    }

    async fn apply(story: &str, hasher: Value) -> anyhow::Result<()> {
        let world = World::get().await?;
        let metadata = ObjectMeta { name: Some(story.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let namespaces: Api<Namespace> = Api::all(world.client()?);
        namespaces.create(&PostParams::default(), &namespace).await?;
        let resource = json!({
            "apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
            "metadata": {"name": Self::NAME, "namespace": story},
            "spec": {
                "hasher": hasher,
                // `Nodes` is beyond the default: tests ask hashers whom they know.
                "clients": [
                    {"name": "default", "scopes": ["Hash", "Login", "Sessions", "Nodes"]},
                ],
                "redis": {"image": "redis:7.0", "shards": 3, "replicasPerShard": 1},
            },
        });
        world.kubectl(&["apply", "-f", "-"], &resource.to_string()).await?;
        Ok(())
    }

    /// Waits for it, and prepares calls to its API.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn becomes_ready(story: &str) -> anyhow::Result<Self> {
        let world = World::get().await?;
        until_ready(world, story).await?;
        Self::connect(world, story).await
    }

    async fn connect(world: &'static World, namespace: &str) -> anyhow::Result<Self> {
        let client = world.client()?;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let value = async |name: &str, key: &str| {
            let secret = secrets.get(name).await?;
            let data = secret.data.unwrap_or_default();
            let value = data.get(key).with_context(|| format!("{name} has no {key}"))?;
            anyhow::Ok(value.0.clone())
        };
        let folder = tempfile::tempdir()?;
        let ca_file = folder.path().join("ca.crt");
        std::fs::write(&ca_file, value(&format!("{}-ca", Self::NAME), "tls.crt").await?)?;
        let token = value(&format!("{}-token-default", Self::NAME), "token").await?;
        let caller = start_caller(world, &ca_file)?;
        let token = String::from_utf8(token)?.trim_end().to_owned();
        Ok(Self { world, client, namespace: namespace.to_owned(), _folder: folder, caller, token })
    }

    /// A typed API in its namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The lab.
    #[must_use]
    pub fn world(&self) -> &'static World {
        self.world
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the operator says of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn status(&self) -> anyhow::Result<AuthClusterStatus> {
        Ok(self.api::<AuthCluster>().get(Self::NAME).await?.status.unwrap_or_default())
    }

    /// Waits until it is `Ready`.
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn until_ready(&self) -> anyhow::Result<()> {
        until_ready(self.world, &self.namespace).await
    }

    /// Its pods of a component, by name.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn pods(&self, component: &str) -> anyhow::Result<BTreeMap<String, Pod>> {
        let selector = format!(
            "app.kubernetes.io/instance={},app.kubernetes.io/component={component}",
            Self::NAME
        );
        let list = self.api::<Pod>().list(&ListParams::default().labels(&selector)).await?;
        Ok(list.into_iter().filter_map(|pod| Some((pod.metadata.name.clone()?, pod))).collect())
    }

    /// Deletes a pod as `kubectl delete pod` does.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn delete_pod(&self, name: &str) -> anyhow::Result<()> {
        self.api::<Pod>().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Ends a pod at once, as a node that loses power does: nothing in it is told.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn kill_pod(&self, name: &str) -> anyhow::Result<()> {
        self.api::<Pod>().delete(name, &DeleteParams::default().grace_period(0)).await?;
        Ok(())
    }

    /// The address of its Service.
    ///
    /// # Errors
    /// When it has none yet.
    pub async fn service(&self) -> anyhow::Result<SocketAddr> {
        let name = format!("{}-hasher", Self::NAME);
        let service = self.api::<Service>().get(&name).await?;
        let ip = service.spec.and_then(|spec| spec.cluster_ip).context("no address yet")?;
        Ok(SocketAddr::new(ip.parse()?, PORT_API))
    }

    /// The addresses of its hashers, by pod.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn hashers(&self) -> anyhow::Result<BTreeMap<String, SocketAddr>> {
        let pods = self.pods("hasher").await?;
        Ok(pods
            .into_iter()
            .filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none())
            .filter_map(|(name, pod)| Some((name, SocketAddr::new(ip(&pod)?, PORT_API))))
            .collect())
    }

    /// Posts `body` with the token of the default client.
    ///
    /// # Errors
    /// When the calling program has ended; what the API says, errors included, is an answer.
    pub async fn post(&self, to: SocketAddr, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.send(to, path, Some(&self.token), Some(body.to_string())).await
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// When the calling program has ended.
    pub async fn send(
        &self,
        to: SocketAddr,
        path: &str,
        token: Option<&str>,
        body: Option<String>,
    ) -> anyhow::Result<Answer> {
        let host = format!("{}-hasher.{}.svc", Self::NAME, self.namespace);
        let token = token.map(ToOwned::to_owned);
        self.caller.call(Call { id: 0, host, to, path: path.to_owned(), token, body }).await
    }

    /// The token of its default client.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Hashes a password through the Service.
    ///
    /// # Errors
    /// When the API does not.
    pub async fn hash(&self, password: &str) -> anyhow::Result<String> {
        let answer =
            self.post(self.service().await?, "/v1/hash", json!({"password": password})).await?;
        let encoded = answer.text("/encoded");
        encoded.with_context(|| format!("no hash: {answer:?}"))
    }

    /// Logs in through the Service and returns the id of a new session.
    ///
    /// # Errors
    /// When there is none.
    pub async fn log_in(
        &self,
        user: &str,
        password: &str,
        encoded: &str,
    ) -> anyhow::Result<String> {
        let body = json!({
            "username": user, "password": password, "encoded": encoded,
            "session": {"data": user},
        });
        let answer = self.post(self.service().await?, "/v1/login", body).await?;
        let id = answer.text("/session/id");
        id.with_context(|| format!("no session: {answer:?}"))
    }

    /// Whether a session is valid, by one hasher or by the Service.
    ///
    /// # Errors
    /// When the API cannot say.
    pub async fn is_active(&self, to: SocketAddr, session: &str) -> anyhow::Result<bool> {
        let answer = self.post(to, "/v1/sessions/introspect", json!({"session": session})).await?;
        let active = answer.json().pointer("/active").and_then(Value::as_bool);
        active.with_context(|| format!("no answer whether the session is valid: {answer:?}"))
    }

    /// Runs a command of Redis in a Redis pod as a user.
    ///
    /// # Errors
    /// When it fails.
    pub async fn redis(&self, pod: &str, command: &[&str]) -> anyhow::Result<String> {
        let secret = self.api::<Secret>().get(&format!("{}-redis-users", Self::NAME)).await?;
        let data = secret.data.unwrap_or_default();
        let password = data.get("operator").context("no password of the operator")?;
        let password = String::from_utf8(password.0.clone())?;
        let pods = self.pods("redis").await?;
        let ip = pods.get(pod).and_then(ip).with_context(|| format!("{pod} has no address"))?;
        self.world.redis(ip, password.trim_end(), command).await
    }

    /// Waits until every Redis node that answers says that the cluster is `ok` with all slots, and
    /// says which pods are primaries.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn until_redis_is_whole(&self, bound: Duration) -> anyhow::Result<BTreeSet<String>> {
        eventually("Redis is whole", bound, || async {
            let pods = self.pods("redis").await?;
            anyhow::ensure!(pods.len() == 6, "{} pods", pods.len());
            let mut primaries = BTreeSet::new();
            for name in pods.keys() {
                let info = self.redis(name, &["cluster", "info"]).await?;
                for expected in ["cluster_state:ok", "cluster_slots_ok:16384"] {
                    anyhow::ensure!(info.contains(expected), "{name}: {info}");
                }
                let info = self.redis(name, &["info", "replication"]).await?;
                if info.contains("role:master") {
                    primaries.insert(name.clone());
                } else {
                    anyhow::ensure!(info.contains("master_link_status:up"), "{name}: {info}");
                }
            }
            anyhow::ensure!(primaries.len() == 3, "primaries: {primaries:?}");
            Ok(primaries)
        })
        .await
    }

    /// A figure that a hasher tells of itself: the rest of the line that begins so.
    ///
    /// # Errors
    /// When it does not tell it.
    pub async fn metric(&self, hasher: &str, begin: &str) -> anyhow::Result<f64> {
        let path =
            format!("/api/v1/namespaces/{}/pods/{hasher}:9090/proxy/metrics", self.namespace);
        let text = self.world.kubectl(&["get", "--raw", &path], "").await?;
        let line = text.lines().find_map(|line| line.strip_prefix(begin));
        let line = line.with_context(|| format!("{hasher} has no {begin}"))?;
        Ok(line.trim().parse()?)
    }

    /// Marks the resource, so that the operator looks at it again.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn touch(&self, mark: &str) -> anyhow::Result<()> {
        self.patch(json!({"metadata": {"annotations": {"tests.authcluster.dev/mark": mark}}})).await
    }

    /// Changes the resource, by a merge patch.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn patch(&self, patch: Value) -> anyhow::Result<()> {
        let api = self.api::<AuthCluster>();
        api.patch(Self::NAME, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Deletes the namespace with all that is in it.
    ///
    /// # Errors
    /// When it does not go.
    pub async fn remove(self) -> anyhow::Result<()> {
        remove(self.world, &self.namespace).await
    }
}

/// Deletes a test's namespace, waits until it is gone, and offers its volumes again.
///
/// # Errors
/// When it does not go.
pub async fn remove(world: &World, namespace: &str) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(world.client()?);
    namespaces.delete(namespace, &DeleteParams::default()).await?;
    eventually("the namespace is gone", GONE_WITHIN, || async {
        let found = namespaces.get_opt(namespace).await?;
        anyhow::ensure!(found.is_none(), "{found:?}");
        Ok(())
    })
    .await?;
    world.recycle_volumes().await
}

/// The address of a pod.
#[must_use]
pub fn ip(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

async fn until_ready(world: &World, namespace: &str) -> anyhow::Result<()> {
    let api: Api<AuthCluster> = Api::namespaced(world.client()?, namespace);
    eventually("the AuthCluster is Ready", READY_WITHIN, || async {
        let cluster = api.get(Cluster::NAME).await?;
        let status = cluster.status.unwrap_or_default();
        let current = status.observed_generation == cluster.metadata.generation;
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let is_ready = ready.is_some_and(|condition| condition.status == "True");
        anyhow::ensure!(current && is_ready, "{:?}: {ready:?}", status.plan);
        Ok(())
    })
    .await
    .with_context(|| world.diagnosis(namespace))
}

fn start_caller(world: &World, ca_file: &Path) -> anyhow::Result<Caller> {
    let program = world::program("caller")?;
    Caller::start(world.node_command(&program)?, ca_file)
}
