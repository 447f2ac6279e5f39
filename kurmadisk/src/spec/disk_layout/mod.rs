//! Disk layouts as `ChromiumOS`, `CoreOS` and Flatcar describe them: `disk_layout.json`.
//!
//! There are two forms. In CoreOS' and Flatcar's a layout is an object of partitions by their numbers, which
//! inherits from `base`. In ChromiumOS' it is a list in the order on disk, which inherits from `common` and from
//! files that the file names as its parents. Both become one list of entries, and those an [`ImageSpec`].
//!
//! | file | holds |
//! |---|---|
//! | `read` | the file as entries, each value with its place |
//! | `inherit` | one layout of a file, with what it takes from others |
//! | `convert` | its entries as an [`ImageSpec`] |
//! | `partition` | an entry as a [`PartitionSpec`](super::PartitionSpec) |
//! | `filesystem` | what it says of its filesystem |
//! | `metadata` | what counts for all partitions |
//! | `types` | names of partition types |

mod convert;
mod filesystem;
mod inherit;
mod metadata;
mod partition;
mod read;
mod types;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::image::ImageSpec;
use super::located::Located;
use super::parse::SpecError;

/// The layout that counts when none is named.
const BASE: &str = "base";
/// In lists, what all other layouts inherit from.
const COMMON: &str = "common";

impl ImageSpec {
    /// Reads the layout called `wanted`, or `base`, of a `disk_layout.json`.
    ///
    /// `formatted` are the numbers of the partitions whose filesystem somebody else decides: what the file says of
    /// it does not count then.
    pub fn from_disk_layout(
        path: &Path,
        wanted: Option<&Located<String>>,
        formatted: &BTreeSet<u32>,
    ) -> Result<Self, SpecError> {
        read(path, wanted, formatted, &mut Vec::new())
    }
}

/// What [`ImageSpec::from_disk_layout`] reads; `files` gets the files that were read.
pub(super) fn read(
    path: &Path,
    wanted: Option<&Located<String>>,
    formatted: &BTreeSet<u32>,
    files: &mut Vec<PathBuf>,
) -> Result<ImageSpec, SpecError> {
    let file = inherit::load(path, &mut Vec::new(), files)?;
    let name = wanted.map_or(BASE, |wanted| &wanted.value);
    let Some(entries) = file.layouts.get(name) else {
        let names: Vec<_> = file.layouts.keys().map(String::as_str).collect();
        let reason = format!(
            "disk-layout: {} has no layout {name:?}; it has {}",
            path.display(),
            names.join(", ")
        );
        let place = wanted.map_or_else(|| file.place.clone(), |wanted| wanted.place.clone());
        return Err(SpecError::Syntax { place, reason });
    };
    convert::convert(&file, entries, name == BASE, formatted)
}
