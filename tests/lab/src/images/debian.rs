//! Programs from Debian packages of any release, unpacked into a folder and not installed. The packages come
//! from the mirror that this machine's own apt names, checked against Debian's keys, with lists and
//! caches of their own, so neither apt's state nor the machine changes.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::command::{program, run};
use crate::error::{Error, Result};
use crate::images::archive::{Layer, missing};
use crate::plan::images::parse_libraries;
use crate::report::Report;
use crate::site;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Packages of one Debian release.
pub(crate) struct Release<'a> {
    pub(crate) suite: &'a str,
    pub(crate) work: &'a Path,
}

impl Release<'_> {
    /// Downloads and unpacks packages with the libraries they depend on; returns the root.
    pub(crate) fn unpack(&self, packages: &[&str], report: Report) -> Result<PathBuf> {
        let mirror = mirror()?;
        report.line(&format!("images: reading the package list of Debian {}", self.suite));
        self.prepare(&mirror)?;
        run(self.apt("apt-get").args(["-q", "update"])).map_err(|cause| {
            Error::Machine(format!(
                "the mirror in this machine's apt sources has no readable Debian {}: {cause}",
                self.suite
            ))
        })?;
        let mut depends = self.apt("apt-cache");
        depends.args(["depends", "--recurse", "--important"]).args(packages);
        let wanted = parse_depends(&run(&mut depends)?, packages);
        report.line(&format!("images: fetching {} packages", wanted.len()));
        let folder = self.work.join("packages");
        site::create_folder(&folder)?;
        run(self.apt("apt-get").args(["-q", "download"]).args(&wanted).current_dir(&folder))?;
        let root = self.work.join("root");
        site::create_folder(&root)?;
        for entry in fs::read_dir(&folder).map_err(Error::file("read", &folder))? {
            let path = entry.map_err(Error::file("read", &folder))?.path();
            run(program("dpkg-deb", &["-x"]).arg(&path).arg(&root))?;
        }
        Ok(root)
    }

    fn prepare(&self, mirror: &str) -> Result<()> {
        for folder in ["lists/partial", "cache/archives/partial", "none"] {
            site::create_folder(&self.work.join(folder))?;
        }
        let source = format!("deb [signed-by={KEYRING}] {mirror} {} main\n", self.suite);
        site::write(&self.work.join("sources.list"), &source)?;
        site::write(&self.work.join("status"), "")
    }

    /// An apt program that sees only this release.
    fn apt(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        for (option, place) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::Etc::SourceParts", "none"),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::Status", "status"),
            ("Dir::Cache", "cache"),
        ] {
            command.arg(format!("-o{option}={}", self.work.join(place).display()));
        }
        // The sandbox user cannot read a cache below root's home.
        command.arg("-oAPT::Sandbox::User=root").env("LC_ALL", "C");
        command
    }
}

/// Adds a program of an unpacked root, with the libraries and the loader of that root.
pub(crate) fn add_program(layer: &mut Layer, root: &Path, name: &str) -> Result<()> {
    let program_path = resolve(root, &root.join("usr/bin").join(name))?;
    let (loader, loader_at) = loader(root)?;
    let libraries = library_folders(root)?;
    let mut list = Command::new(&loader);
    list.arg("--list").arg("--library-path").arg(libraries).arg(&program_path);
    let listing = run(&mut list)?;
    let found = parse_libraries(&listing).map_err(|name| missing(&program_path, &name))?;
    for library in found {
        // The listing names the loader as the program asks for it, which is not in the root.
        if library == Path::new(loader_at) {
            continue;
        }
        // The loader goes on to search this machine, whose libraries are of another release.
        let inside = library.strip_prefix(root);
        let inside = inside.map_err(|_| missing(&program_path, &library.to_string_lossy()))?;
        layer.add_file(&resolve(root, &library)?, &Path::new("/").join(inside), 0o755);
    }
    layer.add_file(&loader, Path::new(loader_at), 0o755);
    layer.add_file(&program_path, &Path::new("/usr/bin").join(name), 0o755);
    Ok(())
}

/// The mirror for the main archive of Debian in the machine's configuration.
fn mirror() -> Result<String> {
    let mut targets = program("apt-get", &["indextargets", "--format", "$(REPO_URI) $(COMPONENT)"]);
    let text = run(&mut targets)?;
    parse_mirror(&text).ok_or_else(|| {
        Error::Machine(
            "this machine's apt sources name no mirror of Debian (a path ending in /debian, \
             component main), so the Redis packages cannot be had"
                .to_owned(),
        )
    })
}

fn parse_mirror(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let (uri, component) = line.split_once(' ')?;
        let is_main = component == "main" && uri.trim_end_matches('/').ends_with("/debian");
        is_main.then(|| uri.to_owned())
    })
}

/// Package names stand at the margin of `apt-cache depends`. Of what the wanted packages pull in, only
/// libraries matter: users and services are the image's own affair.
fn parse_depends(listing: &str, packages: &[&str]) -> Vec<String> {
    let at_margin = listing.lines().filter(|line| line.starts_with(|c: char| c.is_alphanumeric()));
    let mut names: Vec<String> = at_margin
        .filter(|name| is_library(name) || packages.contains(name))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// By its name, in which Debian keeps to one exception.
fn is_library(package: &str) -> bool {
    package.starts_with("lib") || package.starts_with("zlib")
}

/// Follows links within the root; an absolute one means the root's.
fn resolve(root: &Path, path: &Path) -> Result<PathBuf> {
    let mut path = path.to_path_buf();
    while path.is_symlink() {
        let target = fs::read_link(&path).map_err(Error::file("read", &path))?;
        path = match target.strip_prefix("/") {
            Ok(inside) => root.join(inside),
            Err(_) => without_parents(&path.parent().unwrap_or(root).join(target)),
        };
    }
    Ok(path)
}

/// `a/b/../c` as `a/c`: an archive must not hold `..`.
fn without_parents(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut so_far, part| {
        match part {
            Component::ParentDir => drop(so_far.pop()),
            other => so_far.push(other),
        }
        so_far
    })
}

/// The loader in the root, and the path by which programs ask for it (the psABI of the architecture).
fn loader(root: &Path) -> Result<(PathBuf, &'static str)> {
    let asked = match std::env::consts::ARCH {
        "aarch64" => "/lib/ld-linux-aarch64.so.1",
        _ => "/lib64/ld-linux-x86-64.so.2",
    };
    // Since Debian 13 the files are below /usr and / has links to it.
    let places = ["", "usr"].map(|above| root.join(above).join(asked.trim_start_matches('/')));
    let found = places.iter().find(|place| place.exists() || place.is_symlink());
    match found {
        Some(place) => Ok((resolve(root, place)?, asked)),
        None => Err(Error::Machine(format!("the unpacked packages have no loader {asked}"))),
    }
}

/// Where the root's libraries are, in the loader's form.
fn library_folders(root: &Path) -> Result<String> {
    let mut folders = Vec::new();
    for above in [root.join("lib"), root.join("usr/lib")] {
        let Ok(entries) = fs::read_dir(&above) else { continue };
        for entry in entries {
            let path = entry.map_err(Error::file("read", &above))?.path();
            if path.to_string_lossy().contains("-linux-gnu") {
                folders.push(path.display().to_string());
            }
        }
    }
    Ok(folders.join(":"))
}

#[cfg(test)]
mod tests;
