//! Values with a syntax of their own.

use std::str::FromStr;

use crate::adjust::device;
use crate::adjust::selinux::check_context;
use crate::tree::{DeviceNumber, FileFlags, Timestamp};

/// The number of a device: `"5:1"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device(pub DeviceNumber);

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = device::parse(text).map(Self);
        parsed.ok_or_else(|| format!("{text:?} is no device; write MAJOR:MINOR, such as \"5:1\""))
    }
}

/// A time: seconds since 1970, with up to nine digits behind a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = parse_time(text).map(Self);
        parsed.ok_or_else(|| {
            format!("{text:?} is no time; write seconds since 1970, such as 1700000000 or \"1700000000.5\"")
        })
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (negative, whole) = match whole.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, whole),
    };
    let seconds: i64 = device::number(whole)?;
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    // Nanoseconds go forward: half a second before 1970 is second -1 and 500,000,000 of them.
    Some(match (negative, nanos) {
        (false, nanos) => Timestamp { seconds, nanos },
        (true, 0) => Timestamp {
            seconds: -seconds,
            nanos,
        },
        (true, nanos) => Timestamp {
            seconds: -seconds - 1,
            nanos: 1_000_000_000 - nanos,
        },
    })
}

/// Flags by name with commas between them, or `none`: `"immutable,nodump"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagNames(pub FileFlags);

impl FromStr for FlagNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(FileFlags::NONE));
        }
        let mut flags = FileFlags::NONE;
        for name in text.split(',').map(str::trim) {
            let flag = FileFlags::named(name.as_bytes());
            flags = flags.with(flag.ok_or_else(|| {
                format!("{name:?} is no flag; known are immutable, append, nodump, noatime, sync, dirsync, BSD's names for them, and none")
            })?);
        }
        Ok(Self(flags))
    }
}

/// An SELinux context: `"system_u:object_r:ping_exec_t:s0"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context(pub String);

impl FromStr for Context {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match check_context(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(fault) => Err(fault.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_forward_within_their_second() {
        let cases = [
            ("0", Some((0, 0))),
            ("1700000000.5", Some((1_700_000_000, 500_000_000))),
            ("-1", Some((-1, 0))),
            ("-0.5", Some((-1, 500_000_000))),
            ("-2.000000001", Some((-3, 999_999_999))),
            ("-9223372036854775807.9", Some((i64::MIN, 100_000_000))),
            ("1.", None),
            (".5", None),
            ("1.0000000001", None),
            ("1.-5", None),
            ("9223372036854775808", None),
            ("--1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = text
                .parse::<Time>()
                .ok()
                .map(|time| (time.0.seconds, time.0.nanos));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn flags_have_names() {
        let both = FileFlags::IMMUTABLE.with(FileFlags::NODUMP);
        assert_eq!("schg, nodump".parse(), Ok(FlagNames(both)));
        assert_eq!("none".parse(), Ok(FlagNames(FileFlags::NONE)));
        assert!("imutable".parse::<FlagNames>().is_err() && "".parse::<FlagNames>().is_err());
    }
}
