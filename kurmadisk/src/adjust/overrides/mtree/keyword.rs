//! What is said of a file.

use data_encoding::BASE64;

use super::vis::decode;
use crate::adjust::device::{self, from_dev_t};
use crate::adjust::kind::Kind;
use crate::adjust::names::Id;
use crate::adjust::overrides::error::OverrideFault;
use crate::adjust::overrides::value::FlagNames;
use crate::tree::{DeviceNumber, FileFlags, Timestamp, lossy, parse_permissions};

/// A keyword with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    User(Id),
    Group(Id),
    Mode(u16),
    Time {
        time: Timestamp,
        /// Whether the nanoseconds are known.
        exact: bool,
    },
    Type(Kind),
    Device(DeviceNumber),
    Link(Vec<u8>),
    Flags(FileFlags),
    Xattr(Vec<u8>, Vec<u8>),
    Optional,
    NoChange,
    /// Something of the content, or of other programs.
    NotCompared,
}

/// Keywords that change nothing here.
const NOT_COMPARED: &[&[u8]] = &[
    b"size",
    b"nlink",
    b"cksum",
    b"md5",
    b"md5digest",
    b"rmd160",
    b"rmd160digest",
    b"ripemd160digest",
    b"sha1",
    b"sha1digest",
    b"sha256",
    b"sha256digest",
    b"sha384",
    b"sha384digest",
    b"sha512",
    b"sha512digest",
    b"sha512256",
    b"sha512256digest",
    b"inode",
    b"resdevice",
    b"tags",
    b"ignore",
];

/// How systems pack a device's number: mknod(8). The parts are given apart, so it does not matter.
const PACKINGS: &[&str] = &[
    "native", "386bsd", "4bsd", "bsdos", "freebsd", "hpux", "isc", "linux", "netbsd", "osf1",
    "sco", "solaris", "sunos", "svr3", "svr4", "ultrix",
];

impl Keyword {
    /// Reads a word such as `mode=0755`.
    pub(super) fn parse(word: &[u8]) -> Result<Self, OverrideFault> {
        let equals = word.iter().position(|byte| *byte == b'=');
        let (key, value) = match equals {
            Some(at) => (&word[..at], Some(&word[at + 1..])),
            None => (word, None),
        };
        if NOT_COMPARED.contains(&key) {
            return Ok(Self::NotCompared);
        }
        match (key, value) {
            (b"optional", None) => Ok(Self::Optional),
            (b"nochange", None) => Ok(Self::NoChange),
            (_, Some(value)) => Self::with_value(key, value),
            _ => Err(unknown(word)),
        }
    }

    fn with_value(key: &[u8], encoded: &[u8]) -> Result<Self, OverrideFault> {
        let name = key
            .strip_prefix(b"xattr.")
            .or_else(|| key.strip_prefix(b"xattrs."));
        if let Some(name) = name {
            let name = decode(name)?.bytes;
            let value = BASE64.decode(encoded);
            let value = value.map_err(|_| wrong(key, encoded, "base64"))?;
            return Ok(Self::Xattr(name, value));
        }
        let value = decode(encoded)?.bytes;
        let text = str::from_utf8(&value).unwrap_or("");
        let parsed = match key {
            b"type" => (
                text.parse().ok().map(Self::Type),
                "type of mtree: file, dir, link, char, block, fifo or socket",
            ),
            b"uid" => (number(&value).map(Self::User), "id"),
            b"gid" => (number(&value).map(Self::Group), "id"),
            b"uname" => (named(&value).map(Self::User), "name of a user"),
            b"gname" => (named(&value).map(Self::Group), "name of a group"),
            b"mode" => (
                parse_permissions(text).map(Self::Mode),
                "mode in octal up to 7777; symbolic modes are not read",
            ),
            b"time" => (
                time(text).map(|time| Self::Time { time, exact: true }),
                TIME,
            ),
            b"tar_time" => (
                time(text).map(|time| Self::Time { time, exact: false }),
                TIME,
            ),
            b"link" => (Some(Self::Link(value.clone())), ""),
            b"device" => (
                parse_device(text).map(Self::Device),
                "device: FORMAT,MAJOR,MINOR, or a number as Linux packs it",
            ),
            b"flags" => (
                text.parse()
                    .ok()
                    .map(|flags: FlagNames| Self::Flags(flags.0)),
                "list of flags such as schg,nodump, or none",
            ),
            _ => return Err(unknown(key)),
        };
        let (keyword, expected) = parsed;
        keyword.ok_or_else(|| wrong(key, encoded, expected))
    }

