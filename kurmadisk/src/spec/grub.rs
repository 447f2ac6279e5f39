//! GRUB as the loader.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::layer::{Layer, layered};
use super::located::Located;
use super::parse::Document;
use crate::boot::grub::Platform;

/// GRUB, from the files of its installation (`[grub]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GrubSpec {
    /// The folder that has those of the platforms, such as `/usr/lib/grub`.
    pub folder: Option<Located<PathBuf>>,
    /// The platforms; all that the folder has without it.
    pub platforms: Option<Located<Vec<Platform>>>,
    /// Modules in the core images besides those that they need.
    pub modules: Option<Located<Vec<String>>>,
    /// Where modules lie on the boot partition; `/boot/grub` without it.
    pub prefix: Option<Located<String>>,
    /// A `grub.cfg` in place of the one that is made.
    pub config: Option<Located<PathBuf>>,
}

layered!(GrubSpec {
    folder,
    platforms,
    modules,
    prefix,
    config,
});

impl GrubSpec {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        for path in [&mut self.folder, &mut self.config].into_iter().flatten() {
            path.value = folder.join(&path.value);
        }
    }
}
