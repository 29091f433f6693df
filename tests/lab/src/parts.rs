//! The parts of one lab that is, was or will be up, put together from its name and record: folders, names,
//! addresses, processes. Nothing is started here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cgroups::Cgroups;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::pki::Pki;
use crate::plan::addresses::{AddressError, Addresses, NODES_MAX};
use crate::plan::names::{LabId, LabName, NodeNumber};
use crate::plan::next::Shape;
use crate::plan::sizes::Machine;
use crate::process::Components;
use crate::site::Site;
use crate::tools::Tools;

/// Everything that the steps of `up` need to know.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) tools: Tools,
    pub(crate) state: PathBuf,
    pub(crate) logs: PathBuf,
    pub(crate) id: LabId,
    pub(crate) shape: Shape,
    pub(crate) network: Network,
    pub(crate) cgroups: Cgroups,
    pub(crate) components: Components,
    pub(crate) pki: Pki,
}

impl Parts {
    pub(crate) fn new(
        site: &Site,
        name: &LabName,
        tools: Tools,
        index: u8,
        shape: &Shape,
    ) -> Result<Self> {
        let (state, logs) = (site.state(name), site.logs(name));
        let id = LabId::of_state(&state)?;
        let addresses = Addresses::of_lab(index)?;
        let nodes = node_numbers(shape)?;
        Ok(Self {
            tools,
            cgroups: Cgroups::of_lab(id.cgroup())?,
            components: Components::new(&state, &logs),
            pki: Pki::new(&state),
            network: Network { id: id.clone(), addresses, nodes },
            shape: shape.clone(),
            state,
            logs,
            id,
        })
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.network.addresses
    }

    pub(crate) fn nodes(&self) -> &[NodeNumber] {
        &self.network.nodes
    }

    /// Folder of a node.
    pub(crate) fn node_folder(&self, node: NodeNumber) -> PathBuf {
        self.state.join(node.to_string())
    }

    /// containerd's socket on a node.
    pub(crate) fn containerd_socket(&self, node: NodeNumber) -> PathBuf {
        self.node_folder(node).join("containerd.sock")
    }

    /// Names of all components that run in a lab of this shape, in the order in which they start.
    pub(crate) fn component_names(&self) -> Vec<String> {
        let mut names: Vec<String> = CONTROL.map(str::to_owned).to_vec();
        if !self.nodes().is_empty() {
            names.extend(ADDONS.map(str::to_owned));
        }
        names.extend(self.nodes().iter().flat_map(|node| node_components(*node)));
        names
    }
}

/// Components of the control plane.
pub(crate) const CONTROL: [&str; 5] =
    ["etcd", "apiserver", "forward", "controller-manager", "scheduler"];

/// What a lab with nodes runs beside it.
pub(crate) const ADDONS: [&str; 2] = ["coredns", "metrics-server"];

/// Names of a node's components.
pub(crate) fn node_components(node: NodeNumber) -> [String; 3] {
    ["containerd", "kubelet", "kube-proxy"].map(|kind| format!("{kind}-{node}"))
}

fn node_numbers(shape: &Shape) -> Result<Vec<NodeNumber>> {
    let count = u8::try_from(shape.nodes.len()).ok().filter(|count| *count <= NODES_MAX);
    let count = count.ok_or(AddressError::Nodes(shape.nodes.len()))?;
    Ok((1..=count).map(NodeNumber).collect())
}

/// What this machine has, as Kubernetes counts it.
pub(crate) fn machine() -> Result<Machine> {
    let path = Path::new("/proc/meminfo");
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let memory_kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Error::Machine("/proc/meminfo has no MemTotal".to_owned()))?;
    // kubelet counts the machine's processors, not those that this process may use.
    let path = Path::new("/proc/cpuinfo");
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let processors = text.lines().filter(|line| line.starts_with("processor")).count();
    let cpu_milli = u64::try_from(processors.max(1)).unwrap_or(1) * 1000;
    Ok(Machine { cpu_milli, memory_kib })
}
