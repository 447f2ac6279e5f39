//! A description's tree without a disk around it, for what is no disk: archives, container images.

use super::adjust;
use super::error::PlanError;
use super::trees::TreeReader;
use crate::spec::ImageSpec;
use crate::tree::{Metadata, Timestamp, Tree};

/// The tree that the root partition of a description would have.
///
/// Of the description, `root`, `trees`, `overrides`, `[[override]]`, `file-contexts`, `source-date-epoch` and `scratch`
/// count.
#[derive(Debug)]
pub struct RootTree<'s> {
    spec: &'s ImageSpec,
    time: Timestamp,
    /// What was read; the caller may put more into it.
    pub tree: Tree,
}

impl<'s> RootTree<'s> {
    /// Reads the trees that `root` names, over one another; of none, an empty one. What nobody describes has mode 0755,
    /// belongs to root, and has the time of `source-date-epoch`, or 0. `field` is where the trees were written.
    pub fn read(spec: &'s ImageSpec, field: &str) -> Result<Self, PlanError> {
        let seconds = spec.source_date_epoch.as_ref();
        let time = Timestamp {
            seconds: seconds.map_or(0, |seconds| seconds.value),
            nanos: 0,
        };
        let made = Metadata {
            mode: 0o755,
            mtime: time,
            ..Metadata::default()
        };
        let reader = TreeReader::new(spec, &made);
        let read = reader.trees(&spec.root, field)?;
        reader.check_used()?;
        let tree = read.unwrap_or_else(|| Tree::with_implied_root(made.clone()));
        Ok(Self { spec, time, tree })
    }

    /// The tree with its labels, overrides and times.
    pub fn adjusted(mut self) -> Result<Tree, PlanError> {
        adjust::alone(self.spec, &mut self.tree, self.time)?;
        Ok(self.tree)
    }
}
