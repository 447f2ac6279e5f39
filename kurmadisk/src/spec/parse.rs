//! Reading descriptions: TOML files, and the layouts that are built in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::image::ImageSpec;
use super::layer::Layer;
use super::located::Place;

/// The built-in layouts: names, and the files they are written in.
pub const BUILT_IN_LAYOUTS: [(&str, &str); 4] = [
    ("kurmaos", include_str!("layouts/kurmaos.toml")),
    ("kurmaos-vm", include_str!("layouts/kurmaos-vm.toml")),
    ("efi", include_str!("layouts/efi.toml")),
    ("bios", include_str!("layouts/bios.toml")),
];

/// A description cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has a key or value that can't be.
    #[error("{name}: {reason}")]
    Syntax {
        /// The file, as it was named.
        name: String,
        /// Where, which key, and what is wrong.
        reason: String,
    },
    /// A layout is named that does not exist.
    #[error(
        "layout {name:?} is none of the built-in ones ({}), and there is no such file",
        BUILT_IN_LAYOUTS.map(|(name, _)| name).join(", ")
    )]
    UnknownLayout {
        /// The name.
        name: String,
    },
}

/// A text whose spans can be turned into places.
pub(super) struct Document {
    name: Arc<str>,
    text: String,
}

impl Document {
    pub(super) fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            name: Arc::clone(&self.name),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl ImageSpec {
    /// Reads a configuration file; its relative paths become relative to its folder.
    pub fn from_file(path: &Path) -> Result<Self, SpecError> {
        let text = std::fs::read_to_string(path).map_err(|source| SpecError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let mut spec = Self::from_toml(&path.display().to_string(), text)?;
        spec.resolve_paths(path.parent().unwrap_or_else(|| Path::new("")));
        Ok(spec)
    }

    /// Reads a configuration from a text; `name` stands for it in messages.
    pub fn from_toml(name: &str, text: String) -> Result<Self, SpecError> {
        let mut spec: Self = toml::from_str(&text).map_err(|error| SpecError::Syntax {
            name: name.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        spec.locate(&Document {
            name: name.into(),
            text,
        });
        Ok(spec)
    }

    /// This description over the layout it names, if it names one.
    pub fn with_layout(mut self) -> Result<Self, SpecError> {
        let Some(layout) = self.layout.take() else {
            return Ok(self);
        };
        let built_in = BUILT_IN_LAYOUTS
            .iter()
            .find(|(name, _)| *name == layout.value);
        let mut below = match built_in {
            Some((name, text)) => Self::from_toml(&format!("layout {name}"), (*text).to_owned())?,
            None if Path::new(&layout.value).is_file() => {
                Self::from_file(Path::new(&layout.value))?
            }
            None => return Err(SpecError::UnknownLayout { name: layout.value }),
        };
        // A layout may stand on another one.
        if below.layout.is_some() {
            below = below.with_layout()?;
        }
        let mut spec = self.over(below);
        spec.layout = Some(layout);
        Ok(spec)
    }
}
