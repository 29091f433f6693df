//! The objects as the API server holds them, for comparing with what is wanted. Some are Secrets, so
//! nothing here can be printed.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Serialize;
use serde_json::Value;

use super::convert;
use crate::plan::seen::{ObjectKind, ObjectRef, SecretSeen, WorkloadSeen};

/// Objects by kind and name.
#[derive(Default)]
pub struct Live {
    objects: BTreeMap<ObjectRef, LiveObject>,
    secrets: BTreeMap<String, Secret>,
    stateful_sets: Vec<StatefulSet>,
    deployments: Vec<Deployment>,
}

/// One object.
pub struct LiveObject {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// All of it.
    pub value: Value,
}

impl Live {
    /// Adds an object.
    pub(super) fn add<K: Resource + Serialize>(&mut self, kind: ObjectKind, object: &K) {
        let name = object.meta().name.clone().unwrap_or_default();
        // These types come from JSON and go back to it.
        let value = serde_json::to_value(object).unwrap_or_default();
        let metadata = object.meta().clone();
        self.objects.insert(ObjectRef { kind, name }, LiveObject { metadata, value });
    }

    pub(super) fn add_secret(&mut self, secret: Secret) {
        self.add(ObjectKind::Secret, &secret);
        self.secrets.insert(secret.metadata.name.clone().unwrap_or_default(), secret);
    }

    pub(super) fn add_stateful_set(&mut self, set: StatefulSet) {
        self.add(ObjectKind::StatefulSet, &set);
        self.stateful_sets.push(set);
    }

    pub(super) fn add_deployment(&mut self, deployment: Deployment) {
        self.add(ObjectKind::Deployment, &deployment);
        self.deployments.push(deployment);
    }

    /// Whether this object has been read.
    #[must_use]
    pub fn holds(&self, object: &ObjectRef) -> bool {
        self.objects.contains_key(object)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, object: &ObjectRef) -> Option<&LiveObject> {
        self.objects.get(object)
    }

    /// One value of a Secret.
    #[must_use]
    pub fn secret_value(&self, name: &str, key: &str) -> Option<&[u8]> {
        let data = self.secrets.get(name)?.data.as_ref()?;
        data.get(key).map(|bytes| bytes.0.as_slice())
    }

    /// All Secrets without their contents.
    #[must_use]
    pub fn secrets_seen(&self, uid: &str) -> BTreeMap<String, SecretSeen> {
        let seen =
            |(name, secret): (&String, &Secret)| (name.clone(), convert::secret_seen(secret, uid));
        self.secrets.iter().map(seen).collect()
    }

    /// Deployments and `StatefulSet`s that we own.
    #[must_use]
    pub fn workloads_seen(&self, uid: &str) -> BTreeMap<ObjectRef, WorkloadSeen> {
        let named = |kind, metadata: &ObjectMeta| {
            let name = metadata.name.clone().unwrap_or_default();
            convert::is_owned(metadata, uid).then_some(ObjectRef { kind, name })
        };
        let sets = self.stateful_sets.iter().filter_map(|set| {
            Some((named(ObjectKind::StatefulSet, &set.metadata)?, convert::stateful_set_seen(set)))
        });
        let deployments = self.deployments.iter().filter_map(|it| {
            Some((named(ObjectKind::Deployment, &it.metadata)?, convert::deployment_seen(it)))
        });
        sets.chain(deployments).collect()
    }

    /// Every object that the resource with this uid owns.
    #[must_use]
    pub fn owned_by(&self, uid: &str) -> BTreeSet<ObjectRef> {
        self.refs(|metadata| convert::is_owned(metadata, uid))
    }

    /// Every object of a name of ours that someone else owns, or nobody.
    #[must_use]
    pub fn foreign_to(&self, uid: &str) -> BTreeSet<ObjectRef> {
        self.refs(|metadata| !convert::is_owned(metadata, uid))
    }

    fn refs(&self, is_in: impl Fn(&ObjectMeta) -> bool) -> BTreeSet<ObjectRef> {
        let chosen = self.objects.iter().filter(|(_, object)| is_in(&object.metadata));
        chosen.map(|(object, _)| object.clone()).collect()
    }
}
