//! [`ManifestError`].

use std::path::PathBuf;

use kurmadisk::spec::{Place, SpecError};
use thiserror::Error;

use crate::base::BaseError;
use crate::chain::ChainError;
use crate::component::ComponentError;

/// A manifest can't be made steps of.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It can't be read.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A value that can't be.
    #[error("{place}: {key}: {reason}")]
    Value {
        /// Where it was written.
        place: Place,
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Two parts have one name.
    #[error("{place}: name: another {kind} is called {name:?} too; give one of them another name")]
    Twice {
        /// Where the second one is.
        place: Place,
        /// What they are.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A step reads what no step makes.
    #[error("{step} reads {}, which no step makes; there are {}", path.display(), known.join(", "))]
    Unmade {
        /// The step.
        step: String,
        /// The path.
        path: PathBuf,
        /// The steps.
        known: Vec<String>,
    },
    /// A path that is no UTF-8.
    #[error("{} is no UTF-8; rename the folder", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// The base.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// Steps that can't be put in order.
    #[error(transparent)]
    Chain(#[from] ChainError),
}
