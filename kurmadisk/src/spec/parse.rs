//! Reading descriptions: TOML files, and the layouts that are built in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::image::ImageSpec;
use super::layer::Layer;
use super::located::Located;
use crate::place::Place;

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
    #[error("{place}: {reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// Which key, and what is wrong.
        reason: String,
    },
    /// A layout is named that does not exist.
    #[error(
        "{place}: layout: {name:?} is none of the built-in ones ({}), and there is no such file",
        BUILT_IN_LAYOUTS.map(|(name, _)| name).join(", ")
    )]
    UnknownLayout {
        /// Where it is named.
        place: Place,
        /// The name.
        name: String,
    },
    /// A layout stands on itself, directly or through others.
    #[error("{place}: layout: {name:?} stands on itself; name another one, or none")]
    LayoutLoop {
        /// Where it is named.
        place: Place,
        /// The name.
        name: String,
    },
}

/// A text whose spans can be turned into places.
pub struct Document {
    name: Arc<str>,
    text: String,
}

impl Document {
    /// The text, and the name that stands for it in messages.
    pub fn new(name: &str, text: String) -> Self {
        Self {
            name: name.into(),
            text,
        }
    }

    /// The file's text; it is called by its path.
    pub fn from_file(path: &Path) -> Result<Self, SpecError> {
        let text = std::fs::read_to_string(path).map_err(|source| SpecError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self::new(&path.display().to_string(), text))
    }

    /// What the text, as TOML, says. Values that are [`Located`] know their spans only, until
    /// [`Located::locate`] turns these into places.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, SpecError> {
        toml::from_str(&self.text).map_err(|error: toml::de::Error| SpecError::Syntax {
            place: self.place(error.span().map_or(0, |span| span.start)),
            // The parser breaks lines; an error is one line here.
            reason: error.message().trim().replace('\n', "; "),
        })
    }

    /// Line and column of the byte at `offset`.
    #[must_use]
    pub fn place(&self, offset: usize) -> Place {
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
        let mut spec = Self::parse(&Document::from_file(path)?)?;
        spec.resolve_paths(path.parent().unwrap_or_else(|| Path::new("")))?;
        Ok(spec)
    }

    /// Reads a configuration from a text; `name` stands for it in messages. Relative paths stay so.
    pub fn from_toml(name: &str, text: String) -> Result<Self, SpecError> {
        let mut spec = Self::parse(&Document::new(name, text))?;
        spec.resolve_paths(Path::new(""))?;
        Ok(spec)
    }

    fn parse(document: &Document) -> Result<Self, SpecError> {
        let mut spec: Self = document.parse()?;
        spec.locate(document);
        spec.check_numbers()?;
        spec.target.check()?;
        Ok(spec)
    }

    /// One document describes a partition once: two descriptions would silently become one.
    fn check_numbers(&self) -> Result<(), SpecError> {
        let numbers: Vec<_> = self
            .partitions
            .iter()
            .filter_map(|partition| partition.number.as_ref())
            .collect();
        for (index, number) in numbers.iter().enumerate() {
            if numbers[..index]
                .iter()
                .any(|other| other.value == number.value)
            {
                return Err(SpecError::Syntax {
                    place: number.place.clone(),
                    reason: format!("number: partition {} is described already", number.value),
                });
            }
        }
        Ok(())
    }

    /// This description over the layout it names, if it names one; that may stand on another one.
    /// The result names none any more, and has a name of its own: the layout's if no layer gave one.
    pub fn with_layout(self) -> Result<Self, SpecError> {
        let layout = self.layout.clone();
        let mut spec = self.with_layout_below(&mut Vec::new())?;
        spec.name = spec.name.or_else(|| {
            let Located { value, place } = layout?;
            let value = Path::new(&value).file_stem()?.to_str()?.to_owned();
            Some(Located { value, place })
        });
        Ok(spec)
    }

    /// `above` are the files this description was named by, directly or through others.
    fn with_layout_below(mut self, above: &mut Vec<PathBuf>) -> Result<Self, SpecError> {
        let Some(layout) = self.layout.take() else {
            return Ok(self);
        };
        let built_in = BUILT_IN_LAYOUTS
            .iter()
            .find(|(name, _)| *name == layout.value);
        let below = match built_in {
            Some((name, text)) => Self::from_toml(&format!("layout {name}"), (*text).to_owned())?,
            None => layout_file(&layout, above)?,
        };
        Ok(self.over(below.with_layout_below(above)?))
    }
}

/// The file that `layout` names, unless it is one of `above`; then it is one of them.
fn layout_file(layout: &Located<String>, above: &mut Vec<PathBuf>) -> Result<ImageSpec, SpecError> {
    let (place, name) = (layout.place.clone(), layout.value.clone());
    let path = Path::new(&layout.value);
    if !path.is_file() {
        return Err(SpecError::UnknownLayout { place, name });
    }
    // The same file may be named in many ways.
    let file = path.canonicalize().map_err(|source| SpecError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    if above.contains(&file) {
        return Err(SpecError::LayoutLoop { place, name });
    }
    above.push(file);
    ImageSpec::from_file(path)
}
