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
