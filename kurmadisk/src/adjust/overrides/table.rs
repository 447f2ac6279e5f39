//! Device tables, as genext2fs (`-D`), mkfs.jffs2 and Buildroot's makedevs read them: a line a file,
//! `NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT`.

use std::sync::Arc;

use super::error::{OverrideError, OverrideFault};
use super::lines::{Word, lines};
use super::target::{self, Target};
use super::{Changes, Override};
use crate::adjust::capability::{self, Capabilities};
use crate::adjust::device::number;
use crate::adjust::glob;
use crate::adjust::kind::Kind;
use crate::adjust::names::Id;
use crate::tree::{DeviceNumber, lossy, parse_permissions};

/// Whether a text is a table: names of mtree never begin with `/`.
pub(super) fn is_table(text: &[u8]) -> bool {
    let first = lines(text)
        .flatten()
        .find_map(|words| words.first().copied());
    first.is_some_and(|word| {
        word.text.starts_with(b"/") && !matches!(word.text, b"/set" | b"/unset")
    })
}

/// Reads all lines of a table.
pub(super) fn parse(name: &str, text: &[u8]) -> Result<Vec<Override>, OverrideError> {
    let name: Arc<str> = name.into();
    let mut found: Vec<Override> = Vec::new();
    for words in lines(text) {
        let words = words.map_err(|joint| OverrideError::At {
            place: joint.place(&name),
            fault: OverrideFault::Joined,
        })?;
        let Some(first) = words.first() else { continue };
        let line = Line {
            name: &name,
            words: &words,
        };
        if first.text == b"|xattr" {
            let value = line.capabilities()?;
            let before = found.last_mut();
            let before = before.ok_or_else(|| line.wrong(0, "line behind that of a file"))?;
            before.changes.capable = true;
            let xattrs = &mut before.changes.xattrs;
            xattrs.insert(capability::XATTR.to_vec(), Some(value));
        } else {
            line.entry(&mut found)?;
        }
    }
    Ok(found)
}

/// The fields of a line, by number.
const FIELDS: [&str; 10] = [
    "name", "type", "mode", "uid", "gid", "major", "minor", "start", "inc", "count",
];

/// More nodes than that of one line are a mistake: a minor number has 20 bits.
const MOST: u32 = 1 << 20;

struct Line<'a> {
    name: &'a Arc<str>,
    words: &'a [Word<'a>],
}

