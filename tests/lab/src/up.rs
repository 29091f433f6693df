//! Bringing a lab up: from nothing, from a wreck, or by mending what has died. The order is the order of need;
//! whatever can start while something else is waited for does.

use crate::error::Result;
use crate::images::PAUSE;
use crate::lab::{Lab, lock, places};
use crate::network::Network;
use crate::parts::{Parts, machine};
use crate::plan::names::LabName;
use crate::plan::next::{Found, Next, Shape, describe, next};
use crate::process::Life;
use crate::record::{Record, boot_id};
use crate::report::Report;
use crate::site::{self, Site};
use crate::tools::{self, Tools};

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
            (Next::Fresh(why), _) => {
                report.line(&format!("lab {name}: {why}"));
                Self::begin(site, name, shape, tools, report)
            }
            // `Nothing` and `Mend` come only with something found.
            (_, None) => Self::begin(site, name, shape, tools, report),
        }
    }

    fn begin(
        site: &Site,
        name: &LabName,
        shape: &Shape,
        tools: Tools,
        report: Report,
    ) -> Result<Self> {
        let places = places(site, name)?;
        let left = places.left();
        if !left.is_empty() {
            report.line(&format!("lab {name}: clearing {} things away", left.len()));
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
