//! Servers out of the lab's images, run without a container: with the libraries of their own image, so
//! that the versions can be tested on any machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use authcluster_lab::args::Environment;
use authcluster_lab::images::find;
use authcluster_lab::plan::images::ImageName;
use authcluster_lab::site::Site;

/// Names of servers in images.
const SERVERS: [&str; 2] = ["valkey-server", "redis-server"];

/// Unpacks an image into `folder`. Returns a folder for the PATH that holds its server and nothing
/// else.
///
/// # Errors
/// An image that was not made; the error names the command that makes it.
pub fn server_of_image(image: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let site = Site::new(&Environment::read().cache);
    let name = image.parse::<ImageName>()?;
    let archive = find(&site, &name).context("run `make tools`, which makes the images")?;
    let root = folder.join("root");
    fs::create_dir_all(&root)?;
    unpack(&archive.path, folder)?;
    unpack(&folder.join("layer.tar"), &root)?;
    let found = SERVERS.iter().find(|server| root.join("usr/bin").join(server).is_file());
    let server = found.with_context(|| format!("{image} has no server"))?;
    let path = folder.join("path");
    fs::create_dir_all(&path)?;
    let root = root.display();
    let script = format!(
        "#!/bin/sh\nexec {root}/lib64/ld-linux-x86-64.so.2 --library-path \
         {root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu {root}/usr/bin/{server} \"$@\"\n"
    );
    fs::write(path.join(server), script)?;
    fs::set_permissions(path.join(server), Permissions::from_mode(0o755))?;
    Ok(path)
}

fn unpack(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut tar = Command::new("tar");
    let status = tar.arg("-xf").arg(archive).arg("-C").arg(folder).status().context("tar")?;
    anyhow::ensure!(status.success(), "cannot unpack {}", archive.display());
    Ok(())
}
