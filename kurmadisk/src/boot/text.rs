//! Texts that reach the kernel or a boot manager.

use super::BootError;
use super::kurmaboot::MAX_APPENDED;

/// Bytes of a command line, as x86 kernels take them (`COMMAND_LINE_SIZE` less the terminator).
pub const MAX_COMMAND_LINE: usize = 2047;

/// What a system without os-release is called.
const DEFAULT_NAME: &str = "Linux";

/// A command line that kernels take, without space around it; with slots, so that the booted one's name has
/// room behind it.
pub(super) fn command_line(text: &str, slots: bool) -> Result<&str, BootError> {
    let problem = |problem: String| Err(BootError::CommandLine { problem });
    let text = text.trim_matches([' ', '\t']);
    let room = MAX_COMMAND_LINE - if slots { MAX_APPENDED } else { 0 };
    if text.len() > room {
        let why = if slots {
            " with the slot's name, which kurmaboot appends"
        } else {
            ""
        };
        return problem(format!(
            "it has {} bytes, and the kernel takes {room}{why}; shorten it",
            text.len()
        ));
    }
    let control = text
        .char_indices()
        .find(|(_, char)| char.is_control() && *char != '\t');
    if let Some((at, char)) = control {
        let name = match char {
            '\0' => "a NUL".to_owned(),
            '\n' | '\r' => "a line break".to_owned(),
            other => format!("the control character U+{:04X}", u32::from(other)),
        };
        return problem(format!(
            "{name} is at byte {at}; it must be one line of text"
        ));
    }
    Ok(text)
}

/// The contents of an os-release file, without a NUL.
pub(super) fn os_release(text: &str) -> Result<&str, BootError> {
    if text.contains('\0') {
        return Err(BootError::Text {
            name: "os-release",
            problem: "there is a NUL in it; it must be text",
        });
    }
    Ok(text)
}

/// An os-release for a system that has none, so that boot managers have something to show.
pub(super) fn default_os_release(kernel_release: Option<&str>) -> String {
    let version = kernel_release
        .filter(|release| release.chars().all(is_plain))
        .map_or_else(String::new, |release| format!("VERSION_ID={release}\n"));
    format!("ID=linux\nNAME={DEFAULT_NAME}\nPRETTY_NAME={DEFAULT_NAME}\n{version}")
}

/// Whether os-release(5) takes it without quotes.
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-' | '+')
}

/// What people call the system: `PRETTY_NAME` or `NAME` of os-release(5), one line.
pub(super) fn title(os_release: Option<&str>) -> String {
    let text = os_release.unwrap_or_default();
    let named = ["PRETTY_NAME", "NAME"]
        .into_iter()
        .find_map(|key| value(text, key));
    named.unwrap_or_else(|| DEFAULT_NAME.to_owned())
}

/// By what systems are told apart: `IMAGE_ID` or `ID` of os-release(5), or `linux`, as that page has it.
pub(super) fn system_id(os_release: Option<&str>) -> String {
    let text = os_release.unwrap_or_default();
    let named = ["IMAGE_ID", "ID"]
        .into_iter()
        .find_map(|key| value(text, key));
    named.unwrap_or_else(|| "linux".to_owned())
}

/// The last value of `key`, which must be worth showing.
fn value(text: &str, key: &str) -> Option<String> {
    let assigned = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))
        .next_back()?;
    let shown = unquote(assigned);
    let shown = shown.trim();
    let usable = !shown.is_empty() && !shown.chars().any(char::is_control);
    usable.then(|| shown.to_owned())
}

/// A value without the shell's quotes and backslashes.
fn unquote(text: &str) -> String {
    if let Some(plain) = text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
    {
        return plain.to_owned();
    }
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' {
            chars.next()
        } else {
            Some(char)
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_one_line_that_fits() {
        assert_eq!(
            command_line("  root=LABEL=ROOT\tro ", true).unwrap(),
            "root=LABEL=ROOT\tro"
        );
        assert!(command_line(&"x".repeat(MAX_COMMAND_LINE), false).is_ok());
        assert!(command_line(&"x".repeat(MAX_COMMAND_LINE - MAX_APPENDED), true).is_ok());
        let long = "x".repeat(MAX_COMMAND_LINE - MAX_APPENDED + 1);
        let error = command_line(&long, true).unwrap_err().to_string();
        assert!(error.contains("the slot's name"), "{error}");
        for (text, told) in [
            ("x".repeat(MAX_COMMAND_LINE + 1), "2048 bytes"),
            ("a\nb".to_owned(), "a line break is at byte 1"),
            ("ab\0".to_owned(), "a NUL is at byte 2"),
            ("a\u{1b}".to_owned(), "U+001B"),
        ] {
            let error = command_line(&text, false).unwrap_err().to_string();
            assert!(
                error.contains(told) && error.contains("--cmdline"),
                "{error}"
            );
        }
    }

    #[test]
    fn titles_come_from_os_release() {
        for (text, shown) in [
            (
                "NAME=Debian\nPRETTY_NAME=\"Debian \\\"12\\\"\"\n",
                "Debian \"12\"",
            ),
            ("PRETTY_NAME='A $b'\n", "A $b"),
            ("NAME=KurmaOS", "KurmaOS"),
            ("PRETTY_NAME=\nID=x\n", "Linux"),
        ] {
            assert_eq!(title(Some(text)), shown);
        }
        assert_eq!(title(None), "Linux");
        assert_eq!(title(Some(&default_os_release(Some("6.1")))), "Linux");
        assert_eq!(
            value(
                &default_os_release(Some("6.1.0-50-cloud-amd64")),
                "VERSION_ID"
            )
            .unwrap(),
            "6.1.0-50-cloud-amd64"
        );
    }
}
