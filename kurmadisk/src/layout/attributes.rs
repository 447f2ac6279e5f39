//! The attribute bits of a GPT entry.

use std::fmt;
use std::str::FromStr;

use super::nearest;

/// One attribute bit with a name.
///
/// Bits 0–2 are the UEFI specification's (section 5.3.3); bits 59, 60 and 63 are the Discoverable
/// Partitions Specification's (60 and 63 Microsoft's before); bit 56 belongs to the slots of `gptprio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AttributeFlag {
    /// `required`, bit 0: the platform needs the partition.
    Required = 0,
    /// `no-block-io`, bit 1: firmware makes no block device of it.
    NoBlockIo = 1,
    /// `legacy-boot`, bit 2: a BIOS boot loader may start from it.
    LegacyBoot = 2,
    /// `successful`, bit 56: the slot has booted at least once.
    Successful = 56,
    /// `grow-fs`, bit 59: the filesystem is grown to the partition's size when mounted.
    GrowFs = 59,
    /// `read-only`, bit 60.
    ReadOnly = 60,
    /// `no-auto`, bit 63: not mounted by itself.
    NoAuto = 63,
}

const FLAGS: [(&str, AttributeFlag); 7] = [
    ("required", AttributeFlag::Required),
    ("no-block-io", AttributeFlag::NoBlockIo),
    ("legacy-boot", AttributeFlag::LegacyBoot),
    ("successful", AttributeFlag::Successful),
    ("grow-fs", AttributeFlag::GrowFs),
    ("read-only", AttributeFlag::ReadOnly),
    ("no-auto", AttributeFlag::NoAuto),
];

/// Name and lowest bit of the two four-bit fields of a slot.
const PRIORITY: (&str, u32) = ("priority", 48);
const TRIES: (&str, u32) = ("tries", 52);
const FIELD_MAX: u8 = 15;

impl AttributeFlag {
    const fn mask(self) -> u64 {
        1 << (self as u8)
    }
}

/// The 64 attribute bits of a GPT entry.
///
/// Written and printed as names separated by commas: `legacy-boot`, `priority=1,successful`; bits
/// without a name as one hexadecimal number: `0x10`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub u64);

impl Attributes {
    /// No bit set.
    pub const NONE: Self = Self(0);

    /// These attributes and `flag`.
    #[must_use]
    pub const fn with(self, flag: AttributeFlag) -> Self {
        Self(self.0 | flag.mask())
    }

    /// These attributes but for `flag`.
    #[must_use]
    pub const fn without(self, flag: AttributeFlag) -> Self {
        Self(self.0 & !flag.mask())
    }

    /// Whether `flag` is set.
    #[must_use]
    pub const fn has(self, flag: AttributeFlag) -> bool {
        self.0 & flag.mask() != 0
    }

    /// These attributes with the slot's priority (bits 48–51; 0 means never booted, 15 first).
    ///
    /// Fails above 15.
    pub fn with_priority(self, priority: u8) -> Result<Self, AttributeError> {
        self.with_field(PRIORITY, priority)
    }

    /// These attributes with the slot's remaining tries (bits 52–55).
    ///
    /// Fails above 15.
    pub fn with_tries(self, tries: u8) -> Result<Self, AttributeError> {
        self.with_field(TRIES, tries)
    }

    /// The slot's priority, 0 to 15.
    #[must_use]
    pub fn priority(self) -> u8 {
        self.field(PRIORITY)
    }

    /// The slot's remaining tries, 0 to 15.
    #[must_use]
    pub fn tries(self) -> u8 {
        self.field(TRIES)
    }

    /// The set attributes by name, in the order of their bits; what has no name as one hexadecimal
    /// number at the end.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let mut named: Vec<(u32, String)> = FLAGS
            .iter()
            .filter(|(_, flag)| self.has(*flag))
            .map(|(name, flag)| (u32::from(*flag as u8), (*name).to_owned()))
            .collect();
        let mut rest = FLAGS.iter().fold(self.0, |bits, (_, f)| bits & !f.mask());
        for (name, shift) in [PRIORITY, TRIES] {
            let value = self.field((name, shift));
            if value > 0 {
                named.push((shift, format!("{name}={value}")));
            }
            rest &= !(u64::from(FIELD_MAX) << shift);
        }
        named.sort_unstable();
        let mut names: Vec<String> = named.into_iter().map(|(_, name)| name).collect();
        if rest != 0 {
            names.push(format!("{rest:#x}"));
        }
        names
    }

    fn field(self, (_, shift): (&str, u32)) -> u8 {
        let nibble = (self.0 >> shift) & u64::from(FIELD_MAX);
        u8::try_from(nibble).unwrap_or(FIELD_MAX)
    }

    fn with_field(
        self,
        (name, shift): (&'static str, u32),
        value: u8,
    ) -> Result<Self, AttributeError> {
        if value > FIELD_MAX {
            return Err(AttributeError::FieldTooLarge { name, value });
        }
        let cleared = self.0 & !(u64::from(FIELD_MAX) << shift);
        Ok(Self(cleared | (u64::from(value) << shift)))
    }

    /// These attributes and what one `name`, `name=value` or hexadecimal number says.
    fn with_word(self, word: &str) -> Result<Self, AttributeError> {
        let lower = word.to_ascii_lowercase();
        if let Some((_, flag)) = FLAGS.iter().find(|(name, _)| *name == lower) {
            return Ok(self.with(*flag));
        }
        if let Some(digits) = lower.strip_prefix("0x")
            && let Ok(bits) = u64::from_str_radix(digits, 16)
        {
            return Ok(Self(self.0 | bits));
        }
        let field = lower
            .split_once('=')
            .and_then(|(name, value)| Some((name.trim(), value.trim().parse::<u8>().ok()?)));
        match field {
            Some(("priority", value)) => self.with_priority(value),
            Some(("tries", value)) => self.with_tries(value),
            _ => {
                let names = FLAGS.iter().map(|(name, _)| *name);
                let fields = [PRIORITY.0, TRIES.0].into_iter();
                let stem = lower.split('=').next().unwrap_or_default();
                Err(AttributeError::Unknown {
                    hint: nearest::hint(stem, names.chain(fields)),
                    text: word.into(),
                })
            }
        }
    }
}

impl FromStr for Attributes {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .try_fold(Self::NONE, Self::with_word)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.names().join(","))
    }
}

/// Why a text names no attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// No attribute has this name.
    #[error(
        "attribute {text:?} is unknown{hint}; there are required, no-block-io, legacy-boot, \
         read-only, no-auto, grow-fs, priority=N, tries=N, successful, and bits as 0x10"
    )]
    Unknown {
        /// The word as written.
        text: String,
        /// Near names, ready to print.
        hint: String,
    },
    /// The field has four bits.
    #[error("attribute {name}={value}: the field holds 0 to 15")]
    FieldTooLarge {
        /// `priority` or `tries`.
        name: &'static str,
        /// The value that doesn't fit.
        value: u8,
    },
}
