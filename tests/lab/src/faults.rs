//! Faults of a node: its cable pulled, its processes stopped, its power lost. `heal` undoes any of them.

use std::fmt;

use rustix::process::Signal;

use crate::error::Result;
use crate::network::Network;
use crate::node::forget_run_state;
use crate::parts::{Parts, node_components};
use crate::plan::names::NodeNumber;
use crate::process::{Life, signal};

/// What can be done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Pulls its network cable.
    Cut,
    /// Undoes every fault: plugs the cable in, continues what is stopped, starts what was killed.
    Heal,
    /// Stops every process on it, pods included, as an overloaded machine would.
    Stop,
    /// Lets them go on.
    Continue,
    /// Kills every process on it, pods included, as a power loss would.
    Kill,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut",
            Self::Heal => "heal",
            Self::Stop => "stop",
            Self::Continue => "continue",
            Self::Kill => "kill",
        })
    }
}

impl Parts {
    /// Does something to a node.
    pub(crate) fn fault(&self, fault: Fault, node: NodeNumber) -> Result<()> {
        match fault {
            Fault::Cut => self.network.plug(node, false),
            Fault::Stop => {
                self.signal_node(node, Signal::STOP);
                Ok(())
            }
            Fault::Continue => {
                self.signal_node(node, Signal::CONT);
                Ok(())
            }
            Fault::Kill => {
                self.kill_node(node);
                Ok(())
            }
            Fault::Heal => self.heal(node),
        }
    }

    /// Faults in force, in words.
    pub(crate) fn faults(&self) -> Result<Vec<String>> {
        let mut faults: Vec<String> =
            self.network.unplugged()?.iter().map(|node| format!("{node} is cut off")).collect();
        for node in self.nodes() {
            for name in node_components(*node) {
                if self.components.life(&name)? == Life::Stopped {
                    faults.push(format!("{node} is stopped"));
                    break;
                }
            }
        }
        Ok(faults)
    }

    /// Brings a node back, whatever happened to it.
    fn heal(&self, node: NodeNumber) -> Result<()> {
        self.undo_faults(node)?;
        self.start_containerd(node)?;
        self.await_containerd(node)?;
        self.start_kubelet(node)
    }

    /// Leaves a node in a state from which its parts can be started.
    pub(crate) fn undo_faults(&self, node: NodeNumber) -> Result<()> {
        self.network.plug(node, true)?;
        self.signal_node(node, Signal::CONT);
        if self.is_without_power(node)? {
            forget_run_state(&self.node_folder(node))?;
        }
        Ok(())
    }

    fn signal_node(&self, node: NodeNumber, kind: Signal) {
        self.cgroups.pids(Some(node)).into_iter().for_each(|pid| signal(pid, kind));
    }

    /// Until nothing is left: what is killed may have started something just before.
    fn kill_node(&self, node: NodeNumber) {
        crate::cleanup::kill_all(&|| {
            let mut pids = self.cgroups.pids(Some(node));
            pids.extend(Network::pids(&self.id.node_netns(node)));
            pids
        });
    }

    fn is_without_power(&self, node: NodeNumber) -> Result<bool> {
        for name in node_components(node) {
            if self.components.life(&name)? != Life::Dead {
                return Ok(false);
            }
        }
        Ok(self.cgroups.pids(Some(node)).is_empty())
    }
}
