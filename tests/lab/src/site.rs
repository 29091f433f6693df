//! Where things are kept: one cache folder outside the checkout, shared by checkouts, and the locks in
//! it. Tools and images are kept by version; the state of a lab goes with `down`, its logs stay.
//!
//! ```text
//! <cache>/lab/tools/<hash>/        the programs, by hash of go.mod, go.sum and flags
//! <cache>/lab/images/              image archives
//! <cache>/lab/state/<name>/        one lab, removed by `down`
//! <cache>/lab/log/<name>/          its logs, kept until the next `up`
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::plan::names::LabName;

/// The lab's part of the cache folder.
#[derive(Clone, Debug)]
pub struct Site {
    root: PathBuf,
}

/// A lock on a file, held until dropped, also freed by the kernel when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Site {
    /// A site in `cache`, which is created when it is needed.
    #[must_use]
    pub fn new(cache: &Path) -> Self {
        Self { root: cache.join("lab") }
    }

    /// The tools of one version.
    #[must_use]
    pub fn tools(&self, hash: &str) -> PathBuf {
        self.root.join("tools").join(hash)
    }

    /// Image archives.
    #[must_use]
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Working folders of builds: on the same file system, so that a finished one can be renamed.
    #[must_use]
    pub fn work(&self, what: &str) -> PathBuf {
        self.root.join("work").join(what)
    }

    /// All labs' states.
    #[must_use]
    pub fn states(&self) -> PathBuf {
        self.root.join("state")
    }

    /// One lab's state.
    #[must_use]
    pub fn state(&self, name: &LabName) -> PathBuf {
        self.states().join(name.as_str())
    }

    /// One lab's logs.
    #[must_use]
    pub fn logs(&self, name: &LabName) -> PathBuf {
        self.root.join("log").join(name.as_str())
    }

    /// Names of the labs that have a state, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(&self) -> Result<Vec<LabName>> {
        let folder = self.states();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::file("read", &folder))? {
            let entry = entry.map_err(Error::file("read", &folder))?;
            names.extend(entry.file_name().to_string_lossy().parse::<LabName>().ok());
        }
        names.sort();
        Ok(names)
    }

    /// Waits for and takes the lock called `what`. One process builds, or changes one lab, at a time.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, what: &str) -> Result<Lock> {
        let folder = self.root.join("lock");
        create_folder(&folder)?;
        let path = folder.join(what);
        let file = File::create(&path).map_err(Error::file("create", &path))?;
        file.lock().map_err(Error::file("lock", &path))?;
        Ok(Lock { _file: file })
    }
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::file("create", path))
}

/// Removes a folder and what is in it, or nothing when it is not there.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(source))
        }
        _ => Ok(()),
    }
}

/// Writes a file whole: a reader sees the old one or the new one, never a part.
pub(crate) fn write(path: &Path, content: &str) -> Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, content).map_err(Error::file("write", &partial))?;
    fs::rename(&partial, path).map_err(Error::file("write", path))
}

/// Reads a file, or nothing when it is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(content) => Ok(Some(content)),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::file("read", path)(source)),
    }
}
