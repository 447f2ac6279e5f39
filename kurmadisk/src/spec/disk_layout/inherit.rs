//! Layouts with what they take from others.
//!
//! A layout lies over its file's `common` (in lists) or `base` layout. With parents, the order from above is: the
//! file's layout, the file's common one, the parent's layout of the same name, the parent's common one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::located::Located;
use super::super::parse::SpecError;
use super::read::{Entry, LayoutFile, read};
use super::{BASE, COMMON};

/// The file at `path`, with every layout complete; `above` are the files whose parent it is, and `files` gets all that
/// are read.
pub(super) fn load(
    path: &Path,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<LayoutFile, SpecError> {
    let mut file = read(path)?;
    files.push(path.to_path_buf());
    let below = below(&file).to_owned();
    let common = file.layouts.entry(below.clone()).or_default().clone();
    for (name, entries) in &mut file.layouts {
        if *name != below {
            *entries = over(common.clone(), entries);
        }
    }
    let Some(parents) = file.parent.take() else {
        return Ok(file);
    };
    let Some(names) = parents.value.as_str() else {
        let reason = "parent: not a text with names of files".to_owned();
        let place = parents.place;
        return Err(SpecError::Syntax { place, reason });
    };
    above.push(canonical(path)?);
    for name in names.split_whitespace() {
        let parent = path.with_file_name(name);
        if !parent.is_file() || above.contains(&canonical(&parent)?) {
            let reason = if parent.is_file() {
                format!("parent: {name:?} inherits from itself; name another one, or none")
            } else {
                format!("parent: there is no file {}", parent.display())
            };
            let place = parents.place;
            return Err(SpecError::Syntax { place, reason });
        }
        file = joined(file, load(&parent, above, files)?, &below);
    }
    above.pop();
    Ok(file)
}

/// The layout that the others of the file lie over.
fn below(file: &LayoutFile) -> &'static str {
    if file.is_list && (file.layouts.contains_key(COMMON) || file.parent.is_some()) {
        COMMON
    } else {
        BASE
    }
}

/// `file`, whose layouts are complete, over its `parent`, whose layouts are complete too.
fn joined(file: LayoutFile, parent: LayoutFile, below: &str) -> LayoutFile {
    let common = file.layouts.get(below).cloned().unwrap_or_default();
    let parent_common = parent.layouts.get(below).cloned().unwrap_or_default();
    let names = file.layouts.keys().chain(parent.layouts.keys());
    let layouts: BTreeMap<_, _> = names
        .map(|name| {
            let lower = parent.layouts.get(name).unwrap_or(&parent_common);
            let lower = over(lower.clone(), &common);
            let own = file.layouts.get(name).map_or(&[][..], Vec::as_slice);
            (name.clone(), over(lower, own))
        })
        .collect();
    LayoutFile {
        hybrid_mbr: file.hybrid_mbr.or(parent.hybrid_mbr),
        metadata: keys_over(parent.metadata, &file.metadata),
        is_list: file.is_list || parent.is_list,
        layouts,
        ..file
    }
}

/// `upper` over `lower`: partitions are one when they have the same number. What has none (space between partitions)
/// counts in the lowest layout only.
fn over(mut lower: Vec<Entry>, upper: &[Entry]) -> Vec<Entry> {
    for entry in upper {
        let Some(number) = number(entry) else {
            continue;
        };
        let same = lower
            .iter_mut()
            .find(|below| self::number(below) == Some(number));
        match same {
            Some(below) => *below = keys_over(std::mem::take(below), entry),
            None => lower.push(entry.clone()),
        }
    }
    lower
}

fn number(entry: &Entry) -> Option<&serde_json::Value> {
    entry.get("num").map(|Located { value, .. }| value)
}

fn keys_over(mut lower: Entry, upper: &Entry) -> Entry {
    for (key, value) in upper {
        lower.insert(key.clone(), value.clone());
    }
    lower
}

fn canonical(path: &Path) -> Result<PathBuf, SpecError> {
    path.canonicalize().map_err(|source| SpecError::Read {
        path: path.to_path_buf(),
        source,
    })
}
