//! What should be done next, decided from what was seen. Pure: no async, no clients, no clock, no
//! randomness.
//!
//! Here today: the Redis Cluster's topology.

pub mod topology;
