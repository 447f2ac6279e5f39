//! Why a description can't become a disk.

use thiserror::Error;

use crate::boot::BootError;
use crate::fs::VolumeError;
use crate::layout::LayoutError;
use crate::spec::{Located, Place, SpecError};
use crate::tree::TreeError;

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
    /// A tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The boot files.
    #[error(transparent)]
    Boot(#[from] BootError),
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
