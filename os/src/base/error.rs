//! [`BaseError`].

use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::spec::Place;
use thiserror::Error;

use super::engine::Engine;
use super::stage::Stage;
use crate::digest::DigestError;
use crate::run::RunError;

/// A stage can't be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BaseError {
    /// The description says what can't be.
    #[error("{place}: base.{stage}.{key}: {reason}")]
    Spec {
        /// Where.
        place: Place,
        /// The stage.
        stage: Stage,
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The lowest stage is not told on what it stands.
    #[error(
        "{stage} has no image to stand on; name one by its digest, as gentoo/stage3@sha256:…, by `from` of [base.{stage}] or by --from"
    )]
    NoImage {
        /// The stage.
        stage: Stage,
    },
    /// An argument of the `Dockerfile` that names an image has no value.
    #[error(
        "{}: ARG {name} names an image and has no value; give it by args.{name} of [base.{stage}], or by --build-arg {name}=VALUE",
        path.display()
    )]
    Argument {
        /// The `Dockerfile`.
        path: PathBuf,
        /// The stage.
        stage: Stage,
        /// The argument.
        name: String,
    },
    /// The engine is not there, or does not answer.
    #[error(
        "{engine} can't build: its program is missing, or no daemon answers; start it, or choose another --engine"
    )]
    Engine {
        /// The engine.
        engine: Engine,
        /// What it said.
        source: RunError,
    },
    /// The engine could not build the stage.
    #[error("cannot build {stage}")]
    Build {
        /// The stage.
        stage: Stage,
        /// The command, and the last lines of its log.
        source: RunError,
    },
    /// The engine has built, and what should have come of it is not there.
    #[error("{stage} was built without {what}: {reason}")]
    Result {
        /// The stage.
        stage: Stage,
        /// What is missing.
        what: String,
        /// Why.
        reason: String,
    },
    /// A file can't be read or written.
    #[error("cannot access {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An input can't be read.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl BaseError {
    /// An error of the file at `path`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
