//! What is kept about a lab while it exists: one file that `up` writes first, and writes again when it got
//! to its end.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::plan::addresses::free_index;
use crate::plan::next::Shape;
use crate::site::{self, Site};

/// A lab on file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its range of addresses.
    pub index: u8,
    /// Its nodes.
    pub shape: Shape,
    /// Hash of the tools that it runs.
    pub tools: String,
    /// The kernel's boot id when it was started.
    pub boot: String,
    /// Whether `up` got to its end.
    pub complete: bool,
}

impl Record {
    /// Reads the record of a lab, if it has one. One that cannot be read is that of a crashed run.
    ///
    /// # Errors
    /// When the file is there and cannot be opened.
    pub fn read(state: &Path) -> Result<Option<Self>> {
        let text = site::read_if_there(&path(state))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(crate) fn write(&self, state: &Path) -> Result<()> {
        let path = path(state);
        let text = serde_json::to_string_pretty(self).map_err(|source| Error::Content {
            path: path.clone(),
            kind: "a lab",
            source,
        })?;
        site::write(&path, &text)
    }

    /// Takes the lowest free range for a lab that is about to begin, under a lock over all labs.
    pub(crate) fn begin(site: &Site, state: &Path, shape: &Shape, tools: String) -> Result<Self> {
        let _lock = site.lock("addresses")?;
        let mut taken = Vec::new();
        for name in site.names()? {
            taken.extend(Self::read(&site.state(&name))?.map(|record| record.index));
        }
        let shape = shape.clone();
        let record =
            Self { index: free_index(&taken)?, shape, tools, boot: boot_id()?, complete: false };
        site::create_folder(state)?;
        record.write(state)?;
        Ok(record)
    }
}

/// The kernel's name for the time since it was started.
pub(crate) fn boot_id() -> Result<String> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    Ok(text.trim().to_owned())
}

fn path(state: &Path) -> PathBuf {
    state.join("lab.json")
}