    /// Whether both are about the same thing.
    fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Xattr(name, _), Self::Xattr(other, _)) => name == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether it says more precisely what `other` says too.
    fn outdoes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(own), Self::User(other)) | (Self::Group(own), Self::Group(other)) => {
                matches!((own, other), (Id::Number(_), Id::Name(_)))
            }
            (Self::Time { exact: true, .. }, Self::Time { exact: false, .. }) => true,
            _ => false,
        }
    }
}

const TIME: &str = "time: seconds since 1970, a point, and nanoseconds up to 999999999";

fn unknown(keyword: &[u8]) -> OverrideFault {
    let keyword = lossy(keyword);
    OverrideFault::Keyword { keyword }
}

fn wrong(keyword: &[u8], value: &[u8], expected: &'static str) -> OverrideFault {
    OverrideFault::Value {
        keyword: lossy(keyword),
        value: lossy(value),
        expected,
    }
}

fn number(value: &[u8]) -> Option<Id> {
    Id::parse(value).filter(|id| matches!(id, Id::Number(_)))
}

fn named(value: &[u8]) -> Option<Id> {
    (!value.is_empty()).then(|| Id::Name(value.to_vec()))
}

/// Seconds and nanoseconds, two integers with a point between them: libarchive and NetBSD write 5 ns as `.5`, and go
/// forward from negative seconds.
fn time(text: &str) -> Option<Timestamp> {
    let (whole, nanos) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let seconds: i64 = device::number::<i64>(digits).and_then(|_| whole.parse().ok())?;
    let nanos = device::number(nanos).filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Timestamp { seconds, nanos })
}

fn parse_device(text: &str) -> Option<DeviceNumber> {
    let parts: Vec<&str> = text.split(',').collect();
    let part = |text: &str| u32::try_from(integer(text)?).ok();
    match parts[..] {
        [number] => integer(number).map(from_dev_t),
        [packing, major, minor] if PACKINGS.contains(&packing) => Some(DeviceNumber {
            major: part(major)?,
            minor: part(minor)?,
        }),
        _ => None,
    }
}

/// Decimal, or hexadecimal behind `0x`.
fn integer(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => device::number(text),
    }
}

/// Keywords, each thing said once.
#[derive(Clone, Debug, Default)]
pub(super) struct Keywords(Vec<Keyword>);

impl Keywords {
    /// Adds one of the same line: a number counts more than a name, and otherwise what comes later.
    pub(super) fn add(&mut self, keyword: Keyword) {
        let same = self
            .0
            .iter_mut()
            .find(|other| other.is_about_the_same(&keyword));
        match same {
            Some(other) if other.outdoes(&keyword) => {}
            Some(other) => *other = keyword,
            None => self.0.push(keyword),
        }
    }

    /// Puts those of another line over these.
    pub(super) fn merge(&mut self, upper: Self) {
        self.0
            .retain(|keyword| !upper.0.iter().any(|other| other.is_about_the_same(keyword)));
        self.0.extend(upper.0);
    }

    /// Takes away what a keyword is about; all for `all`.
    pub(super) fn unset(&mut self, key: &[u8]) {
        let is_about = |keyword: &Keyword| match keyword {
            Keyword::User(_) => matches!(key, b"uid" | b"uname"),
            Keyword::Group(_) => matches!(key, b"gid" | b"gname"),
            Keyword::Mode(_) => key == b"mode",
            Keyword::Time { .. } => matches!(key, b"time" | b"tar_time"),
            Keyword::Type(_) => key == b"type",
            Keyword::Device(_) => key == b"device",
            Keyword::Link(_) => key == b"link",
            Keyword::Flags(_) => key == b"flags",
            Keyword::Xattr(name, _) => key
                .strip_prefix(b"xattr.")
                .is_some_and(|key| key == &name[..]),
            Keyword::Optional => key == b"optional",
            Keyword::NoChange => key == b"nochange",
            Keyword::NotCompared => NOT_COMPARED.contains(&key),
        };
        if key == b"all" {
            self.0.clear();
        } else {
            self.0.retain(|keyword| !is_about(keyword));
        }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.0.iter().find_map(|keyword| match keyword {
            Keyword::Type(kind) => Some(*kind),
            _ => None,
        })
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Keyword> {
        self.0.into_iter()
    }
}
