//! The AuthCluster pod: hash, verify and login over HTTP, on hashing threads whose memory is there
//! before the work is admitted.
//!
//! Layers: `main -> start -> server -> routes -> flows -> { policy | store | work | peer }`. Routes
//! extract and reply, flows order the steps, `policy` decides and is pure. Work is done by
//! [`work::Local`] on this pod's lanes, or by another pod behind the same [`work::Work`].

pub mod args;
pub mod auth;
pub mod bench;
pub mod calibration;
pub mod clock;
pub mod commands;
pub mod container;
pub mod engine;
pub mod error;
pub mod flows;
pub mod formats;
pub mod lanes;
pub mod limits;
pub mod live;
pub mod load;
pub mod peer;
pub mod policy;
pub mod registry;
pub mod routes;
pub mod server;
pub mod start;
pub mod store;
pub mod telemetry;
pub mod work;
