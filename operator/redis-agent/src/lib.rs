//! The helper inside the Redis pods of an `AuthCluster`: it starts the server, says when the pod is
//! ready, and hands a primary over before the pod ends. It needs no shell, no other program and no
//! operator: whatever it decides, it decides from the pod's own files and its peers' answers.
//!
//! It is copied into the pod by an init container, so any image of Redis or Valkey works.

pub mod args;
pub mod config;
pub mod copies;
pub mod files;
pub mod hold;
pub mod install;
pub mod link;
pub mod nodes;
pub mod prestop;
pub mod queue;
pub mod ready;
pub mod resp;
pub mod start;
pub mod users;
