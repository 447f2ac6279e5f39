//! Values that know where they were written.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::parse::Document;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Set by the program that uses the library.
    Caller,
    /// An option of a command line, such as `--size`.
    Option(&'static str),
    /// A configuration file.
    File {
        /// The file, as it was named.
        name: Arc<str>,
        /// Line, from 1 on.
        line: usize,
        /// Column in characters, from 1 on.
        column: usize,
    },
    /// Bytes of a document that was not named yet.
    Span(Range<usize>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("given by the caller"),
            Self::Option(name) => f.write_str(name),
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Span(span) => write!(f, "byte {}", span.start),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

impl<T> Located<T> {
    /// A value that a program set.
    pub fn by_caller(value: T) -> Self {
        Self {
            value,
            place: Place::Caller,
        }
    }

    /// A value of the command line's option `name`.
    pub fn by_option(name: &'static str, value: T) -> Self {
        Self {
            value,
            place: Place::Option(name),
        }
    }

    pub(super) fn locate(&mut self, document: &Document) {
        if let Place::Span(span) = &self.place {
            self.place = document.place(span.start);
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let place = Place::Span(spanned.span());
        Ok(Self {
            value: spanned.into_inner(),
            place,
        })
    }
}
