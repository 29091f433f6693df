//! The AuthCluster operator, under way: it will bring the hashers and the Redis Cluster of each
//! `AuthCluster` resource into being, and keep them so.
//!
//! Here today: the resource's types, certificates, the lease of the one operator that acts, and the planner of the
//! Redis Cluster. The
//! layers to come are `main -> controller -> reconcile -> { observe | plan | apply }`; `api` and `plan`
//! are pure.

pub mod api;
pub mod certificates;
pub mod clock;
pub mod error;
pub mod lease;
pub mod plan;
