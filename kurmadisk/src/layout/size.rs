//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::SectorSize;

/// Unit names in lower case, and the bytes each stands for.
///
/// A bare letter means the binary unit, as in `sgdisk`, `qemu-img` and `truncate`; with a `B` alone
/// it means the decimal one.
const UNITS: [(&str, u64); 18] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("ti", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

/// Binary units for printing, the largest first.
const PRINTED_UNITS: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// A size as written: bytes, or sectors of whatever size the disk has.
///
/// | written | means |
/// |---|---|
/// | `1048576`, `1048576 B` | bytes |
/// | `K M G T`, `Ki…`, `KiB MiB GiB TiB` | binary units: `256M` = `256 MiB` = 268435456 bytes |
/// | `KB MB GB TB` | decimal units: `4 GB` = 4000000000 bytes |
/// | `8388608s` | sectors of the disk |
///
/// Upper and lower case mean the same, space before the unit is free, and a decimal fraction is
/// fine where it gives a whole number of bytes: `1.5 GiB`. In configuration files an integer stands
/// for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// This many bytes.
    Bytes(u64),
    /// This many sectors.
    Sectors(u64),
}

impl Size {
    /// The size in bytes on a disk of such sectors, if 64 bits hold it.
    #[must_use]
    pub fn bytes(self, sector_size: SectorSize) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Sectors(sectors) => sectors.checked_mul(sector_size.bytes()),
        }
    }

    /// The size in sectors of the disk; a part of a sector counts as a whole one.
    #[must_use]
    pub fn sectors(self, sector_size: SectorSize) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.div_ceil(sector_size.bytes()),
            Self::Sectors(sectors) => sectors,
        }
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let trimmed = text.trim();
        let split = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let unit = unit.trim_start().to_ascii_lowercase();
        if unit == "s" {
            return scaled(text, number, 1).map(Self::Sectors);
        }
        match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => scaled(text, number, *factor).map(Self::Bytes),
            None if number.is_empty() => Err(SizeError::NotANumber(text.into())),
            None => Err(SizeError::UnknownUnit {
                text: text.into(),
                unit,
            }),
        }
    }
}

/// `number` (digits with at most one point) times `factor`, when that is whole and 64 bits hold it.
fn scaled(text: &str, number: &str, factor: u64) -> Result<u64, SizeError> {
    let not_a_number = || SizeError::NotANumber(text.into());
    let too_large = || SizeError::TooLarge(text.into());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let malformed = whole.is_empty() || fraction.contains('.') || number.ends_with('.');
    if malformed {
        return Err(not_a_number());
    }
    let fraction = fraction.trim_end_matches('0');
    let digits: u128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| too_large())?;
    let scale = u32::try_from(fraction.len())
        .ok()
        .and_then(|places| 10_u128.checked_pow(places))
        .ok_or_else(too_large)?;
    let product = digits
        .checked_mul(u128::from(factor))
        .ok_or_else(too_large)?;
    if product % scale != 0 {
        return Err(SizeError::NotWhole(text.into()));
    }
    u64::try_from(product / scale).map_err(|_| too_large())
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => ByteSize(*bytes).fmt(f),
            Self::Sectors(sectors) => write!(f, "{sectors}s"),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as \"256 MiB\", \"4G\", \"8388608s\", or a number of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size::Bytes(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        u64::try_from(bytes)
            .map(Size::Bytes)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
    }
}

/// A number of bytes, written and printed as [`Size`] is, but never in sectors.
///
/// Printed with the largest binary unit that gives a whole number: `256 MiB`, `1536 MiB`, `513 B`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = PRINTED_UNITS
            .iter()
            .find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        match unit {
            Some((name, factor)) => write!(f, "{} {name}", self.0 / factor),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        match text.parse()? {
            Size::Bytes(bytes) => Ok(Self(bytes)),
            Size::Sectors(_) => Err(SizeError::InSectors(text.into())),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Size::deserialize(deserializer)? {
            Size::Bytes(bytes) => Ok(Self(bytes)),
            size @ Size::Sectors(_) => {
                Err(de::Error::custom(SizeError::InSectors(size.to_string())))
            }
        }
    }
}

/// Why a text is no size. Each variant carries the text as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It doesn't begin with a number.
    #[error("size {0:?}: write a number and a unit, such as 256 MiB, 4G or 8388608s")]
    NotANumber(String),
    /// The number is followed by something that is no unit.
    #[error(
        "size {text:?}: {unit:?} is no unit; binary are K M G T or KiB MiB GiB TiB, decimal are \
         KB MB GB TB, sectors are s"
    )]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// What stood in the unit's place, in lower case.
        unit: String,
    },
    /// A fraction that leaves part of a byte or of a sector.
    #[error("size {0:?}: not a whole number of bytes or sectors")]
    NotWhole(String),
    /// More than 64 bits hold.
    #[error("size {0:?}: larger than 2^64 - 1")]
    TooLarge(String),
    /// Sectors, where only bytes have a meaning.
    #[error("size {0:?}: give it in bytes, KiB, MiB or GiB; there are no sectors here")]
    InSectors(String),
}
