//! Writes objects by server-side apply: only fields that the operator owns, and only when the API server
//! does not hold them yet ([`compare`]). Deletes exactly the objects that were seen.

pub mod compare;

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::info;

use super::{Error, guarded};
use crate::api::names::FIELD_MANAGER;
use crate::context::{ClusterKey, Context};
use crate::observe::kubernetes::live::{Live, LiveObject};
use crate::plan::Objects;
use crate::plan::seen::{ObjectKind, ObjectRef};
use compare::ANNOTATION_APPLIED;

/// Applies what differs, and says how many that were. Goes on after a failure, so that one refused object
/// does not keep the others from being repaired, and returns the first.
pub(super) async fn apply_objects(
    context: &Context,
    objects: Objects,
    live: &Live,
) -> Result<usize, Error> {
    let Objects {
        config_maps,
        secrets,
        services,
        service_accounts,
        pod_disruption_budgets,
        network_policies,
        stateful_sets,
        deployments,
    } = objects;
    let writer = Writer { context, live, written: AtomicUsize::new(0) };
    // What pods refer to comes before the pods.
    let results = [
        writer.apply_all(ObjectKind::ServiceAccount, service_accounts).await,
        writer.apply_all(ObjectKind::ConfigMap, config_maps).await,
        writer.apply_all(ObjectKind::Secret, secrets).await,
        writer.apply_all(ObjectKind::Service, services).await,
        writer.apply_all(ObjectKind::PodDisruptionBudget, pod_disruption_budgets).await,
        writer.apply_all(ObjectKind::NetworkPolicy, network_policies).await,
        writer.apply_all(ObjectKind::StatefulSet, stateful_sets).await,
        writer.apply_all(ObjectKind::Deployment, deployments).await,
    ];
    results.into_iter().collect::<Result<(), Error>>()?;
    Ok(writer.written.into_inner())
}

/// Deletes what nothing asks for any more, in the version that was seen.
pub(super) async fn delete_objects(
    context: &Context,
    key: &ClusterKey,
    deletes: Vec<ObjectRef>,
    live: &Live,
) -> Result<(), Error> {
    for object in deletes {
        // Not seen means not known to be ours: the next pass decides again.
        let Some(seen) = live.get(&object) else { continue };
        let api: Api<DynamicObject> =
            Api::namespaced_with(context.client.clone(), &key.namespace, &resource(object.kind));
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: seen.metadata.uid.clone(),
                resource_version: seen.metadata.resource_version.clone(),
            }),
            ..DeleteParams::background()
        };
        let deleted = guarded(context, api.delete(&object.name, &parameters)).await?;
        match deleted {
            Ok(_) => {
                context.metrics.wrote(kind_name(object.kind));
                info!(%object, "deleted: nothing asks for it any more");
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(cause) => return Err(Error::Delete { object, cause }),
        }
    }
    Ok(())
}

struct Writer<'a> {
    context: &'a Context,
    live: &'a Live,
    written: AtomicUsize,
}

impl Writer<'_> {
    async fn apply_all<K>(&self, kind: ObjectKind, objects: Vec<K>) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let mut first = Ok(());
        for object in objects {
            let applied = self.apply(kind, object).await;
            first = first.and(applied);
        }
        first
    }

    async fn apply<K>(&self, kind: ObjectKind, wanted: K) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let object = ObjectRef { kind, name: wanted.name_any() };
        let live = self.live.get(&object);
        if live.is_some_and(|live| is_foreign(&wanted, live)) {
            return Err(Error::Foreign { object });
        }
        let mut value = serde_json::to_value(&wanted)
            .map_err(|cause| Error::Encode { object: object.clone(), cause })?;
        let digest = compare::digest(&value);
        let why = match live {
            None => "missing".to_owned(),
            Some(live) => match reason_to_apply(&value, &digest, live) {
                None => return Ok(()),
                Some(why) => why,
            },
        };
        compare::annotate(&mut value, digest);
        let namespace = wanted.namespace().unwrap_or_default();
        let api: Api<K> = Api::namespaced(self.context.client.clone(), &namespace);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&value);
        let patched = || api.patch(&object.name, &parameters, &patch);
        let apply = || Box::pin(guarded(self.context, patched()));
        let applied = match apply().await? {
            // Someone else wrote at the same moment; what we want does not depend on what they wrote.
            Err(kube::Error::Api(status)) if status.code == 409 => apply().await?,
            applied => applied,
        };
        applied.map_err(|cause| Error::Apply { object: object.clone(), cause })?;
        self.context.metrics.wrote(kind_name(kind));
        self.written.fetch_add(1, Ordering::Relaxed);
        info!(%object, why, "applied");
        Ok(())
    }
}

/// Why an object that is there has to be applied, if it has to.
fn reason_to_apply(wanted: &serde_json::Value, digest: &str, live: &LiveObject) -> Option<String> {
    let annotations = live.metadata.annotations.as_ref();
    let applied = annotations.and_then(|annotations| annotations.get(ANNOTATION_APPLIED));
    if applied.map(String::as_str) != Some(digest) {
        return Some("another wish".to_owned());
    }
    let path = compare::first_difference(wanted, &live.value)?;
    Some(format!("{path} was changed by someone else"))
}

/// Whether an object of this name belongs to someone else: taking it over would break theirs, and
/// deleting our resource would delete it.
fn is_foreign<K: Resource>(wanted: &K, live: &LiveObject) -> bool {
    let owners = |metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        let owners = metadata.owner_references.clone().unwrap_or_default();
        owners.into_iter().map(|owner| owner.uid).collect::<Vec<_>>()
    };
    let live_owners = owners(&live.metadata);
    !owners(wanted.meta()).iter().any(|uid| live_owners.contains(uid))
}

/// A kind's name as Kubernetes spells it.
pub(super) fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::ConfigMap => "ConfigMap",
        ObjectKind::Secret => "Secret",
        ObjectKind::Service => "Service",
        ObjectKind::ServiceAccount => "ServiceAccount",
        ObjectKind::PodDisruptionBudget => "PodDisruptionBudget",
        ObjectKind::NetworkPolicy => "NetworkPolicy",
        ObjectKind::StatefulSet => "StatefulSet",
        ObjectKind::Deployment => "Deployment",
    }
}

fn resource(kind: ObjectKind) -> ApiResource {
    let (group, version) = match kind {
        ObjectKind::ConfigMap
        | ObjectKind::Secret
        | ObjectKind::Service
        | ObjectKind::ServiceAccount => ("", "v1"),
        ObjectKind::PodDisruptionBudget => ("policy", "v1"),
        ObjectKind::NetworkPolicy => ("networking.k8s.io", "v1"),
        ObjectKind::StatefulSet | ObjectKind::Deployment => ("apps", "v1"),
    };
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind_name(kind)))
}
