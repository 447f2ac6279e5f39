//! Removing what was made.

use std::path::Path;

use super::error::ChainError;
use super::made::Made;
use super::store::Store;

/// What was removed, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Files that were removed, as paths in the output folder.
    pub removed: Vec<String>,
    /// Files that somebody changed since they were made: they stay.
    pub changed: Vec<String>,
}

impl Cleaned {
    /// Removes from the folder `output` all that steps made there, whichever they were, and what is known of them. What
    /// is changed since, or was never made by a step, stays.
    pub fn all(output: &Path) -> Result<Self, ChainError> {
        let store = Store::new(output);
        let mut cleaned = Self::default();
        if !output.is_dir() {
            return Ok(cleaned);
        }
        let lock = store.lock()?;
        for made in store.all_made()? {
            cleaned.step(&store, &made)?;
        }
        drop(lock);
        store.end()?;
        Ok(cleaned)
    }

    /// The same for the steps called so.
    pub fn steps(output: &Path, names: &[String]) -> Result<Self, ChainError> {
        let store = Store::new(output);
        let mut cleaned = Self::default();
        let _lock = store.lock()?;
        for name in names {
            if let Some(made) = store.made(name) {
                cleaned.step(&store, &made)?;
                store.forget(name)?;
            }
        }
        Ok(cleaned)
    }

    fn step(&mut self, store: &Store, made: &Made) -> Result<(), ChainError> {
        for (path, file) in &made.outputs {
            if store.is_kept(path, file) {
                store.remove(path)?;
                self.removed.push(path.clone());
            } else if store.folder.join(path).symlink_metadata().is_ok() {
                self.changed.push(path.clone());
            }
        }
        Ok(())
    }
}
