//! Image names, and what `ldd` says.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A full image name with its tag: `docker.io/library/redis:7.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName(String);

/// Not an image name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("image name {0:?} must be lower-case NAME:TAG, such as redis:7.0 or example.org/a/b:1")]
pub struct ImageNameError(String);

impl ImageName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its archive's name without an ending. `_` for what a file name cannot hold; `+` is not in names, so
    /// two names never share a file.
    #[must_use]
    pub fn file_stem(&self) -> String {
        self.0.replace('/', "+").replace(':', "_")
    }
}

impl FromStr for ImageName {
    type Err = ImageNameError;

    /// Short names mean what they mean to every container tool: `redis:7.0` is on Docker Hub.
    fn from_str(text: &str) -> Result<Self, ImageNameError> {
        let bad = || ImageNameError(text.to_owned());
        let (name, tag) = text.rsplit_once(':').ok_or_else(bad)?;
        let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "./-_:".contains(c);
        let in_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let whole = |part: &str| !part.is_empty();
        if !name.split('/').all(whole) || tag.is_empty() {
            return Err(bad());
        }
        if !name.chars().all(in_name) || !tag.chars().all(in_tag) {
            return Err(bad());
        }
        let host = name.split_once('/').map(|(first, _)| first);
        Ok(Self(match host {
            Some(host) if host.contains(['.', ':']) || host == "localhost" => text.to_owned(),
            Some(_) => format!("docker.io/{text}"),
            None => format!("docker.io/library/{text}"),
        }))
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The libraries that `ldd`, or `ld.so --list`, found; the first that it did not find is the error.
///
/// # Errors
/// The name of a library that is missing.
pub fn parse_libraries(listing: &str) -> Result<Vec<PathBuf>, String> {
    let mut libraries = Vec::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, "=>", "not", "found", ..] => return Err((*name).to_owned()),
            [_, "=>", path, ..] | [path, ..] if path.starts_with('/') => {
                libraries.push(PathBuf::from(path));
            }
            _ => {}
        }
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests;
