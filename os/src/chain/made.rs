//! What a step was made from, and what it made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a step was made from, and what it made: all that says whether it would do the same again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Digests of inputs by their keys; outputs of other steps have `STEP/PATH`.
    pub inputs: BTreeMap<String, Digest>,
    /// What was made, by its path in the output folder.
    pub outputs: BTreeMap<String, MadeFile>,
    /// Commands that were run, as for a shell.
    pub commands: Vec<String>,
    /// Versions of what was made and used, by name.
    pub versions: BTreeMap<String, String>,
}

/// A file, or a symbolic link, that a step made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeFile {
    /// Its length in bytes; a link's target's.
    pub size: u64,
    /// The digest of its content, or of the link's target.
    pub sha256: Digest,
    /// How the host knew it then: number of the inode, and time of the last change in seconds and nanoseconds. While
    /// these are the same nothing has written to it.
    pub(super) seen: [i64; 3],
}
