//! A tree from a FAT12, FAT16 or FAT32 volume.
//!
//! Names and times are read, contents are referred to: a file's content is a part of the volume's map, cluster by
//! cluster.
//!
//! What FAT does not say: everything belongs to root; directories have mode 0755, files 0644, and 0444 with the
//! attribute read-only (on directories it means something else to Windows, and nothing here). Of the root
//! directory nothing is said. Times are taken for UTC. Hidden, system and archive are dropped.
//!
//! A volume that is in use, or was taken away without being unmounted, is refused, as a filesystem of ext's is: what
//! was still to be written to it is not there. Both marks of it count, the boot sector's and the table's.
//!
//! Volumes are hostile until shown otherwise. No cluster is gone through twice, which also ends chains that are
//! loops, a directory has at most 65,536 entries, and a path at most 4095 bytes.
//!
//! | file | holds |
//! |---|---|
//! | `boot` | the boot sector, and where the parts lie |
//! | `table` | chains of clusters |
//! | `dir` | entries of directories |
//! | `name` | long names, and short ones |
//! | `time` | times |
//! | `error` | [`FatReadError`], [`FatFault`] |

pub(crate) mod boot;
pub(super) mod dir;
mod error;
mod name;
pub(crate) mod table;
mod time;

use std::io;
use std::ops::Range;

use kurmadisk_formats::map::{DiskMap, MapBuilder, MapReader};
use kurmadisk_formats::read_at::ReadAt;

pub use error::{FatFault, FatReadError};

use super::FatType;
use super::spec::{ATTR_DIRECTORY, BOOT_SECTOR_LEN, ShortEntry};
use crate::fs::paths::{path_len_below, shown_path};
use crate::tree::{Entries, LONGEST_PATH, Metadata, NodeId, NodeKind, Tree};
use boot::{BootSector, Geometry, NoGeometry};
use table::Table;

/// Directory entry attribute: the file must not be written to.
const ATTR_READ_ONLY: u8 = 0x01;

/// Reads the tree of the volume that begins with the first byte of `volume`; contents stay where they are.
///
/// The root directory, of which FAT says nothing, is implied: it has the metadata `root`.
///
/// Fails with the path of what can't be read, and when the volume is in use or damaged.
pub fn read_tree(volume: &DiskMap, root: Metadata) -> Result<Tree, FatReadError> {
    let reader = volume.reader();
    let (boot, geometry) = open(&reader)?;
    let mut walk = Walk {
        volume,
        reader,
        table: Table::new(&boot, &geometry),
        geometry,
        tree: Tree::with_implied_root(root),
        pending: Vec::new(),
    };
    walk.root(&boot)?;
    while let Some((dir, cluster)) = walk.pending.pop() {
        let found = walk.table.directory(&walk.reader, &walk.geometry, cluster);
        let (_, bytes) = found.map_err(|source| FatReadError::Entry {
            path: walk.tree.path_of(dir.node),
            source,
        })?;
        walk.entries(dir, &bytes)?;
    }
    walk.reader.close().map_err(io::Error::other)?;
    Ok(walk.tree)
}

/// The boot sector of a volume that can be used, and where its parts lie.
pub(super) fn open(volume: &dyn ReadAt) -> Result<(BootSector, Geometry), FatReadError> {
    if volume.len() < BOOT_SECTOR_LEN as u64 {
        return Err(FatReadError::NotFat);
    }
    let mut head = [0; BOOT_SECTOR_LEN];
    volume.read_exact_at(0, &mut head)?;
    let boot = BootSector::read(&head).ok_or(FatReadError::NotFat)?;
    let damaged = |reason: String| Err(FatReadError::Boot { reason });
    let geometry = match Geometry::of(&boot) {
        Ok(geometry) => geometry,
        Err(NoGeometry::NotFat) => return Err(FatReadError::NotFat),
        Err(NoGeometry::Impossible) => {
            return damaged("its boot sector has impossible sizes".to_owned());
        }
    };
    let size = geometry.total_sectors * geometry.sector_size;
    if size > volume.len() {
        let place = volume.len();
        return damaged(format!(
            "it has {size} bytes and its place {place}: the image was cut short"
        ));
    }
    if !table::is_clean(volume, &boot, &geometry)? {
        return Err(FatReadError::Unclean);
    }
    Ok((boot, geometry))
}

