//! The AuthCluster operator: brings the hashers and the Redis Cluster of each `AuthCluster` resource
//! into being, and keeps them so.
//!
//! Layers: `main -> run -> controller -> reconcile -> { observe | plan | apply }`. `api` and `plan` are
//! pure: no async, no client, no clock. `observe` reads and decides nothing, `apply` writes what was
//! decided.

pub mod api;
pub mod apply;
pub mod args;
pub mod certificates;
pub mod clock;
pub mod context;
pub mod controller;
pub mod error;
pub mod lease;
pub mod observe;
pub mod plan;
pub mod reconcile;
pub mod redis_client;
pub mod run;
pub mod telemetry;
