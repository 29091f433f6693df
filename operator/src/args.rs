//! The command line. The only reader of the environment.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::plan::validate::Settings;
use crate::telemetry::LogFormat;

/// The AuthCluster operator: brings up and keeps up the hashers and the Redis Cluster of each
/// AuthCluster resource.
#[derive(Clone, Debug, Parser)]
#[command(name = "operator", version, about, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run in a Kubernetes cluster until told to stop.
    Run(Run),
    /// Print the `CustomResourceDefinition` as YAML.
    Crd,
    /// Print the objects that an AuthCluster in a file would become, as YAML. Needs no cluster.
    Plan(Plan),
}

/// Arguments of `run`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Run {
    /// Images of what the operator starts.
    #[command(flatten)]
    pub images: Images,
    /// Look after the resources of this namespace only. Without it: of all.
    #[arg(long, env = "AUTHCLUSTER_NAMESPACE", value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Namespace of the Lease by which one of several operators leads. Without it: the one that
    /// this process runs in.
    #[arg(long, env = "AUTHCLUSTER_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Name of that Lease.
    #[arg(long, env = "AUTHCLUSTER_LEASE_NAME", default_value = "authcluster-operator")]
    pub lease_name: String,
    /// Address of probes (/livez, /readyz) and metrics (/metrics).
    #[arg(
        long,
        env = "AUTHCLUSTER_LISTEN",
        default_value = "[::]:8080",
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,
    /// Name of this process in the Lease and in events; the name of the pod.
    #[arg(long, env = "POD_NAME", default_value = "authcluster-operator")]
    pub pod_name: String,
    /// Address of this pod. An IPv6 one tells that pods listen on IPv6.
    #[arg(long, env = "POD_IP")]
    pub pod_ip: Option<IpAddr>,
    /// Look of log lines.
    #[arg(long, env = "AUTHCLUSTER_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// What to log, such as `info` or `authcluster_operator=debug,warn`.
    #[arg(
        long,
        env = "AUTHCLUSTER_LOG",
        default_value = "info,kube_runtime=warn",
        value_name = "FILTER"
    )]
    pub log: String,
}

/// Arguments of `plan`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Plan {
    /// File with the resource, YAML or JSON; `-` is the standard input.
    #[arg(short, long, value_name = "FILE")]
    pub filename: PathBuf,
    /// Namespace of the operator, which network policies let in.
    #[arg(long, default_value = "authcluster-system", value_name = "NAMESPACE")]
    pub operator_namespace: String,
    /// Images of what the operator starts.
    #[command(flatten)]
    pub images: Images,
}

/// Images of what the operator starts, where a resource names none.
#[derive(Clone, Debug, ClapArgs)]
pub struct Images {
    /// Image with the hasher.
    #[arg(
        long,
        env = "AUTHCLUSTER_HASHER_IMAGE",
        default_value = "authcluster-hasher:dev",
        value_name = "IMAGE"
    )]
    pub hasher_image: String,
    /// Image with Redis or Valkey.
    #[arg(
        long,
        env = "AUTHCLUSTER_REDIS_IMAGE",
        default_value = "valkey/valkey:9.1",
        value_name = "IMAGE"
    )]
    pub redis_image: String,
    /// Image with the redis-agent: the operator's own.
    #[arg(
        long,
        env = "AUTHCLUSTER_AGENT_IMAGE",
        default_value = "authcluster-operator:dev",
        value_name = "IMAGE"
    )]
    pub agent_image: String,
}

impl Images {
    /// The settings that decisions depend on.
    #[must_use]
    pub fn settings(self, operator_namespace: String, pod_ip: Option<IpAddr>) -> Settings {
        Settings {
            operator_image: self.agent_image,
            hasher_image: self.hasher_image,
            redis_image: self.redis_image,
            operator_namespace,
            ipv6: pod_ip.is_some_and(|ip| ip.is_ipv6()),
        }
    }
}

#[cfg(test)]
mod tests;
