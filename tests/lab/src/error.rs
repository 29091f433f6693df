//! What can go wrong while a lab is built or run. Every variant names what was attempted; the cause
//! is its source and is never repeated in the text. Nothing here is retried: a person reads it.

use std::io;
use std::path::{Path, PathBuf};

use crate::plan::addresses::AddressError;
use crate::plan::images::ImageNameError;
use crate::plan::names::NameError;
use crate::plan::next::ShapeError;
use crate::plan::sizes::SizeError;

/// Result of anything that touches the machine.
pub type Result<T> = std::result::Result<T, Error>;

/// An attempt that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// The verb: read, write, create ...
        attempt: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A program could not be started at all.
    #[error("cannot start {program}; `lab doctor` says what is missing")]
    Start {
        /// The program.
        program: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{command} failed ({status}): {output}")]
    Failed {
        /// The command line.
        command: String,
        /// Exit code or signal.
        status: String,
        /// The end of what it wrote to standard error.
        output: String,
    },
    /// Something was waited for and did not happen.
    #[error("waited {bound_s} s in vain: {what}{detail}")]
    Late {
        /// The condition.
        what: String,
        /// How long it was waited for.
        bound_s: u64,
        /// What was seen instead, or empty.
        detail: String,
    },
    /// A process of the lab ended while it was needed.
    #[error("{component} has died; the end of {}:\n{tail}", log.display())]
    Died {
        /// The component's name.
        component: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A file of the lab does not say what it must.
    #[error("{} is not readable as {kind}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        kind: &'static str,
        /// The parser's answer.
        #[source]
        source: serde_json::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of {subject}")]
    Certificate {
        /// Its subject.
        subject: String,
        /// The library's answer.
        #[source]
        source: rcgen::Error,
    },
    /// `lab build` was not run for this version of the tools.
    #[error("{what} not built yet; run `lab build`")]
    NotBuilt {
        /// What is missing.
        what: String,
    },
    /// There is no such lab, node, image or component.
    #[error("no {kind} named {name}; there is: {known}")]
    Unknown {
        /// What kind of thing was named.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The machine cannot run a lab as it is.
    #[error("{0}")]
    Machine(String),
    /// After the clean-up something was still there.
    #[error("the lab is down, but this is left behind:\n{}", .0.join("\n"))]
    LeftBehind(Vec<String>),
    /// A name is not an image's name.
    #[error(transparent)]
    Image(#[from] ImageNameError),
    /// A size cannot be had.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A name is not a lab's name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// More nodes or labs than there are addresses for.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The running lab has another shape than the one asked for.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl Error {
    /// A closure for `map_err` on file operations.
    pub(crate) fn file(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { attempt, path, source }
    }
}
