//! Reading and writing the agent's few files.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::Passwords;
use crate::users::User;

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Reading.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Writing.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A password that is empty.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
}

/// A file as text.
///
/// # Errors
/// A file that cannot be read.
pub fn read(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|cause| FileError::Read { path: path.to_owned(), cause })
}

/// A file as text, `None` when there is none.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn read_if_there(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(FileError::Read { path: path.to_owned(), cause }),
    }
}

/// Writes a file that only this user can read. An older one stays until the new one is complete.
///
/// # Errors
/// A file that cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), FileError> {
    let new = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&new, path)
    };
    write().map_err(|cause| FileError::Write { path: path.to_owned(), cause })
}

/// Renames a file to one beside it, if it is there. No data is ever deleted here.
///
/// # Errors
/// A file that cannot be renamed.
pub fn set_aside(path: &Path) -> Result<(), FileError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".abandoned");
    match fs::rename(path, aside) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Write { path: path.to_owned(), cause })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a file of the agent's own, if it is there.
///
/// # Errors
/// A file that cannot be removed.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Write { path: path.to_owned(), cause })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The passwords of all users.
///
/// # Errors
/// A file that is missing or empty.
pub fn passwords(folder: &Path) -> Result<Passwords, FileError> {
    let of = |user: User| {
        let path = folder.join(user.name());
        let password = read(&path)?.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() { Err(FileError::Empty(path)) } else { Ok(password) }
    };
    Ok(Passwords {
        operator: of(User::Operator)?,
        replication: of(User::Replication)?,
        hasher: of(User::Hasher)?,
    })
}
