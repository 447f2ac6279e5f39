//! Values with a syntax of their own.

use std::str::FromStr;

use kurmadisk_formats::image::{FormatChoice, FormatList};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::changes::one_or_many;
use crate::fs::ext4::{DefaultMountOptions, FeatureChanges};
use crate::layout::{Attributes, Size, SizeError};
use crate::tree::parse_permissions;

/// The size of a disk or partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeSpec {
    /// What its content needs.
    Auto,
    /// What the other partitions leave of the disk.
    Rest,
    /// This much.
    Fixed(Size),
}

impl FromStr for SizeSpec {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "rest" => Ok(Self::Rest),
            size => size.parse().map(Self::Fixed),
        }
    }
}

/// Free space in a filesystem that is sized for its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeSpec {
    /// A share of the filesystem: `10%`.
    Share(PerMille),
    /// This much: `64 MiB`.
    Size(Size),
}

impl FromStr for FreeSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().ends_with('%') {
            return text.parse().map(Self::Share);
        }
        text.parse()
            .map(Self::Size)
            .map_err(|error: SizeError| error.to_string())
    }
}

/// A share, written in percent: `5%`, `2.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerMille(pub u16);

impl FromStr for PerMille {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is not a share such as \"5%\" or \"2.5%\" below 100%");
        let number = text.trim().strip_suffix('%').ok_or_else(refuse)?.trim();
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digit = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        match (digit(whole), digit(tenth)) {
            (Some(whole @ 0..100), Some(tenth @ 0..10)) => Ok(Self(whole * 10 + tenth)),
            _ => Err(refuse()),
        }
    }
}

/// Permission bits, written in octal: `"0644"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u16);

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mode = parse_permissions(text).map(Self);
        mode.ok_or_else(|| format!("{text:?} is not a mode such as \"0644\""))
    }
}

/// As a text alone: the digits of an integer would be taken for octal ones.
impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Mode;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mode in octal as a text, such as \"0644\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Mode, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Text)
    }
}

/// A number: as an integer, as `"0x0c"`, or as `"1234-ABCD"` as serial numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<T>(pub T);

impl<T: TryFrom<u32>> FromStr for Number<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let halves = text.split_once('-');
        let number = match (text.strip_prefix("0x"), halves) {
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (None, Some((high, low))) if high.len() == 4 && low.len() == 4 => {
                u32::from_str_radix(&format!("{high}{low}"), 16).ok()
            }
            _ => text.parse().ok(),
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no number that fits here"))
    }
}

/// A label, or a number written without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub String);

impl FromStr for Name {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Deserializes by [`FromStr`]; an integer is taken as its digits.
pub(super) fn by_text<'de, T, D>(deserializer: D, expecting: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    struct Text<T>(&'static str, std::marker::PhantomData<T>);

    impl<T: FromStr<Err: std::fmt::Display>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
    }

    deserializer.deserialize_any(Text(expecting, std::marker::PhantomData))
}

macro_rules! deserialize_by_text {
    ($($name:ty => $expecting:literal),+ $(,)?) => {
        $(impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::spec::value::by_text(deserializer, $expecting)
            }
        })+
    };
}

/// A choice among names: an enum, and reading and showing it.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident: $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in descriptions.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|value| value.name() == text);
                found.copied().ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|value| value.name()).collect();
                    format!(concat!("{:?} is no ", $what, "; there are: {}"), text, names.join(", "))
                })
            }
        }

        crate::spec::value::deserialize_by_text! { $type => $what }
    };
}

pub(super) use {deserialize_by_text, named};

deserialize_by_text! {
    SizeSpec => "a size such as \"256 MiB\", \"auto\" or \"rest\"",
    FreeSpec => "a size such as \"64 MiB\", or a share such as \"10%\"",
    PerMille => "a share such as \"5%\"",
    FreeInodesSpec => "a number of inodes, or a share such as \"10%\"",
    Number<u8> => "a number up to 255, such as 12 or \"0x0c\"",
    Number<u32> => "a number of 32 bits, such as \"0x1234abcd\" or \"1234-ABCD\"",
    Name => "a partition's label or number",
}

/// Inodes that shall be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeInodesSpec {
    /// A share of all inodes: `10%`.
    Share(PerMille),
    /// So many.
    Count(u32),
}

impl FromStr for FreeInodesSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().ends_with('%') {
            return text.parse().map(Self::Share);
        }
        let count = text.trim().parse().map(Self::Count);
        count.map_err(|_| format!("{text:?} is no number of inodes, and no share such as \"10%\""))
    }
}

/// A list of names, or one text with commas.
pub(super) fn by_names<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected a list of names, or one text with commas"
    )]
    enum Names {
        One(String),
        List(Vec<String>),
    }
    let text = match Names::deserialize(deserializer)? {
        Names::One(text) => text,
        Names::List(names) => names.join(","),
    };
    text.parse().map_err(D::Error::custom)
}

macro_rules! deserialize_by_names {
    ($($(#[$doc:meta])* $name:ident($value:ty)),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name(pub $value);

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    by_names(deserializer).map(Self)
                }
            }
        )+
    };
}

deserialize_by_names! {
    /// Attributes of a partition.
    AttributeNames(Attributes),
    /// Features of ext4 to add and to take away.
    FeatureNames(FeatureChanges),
    /// Mount options of ext4 that are in effect by default.
    MountOptionNames(DefaultMountOptions),
}

/// Formats of an image, each with its options: one text such as `vdi,vmdk-stream,level=9`, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats(pub Vec<FormatChoice>);

impl<'de> Deserialize<'de> for Formats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lists: Vec<FormatList> = one_or_many(deserializer)?;
        Ok(Self(lists.into_iter().flat_map(|list| list.0).collect()))
    }
}
