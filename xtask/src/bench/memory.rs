//! Memory that a job's files will need, made ready before its time runs.
//!
//! A virtual machine may give memory that is free to its host, and get it again, cleared, when it is touched. That took
//! 0.6 s for a GB where `docs/performance.md` was measured, and would be counted to whichever job needs more than the one
//! before it has left.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::Outcome;

/// Bytes written at a time.
const PIECE: usize = 1 << 20;

/// Bytes that are made ready at most: what is more would fill the memory of small machines, and be on its way to the
/// disk while the time runs.
const MOST: u64 = 4 << 30;

/// Writes so many bytes into a file of `folder` and removes it: the next files get its memory.
pub(super) fn make_ready(folder: &Path, bytes: u64) -> Outcome {
    let path = folder.join("memory");
    let written = fill(&path, bytes.min(MOST));
    fs::remove_file(&path)?;
    // What of it was on its way to the disk, and the removal, are not the job's either.
    rustix::fs::sync();
    written
}

fn fill(path: &Path, bytes: u64) -> Outcome {
    let mut file = File::create(path)?;
    let piece = vec![1; PIECE];
    for _ in 0..bytes.div_ceil(PIECE as u64) {
        file.write_all(&piece)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_it() {
        let dir = tempfile::tempdir().unwrap();
        make_ready(dir.path(), 3_000_000).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(make_ready(&dir.path().join("absent"), 1).is_err());
    }
}
