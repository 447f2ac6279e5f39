//! What was built from what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::stage::Stage;
use crate::digest::Digest;

/// What a stage came of, and what came of it: `base-STAGE.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// The stage.
    pub stage: Stage,
    /// What built it.
    pub engine: Engine,
    /// The version of that.
    pub engine_version: String,
    /// The command, word by word.
    pub command: Vec<String>,
    /// The digest of context, arguments and names.
    pub inputs: Digest,
    /// The image it stands on.
    pub from: String,
    /// The id of that image, if it is ours and its record is there.
    pub from_id: Option<String>,
    /// The image's name, unless files came of it.
    pub tag: Option<String>,
    /// The image's id: a digest of its configuration.
    pub id: Option<String>,
    /// The files that came of it, by name.
    pub files: BTreeMap<String, FileRecord>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}
