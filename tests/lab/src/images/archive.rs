//! Image archives in Docker's format: one layer of chosen files and the libraries that they load. The same
//! files give the same bytes: entries are sorted and carry no time, owner or host name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::command::{capture, program};
use crate::error::{Error, Result};
use crate::plan::images::{ImageName, parse_libraries};
use crate::site;

/// User that the images run as; the number that distroless images use for `nonroot`.
const USER: u64 = 65532;

const PASSWD: &str = "root:x:0:0:root:/:/bin/false\nnonroot:x:65532:65532::/:/bin/false\n";

/// An image on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The archive.
    pub path: PathBuf,
    /// SHA-256 of the archive, in hex.
    pub digest: String,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder { mode: u32, owner: u64 },
    File { from: PathBuf, mode: u32 },
    Text(&'static str),
    Link(PathBuf),
}

/// The files of an image.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Layer {
    /// A layer with what every program expects: `/tmp`, a writable `/data`, user names.
    pub(crate) fn new() -> Self {
        let mut layer = Self { entries: BTreeMap::new() };
        layer.add(Path::new("/tmp"), Entry::Folder { mode: 0o1777, owner: 0 });
        layer.add(Path::new("/data"), Entry::Folder { mode: 0o755, owner: USER });
        layer.add(Path::new("/etc/passwd"), Entry::Text(PASSWD));
        layer
    }

    /// Adds a file as `to`.
    pub(crate) fn add_file(&mut self, from: &Path, to: &Path, mode: u32) {
        self.add(to, Entry::File { from: from.to_path_buf(), mode });
    }

    /// Adds a symbolic link at `at`.
    pub(crate) fn add_link(&mut self, at: &Path, target: &str) {
        self.add(at, Entry::Link(PathBuf::from(target)));
    }

    /// Adds a program of this machine to `/usr/bin`, and its libraries where they are.
    pub(crate) fn add_program(&mut self, program_path: &Path) -> Result<()> {
        let name = program_path.file_name().unwrap_or_default();
        self.add_file(program_path, &Path::new("/usr/bin").join(name), 0o755);
        let output = capture(program("ldd", &[]).arg(program_path))?;
        // `ldd` fails on a static program and says so on standard error: no libraries.
        let listing = String::from_utf8_lossy(&output.stdout);
        let libraries = parse_libraries(&listing).map_err(|name| missing(program_path, &name))?;
        for library in libraries {
            self.add_file(&library, &library, 0o755);
        }
        Ok(())
    }

    /// Paths are kept without the slash in front; folders above are added.
    fn add(&mut self, at: &Path, entry: Entry) {
        let at = at.strip_prefix("/").unwrap_or(at);
        for above in at.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()) {
            let folder = Entry::Folder { mode: 0o755, owner: 0 };
            self.entries.entry(above.to_path_buf()).or_insert(folder);
        }
        self.entries.insert(at.to_path_buf(), entry);
    }

    fn write(&self, path: &Path) -> Result<()> {
        let file = File::create(path).map_err(Error::file("create", path))?;
        let mut tar = tar::Builder::new(file);
        for (at, entry) in &self.entries {
            append(&mut tar, at, entry)?;
        }
        tar.finish().map_err(Error::file("write", path))
    }
}

/// A library that a program needs is not there.
pub(crate) fn missing(program_path: &Path, library: &str) -> Error {
    let program_path = program_path.display();
    Error::Machine(format!("{program_path} needs the library {library}, which is not installed"))
}

/// Writes the archive of an image to `path`.
pub(crate) fn pack(
    path: &Path,
    names: &[ImageName],
    entrypoint: &[&str],
    layer: &Layer,
) -> Result<Archive> {
    let work = path.with_extension("work");
    site::remove_folder(&work)?;
    site::create_folder(&work)?;
    let layer_path = work.join("layer.tar");
    layer.write(&layer_path)?;
    let config = serde_json::json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Entrypoint": entrypoint,
            "Env": ["PATH=/usr/bin"],
            "User": format!("{USER}:{USER}"),
            "WorkingDir": "/data",
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer_path)?)] },
    });
    let tags: Vec<&str> = names.iter().map(ImageName::as_str).collect();
    let manifest = serde_json::json!([
        { "Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"] }
    ]);
    let partial = work.join("image.tar");
    let file = File::create(&partial).map_err(Error::file("create", &partial))?;
    let mut tar = tar::Builder::new(file);
    append_bytes(&mut tar, Path::new("config.json"), config.to_string().as_bytes())?;
    append_bytes(&mut tar, Path::new("manifest.json"), manifest.to_string().as_bytes())?;
    append(&mut tar, Path::new("layer.tar"), &Entry::File { from: layer_path, mode: 0o644 })?;
    tar.finish().map_err(Error::file("write", &partial))?;
    let digest = digest(&partial)?;
    fs::rename(&partial, path).map_err(Error::file("write", path))?;
    site::remove_folder(&work)?;
    Ok(Archive { path: path.to_path_buf(), digest })
}

/// SHA-256 of a file, in hex.
pub(crate) fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::file("read", path))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(Error::file("read", path))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The machine's architecture by Go's names, which images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn append(tar: &mut tar::Builder<File>, at: &Path, entry: &Entry) -> Result<()> {
    let failed = || Error::file("pack", at);
    match entry {
        Entry::Text(text) => append_bytes(tar, at, text.as_bytes()),
        Entry::Folder { mode, owner } => {
            let mut header = header(tar::EntryType::Directory, *mode, *owner, 0);
            tar.append_data(&mut header, at, std::io::empty()).map_err(failed())
        }
        Entry::File { from, mode } => {
            let file = File::open(from).map_err(Error::file("read", from))?;
            let size = file.metadata().map_err(Error::file("read", from))?.len();
            let mut header = header(tar::EntryType::Regular, *mode, 0, size);
            tar.append_data(&mut header, at, file).map_err(failed())
        }
        Entry::Link(target) => {
            let mut header = header(tar::EntryType::Symlink, 0o777, 0, 0);
            tar.append_link(&mut header, at, target).map_err(failed())
        }
    }
}

fn append_bytes<W: Write>(tar: &mut tar::Builder<W>, at: &Path, bytes: &[u8]) -> Result<()> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut header = header(tar::EntryType::Regular, 0o644, 0, size);
    tar.append_data(&mut header, at, bytes).map_err(Error::file("pack", at))
}

fn header(kind: tar::EntryType, mode: u32, owner: u64, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header.set_size(size);
    header
}

#[cfg(test)]
mod tests;
