//! Numbers of devices as texts and as one number.

use crate::tree::DeviceNumber;

/// The parts of a `dev_t` as Linux's C libraries have it: 32 bits of each.
pub(super) fn from_dev_t(number: u64) -> DeviceNumber {
    let word = |bits: u64| (bits & 0xffff_ffff) as u32;
    DeviceNumber {
        major: word(number >> 8) & 0xfff | word(number >> 32) & !0xfff,
        minor: word(number) & 0xff | word(number >> 12) & !0xff,
    }
}

/// Reads `MAJOR:MINOR`.
pub(super) fn parse(text: &str) -> Option<DeviceNumber> {
    let (major, minor) = text.split_once(':')?;
    Some(DeviceNumber {
        major: number(major)?,
        minor: number(minor)?,
    })
}

/// A decimal number without a sign.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_a_number() {
        let cases = [
            (0x501, (5, 1)),
            (0x1111_2c70, (300, 70_000)),
            (0x1_0000_0fff, (15, 0x10_00ff)),
            (0xffff_f000_0000_0000, (0xffff_f000, 0)),
            (0x0000_0fff_fff0_0000, (0, 0xffff_ff00)),
        ];
        for (number, (major, minor)) in cases {
            assert_eq!(
                from_dev_t(number),
                DeviceNumber { major, minor },
                "{number:#x}"
            );
        }
    }

    #[test]
    fn texts() {
        let console = DeviceNumber { major: 5, minor: 1 };
        assert_eq!(parse("5:1"), Some(console));
        for text in [
            "5",
            "5:",
            ":1",
            "5:1:1",
            "+5:1",
            "5:-1",
            "4294967296:1",
            "5: 1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
