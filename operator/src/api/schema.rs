//! The custom resource definition, made from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use super::AuthCluster;

/// Formats that Rust's integers bring along and that Kubernetes does not know: it would print a
/// warning for each at every `kubectl apply` of the definition.
const FORMATS_UNKNOWN: &[&str] = &["uint8", "uint16", "uint32", "uint64", "uint"];

/// A definition that cannot be made: a fault of the types, not of their user.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It does not pass through JSON.
    #[error("the custom resource definition is no JSON")]
    Json(#[from] serde_json::Error),
    /// It does not pass through YAML.
    #[error("the custom resource definition is no YAML: {0}")]
    Yaml(String),
}

/// The definition of `AuthCluster`.
///
/// # Errors
/// See [`SchemaError`].
pub fn crd() -> Result<CustomResourceDefinition, SchemaError> {
    let mut value = serde_json::to_value(AuthCluster::crd())?;
    tidy(&mut value);
    Ok(serde_json::from_value(value)?)
}

/// The definition of `AuthCluster` as YAML, the text of `crds/authclusters.yaml`.
///
/// # Errors
/// See [`SchemaError`].
pub fn crd_yaml() -> Result<String, SchemaError> {
    let mut value = serde_json::to_value(crd()?)?;
    whole(&mut value);
    serde_saphyr::to_string(&value).map_err(|error| SchemaError::Yaml(error.to_string()))
}

/// The fields of ours that `theirs` lacks: an API server with such a definition drops or refuses them. None
/// when `theirs` is as new, or newer.
///
/// # Errors
/// See [`SchemaError`].
pub fn lacks(theirs: &CustomResourceDefinition) -> Result<Vec<String>, SchemaError> {
    let ours = crd()?;
    let theirs = serde_json::to_value(&theirs.spec.versions)?;
    let mut missing = Vec::new();
    for version in serde_json::to_value(&ours.spec.versions)?.as_array().into_iter().flatten() {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        let served = |it: &&Value| it.get("name") == version.get("name");
        match theirs.as_array().into_iter().flatten().find(served) {
            Some(theirs) => compare(at(version), at(theirs), "", &mut missing),
            None => missing.push(name.to_owned()),
        }
    }
    Ok(missing)
}

fn at(version: &Value) -> &Value {
    version.pointer("/schema/openAPIV3Schema").unwrap_or(&Value::Null)
}

/// Adds the paths of fields that only `ours` has, outermost only.
fn compare(ours: &Value, theirs: &Value, path: &str, missing: &mut Vec<String>) {
    let of = |schema: &Value, name: &str| schema.get("properties")?.get(name).cloned();
    let properties = ours.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match of(theirs, name) {
            Some(theirs) => compare(property, &theirs, &path, missing),
            None => missing.push(path),
        }
    }
    for key in ["items", "additionalProperties"] {
        if let (Some(ours), Some(theirs)) = (ours.get(key), theirs.get(key)) {
            compare(ours, theirs, &format!("{path}[]"), missing);
        }
    }
    let words = |schema: &Value| schema.get("enum").and_then(Value::as_array).cloned();
    if let (Some(ours), Some(theirs)) = (words(ours), words(theirs)) {
        let new = ours.iter().filter(|word| !theirs.contains(word));
        missing.extend(new.map(|word| format!("{path}: {word}")));
    }
}

/// Removes what Kubernetes does not know, and line feeds within descriptions, which `kubectl explain`
/// would break at odd places.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(format)) = map.get("format")
                && FORMATS_UNKNOWN.contains(&format.as_str())
            {
                map.remove("format");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text
                    .split("\n\n")
                    .map(|part| part.replace('\n', " "))
                    .collect::<Vec<_>>()
                    .join("\n\n");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes bounds such as `maximum: 100.0`, floating in the API's types, as the whole numbers they are.
fn whole(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(whole),
        Value::Array(values) => values.iter_mut().for_each(whole),
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            let digits = text.strip_suffix(".0").and_then(|digits| digits.parse::<i64>().ok());
            *value = digits.map_or_else(|| value.clone(), Value::from);
        }
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
