//! Network namespaces, made with `ip`. One namespace holds the control plane and a bridge; each node is a
//! namespace with one cable into the bridge, and routes to the other nodes' pods. Nothing is made in the
//! machine's own namespace, and nothing routes out of the lab's.

use std::process::Command;

use serde::Deserialize;

use crate::command::{capture, program, run};
use crate::error::{Error, Result};
use crate::plan::addresses::Addresses;
use crate::plan::names::{LabId, NodeNumber};

/// The network of one lab.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) id: LabId,
    pub(crate) addresses: Addresses,
    pub(crate) nodes: Vec<NodeNumber>,
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
    flags: Vec<String>,
}

impl Network {
    /// Makes the namespaces, links and routes of a lab that has none.
    pub(crate) fn create(&self) -> Result<()> {
        let netns = self.id.netns();
        let bridge = format!("{}/24", self.addresses.bridge());
        run(&mut program("ip", &["netns", "add", &netns]))?;
        batch(
            &netns,
            &[
                "link set lo up".to_owned(),
                "link add br0 type bridge".to_owned(),
                format!("address add {bridge} dev br0"),
                "link set br0 up".to_owned(),
            ],
        )?;
        forward_packets(&netns)?;
        self.nodes.iter().try_for_each(|node| self.create_node(*node))
    }

    /// Cuts a node off, or plugs it in again.
    pub(crate) fn plug(&self, node: NodeNumber, in_: bool) -> Result<()> {
        let state = if in_ { "up" } else { "down" };
        let cable = cable(node);
        run(&mut program("ip", &["-n", &self.id.netns(), "link", "set", &cable, state])).map(drop)
    }

    /// Nodes whose cable is unplugged.
    pub(crate) fn unplugged(&self) -> Result<Vec<NodeNumber>> {
        let text = run(&mut program("ip", &["-n", &self.id.netns(), "-j", "link"]))?;
        let links: Vec<Link> = serde_json::from_str(&text).map_err(|source| Error::Content {
            path: "ip -j link".into(),
            kind: "a list of links",
            source,
        })?;
        let is_up = |node: &NodeNumber| {
            let of_node = |link: &&Link| link.ifname.split('@').next() == Some(&cable(*node));
            links.iter().find(of_node).is_some_and(|link| link.flags.iter().any(|f| f == "UP"))
        };
        Ok(self.nodes.iter().copied().filter(|node| !is_up(node)).collect())
    }

    /// All namespaces of the lab that exist, also those of an earlier shape.
    pub(crate) fn namespaces(id: &LabId) -> Result<Vec<String>> {
        let own = id.netns();
        let of_node = format!("{own}-");
        let list = run(&mut program("ip", &["netns", "list"]))?;
        let names = list.lines().filter_map(|line| line.split_whitespace().next());
        Ok(names
            .filter(|name| *name == own || name.starts_with(&of_node))
            .map(str::to_owned)
            .collect())
    }

    /// Processes in a namespace.
    pub(crate) fn pids(netns: &str) -> Vec<i32> {
        let output = capture(&mut program("ip", &["netns", "pids", netns]));
        let text = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// Deletes a namespace; its links go with it.
    pub(crate) fn delete(netns: &str) -> Result<()> {
        run(&mut program("ip", &["netns", "delete", netns])).map(drop)
    }

    fn create_node(&self, node: NodeNumber) -> Result<()> {
        let (control, netns) = (self.id.netns(), self.id.node_netns(node));
        let (address, bridge) = (self.addresses.node(node), self.addresses.bridge());
        let cable = cable(node);
        run(&mut program("ip", &["netns", "add", &netns]))?;
        batch(
            &control,
            &[
                format!("link add {cable} type veth peer name eth0 netns {netns}"),
                format!("link set {cable} master br0 up"),
                format!("route add {} via {address}", self.addresses.node_pods(node)),
            ],
        )?;
        let mut lines = vec![
            "link set lo up".to_owned(),
            format!("address add {address}/24 dev eth0"),
            "link set eth0 up".to_owned(),
            format!("route add default via {bridge}"),
        ];
        for other in self.nodes.iter().filter(|other| **other != node) {
            let via = self.addresses.node(*other);
            lines.push(format!("route add {} via {via}", self.addresses.node_pods(*other)));
        }
        batch(&netns, &lines)?;
        forward_packets(&netns)
    }
}

/// A command inside a namespace. `ip netns exec` would hide /sys/fs/cgroup.
pub(crate) fn inside(netns: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", crate::process::netns_path(netns).display())).arg("--");
    command
}

/// The control plane's end of a node's cable.
fn cable(node: NodeNumber) -> String {
    format!("veth{}", node.0)
}

/// Several `ip` commands in one process.
fn batch(netns: &str, lines: &[String]) -> Result<()> {
    let mut ip = program("ip", &["-n", netns, "-batch", "-"]);
    crate::command::run_with_input(&mut ip, &lines.join("\n")).map(drop)
}

/// The path below /proc/sys/net is that of the namespace of the process that opens it.
fn forward_packets(netns: &str) -> Result<()> {
    let mut command = inside(netns);
    command.args(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    run(&mut command).map(drop)
}
