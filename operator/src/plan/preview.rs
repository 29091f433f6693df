//! What an `AuthCluster` in a file would become, without a cluster: `operator plan -f FILE`.

use kube::core::cel::ValidationErrors;
use serde::Serialize;

use super::callers::{CallerPlan, plan_callers};
use super::objects::{Digests, NotReady, plan_objects};
use super::secrets::plan_secrets;
use super::validate::{Invalid, Settings, validate};
use super::{Objects, names};
use crate::api::AuthCluster;

/// Stands for the digest of a Secret that does not exist yet.
const DIGEST_UNKNOWN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// No `AuthCluster`. The message of the parser names line and field.
    #[error("not an AuthCluster: {0}")]
    Syntax(String),
    /// Another kind of resource.
    #[error("kind {kind} of {api_version} is no AuthCluster of authcluster.dev/v1alpha1")]
    Kind {
        /// Its kind.
        kind: String,
        /// Its version.
        api_version: String,
    },
    /// A rule of the schema is broken.
    #[error("the API server would refuse it: {0}")]
    Rules(String),
    /// It cannot be carried out as it is written.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An object cannot be made.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// An object cannot be written as YAML.
    #[error("cannot write the objects as YAML: {0}")]
    Yaml(String),
}

/// The objects that `text`, a resource in YAML or JSON, would become, as YAML, after a comment with the
/// Secrets that would be generated.
///
/// # Errors
/// See [`PreviewError`].
pub fn preview(text: &str, settings: &Settings) -> Result<String, PreviewError> {
    let mut cluster = parse(text)?;
    let metadata = &mut cluster.metadata;
    metadata.namespace.get_or_insert_with(|| "default".to_owned());
    metadata.uid.get_or_insert_with(|| "00000000-0000-0000-0000-000000000000".to_owned());
    cluster.validate_cel().map_err(|errors| PreviewError::Rules(rules(&errors)))?;
    let wanted = validate(&cluster, settings)?;
    let mut text = String::new();
    for secret in plan_secrets(&wanted, &[].into(), k8s_openapi::jiff::Timestamp::UNIX_EPOCH) {
        let name = secret.metadata.name.unwrap_or_default();
        text.push_str(&format!("# Secret {name} would be generated.\n"));
    }
    let digests = digests(&wanted);
    let CallerPlan { enabled, disabled } = plan_callers(&wanted.callers, &digests);
    for (caller, _) in enabled {
        let name = names::binding(&wanted.name, &caller.name);
        text.push_str(&format!("# Secret {name} would be generated.\n"));
    }
    for refused in disabled {
        text.push_str(&format!("# The hashers would refuse {refused}.\n"));
    }
    for caller in wanted.callers.iter().filter(|caller| !caller.generated) {
        text.push_str(&format!(
            "# Secret {} must be there, with key {}.\n",
            caller.secret, caller.key
        ));
    }
    if let Some(keys) = &wanted.session_keys {
        text.push_str(&format!(
            "# Secret {} must be there, with key {}.\n",
            keys.secret, keys.current
        ));
    }
    if let Some(peppers) = &wanted.peppers {
        text.push_str(&format!(
            "# Secret {} must be there{}; each of its values must be a pepper.\n",
            peppers.secret,
            peppers.current.map(|key| format!(", with key {key}")).unwrap_or_default()
        ));
        let copy = names::peppers(&wanted.name);
        text.push_str(&format!("# Secret {copy}, a copy of it, would be generated.\n"));
    }
    for path in &wanted.pending {
        text.push_str(&format!("# {path} is not carried out yet by this version.\n"));
    }
    let (objects, not_ready) = plan_objects(&wanted, &digests);
    if let Some(error) = not_ready.into_iter().next() {
        return Err(error.into());
    }
    write_objects(&mut text, objects)?;
    Ok(text)
}

