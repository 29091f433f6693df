//! What a cluster is expected to have: DNS, metrics, a default storage class and volumes for it.

use std::os::unix::fs::PermissionsExt;
use std::{fs, path::Path};

use crate::command::run_with_input;
use crate::error::{Error, Result};
use crate::parts::Parts;
use crate::plan::templates::fill;
use crate::site;

/// Volumes a node offers: a Redis shard's pods, twice over, beside what a test makes for itself.
const VOLUMES_PER_NODE: u8 = 8;

impl Parts {
    /// Applies all of it at once.
    pub(crate) fn apply_addons(&self) -> Result<()> {
        let mut manifests = include_str!("../manifests/storage.yaml").to_owned();
        if !self.nodes().is_empty() {
            let values = [
                ("dns", self.addresses().dns_service().to_string()),
                ("bridge", self.addresses().bridge().to_string()),
            ];
            manifests.push_str("---\n");
            manifests.push_str(&fill(include_str!("../manifests/addons.yaml"), &values));
        }
        manifests.push_str(&self.make_volumes()?);
        let mut kubectl = self.kubectl();
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--filename=-"]);
        run_with_input(&mut kubectl, &manifests).map(drop)
    }

    /// Makes the folders of the static volumes and returns their manifests.
    fn make_volumes(&self) -> Result<String> {
        let mut manifests = String::new();
        for node in self.nodes() {
            for number in 1..=VOLUMES_PER_NODE {
                let path = self.node_folder(*node).join("volumes").join(number.to_string());
                site::create_folder(&path)?;
                open_to_all(&path)?;
                let values = [
                    ("node", node.to_string()),
                    ("number", number.to_string()),
                    ("path", path.display().to_string()),
                ];
                manifests.push_str(&fill(include_str!("../manifests/volume.yaml"), &values));
            }
        }
        Ok(manifests)
    }
}

/// A volume belongs to whichever user the pod runs as.
fn open_to_all(path: &Path) -> Result<()> {
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(path, mode).map_err(Error::file("open to all", path))
}
