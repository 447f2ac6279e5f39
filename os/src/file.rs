//! Small files that appear when they are complete, and folders that are gone if nothing came of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::chain;
use kurmadisk::formats::output::{NewFile, Output};

/// Writes a file, replacing what is there once it is complete.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let whole = |error| io::Error::other(chain(&error));
    let mut file = NewFile::create(path).map_err(whole)?;
    file.write_at(0, bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.commit().map_err(whole)
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
