//! Reading descriptions: TOML files, and the layouts that are built in.

#[cfg(feature = "disk-layout")]
use std::collections::BTreeSet;
use std::ops::Range;
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
    /// What it was before it was edited.
    original: Option<Original>,
}

/// What an edited text was before.
struct Original {
    text: String,
    /// Where a replacement lies in the edited text, and where what it replaced did in this one.
    edits: Vec<(Range<usize>, Range<usize>)>,
}

impl Document {
    /// The text, and the name that stands for it in messages.
    #[must_use]
    pub fn new(name: &str, text: String) -> Self {
        Self {
            name: name.into(),
            text,
            original: None,
        }
    }

    /// This document with `replacements` (not overlapping, in their order) in place of what was there. Places are those
    /// of the text as it was.
    #[must_use]
    pub fn edited(self, replacements: &[(Range<usize>, String)]) -> Self {
        let (mut text, mut edits, mut copied) = (String::new(), Vec::new(), 0);
        for (range, replacement) in replacements {
            text.push_str(self.text.get(copied..range.start).unwrap_or_default());
            let begin = text.len();
            text.push_str(replacement);
            edits.push((begin..text.len(), range.clone()));
            copied = range.end;
        }
        text.push_str(self.text.get(copied..).unwrap_or_default());
        Self {
            name: self.name,
            text,
            original: Some(Original {
                text: self.text,
                edits,
            }),
        }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
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
        let (text, offset) = match &self.original {
            None => (&self.text, offset),
            Some(original) => (&original.text, original.offset(offset)),
        };
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            name: Arc::clone(&self.name),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl Original {
    /// Where in this text is what begins at `offset` in the edited one.
    fn offset(&self, offset: usize) -> usize {
        let edit = self.edits.iter().rev().find(|(new, _)| new.start <= offset);
        match edit {
            None => offset,
            Some((new, old)) if offset < new.end => old.start,
            Some((new, old)) => offset - new.end + old.end,
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
        spec.check(document)?;
        Ok(spec)
    }

    /// Gives a description that was a part of `document` its places, and makes its relative paths relative to `folder`.
    pub fn settle(&mut self, document: &Document, folder: &Path) -> Result<(), SpecError> {
        self.check(document)?;
        self.resolve_paths(folder)
    }

    fn check(&mut self, document: &Document) -> Result<(), SpecError> {
        self.locate(document);
        self.check_numbers()?;
        self.target.check()
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
        Ok(self.with_layout_files()?.0)
    }

    /// The same, and the files that were read for it.
    pub fn with_layout_files(self) -> Result<(Self, Vec<PathBuf>), SpecError> {
        let layout = self.layout.clone();
        let mut above = Above::default();
        let mut spec = self.with_layout_below(&mut above)?;
        spec.name = spec.name.or_else(|| {
            let Located { value, place } = layout?;
            let value = Path::new(&value).file_stem()?.to_str()?.to_owned();
            Some(Located { value, place })
        });
        Ok((spec, above.files))
    }

    /// The numbers of the partitions whose filesystem this layer decides.
    #[cfg(feature = "disk-layout")]
    fn formatted(&self) -> impl Iterator<Item = u32> {
        let decided = self.partitions.iter();
        let decided = decided.filter(|own| own.filesystem.kind.is_some());
        decided.filter_map(|own| own.number.as_ref().map(|number| number.value))
    }

    fn with_layout_below(mut self, above: &mut Above) -> Result<Self, SpecError> {
        let chosen = self.disk_layout.take();
        let Some(layout) = self.layout.take() else {
            return match chosen {
                Some(chosen) => Err(SpecError::Syntax {
                    place: chosen.place,
                    reason: "disk-layout: only a disk_layout.json has several; name one as the layout, or leave this out"
                        .to_owned(),
                }),
                None => Ok(self),
            };
        };
        #[cfg(feature = "disk-layout")]
        above.formatted.extend(self.formatted());
        let built_in = BUILT_IN_LAYOUTS
            .iter()
            .find(|(name, _)| *name == layout.value);
        let mut below = match built_in {
            Some((name, text)) => Self::from_toml(&format!("layout {name}"), (*text).to_owned())?,
            #[cfg(feature = "disk-layout")]
            None if Path::new(&layout.value)
                .extension()
                .is_some_and(|ending| ending == "json") =>
            {
                let path = existing(&layout)?;
                let Above { files, formatted } = above;
                let below = super::disk_layout::read(path, chosen.as_ref(), formatted, files)?;
                return Ok(self.over(below));
            }
            None => layout_file(&layout, &mut above.files)?,
        };
        below.disk_layout = chosen.or(below.disk_layout);
        Ok(self.over(below.with_layout_below(above)?))
    }
}

/// What lies above a layout.
#[derive(Default)]
struct Above {
    /// The files it was named by, directly or through others.
    files: Vec<PathBuf>,
    /// The partitions whose filesystem is decided already.
    #[cfg(feature = "disk-layout")]
    formatted: BTreeSet<u32>,
}

/// The path of the file that `layout` names.
fn existing(layout: &Located<String>) -> Result<&Path, SpecError> {
    let path = Path::new(&layout.value);
    if path.is_file() {
        return Ok(path);
    }
    let (place, name) = (layout.place.clone(), layout.value.clone());
    Err(SpecError::UnknownLayout { place, name })
}

/// The file that `layout` names, unless it is one of `above`; then it is one of them.
fn layout_file(layout: &Located<String>, above: &mut Vec<PathBuf>) -> Result<ImageSpec, SpecError> {
    let path = existing(layout)?;
    // The same file may be named in many ways.
    let file = path.canonicalize().map_err(|source| SpecError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    if above.contains(&file) {
        let (place, name) = (layout.place.clone(), layout.value.clone());
        return Err(SpecError::LayoutLoop { place, name });
    }
    above.push(file);
    ImageSpec::from_file(path)
}
