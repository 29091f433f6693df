//! The folder of peppers, read once: a pod has the same peppers from its start to its end, so what its
//! readiness says of them stays true. Errors name files, never what is in them.

use std::path::{Path, PathBuf};

use authcluster_contract::pepper::{KeyId, KeyIdError, PepperError, PepperFolder};
use zeroize::Zeroizing;

use crate::formats::{Pepper, Peppers};

/// Peppers that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeppersError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A file's name is no key id.
    #[error("{} lies among the peppers", .0.display())]
    Name(PathBuf, #[source] KeyIdError),
    /// A file holds no pepper.
    #[error("{} cannot be used", .0.display())]
    Content(PathBuf, #[source] PepperError),
    /// The current one is not among them.
    #[error(
        "the current pepper is {current}, and {} has no such file: add it, or name one that is there",
        folder.display()
    )]
    NoCurrent {
        /// The pepper that is asked for.
        current: KeyId,
        /// Where it is not.
        folder: PathBuf,
    },
}

/// All peppers of a folder, and the current one if one is named.
///
/// # Errors
/// The first that cannot be used. A pod with half of its peppers would refuse half of the users.
pub fn peppers_and_current(
    config: &PepperFolder,
) -> Result<(Peppers, Option<Pepper>), PeppersError> {
    let peppers = peppers(&config.folder)?;
    let folder = || config.folder.clone();
    let found = |current| {
        peppers.get(current).ok_or_else(|| PeppersError::NoCurrent { current, folder: folder() })
    };
    let current = config.current.map(found).transpose()?;
    Ok((peppers, current))
}

/// Every file of the folder is a pepper under its name. A mounted Secret has folders and links of its own
/// there, whose names start with a dot.
///
/// # Errors
/// The first that cannot be used.
pub fn peppers(folder: &Path) -> Result<Peppers, PeppersError> {
    let unreadable = |path: &Path, cause| PeppersError::Read { path: path.to_owned(), cause };
    let mut peppers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|name| !name.starts_with('.') && path.is_file()) else {
            continue;
        };
        let id = name.parse().map_err(|error| PeppersError::Name(path.clone(), error))?;
        let content = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let pepper = Pepper::new(id, &Zeroizing::new(content));
        peppers.push(pepper.map_err(|error| PeppersError::Content(path.clone(), error))?);
    }
    Ok(peppers.into_iter().collect())
}

#[cfg(test)]
mod tests {
    //! Folders as they are mounted, and what is wrong with others.

    use std::fs;

    use super::*;

    fn check(files: &[(&str, &str)], current: &str) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let config =
            PepperFolder { folder: folder.path().to_owned(), current: current.parse().ok() };
        let said = |error: PeppersError| {
            let error = crate::telemetry::chain(&error);
            error.replace(&folder.path().display().to_string(), "DIR")
        };
        let found = peppers_and_current(&config).map_err(said);
        found.map(|(_, pepper)| pepper.map_or_else(Vec::new, |it| it.expose().to_vec()))
    }

    #[test]
    fn every_file_is_a_pepper_or_the_pod_does_not_start() {
        let (old, new) = ("b2xkIG9sZCBvbGQgb2xkIG9sZA==", "bmV3IG5ldyBuZXcgbmV3IG5ldw==\n");
        let both = [("2025", old), ("2026", new), ("..data", "a link of the mount")];
        assert_eq!(check(&both, "2026").unwrap(), b"new new new new new");
        assert_eq!(check(&both, "2025").unwrap(), b"old old old old old");
        assert_eq!(check(&both, "").unwrap(), b"", "none is named");
        let none = check(&both, "2027").unwrap_err();
        assert!(none.starts_with("the current pepper is 2027, and DIR has no such file"), "{none}");
        let short = check(&[("2026", new), ("2025", "c2VjcmV0")], "2026").unwrap_err();
        assert!(
            short.starts_with("DIR/2025 cannot be used: no pepper: it must be 16 to"),
            "{short}"
        );
        assert!(!short.contains("c2VjcmV0"), "{short}");
        let name = check(&[("2026", new), ("of-last-year", old)], "2026").unwrap_err();
        assert!(name.starts_with("DIR/of-last-year lies among the peppers: a pepper's"), "{name}");
    }
}