impl Line<'_> {
    fn entry(&self, found: &mut Vec<Override>) -> Result<(), OverrideError> {
        if let Some(extra) = self.words.get(FIELDS.len()) {
            let keyword = lossy(extra.text);
            return Err(self.fault(FIELDS.len(), OverrideFault::Keyword { keyword }));
        }
        let path = self.path()?;
        let (kind, optional, recursive) = match self.text(1) {
            "f" => (Kind::File, false, false),
            "F" => (Kind::File, true, false),
            "d" => (Kind::Directory, false, false),
            "r" => (Kind::Directory, false, true),
            "p" => (Kind::Fifo, false, false),
            "c" => (Kind::CharDevice, false, false),
            "b" => (Kind::BlockDevice, false, false),
            _ => return Err(self.wrong(1, "type: one of f, F, d, r, p, c and b")),
        };
        let changes = Changes {
            mode: self.mode()?,
            user: Some(self.id(3)?),
            group: Some(self.id(4)?),
            kind: Some(kind),
            ..Changes::default()
        };
        let mut push = |target, optional, changes| {
            found.push(Override {
                place: self.words[0].place(self.name),
                target,
                optional,
                remove: false,
                changes,
            });
        };
        if matches!(kind, Kind::CharDevice | Kind::BlockDevice) {
            for (suffix, device) in self.devices()? {
                let path = [&path, suffix.as_bytes()].concat();
                let device = Some(device);
                let changes = Changes {
                    device,
                    ..changes.clone()
                };
                push(Target::Path(path), false, changes);
            }
        } else {
            if recursive {
                let kind = None;
                let below = Changes {
                    kind,
                    ..changes.clone()
                };
                push(Target::Glob(self.all_below(&path)?), true, below);
            }
            push(Target::Path(path), optional, changes);
        }
        Ok(())
    }

    fn path(&self) -> Result<Vec<u8>, OverrideError> {
        let text = self.words[0].text;
        let names = target::names(text).map_err(|fault| self.fault(0, fault))?;
        let names: Vec<&[u8]> = names.into_iter().map(|name| &text[name]).collect();
        Ok(names.join(&b'/'))
    }

    /// The pattern of everything below a directory.
    fn all_below(&self, path: &[u8]) -> Result<globset::Glob, OverrideError> {
        let text = str::from_utf8(path);
        let text = text.map_err(|_| self.wrong(0, "name in UTF-8, which type r needs"))?;
        let mut pattern = globset::escape(text);
        pattern.push_str(if path.is_empty() { "**" } else { "/**" });
        glob::compile(&pattern).map_err(|error| self.fault(0, error.into()))
    }

    fn mode(&self) -> Result<Option<u16>, OverrideError> {
        let text = self.text(2);
        if matches!(text, "-" | "-1") {
            return Ok(None);
        }
        let mode = parse_permissions(text);
        let mode = mode.ok_or_else(|| self.wrong(2, "mode in octal up to 7777, nor -1"));
        mode.map(Some)
    }

    fn id(&self, field: usize) -> Result<Id, OverrideError> {
        let text = self.words.get(field).map_or(&b""[..], |word| word.text);
        let id = Id::parse(text).filter(|_| !text.starts_with(b"-"));
        id.ok_or_else(|| self.wrong(field, "id or name"))
    }

    /// The devices of a line, each with what its name has at its end.
    fn devices(&self) -> Result<Vec<(String, DeviceNumber)>, OverrideError> {
        let [major, minor, start, step] = [5, 6, 7, 8].map(|field| self.number(field));
        let (major, minor, start, step) = (major?, minor?, start?, step?);
        let count = self.number(9)?;
        if count == 0 {
            return Ok(vec![(String::new(), DeviceNumber { major, minor })]);
        }
        if count > MOST {
            return Err(self.wrong(9, "number of devices up to 1048576"));
        }
        let devices = (0..count).map(|offset| {
            // As makedevs counts: the number in the name, times the step, less the start.
            let number = u64::from(start) + u64::from(offset);
            let minor = (number * u64::from(step) + u64::from(minor)).checked_sub(start.into());
            let minor = minor.and_then(|minor| u32::try_from(minor).ok());
            let minor = minor.ok_or_else(|| self.wrong(6, "first of so many minor numbers"))?;
            Ok((number.to_string(), DeviceNumber { major, minor }))
        });
        devices.collect()
    }

    /// A number; `-` and what is missing are 0.
    fn number(&self, field: usize) -> Result<u32, OverrideError> {
        match self.text(field) {
            "" | "-" => Ok(0),
            text => number(text).ok_or_else(|| self.wrong(field, "number")),
        }
    }

    fn capabilities(&self) -> Result<Vec<u8>, OverrideError> {
        let text: Vec<String> = self.words[1..]
            .iter()
            .map(|word| lossy(word.text))
            .collect();
        let sets = text.join(" ").parse::<Capabilities>();
        let sets = sets.map_err(|error| {
            let reason = error.to_string();
            self.fault(0, OverrideFault::Syntax { reason })
        });
        Ok(sets?.to_xattr())
    }

    /// A field's text; nothing for one that is missing or no text.
    fn text(&self, field: usize) -> &str {
        let word = self.words.get(field);
        word.and_then(|word| str::from_utf8(word.text).ok())
            .unwrap_or("")
    }

    fn wrong(&self, field: usize, expected: &'static str) -> OverrideError {
        let value = self.words.get(field).map_or(&b""[..], |word| word.text);
        let fault = OverrideFault::Value {
            keyword: FIELDS[field].to_owned(),
            value: lossy(value),
            expected,
        };
        self.fault(field, fault)
    }

    /// A fault at a field, or at the end of a line that has too few.
    fn fault(&self, field: usize, fault: OverrideFault) -> OverrideError {
        let place = self.words[field.min(self.words.len() - 1)].place(self.name);
        OverrideError::At { place, fault }
    }
}
