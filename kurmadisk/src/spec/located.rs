//! Values that know where they were written.

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::parse::Document;
use crate::place::Place;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

/// Two are equal when their values are, wherever they were written.
impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T> Located<T> {
    /// What `change` makes of the value, at the same place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located {
            value: change(self.value),
            place: self.place,
        }
    }

    /// Another value at the same place.
    pub fn beside<U>(&self, value: U) -> Located<U> {
        Located {
            value,
            place: self.place.clone(),
        }
    }

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

    /// Turns the place from a span into line and column of the `document` it was read from.
    pub fn locate(&mut self, document: &Document) {
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
