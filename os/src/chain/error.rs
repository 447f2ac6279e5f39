//! [`ChainError`].

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::step::StepError;
use crate::digest::DigestError;

/// Steps are not as they should be, or one failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Two steps have one name.
    #[error("two steps are called {name:?}; give one of them another name")]
    Twice {
        /// The name.
        name: String,
    },
    /// A step is asked for that there is not.
    #[error("there is no step {name:?}; there are {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A step needs one that there is not.
    #[error("{step} needs {need:?}, and there is no such step")]
    UnknownNeed {
        /// The step.
        step: String,
        /// What it needs.
        need: String,
    },
    /// Steps need each other in a circle.
    #[error("no step can be first of these, since each needs the next: {}", steps.join(" → "))]
    Cycle {
        /// The steps; the last is the first again.
        steps: Vec<String>,
    },
    /// Two steps make the same file, or one a file within the other's.
    #[error("{first} and {second} both make {path}; give one of them another name")]
    SameOutput {
        /// One of them.
        first: String,
        /// The other one.
        second: String,
        /// The file.
        path: String,
    },
    /// A name leads out of the output folder.
    #[error("{step} would make {path:?}, which is no path below the output folder")]
    OutputName {
        /// The step.
        step: String,
        /// The path.
        path: String,
    },
    /// A step ran and did not make what it should.
    #[error("{step} made no {path}")]
    NotMade {
        /// The step.
        step: String,
        /// The file.
        path: String,
    },
    /// A step can't be made.
    #[error("{step} can't be made: {why}")]
    Blocked {
        /// The step.
        step: String,
        /// Why.
        why: String,
    },
    /// An input can't be read.
    #[error("{step}: {key}")]
    Input {
        /// The step.
        step: String,
        /// The input.
        key: String,
        /// Why.
        source: DigestError,
    },
    /// A step failed.
    #[error("{step} failed")]
    Step {
        /// The step.
        step: String,
        /// Why.
        source: StepError,
    },
    /// Another build writes to the same folder.
    #[error("another build is at work in {}; wait until it ends", folder.display())]
    Locked {
        /// The output folder.
        folder: PathBuf,
    },
    /// A file or folder can't be written or read.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ChainError {
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
