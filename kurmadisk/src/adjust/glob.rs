//! Patterns of paths.
//!
//! `*` and `?` stand for bytes but `/`, `**` as a whole name for any number of names, `[a-z]` and `[!a-z]` for one of
//! a set, `{a,b}` for either, and `\` takes from what follows its meaning.

use globset::{Candidate, Glob, GlobBuilder, GlobSet};
use thiserror::Error;

/// A text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{pattern:?} is no pattern of paths: {reason}")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A pattern that is compared with whole paths from the root; neither has a `/` at its beginning.
pub(super) fn compile(pattern: &str) -> Result<Glob, PatternError> {
    let mut builder = GlobBuilder::new(pattern);
    builder.literal_separator(true).backslash_escape(true);
    builder.build().map_err(|error| PatternError {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    })
}

/// All of them together: which of them match a path is found in one pass.
pub(super) fn set(globs: &[Glob]) -> Result<GlobSet, PatternError> {
    GlobSet::new(globs).map_err(|error| PatternError {
        pattern: error.glob().unwrap_or_default().to_owned(),
        reason: error.kind().to_string(),
    })
}

/// The numbers of the patterns that match `path`, ascending, in place of what is in `found`.
pub(super) fn matches(set: &GlobSet, path: &[u8], found: &mut Vec<usize>) {
    found.clear();
    set.matches_candidate_into(&Candidate::from_bytes(path), found);
}

/// Whether a text has any of the characters that make it more than a path.
pub(super) fn is_magic(text: &str) -> bool {
    text.contains(['*', '?', '[', '{', '\\'])
}
