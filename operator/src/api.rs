//! The resource that a person writes: `AuthCluster`, `authcluster.dev/v1alpha1`.
//!
//! The types are the manual: their comments are what `kubectl explain` prints. Field names carry
//! their unit, defaults are in the schema, and what must not be is refused by the API server through
//! CEL rules. This module holds types only; what they mean is decided in `plan`.

#![expect(unreachable_pub, reason = "the schema's derive repeats each type inside a function")]

mod closed;
pub mod conditions;
pub mod events;
pub mod names;
pub mod spec;
pub mod status;

pub use spec::{AuthCluster, AuthClusterSpec};
pub use status::AuthClusterStatus;

#[cfg(test)]
mod catalogue;
mod schema;

pub use schema::{SchemaError, crd, crd_yaml, lacks};
