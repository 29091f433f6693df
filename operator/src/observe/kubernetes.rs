//! Reads what Kubernetes holds for one `AuthCluster`: every object with our labels, the Secrets that it
//! refers to, its pods and their nodes. Reads only. Whatever cannot be read is an error: a part that
//! is missing must never look like a part that is not there.

pub mod again;
pub mod convert;
pub mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, Node, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, ListParams};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::api::names::{COMPONENT_HASHER, COMPONENT_REDIS, LABEL_COMPONENT, LABEL_INSTANCE};
use crate::api::names::{LABEL_MANAGED_BY, MANAGED_BY};
use crate::plan::KubernetesSeen;
use crate::plan::seen::{KubernetesNodeSeen, ObjectKind, ObjectRef, PodSeen};

use again::read_again;
use live::Live;

/// Calls on the API server that one observation has under way at once. All lists together are more;
/// this bounds the single reads, of which there may be many (one a Kubernetes node).
const READS_AT_ONCE: usize = 8;

/// Why Kubernetes could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}")]
pub struct Error {
    what: String,
    #[source]
    cause: again::Error,
}

/// Whose objects are read.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Namespace of the `AuthCluster`.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid: an object of an earlier resource of the same name is not ours.
    pub uid: &'a str,
}

/// What was read: for decisions, and for comparing with what is wanted.
pub struct Reading {
    /// For decisions.
    pub seen: KubernetesSeen,
    /// The objects as they are.
    pub live: Live,
}

/// Reads everything for `subject`; `wanted` are names that will be asked for whatever their labels.
///
/// # Errors
/// See [`Error`].
pub async fn observe_kubernetes(
    client: &Client,
    subject: Subject<'_>,
    wanted: &BTreeSet<ObjectRef>,
) -> Result<Reading, Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let (labelled, pods, namespace) =
        futures::try_join!(read_labelled(client, subject), list::<Pod>(client, subject), async {
            let read = read_again(|| namespaces.get_opt(subject.namespace)).await;
            read.map_err(failed("the namespace"))
        },)?;
    let mut live = labelled;
    read_unlabelled(client, subject, wanted, &mut live).await?;
    let hasher_pods = pods_of(&pods, COMPONENT_HASHER);
    let redis_pods = pods_of(&pods, COMPONENT_REDIS);
    let nodes = read_nodes(client, hasher_pods.values().chain(redis_pods.values())).await?;
    let seen = KubernetesSeen {
        namespace_terminating: namespace.as_ref().is_none_or(convert::is_terminating),
        hasher_pods,
        redis_pods,
        nodes,
        secrets: live.secrets_seen(subject.uid),
        workloads: live.workloads_seen(subject.uid),
        owned: live.owned_by(subject.uid),
        foreign: live.foreign_to(subject.uid),
    };
    Ok(Reading { seen, live })
}

/// Every object with the labels of `subject`.
async fn read_labelled(client: &Client, subject: Subject<'_>) -> Result<Live, Error> {
    let (config_maps, secrets, services, accounts, budgets, policies, sets, deployments) = futures::try_join!(
        list::<ConfigMap>(client, subject),
        list::<Secret>(client, subject),
        list::<Service>(client, subject),
        list::<ServiceAccount>(client, subject),
        list::<PodDisruptionBudget>(client, subject),
        list::<NetworkPolicy>(client, subject),
        list::<StatefulSet>(client, subject),
        list::<Deployment>(client, subject),
    )?;
    let mut live = Live::default();
    config_maps.into_iter().for_each(|object| live.add(ObjectKind::ConfigMap, &object));
    secrets.into_iter().for_each(|object| live.add_secret(object));
    services.into_iter().for_each(|object| live.add(ObjectKind::Service, &object));
    accounts.into_iter().for_each(|object| live.add(ObjectKind::ServiceAccount, &object));
    budgets.into_iter().for_each(|object| live.add(ObjectKind::PodDisruptionBudget, &object));
    policies.into_iter().for_each(|object| live.add(ObjectKind::NetworkPolicy, &object));
    sets.into_iter().for_each(|object| live.add_stateful_set(object));
    deployments.into_iter().for_each(|object| live.add_deployment(object));
    Ok(live)
}

