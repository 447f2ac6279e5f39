//! Why a package can't be made.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::spec::{Located, Place, SpecError, Target};

/// A package cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// Something is wrong with one value of the description.
    #[error("{place}: {field}")]
    At {
        /// Where the value was written.
        place: Place,
        /// The field.
        field: String,
        /// What is wrong with it.
        source: Box<PackageError>,
    },
    /// A value that can't be.
    #[error("{0}")]
    Value(String),
    /// The description cannot be read.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A target whose platform lacks what the description asks for.
    #[error("the target {target} has no {value}; it has: {choices}")]
    NoSuchChoice {
        /// The target.
        target: Target,
        /// What was asked for.
        value: String,
        /// What there is.
        choices: String,
    },
    /// A file of the host cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is derived from one that is not complete: a fault of the target's module.
    #[error("{name:?} is no complete file of the package")]
    NotWritten {
        /// The file that is missing.
        name: String,
    },
    /// A derived file has another length than was said: a fault of the target's module.
    #[error("{name:?} has {len} bytes where {room} were planned")]
    Room {
        /// The file.
        name: String,
        /// The length that was said.
        room: u64,
        /// The length it has.
        len: u64,
    },
}

impl PackageError {
    /// This error, with the place of the value it is about if that was given at all.
    pub(super) fn near<T>(self, value: Option<&Located<T>>, field: &str) -> Self {
        match value {
            Some(value) => Self::At {
                place: value.place.clone(),
                field: field.to_owned(),
                source: Box::new(self),
            },
            None => self,
        }
    }
}
