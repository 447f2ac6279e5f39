//! Files that appear when they are complete, and folders that are gone if nothing came of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::{MapError, chain};
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::{NewFile, Output};
use serde::Serialize;

/// What to do about one that [`is_name`] refuses.
pub(crate) const NO_NAME: &str =
    "it becomes the name of files: letters, digits, `-`, `_`, `+`, `~` and `.`";

/// Whether a name can be, or begin, that of a file in whatever folder it goes to.
pub(crate) fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_+.~".contains(c);
    !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(fine)
}

/// Bytes as a file's content.
pub(crate) fn in_memory(bytes: impl Into<Vec<u8>>) -> Result<DiskMap, MapError> {
    let bytes = bytes.into();
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes)?;
    Ok(map)
}

/// Writes a file, replacing what is there once it is complete.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let whole = |error| io::Error::other(chain(&error));
    let mut file = NewFile::create(path).map_err(whole)?;
    file.write_at(0, bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.commit().map_err(whole)
}

/// Moves complete files to their places, in this order. If one can't be moved, those before it are gone again: the error
/// names its place.
pub(crate) fn move_all(moves: &[(PathBuf, PathBuf)]) -> Result<(), (PathBuf, io::Error)> {
    for (at, (from, to)) in moves.iter().enumerate() {
        if let Err(error) = fs::rename(from, to) {
            for (_, moved) in &moves[..at] {
                // What hindered the move is told.
                let _ = fs::remove_file(moved);
            }
            return Err((to.clone(), error));
        }
    }
    Ok(())
}

/// A record as JSON, beside the files that it tells of.
pub(crate) fn write_json(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    write(path, &text)
}

/// A folder for outputs. If it was made here and holds nothing in the end, it is removed again.
pub(crate) struct Folder(Option<PathBuf>);

impl Folder {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let is_new = !path.exists();
        fs::create_dir_all(path)?;
        Ok(Self(is_new.then(|| path.to_path_buf())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // One that holds something stays.
            let _ = fs::remove_dir(path);
        }
    }
}
