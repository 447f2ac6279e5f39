//! A `disk_layout.json` as entries.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::located::Located;
use super::super::parse::{Document, SpecError};
use crate::place::Place;

/// The keys of an object; comments are left out.
pub(super) type Entry = BTreeMap<String, Located<Value>>;

/// A file, as it was written.
pub(super) struct LayoutFile {
    /// Where it begins.
    pub place: Place,
    /// Files that it inherits from, with spaces between them.
    pub parent: Option<Located<Value>>,
    /// Whether there is a hybrid MBR.
    pub hybrid_mbr: Option<Located<Value>>,
    /// What counts for all partitions.
    pub metadata: Entry,
    /// The partitions of each layout, in their order on disk.
    pub layouts: BTreeMap<String, Vec<Entry>>,
    /// Whether layouts are lists, as in ChromiumOS.
    pub is_list: bool,
}

/// Keys by name, each value as it is written.
type Object<'a> = BTreeMap<String, &'a RawValue>;

pub(super) fn read(path: &Path) -> Result<LayoutFile, SpecError> {
    let original = std::fs::read_to_string(path).map_err(|source| SpecError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let json = Json {
        text: without_comments(&original),
        document: Document::new(&path.display().to_string(), original),
    };
    json.file()
}

/// The text with blanks in place of comments, which begin with `#`: every byte stays where it was.
fn without_comments(text: &str) -> String {
    let (mut in_string, mut in_comment, mut escaped) = (false, false, false);
    let mut blanked = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => in_comment = false,
            '#' if !in_string => in_comment = true,
            '"' if !in_comment && !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
        if in_comment {
            blanked.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            blanked.push(c);
        }
    }
    blanked
}

struct Json {
    document: Document,
    text: String,
}

impl Json {
    fn file(&self) -> Result<LayoutFile, SpecError> {
        let top: Object<'_> = self.parse(&self.text)?;
        let mut file = LayoutFile {
            place: self.document.place(0),
            parent: None,
            hybrid_mbr: None,
            metadata: Entry::new(),
            layouts: BTreeMap::new(),
            is_list: false,
        };
        for (key, raw) in top {
            match key.as_str() {
                "parent" => file.parent = Some(self.value(raw)?),
                "hybrid_mbr" => file.hybrid_mbr = Some(self.value(raw)?),
                "metadata" => file.metadata = self.entry(raw)?,
                "layouts" => self.layouts(raw, &mut file)?,
                key if is_comment(key) => {}
                key => {
                    let known = "parent, hybrid_mbr, metadata, layouts";
                    return Err(self.fault(raw, &format!("{key}: no such key; there are {known}")));
                }
            }
        }
        Ok(file)
    }

    fn layouts(&self, raw: &RawValue, file: &mut LayoutFile) -> Result<(), SpecError> {
        for (name, raw) in self.parse::<Object<'_>>(raw.get())? {
            if is_comment(&name) {
                continue;
            }
            let entries = if raw.get().starts_with('[') {
                file.is_list = true;
                let list: Vec<&RawValue> = self.parse(raw.get())?;
                list.into_iter().map(|raw| self.entry(raw)).collect()
            } else {
                self.numbered(raw)
            };
            file.layouts.insert(name, entries?);
        }
        Ok(())
    }

    /// Partitions by their numbers, in the order of those.
    fn numbered(&self, raw: &RawValue) -> Result<Vec<Entry>, SpecError> {
        let mut entries = BTreeMap::new();
        for (key, raw) in self.parse::<Object<'_>>(raw.get())? {
            if is_comment(&key) {
                continue;
            }
            let Ok(number) = key.parse::<u32>() else {
                let reason = format!("{key:?} is no number of a partition");
                return Err(self.fault(raw, &reason));
            };
            let mut entry = self.entry(raw)?;
            let place = self.place(raw.get());
            let value = number.into();
            entry.insert("num".to_owned(), Located { value, place });
            if entries.insert(number, entry).is_some() {
                let reason = format!("partition {number} is described already");
                return Err(self.fault(raw, &reason));
            }
        }
        Ok(entries.into_values().collect())
    }

    fn entry(&self, raw: &RawValue) -> Result<Entry, SpecError> {
        let object: Object<'_> = self.parse(raw.get())?;
        let keys = object.into_iter().filter(|(key, _)| !is_comment(key));
        keys.map(|(key, raw)| Ok((key, self.value(raw)?))).collect()
    }

    fn value(&self, raw: &RawValue) -> Result<Located<Value>, SpecError> {
        Ok(Located {
            value: self.parse(raw.get())?,
            place: self.place(raw.get()),
        })
    }

    /// Reads `part`, which is a part of the text.
    fn parse<'a, T: Deserialize<'a>>(&self, part: &'a str) -> Result<T, SpecError> {
        serde_json::from_str(part).map_err(|error| {
            let lines = part.split_inclusive('\n').take(error.line() - 1);
            let before: usize = lines.map(str::len).sum::<usize>() + error.column();
            let said = error.to_string();
            let reason = said.split(" at line ").next().unwrap_or(&said);
            SpecError::Syntax {
                place: self
                    .document
                    .place(self.offset(part) + before.saturating_sub(1)),
                reason: reason.to_owned(),
            }
        })
    }

    fn fault(&self, raw: &RawValue, reason: &str) -> SpecError {
        SpecError::Syntax {
            place: self.place(raw.get()),
            reason: reason.to_owned(),
        }
    }

    fn place(&self, part: &str) -> Place {
        self.document.place(self.offset(part))
    }

    /// Where `part` of the text begins.
    fn offset(&self, part: &str) -> usize {
        let begin = self.text.as_ptr().addr();
        part.as_ptr().addr().saturating_sub(begin)
    }
}

fn is_comment(key: &str) -> bool {
    key.starts_with('_')
}
