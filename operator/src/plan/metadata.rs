//! Labels, owners and selectors: what makes an object ours. No version is ever in a selector, which
//! cannot be changed after an upgrade.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::Resource as _;

use super::Validated;
use crate::api::AuthCluster;
use crate::api::names::{
    APP_NAME, LABEL_COMPONENT, LABEL_INSTANCE, LABEL_MANAGED_BY, LABEL_NAME, MANAGED_BY,
};

/// Labels, by name.
pub type Labels = BTreeMap<String, String>;

/// The labels that select the pods of a component.
#[must_use]
pub fn selector_labels(cluster: &str, component: &str) -> Labels {
    [(LABEL_NAME, APP_NAME), (LABEL_INSTANCE, cluster), (LABEL_COMPONENT, component)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// All labels of an object of a component.
#[must_use]
pub fn labels(cluster: &str, component: &str) -> Labels {
    let mut labels = selector_labels(cluster, component);
    labels.insert(LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned());
    labels
}

/// `labels` with one more.
#[must_use]
pub fn with(mut labels: Labels, key: &str, value: &str) -> Labels {
    labels.insert(key.to_owned(), value.to_owned());
    labels
}

/// Metadata of an object that ends with the `AuthCluster`.
#[must_use]
pub fn object(wanted: &Validated, name: String, labels: Labels) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(wanted.namespace.clone()),
        labels: Some(labels),
        owner_references: Some(vec![owner(wanted)]),
        ..ObjectMeta::default()
    }
}

/// Metadata of a pod template.
#[must_use]
pub fn template(labels: Labels, annotations: Labels) -> ObjectMeta {
    ObjectMeta {
        labels: Some(labels),
        annotations: (!annotations.is_empty()).then_some(annotations),
        ..ObjectMeta::default()
    }
}

/// A selector of exactly these labels.
#[must_use]
pub fn selector(labels: Labels) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), match_expressions: None }
}

/// A selector in text form, as the scale subresource has it.
#[must_use]
pub fn selector_text(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// The `AuthCluster` as the owner.
fn owner(wanted: &Validated) -> OwnerReference {
    OwnerReference {
        api_version: AuthCluster::api_version(&()).into_owned(),
        kind: AuthCluster::kind(&()).into_owned(),
        name: wanted.name.clone(),
        uid: wanted.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
