//! A file of the host as content.

use std::path::Path;
use std::sync::Arc;

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::map::{DiskMap, Extent, FileStore, Source};

/// The file at `path`, by reference: it is opened again when its bytes are moved, and must then be
/// what it is now.
///
/// Fails when it is not a regular file that can be opened.
pub fn host_file(path: &Path) -> Result<DiskMap, SourceError> {
    let mut store = FileStore::new();
    let (id, stamp) = store.add_path(path)?;
    let mut map = DiskMap::new(stamp.len);
    let extent = Extent {
        start: 0,
        len: stamp.len,
        source: Source::Content {
            store: Arc::new(store),
            id,
            offset: 0,
        },
    };
    map.insert(extent).map_err(|_| SourceError::OutOfRange)?;
    Ok(map)
}
