//! The key that signs what firmware starts.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::layer::{Layer, layered};
use super::located::Located;
use super::parse::Document;

/// What signs EFI programs (`[secure-boot]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SecureBootSpec {
    /// The private key, PEM.
    pub key: Option<Located<PathBuf>>,
    /// Its certificate, PEM; those that vouch for it may follow.
    pub certificate: Option<Located<PathBuf>>,
}

layered!(SecureBootSpec { key, certificate });

impl SecureBootSpec {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        for path in [&mut self.key, &mut self.certificate].into_iter().flatten() {
            path.value = folder.join(&path.value);
        }
    }
}
