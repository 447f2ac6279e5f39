//! Formats as users name them, with what they choose of each.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

#[cfg(feature = "compress")]
use crate::compress::{Compression, CompressionError};
use crate::format::{Adapter, ImageFormat, Tuning};
use crate::image::{UnknownFormat, names};

/// A format, and what was chosen of it: `vmdk-stream,adapter=lsilogic,level=9`, `raw,compress=zst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FormatChoice {
    /// The format.
    pub format: ImageFormat,
    /// What was chosen. Of a format that compresses nothing, `level` is that of `compression`.
    pub tuning: Tuning,
    /// What the whole file is compressed with.
    #[cfg(feature = "compress")]
    pub compression: Option<Compression>,
}

/// A choice of formats that can't be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// A name that is no format's.
    #[error(transparent)]
    Unknown(#[from] UnknownFormat),
    /// No format at all, or an empty place between two commas.
    #[error("a format is missing; there are: {}", names())]
    Missing,
    /// An option before any format.
    #[error("{option:?} comes before a format; write FORMAT,{option}")]
    First {
        /// As it was written.
        option: String,
    },
    /// An option that the format does not have.
    #[error("{format} has no option {key:?}{}", hint(*.format))]
    Option {
        /// The format.
        format: ImageFormat,
        /// The option's name.
        key: String,
    },
    /// A value that an option can't have.
    #[error("{format}: {key}={value}: there {}", values(*.format, .key))]
    Value {
        /// The format.
        format: ImageFormat,
        /// The option's name.
        key: String,
        /// The value.
        value: String,
    },
    /// A level that the compression does not have.
    #[cfg(feature = "compress")]
    #[error(transparent)]
    Level(#[from] CompressionError),
    /// Something that can't be compressed as a whole while it is written.
    #[cfg(feature = "compress")]
    #[error(
        "{format} can't be compressed as it is written, since it is not one file from begin to end"
    )]
    Compressed {
        /// The format.
        format: ImageFormat,
    },
    /// An option was given twice.
    #[error("{format}: {key} is given twice")]
    Twice {
        /// The format.
        format: ImageFormat,
        /// The option's name.
        key: String,
    },
}

/// The options that the format has, as a message ends with them.
fn hint(format: ImageFormat) -> String {
    match &format.options()[..] {
        [] => "; it has none".to_owned(),
        options => format!("; it has: {}", options.join(", ")),
    }
}

/// What an option's value can be, behind "there".
fn values(format: ImageFormat, key: &str) -> String {
    match key {
        #[cfg(feature = "compress")]
        COMPRESS => format!(
            "are: {}",
            Compression::ALL.map(Compression::name).join(", ")
        ),
        LEVEL => match format.levels() {
            Some((least, most)) => format!("are levels from {least} to {most}"),
            None => "are numbers".to_owned(),
        },
        _ => format!("are: {}", Adapter::ALL.map(Adapter::name).join(", ")),
    }
}

const ADAPTER: &str = "adapter";
#[cfg(feature = "compress")]
const COMPRESS: &str = "compress";
const LEVEL: &str = "level";

impl ImageFormat {
    /// The names of the options that such an image has.
    #[must_use]
    pub fn options(self) -> Vec<&'static str> {
        let mut options = Vec::new();
        options.extend(self.has_adapter().then_some(ADAPTER));
        #[cfg(feature = "compress")]
        options.extend(self.is_forward().then_some(COMPRESS));
        options.extend(self.levels().map(|_| LEVEL));
        options
    }
}

/// One format or several, each with its options behind it: `vdi,vmdk-stream,level=9,qcow2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatList(pub Vec<FormatChoice>);

impl FromStr for FormatList {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let mut choices: Vec<FormatChoice> = Vec::new();
        for item in text.split(',').map(str::trim) {
            match (item.split_once('='), choices.last_mut()) {
                _ if item.is_empty() => return Err(ChoiceError::Missing),
                (Some((key, value)), Some(choice)) => choice.set(key.trim(), value.trim())?,
                (Some(_), None) => {
                    return Err(ChoiceError::First {
                        option: item.to_owned(),
                    });
                }
                (None, _) => choices.push(item.parse::<ImageFormat>()?.into()),
            }
        }
        choices.iter().try_for_each(FormatChoice::check)?;
        Ok(Self(choices))
    }
}

impl FormatChoice {
    /// The format that the ending of a file's name stands for, and its compression: `disk.raw.zst`.
    #[must_use]
    pub fn by_ending(path: &Path) -> Option<Self> {
        let format = ImageFormat::by_ending(&Self::uncompressed(path))?;
        let mut choice = Self::from(format);
        choice.compress_by_ending(path).ok()?;
        Some(choice)
    }

