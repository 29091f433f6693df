//! The volumes of a lab: folders below its state, eight a node. A real provisioner would wipe a volume that was
//! given back and offer it again; there is none for static ones, so `up` does it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::command::run;
use crate::error::{Error, Result};
use crate::parts::Parts;
use crate::plan::names::NodeNumber;
use crate::plan::templates::fill;
use crate::site;

/// Volumes a node offers: a Redis shard's pods, twice over, beside what a test makes for itself.
const VOLUMES_PER_NODE: u8 = 8;

/// Makes a volume that was given back one that nobody has claimed.
const UNCLAIM: &str = r#"[{"op":"remove","path":"/spec/claimRef"}]"#;

#[derive(Deserialize)]
struct VolumeList {
    items: Vec<Volume>,
}

#[derive(Deserialize)]
struct Volume {
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
    phase: String,
}

impl Parts {
    /// Makes the folders of all volumes and returns their manifests.
    pub(crate) fn make_volumes(&self) -> Result<String> {
        let mut manifests = String::new();
        for (name, node, path) in self.volumes() {
            make_folder(&path)?;
            let values =
                [("name", name), ("node", node.to_string()), ("path", path.display().to_string())];
            manifests.push_str(&fill(include_str!("../manifests/volume.yaml"), &values));
        }
        Ok(manifests)
    }

    /// Empties the volumes whose claim is gone and offers them again; returns how many.
    pub(crate) fn recycle_volumes(&self) -> Result<usize> {
        let text = run(self.kubectl().args(["get", "persistentvolumes", "--output=json"]))?;
        let list: VolumeList = serde_json::from_str(&text).map_err(|source| Error::Content {
            path: "kubectl get persistentvolumes".into(),
            kind: "a list of volumes",
            source,
        })?;
        let mut recycled = 0;
        for (name, _, path) in self.volumes() {
            let of_name = |volume: &&Volume| volume.metadata.name == name;
            let volume = list.items.iter().find(of_name);
            if volume.is_some_and(|volume| volume.status.phase == "Released") {
                site::remove_folder(&path)?;
                make_folder(&path)?;
                let patch = ["patch", "persistentvolume", &name, "--type=json", "--patch", UNCLAIM];
                run(self.kubectl().args(patch))?;
                recycled += 1;
            }
        }
        Ok(recycled)
    }

    /// Name, node and folder of each volume.
    fn volumes(&self) -> Vec<(String, NodeNumber, PathBuf)> {
        let of_node = |node: &NodeNumber| {
            let (node, folder) = (*node, self.node_folder(*node).join("volumes"));
            (1..=VOLUMES_PER_NODE).map(move |number| {
                (format!("lab-{node}-{number}"), node, folder.join(number.to_string()))
            })
        };
        self.nodes().iter().flat_map(of_node).collect()
    }
}

/// A volume belongs to whichever user the pod runs as.
fn make_folder(path: &Path) -> Result<()> {
    site::create_folder(path)?;
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(path, mode).map_err(Error::file("open to all", path))
}
