//! A list of extents that needs no memory of its own while it holds one.

use std::ops::{Deref, DerefMut};
use std::slice;

use super::Extent;

/// Extents of a map, as a slice of them. Most files have one, and there may be millions of files.
#[derive(Clone, Debug, Default)]
pub(super) enum Extents {
    #[default]
    None,
    One(Extent),
    Many(Vec<Extent>),
}

impl Extents {
    /// All of them as a list that can grow.
    pub(super) fn into_vec(self) -> Vec<Extent> {
        match self {
            Self::None => Vec::new(),
            Self::One(extent) => vec![extent],
            Self::Many(extents) => extents,
        }
    }

    /// Puts an extent before the one at `index`.
    pub(super) fn insert(&mut self, index: usize, extent: Extent) {
        if self.is_empty() {
            *self = Self::One(extent);
        } else {
            self.list().insert(index, extent);
        }
    }

    /// The list itself.
    pub(super) fn list(&mut self) -> &mut Vec<Extent> {
        if !matches!(self, Self::Many(_)) {
            *self = Self::Many(std::mem::take(self).into_vec());
        }
        match self {
            Self::Many(extents) => extents,
            _ => unreachable!("it was made so"),
        }
    }
}

impl From<Vec<Extent>> for Extents {
    fn from(extents: Vec<Extent>) -> Self {
        Self::Many(extents)
    }
}

impl Deref for Extents {
    type Target = [Extent];

    fn deref(&self) -> &[Extent] {
        match self {
            Self::None => &[],
            Self::One(extent) => slice::from_ref(extent),
            Self::Many(extents) => extents,
        }
    }
}

impl DerefMut for Extents {
    fn deref_mut(&mut self) -> &mut [Extent] {
        match self {
            Self::None => &mut [],
            Self::One(extent) => slice::from_mut(extent),
            Self::Many(extents) => extents,
        }
    }
}