struct Walk<'a> {
    volume: &'a DiskMap,
    reader: MapReader<'a>,
    geometry: Geometry,
    table: Table,
    tree: Tree,
    /// Directories whose entries are to join the tree, with their first clusters.
    pending: Vec<(Directory, u32)>,
}

#[derive(Clone, Copy)]
struct Directory {
    node: NodeId,
    /// The length of its path from the root, without a leading `/`.
    path_len: usize,
}

impl Directory {
    const ROOT: Self = Self {
        node: Tree::ROOT,
        path_len: 0,
    };
}

impl Walk<'_> {
    fn root(&mut self, boot: &BootSector) -> Result<(), FatReadError> {
        if self.geometry.fat_type == FatType::Fat32 {
            let cluster = boot.fat32.fat32.root_cluster.get();
            self.pending.push((Directory::ROOT, cluster));
            return Ok(());
        }
        let place = self.geometry.root();
        let len = usize::try_from(place.end - place.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        self.reader.read_exact_at(place.start, &mut bytes)?;
        self.entries(Directory::ROOT, &bytes)
    }

    fn entries(&mut self, dir: Directory, bytes: &[u8]) -> Result<(), FatReadError> {
        for named in dir::entries(bytes) {
            let added = match &named.name {
                Ok(name) => self.entry(dir, name, &named.entry),
                Err(_) => Err(FatFault::Name),
            };
            if let Err(source) = added {
                let name = named.name.as_ref().unwrap_or(&named.short);
                let path = shown_path(&self.tree.path_of(dir.node), name);
                return Err(FatReadError::Entry { path, source });
            }
        }
        Ok(())
    }

    fn entry(&mut self, dir: Directory, name: &str, entry: &ShortEntry) -> Result<(), FatFault> {
        let path_len = path_len_below(dir.path_len, name.as_bytes());
        if path_len > LONGEST_PATH {
            return Err(FatFault::LongPath {
                len: path_len,
                limit: LONGEST_PATH,
            });
        }
        let is_directory = entry.attributes & ATTR_DIRECTORY != 0;
        let cluster = self.geometry.first_cluster(entry);
        let mode = match (is_directory, entry.attributes & ATTR_READ_ONLY) {
            (true, _) => 0o755,
            (false, 0) => 0o644,
            (false, _) => 0o444,
        };
        let meta = Metadata {
            mode,
            mtime: time::timestamp(entry.written_date.get(), entry.written_time.get()),
            ..Metadata::default()
        };
        let kind = if is_directory {
            NodeKind::Directory(Entries::new())
        } else {
            NodeKind::File(self.content(cluster, entry.size.get())?)
        };
        let node = self.tree.add(dir.node, name.as_bytes(), meta, kind)?;
        if is_directory {
            self.pending.push((Directory { node, path_len }, cluster));
        }
        Ok(())
    }

    /// The content of a file as a part of the volume's map; clusters beyond its size are left out.
    fn content(&mut self, cluster: u32, size: u32) -> Result<DiskMap, FatFault> {
        let mut content = MapBuilder::new(size.into());
        if size > 0 {
            let wanted = u64::from(size).div_ceil(self.geometry.cluster_size());
            let most = u32::try_from(wanted).unwrap_or(u32::MAX);
            let runs = self.table.chain(&self.reader, cluster, most)?;
            let mut at = 0;
            for run in runs {
                let Range { start, end } = self.geometry.place(&run);
                let used = (end - start).min(u64::from(size) - at);
                for mut piece in self.volume.pieces(start..start + used) {
                    piece.start = at + (piece.start - start);
                    content.push(piece);
                }
                at += used;
            }
            if at < size.into() {
                return Err(FatFault::Short { size });
            }
        }
        content.finish().map_err(|_| FatFault::Short { size })
    }
}
