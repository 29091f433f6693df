//! The command line and the environment, read once. Nothing else reads the environment.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::faults::Fault;
use crate::plan::images::ImageName;
use crate::plan::names::LabName;
use crate::plan::next::Shape;
use crate::plan::sizes::NodeSize;

/// A real Kubernetes on one machine, for tests: several nodes in network namespaces, up in seconds.
///
/// First `lab doctor --install`, then `lab build` (once, about ten minutes), then `lab up`.
/// Everything is kept in the cache folder: `$AUTHCLUSTER_CACHE`, else `authcluster` in
/// `$XDG_CACHE_HOME` or `~/.cache`. Needs root.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
pub struct LowArgs {
    /// The lab's name; labs of different names do not meet.
    #[arg(long, global = true, env = "AUTHCLUSTER_LAB", default_value = "lab")]
    pub name: LabName,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say what this machine lacks, each with the command that installs it.
    Doctor {
        /// Install what apt has (as root).
        #[arg(long)]
        install: bool,
    },
    /// Build the tools and the base images; what is built already is kept.
    Build {
        /// Only one of the two.
        #[arg(long)]
        only: Option<BuildPart>,
    },
    /// Bring the lab up, or mend it; a healthy one is left alone.
    Up(UpArgs),
    /// Remove the lab from the machine: processes, mounts, namespaces, cgroups, files. Logs stay.
    Down,
    /// Show the lab's nodes, processes and faults.
    Status,
    /// List all labs.
    List,
    /// Run kubectl against the lab.
    Kubectl(Rest),
    /// Run Helm against the lab.
    Helm(Rest),
    /// Run any command with the lab's kubeconfig, and its tools on the path.
    Exec(Rest),
    /// Run a command inside the lab's network, where pods' addresses can be reached (as for curl).
    Enter(Rest),
    /// Print the path of a kubeconfig for any tool on this machine.
    Kubeconfig,
    /// Pack programs, and the libraries that they load, into an image.
    Image {
        /// The image's name with its tag; short names mean Docker Hub, as everywhere.
        image: ImageName,
        /// What the container runs, found in /usr/bin.
        #[arg(long)]
        entrypoint: String,
        /// The programs.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Load images into all nodes; one that is there already is skipped.
    Load {
        /// The images: redis:7.0, redis:8.0, valkey:9.1, or those packed by `image`.
        #[arg(required = true)]
        images: Vec<ImageName>,
    },
    /// Break a node, or mend it.
    Fault {
        /// What to do to it.
        kind: FaultKind,
        /// The node, such as node2.
        node: String,
    },
    /// Print where the logs are, or the end of one.
    Logs {
        /// The component, such as apiserver or kubelet-node1.
        component: Option<String>,
    },
    /// Forward a port into a network namespace; `up` starts this by itself.
    #[command(hide = true, name = "forward-port")]
    ForwardPort {
        /// The namespace's path.
        #[arg(long)]
        netns: PathBuf,
        /// Where to connect there.
        #[arg(long)]
        to: std::net::SocketAddr,
        /// Where to listen; 0 for any.
        #[arg(long)]
        port: u16,
        /// Where to write the port.
        #[arg(long)]
        port_file: PathBuf,
    },
}

/// Options of `up`.
#[derive(Args, Debug)]
pub struct UpArgs {
    /// How many nodes with all the machine's CPU and 4 GiB.
    #[arg(long, default_value_t = 3, conflicts_with_all = ["node", "control_plane_only"])]
    pub nodes: u8,
    /// A node and what it offers to pods, such as cpu=500m,memory=1Gi; once for each node.
    #[arg(long, value_name = "SIZE", conflicts_with = "control_plane_only")]
    pub node: Vec<NodeSize>,
    /// No nodes at all: the API and its controllers, for tests of scale.
    #[arg(long)]
    pub control_plane_only: bool,
}

/// A command and its arguments.
#[derive(Args, Debug)]
pub struct Rest {
    /// What to pass on, after `--`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<String>,
}

/// A part of `build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BuildPart {
    /// Kubernetes and the other programs.
    Tools,
    /// pause, Redis and Valkey.
    Images,
}

/// A fault on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FaultKind {
    /// Pull the network cable.
    Cut,
    /// Undo any fault; a killed node starts again.
    Heal,
    /// Stop all its processes, pods included.
    Stop,
    /// Let them go on.
    Continue,
    /// Kill all its processes, pods included.
    Kill,
}

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The cache folder of the project.
    pub cache: PathBuf,
    /// The search path.
    pub path: String,
}

impl UpArgs {
    /// The shape asked for.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match (self.control_plane_only, self.node.is_empty()) {
            (true, _) => Shape::CONTROL_PLANE,
            (false, true) => Shape::of_nodes(self.nodes),
            (false, false) => Shape { nodes: self.node.clone() },
        }
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Cut => Self::Cut,
            FaultKind::Heal => Self::Heal,
            FaultKind::Stop => Self::Stop,
            FaultKind::Continue => Self::Continue,
            FaultKind::Kill => Self::Kill,
        }
    }
}

impl Environment {
    /// Reads it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is the reader of the environment")]
    pub fn read() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            cache: cache_folder(
                var("AUTHCLUSTER_CACHE"),
                var("XDG_CACHE_HOME"),
                var("HOME").as_deref(),
            ),
            path: var("PATH").unwrap_or_default(),
        }
    }
}

/// The cache folder, by the XDG base directory specification.
fn cache_folder(own: Option<String>, xdg: Option<String>, home: Option<&str>) -> PathBuf {
    if let Some(own) = own {
        return PathBuf::from(own);
    }
    // The specification says to ignore a relative path.
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Path::new(home.unwrap_or("/root")).join(".cache");
    xdg.unwrap_or_else(home).join("authcluster")
}

#[cfg(test)]
mod tests;
