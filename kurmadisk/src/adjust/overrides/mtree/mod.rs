//! mtree(5), as libarchive, NetBSD, FreeBSD and go-mtree write it.
//!
//! | file | holds |
//! |---|---|
//! | `keyword` | what is said of a file |
//! | `vis` | the encoding of vis(3) |

mod keyword;
mod vis;

use std::sync::Arc;

use super::error::{OverrideError, OverrideFault};
use super::lines::{Word, lines};
use super::target::{self, Target};
use super::{Changes, Override};
use crate::adjust::glob;
use crate::adjust::kind::Kind;
use crate::tree::lossy;
use keyword::{Keyword, Keywords};
use vis::decode;

/// Reads all entries of a file.
pub(super) fn parse(name: &str, text: &[u8]) -> Result<Vec<Override>, OverrideError> {
    let mut reader = Reader {
        name: name.into(),
        defaults: Keywords::default(),
        above: Vec::new(),
        found: Vec::new(),
    };
    for line in lines(text) {
        let line = line.map_err(|joint| reader.fault(&joint, OverrideFault::Joined))?;
        reader.line(&line)?;
    }
    Ok(reader.found)
}

struct Reader {
    name: Arc<str>,
    /// What `/set` said.
    defaults: Keywords,
    /// The directories that entries without a `/` lie in, from the root down.
    above: Vec<Name>,
    found: Vec<Override>,
}

/// A name or path, decoded, and which of its bytes stand for themselves.
#[derive(Clone, Debug, Default)]
struct Name {
    bytes: Vec<u8>,
    escaped: Vec<bool>,
}

impl Reader {
    fn line(&mut self, words: &[Word<'_>]) -> Result<(), OverrideError> {
        let [first, rest @ ..] = words else {
            return Ok(());
        };
        match first.text {
            b"/set" => {
                let keywords = self.keywords(rest)?;
                self.defaults.merge(keywords);
            }
            b"/unset" => {
                for word in rest {
                    self.defaults.unset(word.text);
                }
            }
            b".." => {
                if self.above.pop().is_none() {
                    return Err(self.fault(first, OverrideFault::Above));
                }
            }
            text if text.starts_with(b"/") => {
                let keyword = lossy(text);
                return Err(self.fault(first, OverrideFault::Keyword { keyword }));
            }
            _ => self.entry(first, rest)?,
        }
        Ok(())
    }

    fn entry(&mut self, first: &Word<'_>, rest: &[Word<'_>]) -> Result<(), OverrideError> {
        let name = decode(first.text).map_err(|fault| self.fault(first, fault))?;
        let mut keywords = self.defaults.clone();
        keywords.merge(self.keywords(rest)?);
        let full = first.text.contains(&b'/');
        let path = if full {
            name
        } else {
            let names = self.above.iter().chain([&name]).cloned();
            let path = Name::joined(names);
            if keywords.kind() == Some(Kind::Directory) {
                self.above.push(name);
            }
            path
        };
        let path = path
            .normalized()
            .map_err(|fault| self.fault(first, fault))?;
        let (optional, changes) = keywords.resolve();
        self.found.push(Override {
            place: first.place(&self.name),
            target: path.target(),
            optional,
            remove: false,
            changes,
        });
        Ok(())
    }

    fn keywords(&self, words: &[Word<'_>]) -> Result<Keywords, OverrideError> {
        let mut keywords = Keywords::default();
        for word in words {
            let keyword = Keyword::parse(word.text).map_err(|fault| self.fault(word, fault))?;
            keywords.add(keyword);
        }
        Ok(keywords)
    }

    fn fault(&self, word: &Word<'_>, fault: OverrideFault) -> OverrideError {
        OverrideError::At {
            place: word.place(&self.name),
            fault,
        }
    }
}

impl Name {
    fn push(&mut self, byte: u8, escaped: bool) {
        self.bytes.push(byte);
        self.escaped.push(escaped);
    }

    fn joined(names: impl Iterator<Item = Self>) -> Self {
        let mut path = Self::default();
        for name in names {
            if !path.bytes.is_empty() {
                path.push(b'/', false);
            }
            path.bytes.extend_from_slice(&name.bytes);
            path.escaped.extend_from_slice(&name.escaped);
        }
        path
    }

    /// Without empty names and `.`.
    fn normalized(&self) -> Result<Self, OverrideFault> {
        let names = target::names(&self.bytes)?;
        let names = names.into_iter().map(|name| Self {
            bytes: self.bytes[name.clone()].to_vec(),
            escaped: self.escaped[name].to_vec(),
        });
        Ok(Self::joined(names))
    }

    /// The path, or if it has the characters of a pattern, either.
    fn target(self) -> Target {
        let bare = self.bytes.iter().zip(&self.escaped);
        let magic = bare
            .clone()
            .any(|(byte, escaped)| !escaped && matches!(byte, b'*' | b'?' | b'['));
        if !magic {
            return Target::Path(self.bytes);
        }
        let mut pattern = Vec::with_capacity(self.bytes.len());
        for (byte, escaped) in bare {
            // Patterns of mtree have no braces.
            let literal = *escaped || matches!(byte, b'{' | b'}' | b'\\');
            if literal && byte.is_ascii_punctuation() && *byte != b'/' {
                pattern.push(b'\\');
            }
            pattern.push(*byte);
        }
        // What is no pattern, as an [ alone, is a name.
        let glob = str::from_utf8(&pattern)
            .ok()
            .and_then(|text| glob::compile(text).ok());
        match glob {
            Some(glob) => Target::Either(self.bytes, glob),
            None => Target::Path(self.bytes),
        }
    }
}

impl Keywords {
    /// Whether the file may be missing, and what is changed of it.
    fn resolve(self) -> (bool, Changes) {
        let mut changes = Changes::default();
        let mut optional = false;
        let mut nochange = false;
        for keyword in self.into_iter() {
            match keyword {
                Keyword::User(user) => changes.user = Some(user),
                Keyword::Group(group) => changes.group = Some(group),
                Keyword::Mode(mode) => changes.mode = Some(mode),
                Keyword::Time { time, .. } => changes.mtime = Some(time),
                Keyword::Type(kind) => changes.kind = Some(kind),
                Keyword::Device(device) => changes.device = Some(device),
                Keyword::Link(link) => changes.link = Some(link),
                Keyword::Flags(flags) => changes.flags = Some(flags),
                Keyword::Xattr(name, value) => {
                    changes.xattrs.insert(name, Some(value));
                }
                Keyword::Optional => optional = true,
                Keyword::NoChange => nochange = true,
                Keyword::NotCompared => {}
            }
        }
        if nochange {
            changes = Changes::default();
        }
        (optional, changes)
    }
}