    /// Compresses the file if the ending of its name says so, unless a compression was chosen.
    ///
    /// Fails when the format can't be compressed.
    #[cfg_attr(
        not(feature = "compress"),
        expect(unused_variables, reason = "nothing is compressed")
    )]
    pub fn compress_by_ending(&mut self, path: &Path) -> Result<(), ChoiceError> {
        #[cfg(feature = "compress")]
        if self.compression.is_none() {
            self.compression = Compression::by_ending(path);
        }
        self.check()
    }

    /// The path of the file that is compressed into `path`: without that ending.
    #[must_use]
    pub fn uncompressed(path: &Path) -> PathBuf {
        #[cfg(feature = "compress")]
        if Compression::by_ending(path).is_some() {
            return path.with_extension("");
        }
        path.to_path_buf()
    }

    /// The usual ending of such a file's name, without the first dot.
    #[must_use]
    pub fn ending(&self) -> String {
        let ending = self.format.extension();
        #[cfg(feature = "compress")]
        if let Some(compression) = self.compression {
            return format!("{ending}.{compression}");
        }
        ending.to_owned()
    }

    /// The names of files of images of a disk called `name`: that with the format's usual ending, and with the
    /// format's name too where several have the same ending.
    #[must_use]
    pub fn file_names(choices: &[Self], name: &str) -> Vec<String> {
        let is_shared = |ending: &str| {
            let endings = choices.iter().map(Self::ending);
            endings.filter(|other| *other == ending).count() > 1
        };
        let name_of = |choice: &Self| match choice.ending() {
            ending if is_shared(&ending) => format!("{name}-{}.{ending}", choice.format),
            ending => format!("{name}.{ending}"),
        };
        choices.iter().map(name_of).collect()
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ChoiceError> {
        let format = self.format;
        let wrong = || ChoiceError::Value {
            format,
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let is_repeated = match key {
            ADAPTER if format.has_adapter() => {
                let adapter = Adapter::ALL.into_iter().find(|known| known.name() == value);
                let adapter = adapter.ok_or_else(wrong)?;
                self.tuning.adapter.replace(adapter).is_some()
            }
            #[cfg(feature = "compress")]
            COMPRESS => {
                let compression = value.parse().map_err(|_| wrong())?;
                self.compression.replace(compression).is_some()
            }
            LEVEL => {
                let level = value.parse().map_err(|_| wrong())?;
                self.tuning.level.replace(level).is_some()
            }
            _ => return Err(self.no_option(key)),
        };
        if is_repeated {
            let key = key.to_owned();
            return Err(ChoiceError::Twice { format, key });
        }
        Ok(())
    }

    fn no_option(&self, key: &str) -> ChoiceError {
        ChoiceError::Option {
            format: self.format,
            key: key.to_owned(),
        }
    }

    /// Checks what only all options together can be wrong in.
    fn check(&self) -> Result<(), ChoiceError> {
        let format = self.format;
        #[cfg(feature = "compress")]
        let outer = self.compression;
        #[cfg(feature = "compress")]
        if outer.is_some() && !format.is_forward() {
            return Err(ChoiceError::Compressed { format });
        }
        let Some(level) = self.tuning.level else {
            return Ok(());
        };
        match format.levels() {
            Some((least, most)) if !(least..=most).contains(&level) => Err(ChoiceError::Value {
                format,
                key: LEVEL.to_owned(),
                value: level.to_string(),
            }),
            Some(_) => Ok(()),
            #[cfg(feature = "compress")]
            None if outer.is_some() => Ok(outer.map_or(Ok(()), |outer| outer.check_level(level))?),
            None => Err(self.no_option(LEVEL)),
        }
    }
}

impl From<ImageFormat> for FormatChoice {
    fn from(format: ImageFormat) -> Self {
        Self {
            format,
            tuning: Tuning::default(),
            #[cfg(feature = "compress")]
            compression: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<FormatChoice> {
        text.parse::<FormatList>().unwrap().0
    }

    fn refused(text: &str) -> String {
        text.parse::<FormatList>().unwrap_err().to_string()
    }

    #[test]
    fn each_format_has_the_options_behind_it() {
        let choices = list("raw, vmdk-stream,adapter=ide,level=9,vmdk");
        let told: Vec<_> = choices
            .iter()
            .map(|choice| {
                (
                    choice.format.name(),
                    choice.tuning.adapter,
                    choice.tuning.level,
                )
            })
            .collect();
        let ide = Some(Adapter::Ide);
        let expected = [
            ("raw", None, None),
            ("vmdk-stream", ide, Some(9)),
            ("vmdk", None, None),
        ];
        assert_eq!(told, expected);
        assert_eq!(list("vdi"), [ImageFormat::Vdi.into()]);
    }

    #[test]
    fn files_of_several_formats_have_several_names() {
        let names = |text: &str| FormatChoice::file_names(&list(text), "box");
        assert_eq!(names("raw,vmdk-stream"), ["box.raw", "box.vmdk"]);
        assert_eq!(
            names("vmdk,vdi,vmdk-stream"),
            ["box-vmdk.vmdk", "box.vdi", "box-vmdk-stream.vmdk"]
        );
    }

    #[test]
    fn what_cannot_be_is_told_with_what_can() {
        assert!(refused("").contains("raw, raw-fixed"));
        assert!(refused("raw,,vdi").contains("missing"));
        assert!(refused("vid").contains("\"vid\""));
        assert_eq!(
            refused("level=9"),
            "\"level=9\" comes before a format; write FORMAT,level=9"
        );
        assert_eq!(
            refused("vdi,level=9"),
            "vdi has no option \"level\"; it has: compress"
        );
        assert_eq!(
            refused("vmdk,level=9"),
            "vmdk has no option \"level\"; it has: adapter, compress"
        );
        assert_eq!(
            refused("vmdk-stream,level=10"),
            "vmdk-stream: level=10: there are levels from 1 to 9"
        );
        assert_eq!(
            refused("vmdk,adapter=pvscsi"),
            "vmdk: adapter=pvscsi: there are: ide, lsilogic, buslogic"
        );
        assert_eq!(
            refused("vmdk-stream,level=1,level=1"),
            "vmdk-stream: level is given twice"
        );
    }
}
