//! Harness of the tests that need real parts: Redis servers, processes of the product, Kubernetes.
//!
//! Everything here starts real processes on loopback and stops them, by their ids, when its handle
//! is dropped. Nothing is skipped: a missing program is an error that says how to install it.

#![expect(
    clippy::disallowed_methods,
    reason = "a harness waits with real bounds, so it reads the clock; the product takes `now` as an argument"
)]

pub mod apiserver;
pub mod caller;
pub mod cluster;
pub mod demo;
pub mod eventually;
pub mod hasher;
pub mod redis;

mod ports;
mod process;
