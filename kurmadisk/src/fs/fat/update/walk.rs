//! Which clusters belong to something.

use kurmadisk_formats::read_at::ReadAt;

use crate::fs::fat::read::boot::{BootSector, Geometry};
use crate::fs::fat::read::table::{Run, Table};
use crate::fs::fat::read::{FatFault, dir};
use crate::fs::fat::spec::{ATTR_DIRECTORY, FIRST_CLUSTER};
use crate::fs::fat::{FatReadError, FatType};
use crate::fs::paths::shown_path;

/// Goes through all directories: whether each cluster, by its number, is in use.
///
/// Fails when a chain is broken or shared: what is free cannot be told then.
pub(super) fn used(
    volume: &dyn ReadAt,
    boot: &BootSector,
    geometry: &Geometry,
) -> Result<Vec<bool>, FatReadError> {
    let clusters = geometry.clusters + u64::from(FIRST_CLUSTER);
    let mut walk = Walk {
        volume,
        geometry,
        table: Table::new(boot, geometry),
        used: vec![false; usize::try_from(clusters).unwrap_or_default()],
        pending: Vec::new(),
    };
    if geometry.fat_type == FatType::Fat32 {
        let root = boot.fat32.fat32.root_cluster.get();
        walk.pending.push((String::new(), root));
    } else {
        let place = geometry.root();
        let len = usize::try_from(place.end - place.start).map_err(std::io::Error::other)?;
        let mut bytes = vec![0; len];
        volume.read_exact_at(place.start, &mut bytes)?;
        walk.entries("", &bytes)?;
    }
    while let Some((path, cluster)) = walk.pending.pop() {
        let found = walk.table.directory(volume, geometry, cluster);
        let (runs, bytes) = found.map_err(at(&path))?;
        walk.mark(&runs);
        walk.entries(&path, &bytes)?;
    }
    Ok(walk.used)
}

struct Walk<'a> {
    volume: &'a dyn ReadAt,
    geometry: &'a Geometry,
    table: Table,
    used: Vec<bool>,
    /// Directories that are still to be read: paths and first clusters.
    pending: Vec<(String, u32)>,
}

impl Walk<'_> {
    fn entries(&mut self, path: &str, bytes: &[u8]) -> Result<(), FatReadError> {
        for named in dir::entries(bytes) {
            let name = named.name.as_ref().unwrap_or(&named.short);
            let path = shown_path(path, name);
            let first = self.geometry.first_cluster(&named.entry);
            if named.entry.attributes & ATTR_DIRECTORY != 0 {
                self.pending.push((path, first));
            } else if first != 0 {
                // All of it, whatever the file's length: what is behind that is not free.
                let chain = self.table.chain(self.volume, first, u32::MAX);
                self.mark(&chain.map_err(at(&path))?);
            }
        }
        Ok(())
    }

    fn mark(&mut self, runs: &[Run]) {
        for run in runs {
            // The table lets no other numbers pass.
            if let Some(used) = self.used.get_mut(run.start as usize..run.end as usize) {
                used.fill(true);
            }
        }
    }
}

fn at(path: &str) -> impl FnOnce(FatFault) -> FatReadError {
    let path = if path.is_empty() { "/" } else { path };
    move |source| FatReadError::Entry {
        path: path.to_owned(),
        source,
    }
}
