//! One node: containerd, kubelet and kube-proxy in a network namespace of its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::{self, Seen};
use crate::command::run;
use crate::control_plane::option;
use crate::error::{Error, Result};
use crate::images::PAUSE;
use crate::parts::{Parts, machine};
use crate::plan::names::NodeNumber;
use crate::plan::sizes::{EVICTION_KIB, NodeSize};
use crate::plan::templates::fill;
use crate::process::{Life, Start};
use crate::site;

/// containerd opens its socket within a second; a busy machine may take longer.
const SOCKET_BOUND: Duration = Duration::from_secs(60);

/// Where every kubelet of a machine listens for device plugins, whatever its own folder is: the path is a
/// constant of kubelet's. Each takes it from the one before, and ends when another does so at the same
/// moment.
const DEVICE_PLUGINS: &str = "/var/lib/kubelet/device-plugins/kubelet.sock";

/// From kubelet's start to Ready: 3 s when nothing else runs.
const READY_BOUND: Duration = Duration::from_secs(120);

/// Where Debian's package and the upstream archive put the CNI plugins.
const CNI_FOLDERS: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

#[derive(Deserialize)]
struct NodeList {
    items: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    metadata: Metadata,
    status: Status,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// Which socket lies there: its number is used again, so its time belongs to it.
fn device_plugins() -> Option<(u64, i64, i64)> {
    let socket = fs::symlink_metadata(DEVICE_PLUGINS).ok()?;
    Some((socket.ino(), socket.ctime(), socket.ctime_nsec()))
}

impl Parts {
    /// Starts containerd of a node, without waiting for it.
    pub(crate) fn start_containerd(&self, node: NodeNumber) -> Result<()> {
        self.write_node_files(node)?;
        let mut command = self.tools.command("containerd");
        command.arg("--config").arg(self.node_folder(node).join("containerd.toml"));
        self.start_on_node("containerd", node, command)
    }

    /// Waits until containerd answers; kubelet ends when it does not.
    pub(crate) fn await_containerd(&self, node: NodeNumber) -> Result<()> {
        let socket = self.containerd_socket(node);
        clock::eventually(&format!("containerd of {node} answers"), SOCKET_BOUND, || {
            self.components.require(&format!("containerd-{node}"))?;
            Ok(match UnixStream::connect(&socket) {
                Ok(_) => Seen::Yes,
                Err(error) => Seen::No(error.to_string()),
            })
        })
    }

    /// Starts kubelet and kube-proxy of a node, and waits until the next node's kubelet may start.
    pub(crate) fn start_kubelet(&self, node: NodeNumber) -> Result<()> {
        let folder = self.node_folder(node);
        let mut kubelet = self.tools.command("kubelet");
        kubelet.arg(option("config", folder.join("kubelet.yaml").display()));
        kubelet.arg(option("kubeconfig", self.pki.kubeconfig(&node.to_string()).display()));
        kubelet.arg(option("hostname-override", node));
        kubelet.arg(option("node-ip", self.addresses().node(node)));
        kubelet.arg(option("root-dir", folder.join("kubelet").display()));
        kubelet.arg(option("cert-dir", folder.join("kubelet/pki").display()));
        kubelet.arg(option("node-labels", format!("topology.kubernetes.io/zone=zone-{}", node.0)));
        let name = format!("kubelet-{node}");
        if self.components.life(&name)? == Life::Dead {
            let before = device_plugins();
            self.start_on_node("kubelet", node, kubelet)?;
            clock::eventually(&format!("{name} listens for device plugins"), SOCKET_BOUND, || {
                self.components.require(&name)?;
                let is_there = device_plugins().is_some_and(|now| Some(now) != before);
                Ok(if is_there { Seen::Yes } else { Seen::No(DEVICE_PLUGINS.to_owned()) })
            })?;
        }
        let mut proxy = self.tools.command("kube-proxy");
        proxy.arg(option("kubeconfig", self.pki.kubeconfig("proxy").display()));
        proxy.arg(option("hostname-override", node));
        proxy.arg(option("cluster-cidr", self.addresses().pods()));
        proxy.args([
            "--proxy-mode=iptables",
            // The table's size is the machine's and not a namespace's to set.
            "--conntrack-max-per-core=0",
            "--healthz-bind-address=127.0.0.1:10256",
            "--metrics-bind-address=127.0.0.1:10249",
        ]);
        self.start_on_node("kube-proxy", node, proxy)
    }

