//! Why a description can't become a disk.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::adjust::overrides::OverrideError;
use crate::adjust::selinux::FileContextsError;
use crate::adjust::{FakerootError, IdMapError, NamesError, PatternError, UnknownName, UnmappedId};
use crate::boot::BootError;
#[cfg(feature = "secure-boot")]
use crate::boot::authenticode::SigningError;
use crate::fs::VolumeError;
use crate::layout::LayoutError;
use crate::source::ReadError;
use crate::spec::{Located, Place, SpecError};
use crate::tree::TreeError;
use crate::verity::VerityError;

/// A description cannot become a disk.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Something is wrong with one value of the description.
    #[error("{}", at(place, field))]
    At {
        /// Where the value was written.
        place: Place,
        /// The field; empty when the source names it.
        field: String,
        /// What is wrong with it.
        source: Box<PlanError>,
    },
    /// A value that can't be, or is missing.
    #[error("{0}")]
    Value(String),
    /// The description cannot be read.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The partitions don't fit the disk.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A filesystem.
    #[error("partition {partition}")]
    Volume {
        /// Number and label.
        partition: String,
        /// What is wrong with its filesystem.
        source: VolumeError,
    },
    /// Trees can't be put together.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A tree cannot be read.
    #[error(transparent)]
    Read(Box<ReadError>),
    /// A file of the host cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What `fakeroot` saved.
    #[error("{}", path.display())]
    Fakeroot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FakerootError,
    },
    /// A pattern of paths.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Ranges of ids.
    #[error(transparent)]
    IdMap(#[from] IdMapError),
    /// An id that no range has.
    #[error(transparent)]
    UnmappedId(#[from] UnmappedId),
    /// The tree's lists of users and groups.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// A user or group without a number.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// Overrides.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// A policy's labels.
    #[error(transparent)]
    FileContexts(#[from] FileContextsError),
    /// A hash tree.
    #[error(transparent)]
    Verity(#[from] VerityError),
    /// A key, or its certificate.
    #[cfg(feature = "secure-boot")]
    #[error(transparent)]
    Signing(SigningError),
    /// An EFI program cannot be signed.
    #[cfg(feature = "secure-boot")]
    #[error("cannot sign {path}")]
    SigningFile {
        /// Its path on the EFI system partition.
        path: String,
        /// Why.
        source: SigningError,
    },
    /// The boot files.
    #[error(transparent)]
    Boot(#[from] BootError),
}

impl From<ReadError> for PlanError {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

impl PlanError {
    /// This error, with the place of the value it is about.
    pub(super) fn at<T>(self, value: &Located<T>, field: impl Into<String>) -> Self {
        self.at_place(value.place.clone(), field)
    }

    /// This error, with the place it is about.
    pub(super) fn at_place(self, place: Place, field: impl Into<String>) -> Self {
        Self::At {
            place,
            field: field.into(),
            source: Box::new(self),
        }
    }

    /// Whether fakeroot saved nothing of a tree.
    pub(super) fn is_of_other_inodes(&self) -> bool {
        match self {
            Self::At { source, .. } => source.is_of_other_inodes(),
            Self::Fakeroot { source, .. } => matches!(source, FakerootError::NoneKnown { .. }),
            _ => false,
        }
    }

    /// This error, with the place of the value it is about if that was given at all.
    pub(super) fn near<T>(self, value: Option<&Located<T>>, field: impl Into<String>) -> Self {
        match value {
            Some(value) => self.at(value, field),
            None => self,
        }
    }
}

/// An option's name is a field's name, and some errors name the field themselves.
fn at(place: &Place, field: &str) -> String {
    match (place, field) {
        (Place::Option(name), _) => (*name).to_owned(),
        (_, "") => place.to_string(),
        _ => format!("{place}: {field}"),
    }
}