/// Those of `wanted` that have not been read yet, if they exist: they lost their labels, are a
/// user's, or belong to someone else. In a steady state only a user's Secrets are read here.
async fn read_unlabelled(
    client: &Client,
    subject: Subject<'_>,
    wanted: &BTreeSet<ObjectRef>,
    live: &mut Live,
) -> Result<(), Error> {
    for object in wanted.iter().filter(|object| !live.holds(object)).cloned().collect::<Vec<_>>() {
        let name = &object.name;
        match object.kind {
            ObjectKind::ConfigMap => {
                let found = get::<ConfigMap>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add(object.kind, &found));
            }
            ObjectKind::Secret => {
                let found = get::<Secret>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add_secret(found));
            }
            ObjectKind::Service => {
                let found = get::<Service>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add(object.kind, &found));
            }
            ObjectKind::ServiceAccount => {
                let found = get::<ServiceAccount>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add(object.kind, &found));
            }
            ObjectKind::PodDisruptionBudget => {
                let found = get::<PodDisruptionBudget>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add(object.kind, &found));
            }
            ObjectKind::NetworkPolicy => {
                let found = get::<NetworkPolicy>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add(object.kind, &found));
            }
            ObjectKind::StatefulSet => {
                let found = get::<StatefulSet>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add_stateful_set(found));
            }
            ObjectKind::Deployment => {
                let found = get::<Deployment>(client, subject, name).await?;
                found.into_iter().for_each(|found| live.add_deployment(found));
            }
        }
    }
    Ok(())
}

/// The nodes that these pods run on. A node that is gone is left out, and so is one that may not be
/// read: an operator of one namespace has no right to see nodes, and does without cordons.
async fn read_nodes(
    client: &Client,
    pods: impl Iterator<Item = &PodSeen>,
) -> Result<BTreeMap<String, KubernetesNodeSeen>, Error> {
    let api: Api<Node> = Api::all(client.clone());
    let names: BTreeSet<String> = pods.filter_map(|pod| pod.node.clone()).collect();
    let reads = stream::iter(names).map(|name| {
        let api = api.clone();
        async move {
            match read_again(|| api.get_opt(&name)).await {
                Ok(node) => Ok(node.map(|node| (name, convert::node_seen(&node)))),
                Err(again::Error::Kube(kube::Error::Api(status))) if status.code == 403 => Ok(None),
                Err(cause) => Err(failed("a node")(cause)),
            }
        }
    });
    reads
        .buffer_unordered(READS_AT_ONCE)
        .try_filter_map(|node| std::future::ready(Ok(node)))
        .try_collect()
        .await
}

fn pods_of(pods: &[Pod], component: &str) -> BTreeMap<String, PodSeen> {
    let is_of = |pod: &&Pod| {
        let labels = pod.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(LABEL_COMPONENT)).is_some_and(|it| it == component)
    };
    let named = |pod: &Pod| Some((pod.metadata.name.clone()?, convert::pod_seen(pod)));
    pods.iter().filter(is_of).filter_map(named).collect()
}

async fn list<K>(client: &Client, subject: Subject<'_>) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), subject.namespace);
    let selector = format!("{LABEL_INSTANCE}={},{LABEL_MANAGED_BY}={MANAGED_BY}", subject.name);
    let parameters = ListParams::default().labels(&selector);
    let listed = read_again(|| api.list(&parameters)).await;
    listed.map(|list| list.items).map_err(failed(&format!("the list of {}", K::plural(&()))))
}

async fn get<K>(client: &Client, subject: Subject<'_>, name: &str) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), subject.namespace);
    read_again(|| api.get_opt(name)).await.map_err(failed(&format!("{} {name}", K::kind(&()))))
}

fn failed(what: &str) -> impl FnOnce(again::Error) -> Error {
    let what = what.to_owned();
    move |cause| Error { what, cause }
}
