//! Whether the API server already holds what is wanted. Pure.
//!
//! An object is applied only when it has to be: server-side apply of an equal object is not always
//! free (it may bump the resource version, and every write wakes every watcher). Two questions decide:
//!
//! * **Was this wanted before?** The digest of what was applied stands in an annotation. Another digest
//!   means another wish, be it only a field less, which no comparison of fields could tell from a
//!   field that somebody else added.
//! * **Does it still hold?** Every field that is wanted has to be there with its value, or someone
//!   changed it by hand. Fields beyond those are the API server's defaults or somebody else's, and
//!   none of our business.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Annotation with the digest of what was applied.
pub const ANNOTATION_APPLIED: &str = "authcluster.dev/applied-sha256";

/// Keys whose values are quantities (`resource.Quantity`) or maps of them. The API server writes them
/// in its own form: `1024Mi` becomes `1Gi`.
const QUANTITIES: [&str; 4] = ["limits", "requests", "capacity", "sizeLimit"];

/// The digest of an object as it is wanted, in hexadecimal.
#[must_use]
pub fn digest(wanted: &Value) -> String {
    // Keys of JSON objects are in order here, so equal objects have equal text.
    Sha256::digest(wanted.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the digest into the annotations of `wanted`.
pub fn annotate(wanted: &mut Value, digest: String) {
    let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(ANNOTATION_APPLIED.to_owned(), Value::String(digest));
    }
}

/// The path of the first field of `wanted` that `live` does not hold, or `None` when it holds them
/// all.
#[must_use]
pub fn first_difference(wanted: &Value, live: &Value) -> Option<String> {
    let mut path = Vec::new();
    differs(wanted, live, &mut path).then(|| path.join("."))
}

/// Leaves the way to the difference in `path`, if there is one.
fn differs(wanted: &Value, live: &Value, path: &mut Vec<String>) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted.iter().any(|(key, wanted)| {
            let live = live.get(key).unwrap_or(&Value::Null);
            differs_at(key.clone(), wanted, live, path)
        }),
        // What is empty or null may be left out by the API server.
        (wanted, Value::Null) => !is_empty(wanted),
        (Value::Array(wanted), Value::Array(live)) => {
            if wanted.len() > live.len() || (wanted.len() < live.len() && !are_named(wanted)) {
                return true;
            }
            wanted.iter().enumerate().any(|(index, wanted)| {
                let live = partner(wanted, index, live);
                differs_at(index.to_string(), wanted, live, path)
            })
        }
        (Value::String(_) | Value::Number(_), live) if is_quantity(path) => {
            let same = match (quantity(wanted), quantity(live)) {
                (Some(wanted), Some(live)) => (wanted - live).abs() <= wanted.abs() * 1e-9,
                (None, _) | (_, None) => wanted == live,
            };
            !same
        }
        (wanted, live) => wanted != live,
    }
}

fn differs_at(key: String, wanted: &Value, live: &Value, path: &mut Vec<String>) -> bool {
    path.push(key);
    let differs = differs(wanted, live, path);
    if !differs {
        path.pop();
    }
    differs
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Lists of named things (containers, volumes, ports, environment) are merged by name, so somebody
/// else's may stand between ours. All other lists are whole.
fn are_named(list: &[Value]) -> bool {
    list.iter().all(|item| name(item).is_some())
}

fn name(item: &Value) -> Option<&Value> {
    item.get("name").or_else(|| item.get("uid")).or_else(|| item.get("mountPath"))
}

/// The item of `live` that belongs to `wanted`.
fn partner<'a>(wanted: &Value, index: usize, live: &'a [Value]) -> &'a Value {
    const NONE: &Value = &Value::Null;
    let same_name = |name_wanted| live.iter().find(|item| name(item) == Some(name_wanted));
    name(wanted).map_or_else(|| live.get(index), same_name).unwrap_or(NONE)
}

fn is_quantity(path: &[String]) -> bool {
    path.iter().rev().take(2).any(|key| QUANTITIES.contains(&key.as_str()))
}

/// The value of a quantity. Exact enough to tell two quantities that differ apart.
fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Number(number) => return number.as_f64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+'));
    let (digits, suffix) = text.split_at(end.unwrap_or(text.len()));
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1_024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => return None,
    };
    digits.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests;
