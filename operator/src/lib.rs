//! The AuthCluster operator: it brings the hashers and the Redis Cluster of each `AuthCluster`
//! resource into being, and keeps them so.
//!
//! Layers: `main -> controller -> reconcile -> { observe | plan | apply }`. `api` and `plan` are pure:
//! no async, no clients, no clock, no randomness. `observe` reads the world into
//! `plan::Observed`, `apply` writes a `plan::Plan` and makes no choices.

pub mod api;
pub mod certificates;
pub mod clock;
