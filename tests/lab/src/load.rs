//! Images into nodes. A node remembers by digest what was loaded, so loading again costs nothing.

use std::path::PathBuf;
use std::thread;

use crate::command::run;
use crate::error::{Error, Result};
use crate::images::{self, archive::Archive};
use crate::parts::Parts;
use crate::plan::images::ImageName;
use crate::plan::names::NodeNumber;
use crate::site::{self, Site};

impl Parts {
    /// Imports an image into every node that does not have it; returns how many did not.
    pub(crate) fn load(&self, site: &Site, name: &ImageName) -> Result<usize> {
        let archive = images::find(site, name)?;
        let lacking: Vec<NodeNumber> = self
            .nodes()
            .iter()
            .copied()
            .filter(|node| !self.has_image(*node, name, &archive))
            .collect();
        thread::scope(|scope| {
            let imports: Vec<_> = lacking
                .iter()
                .map(|node| scope.spawn(|| self.import(*node, name, &archive)))
                .collect();
            imports.into_iter().try_for_each(|import| {
                let crashed = |_| Err(Error::Machine("an import has crashed".to_owned()));
                import.join().unwrap_or_else(crashed)
            })
        })?;
        Ok(lacking.len())
    }

    fn import(&self, node: NodeNumber, name: &ImageName, archive: &Archive) -> Result<()> {
        let mut ctr = self.tools.command("ctr");
        ctr.arg("--address").arg(self.containerd_socket(node));
        ctr.args(["--namespace", "k8s.io", "images", "import", "--all-platforms"]);
        run(ctr.arg(&archive.path))?;
        let record = self.image_record(node, name);
        site::create_folder(&self.node_folder(node).join("images"))?;
        site::write(&record, &archive.digest)
    }

    fn has_image(&self, node: NodeNumber, name: &ImageName, archive: &Archive) -> bool {
        let digest = site::read_if_there(&self.image_record(node, name)).ok().flatten();
        digest.is_some_and(|digest| digest == archive.digest)
    }

    fn image_record(&self, node: NodeNumber, name: &ImageName) -> PathBuf {
        self.node_folder(node).join("images").join(format!("{}.loaded", name.file_stem()))
    }
}
