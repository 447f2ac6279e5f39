//! Paths in filesystems that are read.

use crate::tree::LONGEST_PATH;

/// The path of `name` in the directory at `above` for a message: the begin and the end of one that is longer
/// than [`LONGEST_PATH`].
pub(super) fn shown_path(above: &str, name: &str) -> String {
    const SHOWN: usize = 60;
    let path = format!("{}/{name}", above.trim_end_matches('/'));
    if path.len() - 1 <= LONGEST_PATH {
        return path;
    }
    let begin: String = path.chars().take(SHOWN).collect();
    let behind = path.chars().count().saturating_sub(SHOWN);
    let end: String = path.chars().skip(behind).collect();
    format!("{begin}…{end}")
}

/// The length of the path of `name` in a directory whose path from the root has `above` bytes.
pub(super) fn path_len_below(above: usize, name: &[u8]) -> usize {
    above + usize::from(above > 0) + name.len()
}
