//! The operator's hands on Redis and the agent of the Redis pods, on real servers that the agent
//! starts. What Kubernetes adds, pods and their addresses, is told by the test.

mod agent;
mod chaos;
mod cluster;
mod directives;
mod forming;
mod handover;
mod healing;
mod refusals;
mod scenario;
#[cfg(feature = "needs-cluster")]
mod versions;
mod weights;
