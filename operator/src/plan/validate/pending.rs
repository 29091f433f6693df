//! Fields that can be written already and whose behaviour is not there yet. They are named in the
//! status, never silently ignored; a field leaves this file together with the change that makes it
//! work.

use crate::api::spec::AuthClusterSpec;

/// The paths of such fields in `spec`, in the order of the schema.
pub(super) fn pending(spec: &AuthClusterSpec) -> Vec<String> {
    let mut paths = Vec::new();
    let mut add = |used: bool, path: &str| {
        if used {
            paths.push(path.to_owned());
        }
    };
    add(spec.tls.is_some(), "spec.tls");
    paths
}