/// Reads the resource, strictly: a field that does not exist is an error, as `kubectl apply` makes it.
fn parse(text: &str) -> Result<AuthCluster, PreviewError> {
    let refuse = |error: &dyn std::fmt::Display| PreviewError::Syntax(error.to_string());
    let value: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| refuse(&error))?;
    let word = |key: &str| value.get(key).and_then(|word| word.as_str()).unwrap_or("").to_owned();
    let (kind, api_version) = (word("kind"), word("apiVersion"));
    if kind != "AuthCluster" || api_version != "authcluster.dev/v1alpha1" {
        return Err(PreviewError::Kind { kind, api_version });
    }
    let cluster: AuthCluster =
        serde_json::from_value(value.clone()).map_err(|error| refuse(&error))?;
    let known = serde_json::to_value(&cluster).map_err(|error| refuse(&error))?;
    match unknown_field(&value, &known, "") {
        Some(path) => Err(PreviewError::Syntax(format!("unknown field {path}"))),
        None => Ok(cluster),
    }
}

/// The path of the first field of `given` that reading it into our types lost.
fn unknown_field(
    given: &serde_json::Value,
    known: &serde_json::Value,
    path: &str,
) -> Option<String> {
    use serde_json::Value;
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match known.get(key) {
                Some(known) => unknown_field(value, known, &path),
                // What says nothing is left out when it is written again.
                None if is_empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(known)) => {
            given.iter().zip(known).enumerate().find_map(|(index, (given, known))| {
                unknown_field(given, known, &format!("{path}[{index}]"))
            })
        }
        _ => None,
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Array(list) => list.is_empty(),
        serde_json::Value::Object(map) => map.is_empty(),
        serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => false,
    }
}

fn rules(errors: &ValidationErrors) -> String {
    errors.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Digests as if every Secret were there.
fn digests(wanted: &super::Validated) -> Digests {
    let cluster = wanted.name.as_str();
    let tls = [names::KEY_CERTIFICATE, names::KEY_PRIVATE_KEY, names::KEY_CA];
    let generated = [
        (names::hasher_tls(cluster), tls.as_slice()),
        (names::peer_tls(cluster), tls.as_slice()),
        (names::redis_users(cluster), names::REDIS_USERS),
        (names::user_key(cluster), &[names::KEY_USER_KEY]),
    ];
    let mut digests = Digests::default();
    for (secret, keys) in &generated {
        keys.iter().for_each(|key| digests.insert(secret, key, DIGEST_UNKNOWN));
    }
    for (number, caller) in wanted.callers.iter().enumerate() {
        // Tokens differ, or the callers would be disabled.
        digests.insert(&caller.secret, &caller.key, &format!("{number:064}"));
    }
    if let Some(keys) = &wanted.session_keys {
        digests.insert(&keys.secret, &keys.current, DIGEST_UNKNOWN);
    }
    if let Some(peppers) = &wanted.peppers {
        let key = peppers.current.map_or_else(|| "any".to_owned(), String::from);
        digests.insert_pepper(&peppers.secret, &key, DIGEST_UNKNOWN);
        digests.insert(&names::peppers(cluster), &key, DIGEST_UNKNOWN);
    }
    digests
}

fn write_objects(text: &mut String, objects: Objects) -> Result<(), PreviewError> {
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
    write_all(text, &service_accounts)?;
    write_all(text, &config_maps)?;
    write_all(text, &secrets)?;
    write_all(text, &services)?;
    write_all(text, &pod_disruption_budgets)?;
    write_all(text, &network_policies)?;
    write_all(text, &stateful_sets)?;
    write_all(text, &deployments)
}

fn write_all<T: Serialize>(text: &mut String, objects: &[T]) -> Result<(), PreviewError> {
    for object in objects {
        text.push_str("---\n");
        text.push_str(&yaml(object)?);
    }
    Ok(())
}

/// One object as YAML.
pub(super) fn yaml<T: Serialize>(object: &T) -> Result<String, PreviewError> {
    let refuse = |error: &dyn std::fmt::Display| PreviewError::Yaml(error.to_string());
    // Through JSON, whose keys are in order.
    let value = serde_json::to_value(object).map_err(|error| refuse(&error))?;
    serde_saphyr::to_string(&value).map_err(|error| refuse(&error))
}

#[cfg(test)]
mod tests;