    /// Waits until every node of the lab is Ready, and that there are as many as there should be.
    pub(crate) fn await_nodes(&self) -> Result<()> {
        let wanted: Vec<String> = self.nodes().iter().map(ToString::to_string).collect();
        clock::eventually("all nodes are Ready", READY_BOUND, || {
            for name in self.component_names() {
                self.components.require(&name)?;
            }
            let ready = self.ready_nodes()?;
            let missing: Vec<&str> =
                wanted.iter().filter(|node| !ready.contains(node)).map(String::as_str).collect();
            Ok(match missing.is_empty() {
                true => Seen::Yes,
                false => Seen::No(format!("not Ready: {}", missing.join(", "))),
            })
        })
    }

    /// Names of the nodes that are Ready.
    pub(crate) fn ready_nodes(&self) -> Result<Vec<String>> {
        let text = run(self.kubectl().args(["get", "nodes", "--output=json"]))?;
        let list: NodeList = serde_json::from_str(&text).map_err(|source| Error::Content {
            path: "kubectl get nodes".into(),
            kind: "a list of nodes",
            source,
        })?;
        let is_ready = |node: &Node| {
            node.status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True")
        };
        Ok(list.items.into_iter().filter(is_ready).map(|node| node.metadata.name).collect())
    }

    fn start_on_node(&self, kind: &str, node: NodeNumber, mut command: Command) -> Result<()> {
        let cgroup_procs = self.cgroups.procs(&self.cgroups.node_daemons(node));
        let netns = self.id.node_netns(node);
        // containerd finds its shim, and everything runc and iptables, on the path.
        command.env("PATH", format!("{}:{SYSTEM_PATH}", self.tools.folder().display()));
        let name = format!("{kind}-{node}");
        let start =
            Start { name: &name, cgroup_procs: &cgroup_procs, netns: Some(&netns), command };
        self.components.ensure(&start)
    }

    fn write_node_files(&self, node: NodeNumber) -> Result<()> {
        let folder = self.node_folder(node);
        let run_folder = self.id.run_dir().join(node.to_string());
        let pod_logs = self.logs.join(format!("pods-{node}"));
        let cni = folder.join("cni");
        for path in [&cni, &run_folder, &pod_logs, &folder.join("volumes")] {
            site::create_folder(path)?;
        }
        let size = self.shape.nodes.get(usize::from(node.0) - 1).copied();
        let reserved = size.unwrap_or(NodeSize::DEFAULT).reserved(machine()?)?;
        let name = node.to_string();
        let values = [
            ("address", self.addresses().node(node).to_string()),
            ("ca", self.pki.certificate("ca").display().to_string()),
            ("certificate", self.pki.certificate(&name).display().to_string()),
            ("key", self.pki.key(&name).display().to_string()),
            ("cgroup", self.cgroups.node_pods(node)),
            ("cni_bin", cni_folder()?.to_owned()),
            ("dns", self.addresses().dns_service().to_string()),
            ("eviction_kib", EVICTION_KIB.to_string()),
            ("folder", folder.display().to_string()),
            ("logs", pod_logs.display().to_string()),
            ("network", self.id.cni_network()),
            ("pause", PAUSE.to_owned()),
            ("pods", self.addresses().node_pods(node)),
            ("reserved_cpu_milli", reserved.cpu_milli.to_string()),
            ("reserved_memory_kib", reserved.memory_kib.to_string()),
            ("run", run_folder.display().to_string()),
            ("storage_isolation", (!self.cgroups.is_v1()).to_string()),
        ];
        for (path, template) in [
            (folder.join("containerd.toml"), include_str!("../manifests/containerd.toml")),
            (folder.join("kubelet.yaml"), include_str!("../manifests/kubelet.yaml")),
            (cni.join("10-lab.conflist"), include_str!("../manifests/cni.json")),
        ] {
            site::write(&path, &fill(template, &values))?;
        }
        Ok(())
    }
}

/// The path of a root shell on Debian.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where this machine has the CNI plugins.
pub(crate) fn cni_folder() -> Result<&'static str> {
    let found = CNI_FOLDERS.into_iter().find(|folder| Path::new(folder).join("bridge").exists());
    found.ok_or_else(|| {
        Error::Machine("the CNI plugins are missing; `lab doctor` says how to install them".into())
    })
}

/// Clears what a node that lost its power would not have after the start: containerd's run-time state.
pub(crate) fn forget_run_state(folder: &Path) -> Result<()> {
    crate::cleanup::unmount_below(folder)?;
    let socket = folder.join("containerd.sock");
    for path in [folder.join("state"), folder.join("runc")] {
        site::remove_folder(&path)?;
    }
    match fs::remove_file(&socket) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", &socket)(source))
        }
        _ => Ok(()),
    }
}
