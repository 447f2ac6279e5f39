//! [`ComponentError`].

use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::spec::Place;
use thiserror::Error;

use crate::digest::DigestError;
use crate::run::RunError;

/// A component can't be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The description says what can't be.
    #[error("{place}: component {name}: {key}: {reason}")]
    Spec {
        /// Where.
        place: Place,
        /// The component.
        name: String,
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Its version can't be had.
    #[error("component {name}: {} has no version by git; give one by `version`", source_folder.display())]
    Version {
        /// The component.
        name: String,
        /// Its source.
        source_folder: PathBuf,
        /// What git said.
        source: RunError,
    },
    /// Its build failed.
    #[error("component {name} can't be built")]
    Build {
        /// The component.
        name: String,
        /// The command, how it ended, and the last lines of its log.
        source: RunError,
    },
    /// The build has succeeded, and a file that it should make is not there.
    #[error("component {name}: the build made no file {output}: {reason}; correct `outputs`")]
    Output {
        /// The component.
        name: String,
        /// The file, as `outputs` names it.
        output: String,
        /// Why.
        reason: String,
    },
    /// A file can't be read or written.
    #[error("component {name}: cannot access {}", path.display())]
    File {
        /// The component.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An input can't be read.
    #[error("component {name}")]
    Digest {
        /// The component.
        name: String,
        /// Which, and why.
        source: DigestError,
    },
}

impl ComponentError {
    /// An error of the file at `path`.
    pub(super) fn file(name: &str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let (name, path) = (name.to_owned(), path.to_path_buf());
        move |source| Self::File { name, path, source }
    }

    /// An input of the component `name` can't be read.
    pub(super) fn digest(name: &str) -> impl Fn(DigestError) -> Self + use<> {
        let name = name.to_owned();
        move |source| Self::Digest {
            name: name.clone(),
            source,
        }
    }
}
