//! Formats as users name them, with what they choose of each.

use std::str::FromStr;

use thiserror::Error;

use crate::format::{Adapter, ImageFormat, Tuning};
use crate::image::{UnknownFormat, names};

/// A format, and what was chosen of it: `vmdk-stream,adapter=lsilogic,level=9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FormatChoice {
    /// The format.
    pub format: ImageFormat,
    /// What was chosen.
    pub tuning: Tuning,
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
    if let (LEVEL, Some((least, most))) = (key, format.levels()) {
        return format!("are levels from {least} to {most}");
    }
    format!("are: {}", Adapter::ALL.map(Adapter::name).join(", "))
}

const ADAPTER: &str = "adapter";
const LEVEL: &str = "level";

impl ImageFormat {
    /// The names of the options that such an image has.
    #[must_use]
    pub fn options(self) -> Vec<&'static str> {
        let adapter = self.has_adapter().then_some(ADAPTER);
        let level = self.levels().map(|_| LEVEL);
        adapter.into_iter().chain(level).collect()
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
        Ok(Self(choices))
    }
}

impl FormatChoice {
    /// The names of files of images of a disk called `name`: that with the format's usual ending, and with the
    /// format's name too where several have the same ending.
    #[must_use]
    pub fn file_names(choices: &[Self], name: &str) -> Vec<String> {
        let ending = |choice: &Self| choice.format.extension();
        let is_shared = |ending: &str| {
            let all = choices.iter().map(|choice| choice.format.extension());
            all.filter(|other| *other == ending).count() > 1
        };
        let name_of = |choice: &Self| match ending(choice) {
            ending if is_shared(ending) => format!("{name}-{}.{ending}", choice.format),
            ending => format!("{name}.{ending}"),
        };
        choices.iter().map(name_of).collect()
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ChoiceError> {
        let format = self.format;
        let (key_text, tuning) = (key.to_owned(), &mut self.tuning);
        let wrong = || ChoiceError::Value {
            format,
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let before = match (key, format.levels()) {
            (ADAPTER, _) if format.has_adapter() => {
                let adapter = Adapter::ALL.into_iter().find(|known| known.name() == value);
                let adapter = adapter.ok_or_else(wrong)?;
                tuning.adapter.replace(adapter).is_some()
            }
            (LEVEL, Some((least, most))) => {
                let level = value.parse::<u32>().map_err(|_| wrong())?;
                if !(least..=most).contains(&level) {
                    return Err(wrong());
                }
                tuning.level.replace(level).is_some()
            }
            _ => {
                return Err(ChoiceError::Option {
                    format,
                    key: key_text,
                });
            }
        };
        if before {
            return Err(ChoiceError::Twice {
                format,
                key: key_text,
            });
        }
        Ok(())
    }
}

impl From<ImageFormat> for FormatChoice {
    fn from(format: ImageFormat) -> Self {
        Self {
            format,
            tuning: Tuning::default(),
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
            "vdi has no option \"level\"; it has none"
        );
        assert_eq!(
            refused("vmdk,level=9"),
            "vmdk has no option \"level\"; it has: adapter"
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
