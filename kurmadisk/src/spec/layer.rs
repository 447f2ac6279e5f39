//! Putting one layer of a description over another.

use super::located::Located;
use super::parse::Document;

/// A part of a description that may be given in several layers.
pub(crate) trait Layer: Sized {
    /// This layer over `below`: what is missing here is taken from there.
    #[must_use]
    fn over(self, below: Self) -> Self;

    /// Turns spans into places of `document`.
    fn locate(&mut self, document: &Document);
}

impl<T> Layer for Option<Located<T>> {
    fn over(self, below: Self) -> Self {
        self.or(below)
    }

    fn locate(&mut self, document: &Document) {
        if let Some(value) = self {
            value.locate(document);
        }
    }
}

/// A layer is its fields' layers; the function named behind them first takes out of the lower one
/// what the upper one overrules as a whole.
macro_rules! layered {
    ($name:ident { $($field:ident),+ $(,)? } $(, $overrule:path)?) => {
        impl Layer for $name {
            fn over(self, below: Self) -> Self {
                $(let below = $overrule(&self, below);)?
                Self { $($field: self.$field.over(below.$field)),+ }
            }

            fn locate(&mut self, document: &Document) {
                $(self.$field.locate(document);)+
            }
        }
    };
}

pub(super) use layered;
