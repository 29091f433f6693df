//! A lab, as a test or the command line has it: `ensure` it, use it, put it `down`. Every change of a lab is
//! under its lock, so two commands never mix.

use std::path::PathBuf;
use std::process::Command;

use crate::cgroups::Cgroups;
use crate::cleanup::Places;
use crate::command::run;
use crate::error::{Error, Result};
use crate::faults::Fault;
use crate::network::inside;
use crate::parts::Parts;
use crate::plan::images::ImageName;
use crate::plan::names::{LabId, LabName, NodeNumber};
use crate::plan::next::describe;
use crate::process::Components;
use crate::record::Record;
use crate::site::{Lock, Site};
use crate::tools::Tools;

/// A lab that is up.
#[derive(Clone, Debug)]
pub struct Lab {
    pub(crate) site: Site,
    pub(crate) name: LabName,
    pub(crate) parts: Parts,
}

impl Lab {
    /// Finds a lab that is up.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn find(site: &Site, name: &LabName) -> Result<Self> {
        let Some(record) = Record::read(&site.state(name))? else {
            let names: Vec<String> = site.names()?.iter().map(ToString::to_string).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(Error::Unknown { kind: "lab", name: name.to_string(), known });
        };
        let tools = Tools::find(site)?;
        let parts = Parts::new(site, name, tools, record.index, &record.shape)?;
        Ok(Self { site: site.clone(), name: name.clone(), parts })
    }

    /// Removes a lab, or what is left of one, from the machine. That there is none is no error.
    ///
    /// # Errors
    /// When something could not be removed; it is named.
    pub fn down_named(site: &Site, name: &LabName) -> Result<()> {
        let _lock = lock(site, name)?;
        places(site, name)?.clear()
    }

    /// Removes this lab from the machine.
    ///
    /// # Errors
    /// When something could not be removed; it is named.
    pub fn down(self) -> Result<()> {
        Self::down_named(&self.site, &self.name)
    }

    /// The lab's name.
    #[must_use]
    pub fn name(&self) -> &LabName {
        &self.name
    }

    /// A kubeconfig for any tool on this machine, by way of a port on 127.0.0.1.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.parts.pki.kubeconfig("outside")
    }

    /// Where all logs are: one file a component, one folder a node's pods.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.parts.logs.clone()
    }

    /// The folder with kubectl, Helm and the rest, for PATH.
    #[must_use]
    pub fn tools_folder(&self) -> PathBuf {
        self.parts.tools.folder().to_path_buf()
    }

    /// kubectl against this lab, to be given arguments and run.
    #[must_use]
    pub fn kubectl_command(&self) -> Command {
        self.parts.kubectl()
    }

    /// Helm against this lab, to be given arguments and run.
    #[must_use]
    pub fn helm_command(&self) -> Command {
        let mut command = self.parts.tools.command("helm");
        self.parts.set_environment(&mut command, "outside");
        command
    }

    /// Runs kubectl and returns what it wrote.
    ///
    /// # Errors
    /// When it fails; the error holds its own.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        run(self.kubectl_command().args(args))
    }

    /// Runs kubectl with `manifest` as its input.
    ///
    /// # Errors
    /// When it fails; the error holds its own.
    pub fn kubectl_with_input(&self, args: &[&str], manifest: &str) -> Result<String> {
        crate::command::run_with_input(self.kubectl_command().args(args), manifest)
    }

    /// Runs Helm and returns what it wrote.
    ///
    /// # Errors
    /// When it fails; the error holds its own.
    pub fn helm(&self, args: &[&str]) -> Result<String> {
        run(self.helm_command().args(args))
    }

    /// A command inside the control plane's network namespace, where the addresses of pods and nodes can
    /// be reached (those of services cannot: there is no kube-proxy).
    #[must_use]
    pub fn enter_command(&self, program: &str) -> Command {
        let mut command = inside(&self.parts.id.netns());
        command.arg(program);
        self.parts.set_environment(&mut command, "inside");
        command
    }

    /// A command inside a node's network namespace, where the addresses of services can be reached too.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn enter_node_command(&self, node: &str, program: &str) -> Result<Command> {
        let mut command = inside(&self.parts.id.node_netns(self.node_named(node)?));
        command.arg(program);
        self.parts.set_environment(&mut command, "inside");
        Ok(command)
    }

    /// Any command of this machine, with the lab's kubeconfig and its tools on the path.
    #[must_use]
    pub fn outside_command(&self, program: &str, path: &str) -> Command {
        let mut command = Command::new(program);
        self.parts.set_environment(&mut command, "outside");
        command.env("PATH", format!("{}:{path}", self.parts.tools.folder().display()));
        command
    }

    /// Loads an image into the nodes that do not have it; returns how many did not.
    ///
    /// # Errors
    /// When there is no such image in the cache or a node refuses it.
    pub fn load_image(&self, name: &ImageName) -> Result<usize> {
        let _lock = lock(&self.site, &self.name)?;
        self.parts.load(&self.site, name)
    }

    /// Empties the volumes whose claims were deleted and offers them again, as `up` does too; returns how
    /// many.
    ///
    /// # Errors
    /// When a folder cannot be emptied or the API does not answer.
    pub fn recycle_volumes(&self) -> Result<usize> {
        let _lock = lock(&self.site, &self.name)?;
        self.parts.recycle_volumes()
    }

    /// Does something to a node, named as in Kubernetes.
    ///
    /// # Errors
    /// When there is no such node, or it does not come back when healed.
    pub fn fault(&self, fault: Fault, node: &str) -> Result<()> {
        let _lock = lock(&self.site, &self.name)?;
        self.parts.fault(fault, self.node_named(node)?)
    }

    /// Slows the pods of a node down: all of them together get so many thousandths of a core, or, with `None`,
    /// what there is. Kubernetes does not know.
    ///
    /// # Errors
    /// When there is no such node, or its control group cannot be written.
    pub fn limit_cpu(&self, node: &str, milli: Option<u32>) -> Result<()> {
        self.parts.cgroups.limit_cpu(self.node_named(node)?, milli)
    }

    /// Each component with its process number, or none when it does not run.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn components(&self) -> Result<Vec<(String, Option<i32>)>> {
        let names = self.parts.component_names().into_iter();
        names.map(|name| Ok((name.clone(), self.parts.components.pid(&name)?))).collect()
    }

    /// Names of the nodes that are Ready.
    ///
    /// # Errors
    /// When the API does not answer.
    pub fn ready_nodes(&self) -> Result<Vec<String>> {
        self.parts.ready_nodes()
    }

    /// The lab in words.
    #[must_use]
    pub fn describe(&self) -> String {
        describe(&self.parts.shape)
    }

    /// Faults in force, in words.
    ///
    /// # Errors
    /// When the network cannot be looked at.
    pub fn faults(&self) -> Result<Vec<String>> {
        self.parts.faults()
    }

    fn node_named(&self, name: &str) -> Result<NodeNumber> {
        let nodes = self.parts.nodes();
        nodes.iter().copied().find(|node| node.to_string() == name).ok_or_else(|| {
            let known: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            Error::Unknown { kind: "node", name: name.to_owned(), known: known.join(", ") }
        })
    }
}

pub(crate) fn lock(site: &Site, name: &LabName) -> Result<Lock> {
    site.lock(&format!("lab-{name}"))
}

pub(crate) fn places(site: &Site, name: &LabName) -> Result<Places> {
    let state = site.state(name);
    let id = LabId::of_state(&state)?;
    Ok(Places {
        cgroups: Cgroups::of_lab(id.cgroup())?,
        components: Components::new(&state, &site.logs(name)),
        state,
        id,
    })
}
