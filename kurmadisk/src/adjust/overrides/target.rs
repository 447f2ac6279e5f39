//! What overrides name.

use std::ops::Range;

use globset::Glob;

use super::error::OverrideFault;
use crate::adjust::glob;
use crate::tree::lossy;

/// A path or pattern. Paths are from the root, without a `/` at their beginning.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Path(Vec<u8>),
    Glob(Glob),
    /// The path if it is there, as programs write names that look like patterns; the pattern otherwise.
    Either(Vec<u8>, Glob),
}

impl Target {
    /// A path, or a pattern if it has any of the characters that make one.
    pub(super) fn parse(text: &str) -> Result<Self, OverrideFault> {
        let names = names(text.as_bytes())?;
        let names: Vec<&str> = names.into_iter().map(|name| &text[name]).collect();
        let path = names.join("/");
        if glob::is_magic(&path) {
            return Ok(Self::Glob(glob::compile(&path)?));
        }
        Ok(Self::Path(path.into_bytes()))
    }
}

/// Where the names of a path lie in it; empty ones and `.` are none, and `..` is refused.
pub(super) fn names(path: &[u8]) -> Result<Vec<Range<usize>>, OverrideFault> {
    let mut found = Vec::new();
    let mut start = 0;
    for name in path.split(|byte| *byte == b'/') {
        let end = start + name.len();
        match name {
            b"" | b"." => {}
            b".." => {
                let path = lossy(path);
                return Err(OverrideFault::OutOfTree { path });
            }
            _ => found.push(start..end),
        }
        start = end + 1;
    }
    Ok(found)
}
