//! The tables of a manifest (`kurmaos.toml`) that say how the base and components are built. The others are not looked
//! at: each of those parts can be built alone.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use kurmadisk::spec::{Document, SpecError};
use serde::Deserialize;

use crate::base::BaseSpec;
use crate::component::ComponentSpec;

/// `[base]` and every `[[component]]`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Parts {
    /// The base.
    #[serde(default)]
    pub base: BaseSpec,
    /// The components, in their order.
    #[serde(rename = "component", default)]
    pub components: Vec<ComponentSpec>,
}

impl Parts {
    /// Reads a manifest; its relative paths become relative to its folder.
    pub fn from_file(path: &Path) -> Result<Self, SpecError> {
        let document = Document::from_file(path)?;
        let mut parts: Self = document.parse()?;
        parts.base.locate(&document);
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        parts.base.resolve_paths(&folder);
        for component in &mut parts.components {
            component.locate(&document);
            component.resolve_paths(&folder);
        }
        parts.check_names()?;
        Ok(parts)
    }

    /// Two of one name would write the same files.
    fn check_names(&self) -> Result<(), SpecError> {
        let mut names = HashSet::new();
        let mut all = self.components.iter().map(|component| &component.name);
        match all.find(|name| !names.insert(&name.value)) {
            Some(twice) => Err(SpecError::Syntax {
                place: twice.place.clone(),
                reason: format!("name: there is a component {:?} already", twice.value),
            }),
            None => Ok(()),
        }
    }
}
