//! Names, versions, dates and quantities: App Container specification 0.8, "Types".

/// The version of the specification that manifests are written for.
pub const VERSION: &str = "0.8.11";

/// Which processors an operating system may have: the specification's `ValidOSArch`.
pub(super) const SYSTEMS: [(&str, &[&str]); 3] = [
    (
        "linux",
        &[
            "amd64",
            "i386",
            "aarch64",
            "aarch64_be",
            "armv6l",
            "armv7l",
            "armv7b",
            "ppc64",
            "ppc64le",
            "s390x",
        ],
    ),
    ("freebsd", &["amd64", "i386", "arm"]),
    ("darwin", &["x86_64", "i386"]),
];

/// "AC Identifier": small letters and digits, with `-._~/` between them.
pub(super) fn is_identifier(text: &str) -> bool {
    is_word(text, b"-._~/")
}

/// "AC Name": small letters and digits, with `-` between them.
pub(super) fn is_name(text: &str) -> bool {
    is_word(text, b"-")
}

/// Whether a text begins and ends with a small letter or digit, and has separators besides at most. The specification's
/// examples and its own program have several of these in a row, which its regular expression has not.
fn is_word(text: &str, separators: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(is_plain)
        && bytes.last().is_some_and(is_plain)
        && bytes
            .iter()
            .all(|byte| is_plain(byte) || separators.contains(byte))
}

/// "AC Version": semantic versioning 2.0.0.
pub(super) fn is_version(text: &str) -> bool {
    let (rest, build) = match text.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let is_number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits && (part == "0" || !part.starts_with('0')) && part.len() < 19
    };
    let is_word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_pre = |part: &str| {
        is_word(part) && (is_number(part) || !part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(is_pre))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

/// A date and time of RFC 3339 (section 5.6, `date-time`).
pub(super) fn is_date_time(text: &str) -> bool {
    date_time(text).is_some()
}

fn date_time(text: &str) -> Option<()> {
    let (date, time) = text.split_once('T')?;
    let mut parts = date.split('-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let widths = date.len() == 10 && date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    if !widths || parts.next().is_some() || !(1..=12).contains(&month) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let (clock, zone) = if let Some(clock) = time.strip_suffix('Z') {
        (clock, None)
    } else {
        let at = time.rfind(['+', '-'])?;
        (&time[..at], Some(&time[at + 1..]))
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let in_clock = |text: &str, limits: &[u32]| {
        let parts: Vec<_> = text.split(':').collect();
        parts.len() == limits.len()
            && parts.iter().zip(limits).all(|(part, limit)| {
                part.len() == 2 && digits(part).is_some_and(|value| value <= *limit)
            })
    };
    let good = (1..=days).contains(&day)
        && in_clock(clock, &[23, 59, 59])
        && zone.is_none_or(|zone| in_clock(zone, &[23, 59]))
        && fraction.is_none_or(|fraction| {
            !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())
        });
    good.then_some(())
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// An address of the schemes `http` and `https`.
pub(super) fn is_http_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

/// A quantity of a resource: a decimal number with a metric suffix (`m`, `k`, `M`, `G`, `T`, `P`, `E`), a binary one (`Ki`
/// to `Ei`), or a decimal exponent. The specification's text has `K`, and no program that reads manifests does.
pub(super) fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, suffix) = unsigned.split_at(end.unwrap_or(unsigned.len()));
    let has_digit = number.bytes().any(|byte| byte.is_ascii_digit());
    if !has_digit || number.matches('.').count() > 1 {
        return false;
    }
    let exponent = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match suffix {
        "" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => {
            true
        }
        other => other.strip_prefix(['e', 'E']).is_some_and(exponent),
    }
}

/// An absolute path that leads nowhere outside.
pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0') && !path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_separators_within() {
        for good in ["database", "example.com/~user/app_v1", "a", "0-9"] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a b", "ä", "a/", "~a"] {
            assert!(!is_identifier(bad), "{bad}");
        }
        assert!(is_name("product--database") && !is_name("a.b") && !is_name("a-"));
    }

    #[test]
    fn versions_are_semantic() {
        for good in ["0.8.11", "1.0.0-rc.1+build.5", "1.0.0-x-y", "10.20.30+a"] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "v1.0.0", "1.0.0+",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn dates_have_times_and_exist() {
        for good in [
            "2014-10-27T19:32:27.67021798Z",
            "2015-05-18T13:49:28-04:00",
            "2016-02-29T00:00:00Z",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "2014-10-27",
            "2014-10-27 19:32:27Z",
            "2015-02-29T00:00:00Z",
            "2014-13-01T00:00:00Z",
            "2014-1-01T00:00:00Z",
            "2014-10-27T24:00:00Z",
            "2014-10-27T19:32:27",
            "2014-10-27T19:32:27.Z",
            "2014-10-27T19:32:27+1:00",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }

    #[test]
    fn quantities_have_one_suffix() {
        for good in ["1", "0.3", "300m", "1G", "123Mi", "1e3", "-5", ".5", "1E-2"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in [
            "", "G", "1K", "1x", "1 G", "1GG", "1..2", "1.2.3", "e3", "1Gib",
        ] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }
}
