//! A lab, as a test or the command line has it: `ensure` it, use it, put it `down`. Every change of a lab is
//! under its lock, so two commands never mix.

use std::path::PathBuf;
use std::process::Command;

use crate::cgroups::Cgroups;
use crate::cleanup::Places;
use crate::command::run;
use crate::error::{Error, Result};
use crate::faults::Fault;
use crate::images::PAUSE;
use crate::network::{Network, inside};
use crate::parts::{Parts, machine};
use crate::plan::images::ImageName;
use crate::plan::names::{LabId, LabName, NodeNumber};
use crate::plan::next::{Found, Next, Shape, describe, next};
use crate::process::{Components, Life};
use crate::record::{Record, boot_id};
use crate::report::Report;
use crate::site::{self, Lock, Site};
use crate::tools::{self, Tools};

/// A lab that is up.
#[derive(Clone, Debug)]
pub struct Lab {
    site: Site,
    name: LabName,
    parts: Parts,
}

impl Lab {
    /// Brings a lab up, or finds that it is. Whatever a crashed run left is cleared away first; parts that
    /// have died are started again and faults are healed; a healthy lab is left alone.
    ///
    /// # Errors
    /// When the tools or images are not built, the machine is too small, another shape is up under the
    /// name, or a part does not come up; the error names the part and shows its log.
    pub fn ensure(site: &Site, name: &LabName, shape: &Shape, report: Report) -> Result<Self> {
        let tools = Tools::find(site)?;
        let machine = machine()?;
        for size in &shape.nodes {
            size.reserved(machine)?;
        }
        let _lock = lock(site, name)?;
        let found = Record::read(&site.state(name))?;
        let existing = found
            .map(|record| {
                Parts::new(site, name, tools.clone(), record.index, &record.shape)
                    .map(|parts| (record, parts))
            })
            .transpose()?;
        let seen = existing.as_ref().map(|(record, parts)| look(record, parts)).transpose()?;
        match (next(seen.as_ref(), shape)?, existing) {
            (Next::Nothing, Some((_, parts))) => {
                parts.await_nodes()?;
                parts.recycle_volumes()?;
                report.line(&format!("lab {name} is up already"));
                Ok(Self { site: site.clone(), name: name.clone(), parts })
            }
            (Next::Mend, Some((_, parts))) => {
                let seen = seen.map(|seen| [seen.dead, seen.faults].concat().join(", "));
                report.line(&format!("lab {name}: mending {}", seen.unwrap_or_default()));
                let lab = Self { site: site.clone(), name: name.clone(), parts };
                lab.start(report)?;
                Ok(lab)
            }
            (Next::Fresh(why), _) => Self::begin(site, name, shape, tools, why, report),
            // `Nothing` and `Mend` come only with something found.
            (_, None) => Self::begin(site, name, shape, tools, "there is none", report),
        }
    }

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

    fn begin(
        site: &Site,
        name: &LabName,
        shape: &Shape,
        tools: Tools,
        why: &str,
        report: Report,
    ) -> Result<Self> {
        let places = places(site, name)?;
        let left = places.left();
        if !left.is_empty() {
            report.line(&format!("lab {name}: {why}; clearing {} things away", left.len()));
            places.clear()?;
        }
        site::remove_folder(&site.logs(name))?;
        let state = site.state(name);
        let mut record = Record::begin(site, &state, shape, tools::hash())?;
        let parts = Parts::new(site, name, tools, record.index, shape)?;
        report.line(&format!("lab {name}: starting {}", describe(shape)));
        parts.components.create_folders()?;
        parts.network.create()?;
        parts.cgroups.ensure(&parts.cgroups.control())?;
        for node in parts.nodes() {
            parts.cgroups.ensure(&parts.cgroups.node_daemons(*node))?;
            parts.cgroups.ensure(&parts.cgroups.node_pods(*node))?;
        }
        parts.pki.create(&parts.addresses(), parts.nodes())?;
        let lab = Self { site: site.clone(), name: name.clone(), parts };
        lab.start(report)?;
        record.complete = true;
        record.write(&state)?;
        Ok(lab)
    }

    /// Starts what does not run, in the order of need, and waits until all of it works.
    fn start(&self, report: Report) -> Result<()> {
        let parts = &self.parts;
        parts.start_api()?;
        for node in parts.nodes() {
            parts.undo_faults(*node)?;
            parts.start_containerd(*node)?;
        }
        parts.ensure_forward()?;
        for node in parts.nodes() {
            parts.await_containerd(*node)?;
        }
        if !parts.nodes().is_empty() {
            parts.load(&self.site, &PAUSE.parse()?)?;
        }
        parts.await_api()?;
        report.line("the API server is ready");
        parts.start_controllers()?;
        parts.nodes().iter().try_for_each(|node| parts.start_kubelet(*node))?;
        parts.apply_addons()?;
        parts.recycle_volumes()?;
        parts.await_nodes()?;
        parts.await_usable()?;
        report.line(&format!("lab {} is up: {} nodes Ready", self.name, parts.nodes().len()));
        Ok(())
    }

    fn node_named(&self, name: &str) -> Result<NodeNumber> {
        let nodes = self.parts.nodes();
        nodes.iter().copied().find(|node| node.to_string() == name).ok_or_else(|| {
            let known: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            Error::Unknown { kind: "node", name: name.to_owned(), known: known.join(", ") }
        })
    }
}

/// What is there of a lab on file.
fn look(record: &Record, parts: &Parts) -> Result<Found> {
    let namespaces = Network::namespaces(&parts.id)?.len();
    let mut found = Found {
        shape: record.shape.clone(),
        // A namespace that someone deleted cannot be mended: its links are gone with it.
        complete: record.complete && namespaces == parts.nodes().len() + 1,
        same_boot: record.boot == boot_id()?,
        same_tools: record.tools == tools::hash(),
        dead: Vec::new(),
        faults: Vec::new(),
    };
    if found.complete && found.same_boot {
        for name in parts.component_names() {
            if parts.components.life(&name)? == Life::Dead {
                found.dead.push(name);
            }
        }
        found.faults = parts.faults()?;
    }
    Ok(found)
}

fn lock(site: &Site, name: &LabName) -> Result<Lock> {
    site.lock(&format!("lab-{name}"))
}

fn places(site: &Site, name: &LabName) -> Result<Places> {
    let state = site.state(name);
    let id = LabId::of_state(&state)?;
    Ok(Places {
        cgroups: Cgroups::of_lab(id.cgroup())?,
        components: Components::new(&state, &site.logs(name)),
        state,
        id,
    })
}
